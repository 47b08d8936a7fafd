"""Runs the rules over the material, and the silences over what they found."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rundrill.lint import silences
from rundrill.lint.finding import LEVELS, Found, Level, LintFinding, Rule, Silenced
from rundrill.lint.material import Material, SourceLine
from rundrill.lint.rules import RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`not_checked` maps a rule that could not be checked to why."""

    path: str
    findings: tuple[LintFinding, ...]
    silenced: tuple[Silenced, ...]
    not_checked: Mapping[str, str]

    def at_least(self, level: Level) -> int:
        """How many findings are as bad as `level` or worse."""
        return sum(LEVELS.index(one.level) >= LEVELS.index(level) for one in self.findings)


def check(material: Material, rules: Mapping[str, Rule] = RULES) -> Result:
    """Every finding in the order of the places; pure, so the same material gives the same."""
    not_checked = {
        rule.id: why for rule in rules.values() if (why := _unchecked(rule, material)) is not None
    }
    found = [
        _placed(one, rule, material)
        for rule in rules.values()
        if rule.id not in not_checked
        for one in rule.check(material)
    ]
    kept, silenced = silences.apply(
        list(dict.fromkeys(found)), material, rules, unchecked=not_checked
    )
    return Result(
        path=material.runbook.path,
        findings=_in_order(kept, material),
        silenced=silenced,
        not_checked=not_checked,
    )


def _unchecked(rule: Rule, material: Material) -> str | None:
    if rule.needs is None:
        return None
    if rule.needs in material.missing:
        return material.missing[rule.needs]
    return None if getattr(material, rule.needs) is not None else silences.NOT_ASKED[rule.needs]


def _placed(found: Found, rule: Rule, material: Material) -> LintFinding:
    source = found.source or SourceLine(
        path=material.runbook.path, text=material.line_text(found.line)
    )
    return LintFinding(
        rule=rule.id,
        level=rule.level,
        path=source.path,
        line=found.line,
        column=column_of(source.text, found.at),
        message=found.message,
        fix=found.fix,
        claim=found.claim,
    )


def column_of(text: str, at: str) -> int:
    """Where the first line of `at` begins in `text`, else where the text itself begins."""
    first = at.split("\n", 1)[0]
    whole = re.search(rf"(?<![\w.,]){re.escape(first)}", text) if first else None
    found = whole.start() if whole else text.find(first) if first else -1
    if found < 0:
        found = len(text) - len(text.lstrip())
    return found + 1


def _in_order(findings: Sequence[LintFinding], material: Material) -> tuple[LintFinding, ...]:
    own = material.runbook.path
    return tuple(
        sorted(
            findings, key=lambda one: (one.path != own, one.path, one.line, one.column, one.rule)
        )
    )
