"""`limits:` of service.yaml: what customers may lose in a drill, and for how long it may go on.

All of them are real seconds and real requests: a compression divides what the runbook states, and
no customer's patience.
"""

from dataclasses import dataclass
from typing import Final

from rundrill.base.document import Node

SILENCE_S: Final = 60.0
LEAST_SILENCE_S: Final = 10.0
"""A look of the observer may wait for an API server that is busy; that is no hang."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBudget:
    """What may fail from the injection on: `failed` requests in all, or `share` of those of any
    `over_s` seconds. None is no limit; one of them is given.
    """

    failed: int | None
    share: float | None
    over_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`error_budget` None is none: many drills fail customers on purpose. `duration_s` None is
    what the plan's own windows add up to. `silence_s` is how long the runner may tell nothing.
    """

    error_budget: ErrorBudget | None = None
    duration_s: float | None = None
    silence_s: float = SILENCE_S


def read_limits(node: Node | None) -> Limits:
    """Raises the document's own error, with place and fix, for what is no limit."""
    if node is None:
        return Limits()
    budget, duration, silence = (node.find(key) for key in ("error-budget", "duration", "silence"))
    limits = Limits(
        error_budget=None if budget is None else _error_budget(budget),
        duration_s=None if duration is None else _positive_s(duration),
        silence_s=SILENCE_S if silence is None else _positive_s(silence),
    )
    node.close()
    if silence is not None and limits.silence_s < LEAST_SILENCE_S:
        raise silence.fail(
            f"{silence.text} of silence are not told from a busy machine",
            f"at least {LEAST_SILENCE_S:g}s",
        )
    return limits


def _error_budget(node: Node) -> ErrorBudget:
    failed, share, over = (node.find(key) for key in ("failed", "share", "over"))
    budget = ErrorBudget(
        failed=None if failed is None else _count(failed),
        share=None if share is None else _share(share),
        over_s=60.0 if over is None else _positive_s(over),
    )
    node.close()
    if failed is None and share is None:
        raise node.fail("the error budget has no limit", "`failed: 2000`, or `share: 30%`, or both")
    if over is not None and share is None:
        raise over.fail("`over` belongs to a `share`", "add `share: 30%`, or leave it out")
    return budget


def _count(node: Node) -> int:
    number = node.number
    if not (number.is_integer() and number > 0):
        raise node.fail(f"expected a number of requests, found {node.text!r}", "such as `2000`")
    return int(number)


def _share(node: Node) -> float:
    text = node.text
    try:
        percent = float(text.removesuffix("%"))
    except ValueError:
        percent = 0.0
    if not text.endswith("%") or not 0 < percent < 100:
        raise node.fail(
            f"expected a share of the requests, found {text!r}", "such as `30%`, below 100%"
        )
    return percent / 100


def _positive_s(node: Node) -> float:
    seconds = node.duration_s
    if seconds <= 0:
        raise node.fail(f"{node.text} is no time", 'write it as "90s" or "5m"')
    return seconds
