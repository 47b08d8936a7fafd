"""What was found to claims: each gets an id that edits elsewhere in the document do not change."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from rundrill.claims import Claim, ClaimValue, TestClass
from rundrill.runbook.levels import match_level
from rundrill.runbook.meaning import Ids, slug
from rundrill.runbook.outline import Section

MAX_KEY = 60
"""A longer key is cut and ends in a digest of the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A claim without its id. `key` is what tells it from others of its kind in the section."""

    line: int
    text: str
    section: Section
    key: str
    test: TestClass
    value: ClaimValue
    last_line: int = 0
    """Where it ends, when that is another line."""


def identify(found: Sequence[Found]) -> tuple[Claim, ...]:
    """The claims in the order of their lines.

    An id is made of the headings above the claim, without the document's title, and of its key.
    Only where two of a kind have the same key under the same headings does their order count.
    """
    ids = Ids()
    titles: dict[int, tuple[str, ...]] = {}
    paths: dict[int, str] = {}
    for one in found:
        if id(one.section) not in titles:
            titles[id(one.section)] = titles_of(one.section)
            paths[id(one.section)] = "".join(f"{name}/" for name in path_of(one.section))
    return tuple(
        Claim(
            id=ids.take(f"{one.value.kind}:{paths[id(one.section)]}{_short(one.key)}"),
            line=one.line,
            section=titles[id(one.section)],
            text=one.text,
            test=one.test,
            value=one.value,
        )
        for one in sorted(found, key=lambda one: one.line)
    )


def path_of(section: Section) -> tuple[str, ...]:
    """The slugs of the headings from the outermost to the section's own."""
    return tuple(_heading_slug(title) for title in titles_of(section))


def titles_of(section: Section) -> tuple[str, ...]:
    """The titles of the headings above, the document's own left out."""
    titles: list[str] = []
    at: Section | None = section
    while at is not None:
        if at.title and not at.is_first_title:
            titles.append(at.title)
        at = at.parent
    return tuple(reversed(titles))


def _heading_slug(title: str) -> str:
    """A level keeps its id when its description is rewritten."""
    level = match_level(title)
    return slug(title if level is None else level.id) or "section"


def _short(key: str) -> str:
    name = slug(key)
    if len(name) <= MAX_KEY:
        return name or "claim"
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[:MAX_KEY].rstrip('-')}-{digest}"
