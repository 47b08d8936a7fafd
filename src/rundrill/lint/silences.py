"""Comments that silence a rule on a line: `<!-- rundrill: ignore RULE: the reason -->`.

A comment with more on its line speaks of that line; one alone on its line also speaks of the next
that is none, and where that opens a code block, of the whole block. In the alert rules the same
words stand behind a `#`. A silence without a reason silences nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rundrill.base.document import nearest
from rundrill.lint.finding import LintFinding, Rule, Silenced
from rundrill.lint.material import Material

NO_REASON: Final = "silence-without-reason"
UNUSED: Final = "silence-unused"
NOT_ASKED: Final[Mapping[str, str]] = {
    "rules": "no alert rules were given (--rules)",
    "resources": "neither manifests nor a cluster were given (--manifests, --target)",
    "kubectl": "kubectl was not asked",
    "experiments": "no experiments were given (--experiments)",
}

_HTML = re.compile(r"<!--\s*rundrill:\s*ignore\b(.*?)-->")
_YAML = re.compile(r"(?:^|\s)#\s*rundrill:\s*ignore\b(.*)")
_RULE = re.compile(r"\s*([a-z][a-z0-9-]*)\s*(?::(.*))?\s*\Z", re.DOTALL)
_FENCE = re.compile(r"\s*(?:[-*+]\s+|\d+[.)]\s+|>\s?)*(```+|~~~+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Silence:
    path: str
    line: int
    column: int
    rule: str
    reason: str
    lines: range
    """Of which it speaks."""


def apply(
    findings: Sequence[LintFinding],
    material: Material,
    rules: Mapping[str, Rule],
    *,
    unchecked: Mapping[str, str],
) -> tuple[list[LintFinding], tuple[Silenced, ...]]:
    """What is left, with what is wrong with the silences themselves, and what they silenced.

    A silence of a rule that could not be checked is neither used nor unused.
    """
    silences = [*_in_runbook(material), *_in_rules(material)]
    used: set[_Silence] = set()
    kept: list[LintFinding] = []
    silenced: list[Silenced] = []
    for finding in findings:
        by = next((one for one in silences if one.reason and _speaks_of(one, finding)), None)
        if by is None:
            kept.append(finding)
        else:
            used.add(by)
            silenced.append(Silenced(finding=finding, reason=by.reason))
    for one in silences:
        if not one.reason:
            kept.append(_no_reason(one, rules))
        elif one not in used and one.rule not in unchecked:
            kept.append(_unused(one, rules))
    return kept, tuple(silenced)


def _speaks_of(silence: _Silence, finding: LintFinding) -> bool:
    return (
        silence.rule == finding.rule
        and silence.path == finding.path
        and finding.line in silence.lines
    )


def _no_reason(silence: _Silence, rules: Mapping[str, Rule]) -> LintFinding:
    return LintFinding(
        rule=NO_REASON,
        level=rules[NO_REASON].level,
        path=silence.path,
        line=silence.line,
        column=silence.column,
        message=f"`{silence.rule or 'a rule'}` is silenced without a reason, so it is not",
        fix=f"say why: `rundrill: ignore {silence.rule or 'RULE'}: the reason`",
    )


def _unused(silence: _Silence, rules: Mapping[str, Rule]) -> LintFinding:
    known = silence.rule in rules
    return LintFinding(
        rule=UNUSED,
        level=rules[UNUSED].level,
        path=silence.path,
        line=silence.line,
        column=silence.column,
        message=f"`{silence.rule}` is silenced here, and finds nothing"
        if known
        else f"there is no rule `{silence.rule}` to silence",
        fix="remove the comment" if known else nearest(silence.rule, rules),
    )


def _in_runbook(material: Material) -> list[_Silence]:
    lines = [line.text for line in material.runbook.lines]
    return _read(lines, material.runbook.path, _HTML)


def _in_rules(material: Material) -> list[_Silence]:
    if material.rules is None:
        return []
    return _read(material.rules_lines, material.rules.path, _YAML)


def _read(lines: Sequence[str], path: str, pattern: re.Pattern[str]) -> list[_Silence]:
    found = []
    fenced = _fenced(lines) if pattern is _HTML else set()
    for number, text in enumerate(lines, start=1):
        if number in fenced or "rundrill:" not in text:
            continue
        alone = not pattern.sub("", text).strip()
        spoken = _below(lines, number, pattern) if alone else range(number, number + 1)
        for match in pattern.finditer(text):
            said = _RULE.match(match[1])
            found.append(
                _Silence(
                    path=path,
                    line=number,
                    column=text.index("rundrill:", match.start()) + 1,
                    rule="" if said is None else said[1],
                    reason="" if said is None else (said[2] or "").strip(),
                    lines=spoken,
                )
            )
    return found


def _below(lines: Sequence[str], number: int, pattern: re.Pattern[str]) -> range:
    """The lines of which a comment alone on line `number` speaks."""
    at = number
    while at < len(lines) and not pattern.sub("", lines[at]).strip():
        at += 1
    fence = _FENCE.match(lines[at]) if at < len(lines) else None
    if fence is None or pattern is not _HTML:
        return range(number, at + 2)
    end = at + 1
    while end < len(lines) and not lines[end].strip().startswith(fence[1]):
        end += 1
    return range(number, end + 2)


def _fenced(lines: Sequence[str]) -> set[int]:
    """The numbers of the lines inside code blocks: what stands there is no comment of ours."""
    inside: set[int] = set()
    fence = ""
    for number, text in enumerate(lines, start=1):
        if fence:
            inside.add(number)
            if text.strip().startswith(fence) and not text.strip().strip(fence[0]):
                fence = ""
        elif (opened := _FENCE.match(text)) is not None:
            fence = opened[1]
    return inside
