"""What somebody was to fill in and did not."""

import re
from collections.abc import Iterator
from typing import Final

from rundrill.claims import Contact, Placeholder, ReviewDate, Template
from rundrill.lint.finding import Found, Rule
from rundrill.lint.material import Material

_OPEN = re.compile(
    r"\W*(?:\[[^\]]*\]|<[^>]*>|\{\{[^}]*\}\}|tb[ad]|todo|fixme|n/?a|x{3,}|none yet|unknown"
    r"|\?+|-*)\W*",
    re.IGNORECASE,
)
_LATER = re.compile(r"\b(?:TBD|TBA|TODO|FIXME)\b")


def is_open(text: str) -> bool:
    """Whether a value says nothing: empty, `[number]`, TBD."""
    return _OPEN.fullmatch(text) is not None


def _unfilled(material: Material) -> Iterator[Found]:
    """Those of contacts and review dates have rules of their own; messages are filled in later."""
    runbook = material.runbook
    told = {claim.line for claim, value in runbook.having(Contact) if is_open(value.reach)}
    told |= {
        claim.line for claim, value in runbook.having(ReviewDate) if value.next and not value.date
    }
    later = set()
    for claim, template in runbook.having(Template):
        later |= set(range(claim.line, claim.line + len(template.lines) + 2))
    in_commands = {value.name for _, value in runbook.having(Placeholder) if value.in_command}
    for claim, value in runbook.having(Placeholder):
        # `<id>` in words explains the `<id>` of a command.
        if value.in_command or claim.line in told | later or value.name in in_commands:
            continue
        told.add(claim.line)
        yield Found(
            line=claim.line,
            at=value.name,
            message=f"`{value.name}` was never filled in",
            fix="write what belongs there",
            claim=claim.id,
        )
    for line in runbook.lines:
        found = _LATER.search(line.text)
        if found is not None and line.number not in told | later and line.reading != "data":
            yield Found(
                line=line.number,
                at=found[0],
                message=f"{found[0]}: this was left for later",
                fix="write what belongs there",
            )


def _in_command(material: Material) -> Iterator[Found]:
    told = set() if material.bindings is None else set(material.bindings.placeholders)
    words, everything = _words(material), "\n".join(one.text for one in material.runbook.lines)
    for claim, value in material.runbook.having(Placeholder):
        if not value.in_command or value.name in told:
            continue
        told.add(value.name)
        # Words elsewhere may say what it is, and a command before may set the variable.
        variable = re.escape(value.name.strip("${} "))
        is_set = value.name.startswith("$") and re.search(rf"\b{variable}=", everything)
        if value.name in words or is_set:
            continue
        yield Found(
            line=claim.line,
            at=value.name,
            message=f"`{value.name}` has to be filled in by hand, and no binding does it",
            fix="add the command that finds it, or bind it under `placeholders` in the bindings"
            " (--bindings)",
            claim=claim.id,
        )


def _words(material: Material) -> str:
    """The lines that hold no command, joined."""
    return "\n".join(
        line.text
        for line in material.runbook.lines
        if line.reading not in ("data", "markup")
        and not any(one.startswith("command:") for one in line.claims)
    )


RULES: Final = (
    Rule(
        id="placeholder-unfilled",
        level="warning",
        summary="A text that somebody was to replace is still there.",
        check=_unfilled,
    ),
    Rule(
        id="placeholder-in-command",
        level="note",
        summary="A command has to be completed by its reader, and the bindings do not do it.",
        check=_in_command,
    ),
)
