"""A runbook of one failure mode, and runs of its drill."""

from dataclasses import replace
from pathlib import PurePath
from typing import Any

from recordings import HELD

from rundrill.claims import ProcedureStep, Runbook
from rundrill.coverage import RunRecord
from rundrill.events import CommandFinished, DrillStarted, Event
from rundrill.model import Plan, PlannedStep
from rundrill.runbook import parse
from rundrill.runbook.classify import step_kind

TEXT = """\
# Shop runbook

## Severity levels

### P1 - High
- Error rate above normal (>5%)
- **Response time**: 30 minutes
- **Escalation**: Head of Shop within 1 hour

### P2 - Medium
- **Response time**: 2 hours

## Steady state
- **Error rate**: should be <1%
- **Response time**: should be <500ms

## Dependencies
- [ ] Redis cache availability

## Failure modes

### Pod CrashLoopBackOff

1. See the releases: `kubectl rollout history deployment/shop -n shop`
2. Go back: `kubectl rollout undo deployment/shop -n shop`
3. Verify it: `kubectl rollout status deployment/shop -n shop`
4. Monitor for 15 minutes

### Database connection issues

1. See the database: `kubectl get pods -n database`
2. Call the <b>vendor</b>

## Critical alerts
- Error rate >5%
- Restart count >3 in 10 minutes

## Useful commands

```bash
kubectl rollout history deployment/shop -n shop
```
"""
RUNBOOK = parse(TEXT, "shop.md")


def line_of(words: str, text: str = TEXT) -> int:
    return next(n for n, line in enumerate(text.splitlines(), start=1) if words in line)


def plan(runbook: Runbook = RUNBOOK, **changes: Any) -> Plan:
    (started,) = [event for event in HELD if isinstance(event, DrillStarted)]
    steps = tuple(
        PlannedStep(
            procedure=value.procedure,
            number=value.step.number,
            line=value.step.line,
            text=value.step.text,
            kind=step_kind(value.step),
            commands=value.step.commands,
        )
        for _, value in runbook.having(ProcedureStep)
        if value.procedure == "pod-crashloopbackoff"
    )
    made = replace(
        started.plan,
        runbook_sha256=runbook.sha256,
        runbook_path="shop.md",
        steps=steps,
        alert_lines={"PaymentPodRestarting": line_of("Restart count")},
        severity_conditions=tuple(
            replace(started.plan.severity_conditions[0], line=line_of("above normal (>5%)"))
            for _ in range(1)
        ),
    )
    return replace(made, **changes)


def events(
    a_plan: Plan | None = None,
    *,
    exit_code: int | None = 0,
    wall_time: str = "2026-01-01T00:00:00",
    recording: list[Event] = HELD,
) -> list[Event]:
    """The drill that kept every promise; `exit_code` is that of the second command."""
    a_plan = a_plan or plan()
    told: list[Event] = []
    for event in recording:
        if isinstance(event, DrillStarted):
            told.append(replace(event, plan=a_plan, wall_time=wall_time))
        elif isinstance(event, CommandFinished):
            step = next(one for one in a_plan.steps if one.number == event.number)
            told.append(
                replace(
                    event,
                    procedure=step.procedure,
                    line=step.line,
                    text=step.commands[0].text if step.commands else step.text,
                    exit_code=exit_code if event.number == 2 else 0,
                )
            )
        else:
            told.append(event)
    return told


def run(
    told: list[Event] | None = None, *, name: str = "20260101-drill", **changes: Any
) -> RunRecord:
    return RunRecord(
        name=name,
        events=events() if told is None else told,
        report=PurePath(f"runs/{name}/report.html"),
        **changes,
    )
