"""Coverage as JSON, for other programs."""

import json
from typing import Any, Final

from rundrill.coverage.measure import ClaimCoverage, Coverage, Tally

SCHEMA: Final = "rundrill.coverage/1"


def to_json(coverage: Coverage) -> str:
    body = {
        "schema": SCHEMA,
        "runbook": {"path": coverage.runbook.path, "sha256": coverage.runbook.sha256},
        "total": _tally(coverage.total),
        "sections": [
            {"title": title, **_tally(tally)} for title, tally in coverage.sections.items()
        ],
        "runs": [
            {
                "name": run.name,
                "experiment": run.plan.experiment_path,
                "arm": run.plan.arm,
                "wall_time": run.started.wall_time,
                "compression": run.plan.compression,
                "answer": run.answer,
                "counted": run in coverage.counted,
                "same_version": run.same_version(coverage.runbook),
                "report": None if run.report is None else str(run.report),
            }
            for run in coverage.runs
        ],
        "claims": [_claim(one) for one in coverage.claims],
    }
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "testable": tally.testable,
        "exercised": tally.exercised,
        "held": tally.held,
        "broken": tally.broken,
        "percent": round(tally.percent, 2),
        "lines_not_exercised": list(tally.missing),
    }


def _claim(one: ClaimCoverage) -> dict[str, Any]:
    return {
        "id": one.claim.id,
        "kind": one.claim.kind,
        "line": one.claim.line,
        "text": one.claim.text,
        "test": one.claim.test,
        "state": one.state,
        "accepted": one.accepted,
        "evidence": [
            {
                "run": evidence.run.name,
                "state": evidence.state,
                "sentence": evidence.sentence,
                "part": evidence.part,
                "accepted": evidence.accepted,
            }
            for evidence in one.evidence
        ],
    }
