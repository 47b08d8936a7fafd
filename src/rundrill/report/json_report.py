"""The run as one JSON object; `report.schema.json` beside this file is its schema.

`schema` is "rundrill.report/1". A later version may add members under the same number; what
is here keeps its name, type and unit, or the number changes. `*_s` are seconds of the run: times
`compression.factor` they are the runbook's time. The second-by-second samples stay in
`events.jsonl`.
"""

import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rundrill import events as e
from rundrill.measured import Detection
from rundrill.model import Verdict
from rundrill.report import figures
from rundrill.report.arms import Comparison
from rundrill.report.run import Run, StepView
from rundrill.verdict import exit_code, headline

SCHEMA: Final = "rundrill.report/1"
_HALF_PAIRS: Final = re.compile("[\ud800-\udfff]")


def render(
    events: Sequence[e.Event], verdict: Verdict, comparison: Comparison | None = None
) -> str:
    """The JSON text, UTF-8 safe. Raises `RundrillError` when the run never began."""
    return to_text(body(events, verdict, comparison))


def to_text(value: Mapping[str, object]) -> str:
    """As it is written: no NaN, no half of a surrogate pair."""
    return json.dumps(_clean(value), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def body(
    events: Sequence[e.Event], verdict: Verdict, comparison: Comparison | None = None
) -> Mapping[str, object]:
    """The object itself, for a report of several drills."""
    run = Run(events)
    plan = run.plan
    control = None if comparison is None else comparison.verdict
    return {
        "schema": SCHEMA,
        "run_id": run.started.run_id,
        "wall_time": run.started.wall_time,
        "title": plan.title,
        "target": plan.target,
        "outcome": verdict.outcome.value,
        "exit_code": exit_code(verdict, control),
        "headline": headline(verdict, control),
        "arm": verdict.arm,
        "reason": verdict.reason,
        "acceptance": {
            "state": verdict.acceptance,
            "sentence": verdict.acceptance_reason,
            "accepted": [dataclasses.asdict(item) for item in plan.accepted],
        },
        "duration_s": run.end,
        "compression": {"factor": plan.compression, "reason": plan.compression_reason},
        "runbook": {"path": plan.runbook_path, "sha256": plan.runbook_sha256},
        "experiment": plan.experiment_path,
        "fault": {"name": plan.fault, "parameters": plan.fault_parameters},
        "severity": {
            "id": plan.severity,
            "line": plan.severity_line,
            "stated_response_time_s": plan.response_time_s,
        },
        "promises": [dataclasses.asdict(promise) for promise in verdict.promises],
        "findings": [
            dataclasses.asdict(finding) for finding in figures.by_weight(verdict.findings)
        ],
        "harm": [dataclasses.asdict(harm) for harm in verdict.harm],
        "attribution": None if comparison is None else dataclasses.asdict(comparison.attribution),
        "control": _control(comparison),
        "times": dataclasses.asdict(verdict.times),
        "detection": [_detection(one, plan.compression) for one in verdict.detections],
        "impact": [dataclasses.asdict(one) for one in verdict.impact],
        "hangs": [dataclasses.asdict(hang) for hang in verdict.hangs],
        "spans": [
            {"name": s.name, "measured_s": s.measured, "limit_s": s.limit, "stated": s.stated}
            for s in figures.spans(run, verdict.times)
        ],
        "phases": [dataclasses.asdict(span) for span in run.phases],
        "alerts": [dataclasses.asdict(lane) for lane in run.lanes],
        "steps": [_step(step) for step in run.steps],
        "steady_state": _steady_state(run, verdict),
        "load": _load(run, verdict),
        "money": _last(run, e.MoneyChecked),
        "undo": _last(run, e.FaultUndone),
        "versions": run.started.versions,
    }


def _detection(one: Detection, compression: float) -> dict[str, object]:
    parts = [
        {
            **dataclasses.asdict(part),
            "seconds": part.seconds,
            "stated_s": part.seconds * compression,
        }
        for part in one.parts
    ]
    floor = None
    if one.floor is not None:
        own = one.floor
        floor = {**dataclasses.asdict(own), "least_s": own.least_s, "most_s": own.most_s}
    total_s = None if one.total_s is None else one.total_s * compression
    return {**dataclasses.asdict(one), "parts": parts, "floor": floor, "stated_total_s": total_s}


def _control(comparison: Comparison | None) -> object:
    if comparison is None or comparison.verdict is None or comparison.run is None:
        return None
    return {
        "run_id": comparison.run.started.run_id,
        "outcome": comparison.verdict.outcome.value,
        "reason": comparison.verdict.reason,
        "problem": comparison.problem,
        "times": dataclasses.asdict(comparison.verdict.times),
    }


def _step(step: StepView) -> dict[str, object]:
    return {
        "procedure": step.procedure,
        "number": step.number,
        "line": step.line,
        "text": step.text,
        "kind": step.kind,
        "state": step.state,
        "start": step.start,
        "commands": [
            {
                "line": entry.line,
                "text": entry.text,
                "argv": entry.argv,
                "bound": entry.bound,
                "exit_code": entry.exit_code,
                "duration_s": entry.duration_s,
            }
            for entry in step.entries
            if isinstance(entry, e.CommandFinished)
        ],
        "not_run": [
            {"line": entry.line, "text": entry.text, "why": entry.why}
            for entry in step.entries
            if not isinstance(entry, e.CommandFinished)
        ],
    }


def _steady_state(run: Run, verdict: Verdict) -> list[dict[str, object]]:
    samples = run.every(e.SteadyStateSampled)
    periods = figures.periods(run, verdict.times)
    return [
        {
            "subject": bound.subject,
            "text": bound.text,
            "line": bound.line,
            "comparator": bound.comparator,
            "value": bound.value,
            "unit": bound.unit,
            "expr": bound.expr,
            **_measure(run, bound.subject),
            "periods": {
                period.name: dataclasses.asdict(figures.bound_figures(bound, samples, period))
                for period in periods
            },
        }
        for bound in run.plan.steady_state
    ]


def _measure(run: Run, subject: str) -> dict[str, object]:
    """Null where the number is no percentile, or of no window, or the run does not hold it."""
    own = run.started.measures.get(subject)
    return {
        "quantile": None if own is None else own.quantile,
        "window_s": None if own is None else own.window_s,
    }


def _load(run: Run, verdict: Verdict) -> dict[str, object]:
    return {
        "asked_per_min": run.plan.load.rate_per_min,
        "minutes": [
            {**dataclasses.asdict(minute), "deviation": minute.deviation}
            for minute in figures.load_minutes(run)
        ],
        "periods": {
            period.name: dataclasses.asdict(figures.load_figures(run.samples, period))
            for period in figures.periods(run, verdict.times)
        },
        "stopped": _last(run, e.LoadStopped),
    }


def _last(run: Run, kind: type[Any]) -> object:
    event = run.last(kind)
    return None if event is None else dataclasses.asdict(event)


def _clean(value: object) -> object:
    """What JSON and UTF-8 can hold: no NaN, no infinity, no half of a surrogate pair."""
    if isinstance(value, str):
        return _HALF_PAIRS.sub("\ufffd", value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(_clean(str(key))): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value if isinstance(value, int | bool | None) else _clean(str(value))
