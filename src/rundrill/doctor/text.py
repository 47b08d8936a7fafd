"""Checks for people, in 100 columns, and for programs."""

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Final

from rundrill.doctor.check import Check

COLUMNS: Final = 100
_STATE: Final = 9
_NAME: Final = 22
_MARGIN: Final = " " * (2 + _STATE + 2 + _NAME + 1)


def as_text(checks: Sequence[Check]) -> str:
    lines: list[str] = []
    for group in dict.fromkeys(check.group for check in checks):
        lines.append(group)
        for check in checks:
            if check.group == group:
                lines += _check(check)
        lines.append("")
    return "\n".join([*lines, _sum(checks)]) + "\n"


def as_json(target: str, checks: Sequence[Check]) -> str:
    return (
        json.dumps({"target": target, "checks": [asdict(one) for one in checks]}, indent=2) + "\n"
    )


def _check(check: Check) -> Iterator[str]:
    head = f"  {check.state:<{_STATE}}  {check.name:<{_NAME}} "
    if len(head) > len(_MARGIN):  # a long name has a line of its own
        yield head.rstrip()
        head = _MARGIN
    yield from _wrapped(check.seen, head)
    if check.fix:
        yield from _wrapped(f"fix: {check.fix}", _MARGIN)


def _wrapped(text: str, head: str) -> Sequence[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        COLUMNS,
        initial_indent=head,
        subsequent_indent=_MARGIN,
        break_on_hyphens=False,
    ) or [head.rstrip()]


def _sum(checks: Sequence[Check]) -> str:
    count = Counter(check.state for check in checks)
    return (
        f"{count['ok']} ok, {count['warning']} warning{'' if count['warning'] == 1 else 's'},"
        f" {count['failed']} failed, {count['not known']} not known"
    )
