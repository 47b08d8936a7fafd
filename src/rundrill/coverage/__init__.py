"""Runs to what they prove of a runbook's claims, in place. Pure: no file, no clock, no cluster.

Coverage is to a runbook what line coverage is to code: of the claims that a drill can test, which
were exercised, and which of those held.
"""

from rundrill.coverage.badge import badge
from rundrill.coverage.evidence import Evidence, RunRecord
from rundrill.coverage.json_form import to_json
from rundrill.coverage.measure import ClaimCoverage, Coverage, Tally, measure
from rundrill.coverage.page import page
from rundrill.coverage.text import to_text

__all__ = [
    "ClaimCoverage",
    "Coverage",
    "Evidence",
    "RunRecord",
    "Tally",
    "badge",
    "measure",
    "page",
    "to_json",
    "to_text",
]
