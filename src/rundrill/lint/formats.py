"""A result as text, JSON, GitHub workflow commands. SARIF has a module of its own."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Final

from rundrill.lint.check import Result
from rundrill.lint.finding import LEVELS, LintFinding
from rundrill.lint.rules import RULES
from rundrill.lint.sarif import to_sarif

SCHEMA: Final = "rundrill.lint/1"
_COMMANDS: Final = {"error": "error", "warning": "warning", "note": "notice"}


def to_text(result: Result) -> str:
    """`path:line:column: level: message [rule]`, the fix below, the sum at the end."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: Result) -> Iterator[str]:
    for one in result.findings:
        yield f"{one.path}:{one.line}:{one.column}: {one.level}: {one.message} [{one.rule}]"
        yield f"  fix: {one.fix}"
    for why, rules in _by_reason(result).items():
        yield f"not checked: {', '.join(rules)}: {why}"
    yield _sum(result)


def _sum(result: Result) -> str:
    counts = [
        f"{count} {level}{'' if count == 1 else 's'}"
        for level in reversed(LEVELS)
        if (count := sum(one.level == level for one in result.findings))
    ]
    silenced = f" ({len(result.silenced)} silenced)" if result.silenced else ""
    return (", ".join(counts) if counts else "nothing was found") + silenced


def _by_reason(result: Result) -> Mapping[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for rule, why in result.not_checked.items():
        reasons.setdefault(why, []).append(rule)
    return reasons


def to_json(result: Result) -> str:
    body = {
        "schema": SCHEMA,
        "path": result.path,
        "findings": [asdict(one) for one in result.findings],
        "silenced": [{**asdict(one.finding), "reason": one.reason} for one in result.silenced],
        "not_checked": dict(result.not_checked),
    }
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def to_github(result: Result) -> str:
    """Workflow commands: GitHub shows each at its line of the pull request."""
    lines = [_command(one) for one in result.findings]
    for why, rules in _by_reason(result).items():
        told = f"{', '.join(rules)}: {why}"
        lines.append(f"::notice title=not checked::{_data(told)}")
    return "".join(f"{line}\n" for line in lines)


def _command(one: LintFinding) -> str:
    properties = {
        "file": one.path,
        "line": str(one.line),
        "col": str(one.column),
        "title": f"rundrill {one.rule}",
    }
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_COMMANDS[one.level]} {given}::{_data(f'{one.message}; fix: {one.fix}')}"


def _data(text: str) -> str:
    """As GitHub's own toolkit escapes the message of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


FORMATS: Final[Mapping[str, Callable[[Result], str]]] = {
    "text": to_text,
    "json": to_json,
    "sarif": lambda result: to_sarif(result, RULES),
    "github": to_github,
}
