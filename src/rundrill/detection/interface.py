"""What a drill asks of a detector, whoever evaluates the rules."""

from collections.abc import Mapping
from typing import Protocol

from rundrill.detection.alerts import AlertState
from rundrill.detection.design import GroupWait
from rundrill.detection.promql import Vector
from rundrill.measured import Measure
from rundrill.model import RuleDesign


class Detection(Protocol):
    """Scrapes, evaluates rules and tells of changes until it is stopped. Times are the clock's.

    What changed is told to callbacks that it was made with, each called without a lock from a
    thread of its own: one for an `AlertChange`, one for a `ScrapeFailure`, and one that is told
    the state of every alert after each evaluation. No method hides that there are no data: a query
    then gives nothing, and `last_evaluation` grows old.
    """

    failure: BaseException | None
    """What ended it before it was told to stop; None while it is well."""

    @property
    def description(self) -> str:
        """Who evaluates, with its version, for the report."""
        ...

    @property
    def stale_after_s(self) -> float:
        """An evaluation that is older than this tells nothing about now."""
        ...

    @property
    def last_evaluation(self) -> float | None:
        """When the rules were last evaluated; None before the first time."""
        ...

    @property
    def evaluations(self) -> int:
        """How many rounds of evaluation were seen."""
        ...

    def start(self) -> None:
        """Begins. May be called once. Raises `RundrillError`."""
        ...

    def stop(self) -> None:
        """Ends it and what it started. Harmless when not started, and to repeat."""
        ...

    def query(self, expr: str) -> Vector:
        """The elements of an expression now, its durations compressed; empty without data.

        Raises `RulesError` for an expression that cannot be answered.
        """
        ...

    def alerts(self) -> Mapping[str, AlertState]:
        """Every alerting rule's state by its name, in the order of the file."""
        ...

    def unseen_metrics(self, rule: str) -> frozenset[str]:
        """Metrics the rule needs that no scrape has had so far. Raises `KeyError`."""
        ...

    def rule_errors(self) -> Mapping[str, str]:
        """Rules whose last evaluation failed, by name, with the reason."""
        ...

    def evaluated_rules(self) -> Mapping[str, str]:
        """Alert name to its expression and `for`, as they are evaluated after compression."""
        ...

    def rule_designs(self, group_wait_s: GroupWait) -> Mapping[str, RuleDesign]:
        """Alert name to what its rule spends by design, in real seconds after compression.

        Empty where it is not known how often somebody else's Prometheus scrapes.
        """
        ...

    def measure(self, expr: str) -> Measure:
        """What a query's number is: its percentile and its window. Raises as `query` does."""
        ...
