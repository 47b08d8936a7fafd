"""Trials as JSON, for other programs. Seconds are those of the run."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from rundrill.backtest.compare import DrillTrial
from rundrill.backtest.measure import AlertTrial
from rundrill.backtest.sweep import Sweep

SCHEMA: Final = "rundrill.backtest/1"


def to_json(
    trials: Sequence[DrillTrial], new: str | None, sweeps: Sequence[Sweep] = (), *, passed: bool
) -> str:
    body = {
        "schema": SCHEMA,
        "rules": new,
        "passed": passed,
        "drills": [
            {
                "name": trial.drill.name,
                "compression": trial.drill.plan.compression,
                "injected_s": trial.drill.injected,
                "watched_s": trial.drill.watched,
                "reproduced": trial.reproduced,
                "reproduced_within_s": trial.off_s,
                "old": [_alert(one) for one in trial.old],
                "new": None if trial.new is None else [_alert(one) for one in trial.new],
                "new_false_alarms": list(trial.new_false_alarms),
                "notes": list(trial.notes),
            }
            for trial in trials
        ],
        "sweeps": [_sweep(one) for one in sweeps],
    }
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def _alert(one: AlertTrial) -> dict[str, Any]:
    return {**asdict(one), "flaps": one.flaps, "false_alarm": one.false_alarm}


def _sweep(sweep: Sweep) -> dict[str, Any]:
    return {
        "alert": sweep.alert,
        "notes": list(sweep.notes),
        "variants": [
            {
                "thresholds": dict(point.variant.thresholds),
                "for_s": point.variant.for_s,
                "as_it_is": point.as_it_is,
                "firing_s": point.firing_s,
                "firing_stated_s": point.stated_s,
                "expected": point.expected,
                "missed": point.missed,
                "late": point.late,
                "false_alarms": point.false_alarms,
                "flaps": point.flaps,
                "best": point.best,
            }
            for point in sweep.points
        ],
    }
