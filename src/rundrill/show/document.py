"""The runbook as JSON: what each line was taken for, and every claim with its value."""

import dataclasses
import json
from typing import Any

from rundrill.claims import Claim, Runbook

VERSION = 1
"""Of the form below; it changes when a program that reads it would have to."""


def as_json(runbook: Runbook) -> str:
    """`lines` are the whole document; `claims` refer to them by number."""
    form = {
        "version": VERSION,
        "path": runbook.path,
        "sha256": runbook.sha256,
        "title": runbook.title,
        "claims": [_claim(claim) for claim in runbook.claims],
        "lines": [
            {
                "number": line.number,
                "text": line.text,
                "reading": line.reading,
                "claims": list(line.claims),
            }
            for line in runbook.lines
        ],
        "not_understood": [line.number for line in runbook.not_understood],
    }
    # A lone surrogate has no UTF-8; escaped, it survives.
    return json.dumps(form, indent=2, ensure_ascii=True) + "\n"


def _claim(claim: Claim) -> dict[str, Any]:
    return {
        "id": claim.id,
        "kind": claim.kind,
        "line": claim.line,
        "section": list(claim.section),
        "text": claim.text,
        "test": claim.test,
        "value": dataclasses.asdict(claim.value),
    }
