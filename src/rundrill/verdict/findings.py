"""What was learned beside the promises, each with its evidence and, where it has one, its line."""

from collections.abc import Iterable, Iterator, Sequence

from rundrill.events import (
    CommandFinished,
    CommandRefused,
    FaultUndone,
    ScrapeFailed,
    StepSkipped,
)
from rundrill.measured import Detection, ImpactCondition
from rundrill.model import Finding, Promise, StepHarm
from rundrill.verdict.alerting import alert_findings
from rundrill.verdict.harm import harm_findings
from rundrill.verdict.impact import severity_finding
from rundrill.verdict.record import Record
from rundrill.verdict.unheard import unheard_findings


def findings(
    record: Record,
    harms: Iterable[StepHarm],
    promises: Sequence[Promise],
    detections: Sequence[Detection],
    impact: Sequence[ImpactCondition],
) -> Iterator[Finding]:
    """In no order of importance; the report sorts."""
    yield from harm_findings(harms)
    yield from alert_findings(record, promises, detections)
    yield from unheard_findings(record)
    yield from severity_finding(record, impact)
    yield from _command_findings(record)
    yield from _scrape_findings(record)
    undone = record.last(FaultUndone)
    for index, difference in enumerate(() if undone is None else undone.differences):
        yield Finding(
            id=f"left-over-{index}",
            severity="broken",
            text="Something is not as it was before the drill",
            evidence=difference,
        )


def _command_findings(record: Record) -> Iterator[Finding]:
    for event in record.events:
        if isinstance(event, CommandRefused):
            yield Finding(
                id=f"refused-{event.line}",
                severity="warning",
                text=f"A command of {event.procedure} was not run: {event.text}",
                evidence=event.why,
                line=event.line,
            )
        elif isinstance(event, StepSkipped) and not event.needless:
            yield Finding(
                id=f"skipped-{event.line}",
                severity="warning",
                text=f"A step of {event.procedure} was not done: {event.text}",
                evidence=event.why,
                line=event.line,
            )
        elif isinstance(event, CommandFinished) and event.exit_code not in (0, None):
            yield Finding(
                id=f"failed-{event.line}",
                severity="warning",
                text=f"A command of {event.procedure} failed: {event.text}",
                evidence=f"exit code {event.exit_code}: {event.stderr.strip()[:300]}",
                line=event.line,
            )


def _scrape_findings(record: Record) -> Iterator[Finding]:
    by_job: dict[str, list[ScrapeFailed]] = {}
    for event in record.all(ScrapeFailed):
        by_job.setdefault(event.job, []).append(event)
    for job, failures in by_job.items():
        yield Finding(
            id=f"scrape-{job}",
            severity="note",
            text=f"{len(failures)} scrapes of {job} began to fail during the drill",
            evidence=f"first at {failures[0].at:.1f} s: {failures[0].instance}:"
            f" {failures[0].error[:200]}",
        )
