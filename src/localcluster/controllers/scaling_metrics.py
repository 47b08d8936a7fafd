"""What each metric of an autoscaler asks for, and how its status tells it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from localcluster.controllers.utilization import TOLERANCE, MetricError, Proposal, Question
from localcluster.objects import KubeObject
from localcluster.schema.quantity import parse_quantity

_SUFFIXES: Final = ("", "k", "M", "G", "T", "P", "E")
_NO_ADAPTER: Final = "no known available metric versions found"

Propose = Callable[[Question], Proposal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A metric that gave no number. `reason` is that of the Event and of the condition."""

    reason: str
    message: str
    resource: str = ""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """Of all metrics the one that asks for most counts; `name` is its name in messages."""

    replicas: int = 0
    name: str = ""
    statuses: list[KubeObject] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def is_blocked(self, current: int) -> bool:
        """Nothing is done on half of the figures, unless the other half asks for more."""
        return bool(self.failures) and (
            len(self.failures) == len(self.statuses) or self.replicas < current
        )

    def problem(self) -> str:
        first = self.failures[0]
        told = first.message
        if first.resource:
            told = f"failed to get {first.resource} resource metric value: {told}"
        count = len(self.failures)
        return (
            f"invalid metrics ({count} invalid out of {len(self.statuses)}), first error is: {told}"
        )


def evaluate(spec: KubeObject, propose: Propose) -> Outcome:
    """`propose` may raise `MetricError`; `spec` is the autoscaler's, with its defaults."""
    outcome = Outcome()
    for metric in spec["metrics"]:
        failed = _evaluate_one(metric, spec, propose, outcome)
        if failed is not None:
            outcome.failures.append(failed)
            outcome.statuses.append({"type": ""})
    return outcome


def _evaluate_one(
    metric: KubeObject, spec: KubeObject, propose: Propose, outcome: Outcome
) -> Failure | None:
    kind = metric["type"]
    if kind not in ("Resource", "ContainerResource"):
        return _unavailable(metric)
    key = kind[0].lower() + kind[1:]
    source = metric[key]
    question = _question(source, spec.get("behavior") or {})
    share = question.percent is not None
    try:
        proposal = propose(question)
    except MetricError as error:
        what = "utilization" if share else "usage"
        message = f"failed to get {question.resource} {what}: {error}"
        return Failure(reason=f"FailedGet{kind}Metric", message=message, resource=question.resource)
    current: KubeObject = {"averageValue": milli_quantity(proposal.average)}
    if proposal.utilization is not None:
        current["averageUtilization"] = proposal.utilization
    told: KubeObject = {"name": question.resource, "current": current}
    if question.container:
        told["container"] = question.container
    outcome.statuses.append({"type": kind, key: told})
    if proposal.replicas > outcome.replicas or not outcome.name:
        outcome.replicas = proposal.replicas
        of = "container resource" if question.container else "resource"
        outcome.name = f"{question.resource} {of}"
        if share:
            outcome.name += " utilization (percentage of request)"
    return None


def _question(source: KubeObject, behavior: Mapping[str, KubeObject]) -> Question:
    target = source["target"]
    average = target.get("averageValue")
    return Question(
        resource=source["name"],
        container=source.get("container", ""),
        percent=None if average is not None else target["averageUtilization"],
        average=None if average is None else float(parse_quantity(str(average))),
        tolerance_up=_tolerance(behavior.get("scaleUp") or {}),
        tolerance_down=_tolerance(behavior.get("scaleDown") or {}),
    )


def _tolerance(rules: KubeObject) -> float:
    given = rules.get("tolerance")
    return TOLERANCE if given is None else float(parse_quantity(str(given)))


def _unavailable(metric: KubeObject) -> Failure:
    """This cluster has the metrics of resources alone, as one without an adapter has."""
    kind = metric["type"]
    source = metric[kind[0].lower() + kind[1:]]
    name = (source.get("metric") or {}).get("name", "")
    which = "external" if kind == "External" else "custom"
    return Failure(
        reason=f"FailedGet{kind}Metric",
        message=f"unable to get metric {name}: unable to fetch metrics from {which} metrics API: "
        f"{_NO_ADAPTER}",
    )


def milli_quantity(amount: float) -> str:
    """0.25 as `250m`, 2 as `2`, 5000 as `5k`: a quantity in thousandths, written shortest."""
    thousandths = int(Decimal(str(amount)) * 1000)
    if thousandths % 1000:
        return f"{thousandths}m"
    whole = thousandths // 1000
    for suffix in _SUFFIXES:
        if whole % 1000 or not whole or suffix == _SUFFIXES[-1]:
            return f"{whole}{suffix}"
        whole //= 1000
    raise AssertionError("the last suffix ends the loop")
