"""Statements to what they state: runs every reader over each of them, in document order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from rundrill.claims import (
    AlertClaim,
    ClaimValue,
    Deadline,
    Placeholder,
    ProcedureStep,
    ResponseTime,
    Severity,
    Term,
    Threshold,
)
from rundrill.runbook import commands, severities
from rundrill.runbook.alerts import read_alerts
from rundrill.runbook.forbidden import Forbidden, allowed
from rundrill.runbook.identify import Found
from rundrill.runbook.markdown import MAX_TEXT
from rundrill.runbook.meaning import NO_NUMBERS, Ids, Meaning, slug
from rundrill.runbook.names import without_terms
from rundrill.runbook.outline import Section
from rundrill.runbook.people import read_contacts, read_escalations, read_stakeholders
from rundrill.runbook.placeholders import find_in_prose, is_set, variables_set
from rundrill.runbook.procedures import Instructions
from rundrill.runbook.promises import Promise, read_promises
from rundrill.runbook.severities import Levels
from rundrill.runbook.statements import Statement
from rundrill.runbook.templates import read_templates
from rundrill.runbook.terms import first_term
from rundrill.runbook.testable import test_class
from rundrill.runbook.things import read_dashboards, read_dependencies, read_item, read_reviews
from rundrill.runbook.thresholds import Read, read_thresholds

_V = TypeVar("_V", bound=ClaimValue)


@dataclass(slots=True, kw_only=True)
class Reading:
    """What one document states. `found` is in no order; the views are in the document's."""

    levels: Levels
    found: list[Found] = field(default_factory=list)
    thresholds: list[tuple[Statement, Threshold]] = field(default_factory=list)
    responses: dict[str, tuple[float | None, int]] = field(default_factory=dict)
    described: dict[str, list[Statement]] = field(default_factory=dict)
    _alerts: list[tuple[Section, AlertClaim]] = field(default_factory=list)

    @property
    def severities(self) -> tuple[Severity, ...]:
        """The levels with all that was read about each."""
        return tuple(
            severities.make_severity(
                level,
                statement,
                conditions=severities.conditions_of(self.described.get(level.id, [])),
                thresholds=[
                    one
                    for _, one in self.thresholds
                    if one.severity == level.id and one.role == "severity"
                ],
                response=self.responses.get(level.id, (None, None)),
            )
            for level, statement in self.levels.defined.values()
        )

    @property
    def steady_state(self) -> tuple[Threshold, ...]:
        """What the document calls normal."""
        return tuple(
            one
            for statement, one in self.thresholds
            if one.role == "steady-state"
            and (
                statement.section.meaning not in NO_NUMBERS | {Meaning.PROCEDURE}
                and statement.form != "heading"
            )
        )

    def read(self, statement: Statement) -> None:
        """Takes what a statement states."""
        if len(statement.text) > MAX_TEXT:
            return
        level = self.levels.of(statement)
        describes = self.levels.describes(statement)
        if level is not None and describes:
            self.described.setdefault(level, []).append(statement)
        numbers = list(read_thresholds(statement, level=level, known_level=describes))
        for one in numbers:
            self.thresholds.append((statement, one.threshold))
            self._add(statement, one.threshold, one.threshold.line, one.threshold.subject)
        self._read_alerts(statement, numbers)
        self._read_promises(statement, level, [(one.start, one.end) for one in numbers])
        self._read_people(statement, level)
        self._read_things(statement)
        for at, name in find_in_prose(statement.prose.plain):
            self._placeholder(statement.section, statement.line_at(at), name, in_command=False)

    def _read_alerts(self, statement: Statement, numbers: Sequence[Read]) -> None:
        for named in read_alerts(statement):
            threshold = next(
                (
                    one.threshold
                    for one in numbers
                    if one.threshold.role != "steady-state"
                    and (statement.cells or named.start <= one.start < named.end)
                ),
                None,
            )
            key = slug(named.key) or "alert"
            claim = _shown(statement, named.claim(statement, threshold, name=key))
            self._alerts.append((statement.section, claim))

    def _read_promises(
        self, statement: Statement, level: str | None, taken: Sequence[tuple[int, int]]
    ) -> None:
        promises = list(read_promises(statement, level=level, taken=taken))
        for promise in promises:
            term = promise.stated.term
            if promise.purpose == "response" and level is not None:
                for one in (level, *self.levels.twins.get(level, ())):
                    self.responses.setdefault(one, (term.seconds, promise.line))
                    value = ResponseTime(severity=one, term=term)
                    self._add(statement, value, promise.line, one)
            elif promise.purpose == "deadline":
                self._add_deadline(statement, promise, level)
        escalations = list(read_escalations(statement, promises, level=level))
        for line, escalation in escalations:
            self._add(statement, escalation, line, f"{level or ''} {escalation.to}")
        called = [escalation.term for _, escalation in escalations]
        for promise in promises:
            if promise.purpose == "escalation" and promise.stated.term not in called:
                self._add_deadline(statement, promise, level)  # it says when and not whom

    def _add_deadline(self, statement: Statement, promise: Promise, level: str | None) -> None:
        subject = _due_subject(statement, promise)
        value = Deadline(
            subject=subject, severity=level, term=promise.stated.term, every=promise.stated.every
        )
        self._add(statement, value, promise.line, f"{level or ''} {subject}")

    def _read_people(self, statement: Statement, level: str | None) -> None:
        for line, stakeholder in read_stakeholders(statement, level=level):
            self._add(statement, stakeholder, line, f"{stakeholder.severity} {stakeholder.name}")
        for line, contact in read_contacts(statement):
            self._add(statement, contact, line, contact.name)

    def _read_things(self, statement: Statement) -> None:
        for dependency in read_dependencies(statement):
            self._add(statement, dependency, statement.line, dependency.name)
        for line, dashboard in read_dashboards(statement):
            self._add(statement, dashboard, line, dashboard.name)
        over = statement.section.meaning is Meaning.POST_INCIDENT
        item = read_item(statement, term=_term_of(statement.section) if over else None)
        if item is not None:
            self._add(statement, item, statement.line, item.text)
        for at, review in read_reviews(statement.text):
            self._add(statement, review, statement.line_at(at), "next" if review.next else "last")

    def _add(self, statement: Statement, value: ClaimValue, line: int, key: str) -> None:
        self.found.append(
            Found(
                line=line,
                text=statement.text,
                section=statement.section,
                key=key,
                test=test_class(value),
                value=_shown(statement, value),
            )
        )

    def _placeholder(self, section: Section, line: int, name: str, *, in_command: bool) -> None:
        value = Placeholder(name=name, in_command=in_command)
        if any(one.line == line and one.value == value for one in self.found[-40:]):
            return
        self.found.append(
            Found(line=line, text=name, section=section, key=name, test="lint", value=value)
        )

    def read_code(
        self, sections: Sequence[Section], programs: frozenset[str], forbidden: Forbidden
    ) -> None:
        """Takes the commands and the messages of all sections, with what they leave open."""
        by_section = [
            (section, one)
            for section in sections
            for one in allowed(commands.in_blocks(section.heading_blocks, programs), forbidden)
        ]
        variables = variables_set(one.command.text for _, one in by_section)
        for section, one in by_section:
            command = one.command
            self.found.append(
                Found(
                    line=command.line,
                    last_line=one.last_line,
                    text=command.text,
                    section=section,
                    key=command.text,
                    test=test_class(command),
                    value=command,
                )
            )
            for name in command.placeholders:
                if not is_set(name, variables):
                    self._placeholder(section, command.line, name, in_command=True)
        for section in sections:
            for message in read_templates(section, programs):
                lines = message.template.lines
                self.found.append(
                    Found(
                        line=message.line,
                        last_line=(message.first or message.line) + len(lines) - 1,
                        text="\n".join(lines),
                        section=section,
                        key="template",
                        test="human",
                        value=message.template,
                    )
                )
                if message.first is None:
                    continue  # its lines are statements, too
                for line, text in enumerate(lines, start=message.first):
                    for _, name in find_in_prose(text):
                        self._placeholder(section, line, name, in_command=False)

    def name_alerts(self) -> tuple[AlertClaim, ...]:
        """The alerts with ids that differ, taken as claims.

        An id is what the alert is about. Where several are about the same, the section's title
        stands before it, so that none of them changes when another is added elsewhere.
        """
        counted = Counter(claim.id for _, claim in self._alerts)
        sections = {claim.id: set[int]() for _, claim in self._alerts}
        for section, claim in self._alerts:
            sections[claim.id].add(id(section))
        ids = Ids()
        named: list[AlertClaim] = []
        for section, claim in self._alerts:
            name = claim.id
            if counted[name] > 1 and len(sections[name]) > 1:
                name = f"{slug(section.title)}/{name}"
            named.append(replace(claim, id=ids.take(name)))
            self.found.append(
                Found(
                    line=claim.line,
                    text=claim.text,
                    section=section,
                    key=claim.id,
                    test=test_class(claim),
                    value=named[-1],
                )
            )
        return tuple(named)

    def add_severity(self, statement: Statement, severity: Severity) -> None:
        self._add(statement, severity, statement.line, severity.id)

    def read_steps(self, instructions: Instructions) -> None:
        """Takes the steps of all procedures and protocols."""
        for procedure in (*instructions.procedures, *instructions.protocols):
            for step in procedure.steps:
                value = ProcedureStep(procedure=procedure.id, title=procedure.title, step=step)
                self.found.append(
                    Found(
                        line=step.line,
                        text=step.text,
                        section=instructions.sections[procedure.id],
                        key=str(step.number),
                        test=test_class(value),
                        value=value,
                    )
                )


def _shown(statement: Statement, value: _V) -> _V:
    """The value without the marks that stand for the statement's commands."""
    changed: dict[str, Any] = {}
    for one in fields(value):
        old = getattr(value, one.name)
        if isinstance(old, str):
            new: object = statement.shown(old)
        elif isinstance(old, tuple) and old and all(isinstance(text, str) for text in old):
            new = tuple(statement.shown(text) for text in old)
        else:
            continue
        if new != old:
            changed[one.name] = new
    return replace(value, **changed) if changed else value


def _term_of(section: Section) -> Term | None:
    """The time that a heading such as "Within 24 hours" gives to all below it."""
    at: Section | None = section
    while at is not None:
        if (term := first_term(at.title)) is not None:
            return term
        at = at.parent
    return None


def _due_subject(statement: Statement, promise: Promise) -> str:
    """What is due: the words of the statement without its times."""
    if statement.cells:
        return promise.head
    return " ".join(without_terms(statement.text).split())[:80].strip(" :,.-")
