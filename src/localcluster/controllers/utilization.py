"""How many replicas the use of a resource asks for. Pure.

Conservative, as Kubernetes' own controller is: pods without figures count against the change,
pods that are not ready yet do not make it larger, and a difference of a tenth is none.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from localcluster.controllers.pods import is_ready
from localcluster.objects import KubeObject
from localcluster.schema.quantity import parse_quantity

TOLERANCE: Final = 0.1
_INITIALIZATION_S: Final = 300.0
_FIRST_READINESS_S: Final = 30.0
_WINDOW_S: Final = 15.0

# A pod's use by container, in cores or bytes; None when nothing is known of it.
Usage = Callable[[KubeObject], Mapping[str, float] | None]


class MetricError(Exception):
    """Why no number can be given, in the real controller's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """`utilization` in percent of the requests; None for a target in absolute terms.
    `average` is the use of one pod, in cores or bytes."""

    replicas: int
    utilization: int | None
    average: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One metric of one autoscaler. `container` is empty for the whole pod. Just one of the
    targets is given: `percent` of the requests, or an `average` in cores or bytes."""

    resource: str
    container: str = ""
    percent: int | None = None
    average: float | None = None
    tolerance_up: float = TOLERANCE
    tolerance_down: float = TOLERANCE

    def tolerates(self, ratio: float) -> bool:
        return 1 - self.tolerance_down <= ratio <= 1 + self.tolerance_up


def propose(
    question: Question,
    pods: Sequence[KubeObject],
    usage: Usage,
    current: int,
    now: datetime,
    *,
    compress: float = 1.0,
) -> Proposal:
    """Raises `MetricError`. `compress` divides the time for which a young pod is not trusted."""
    if not pods:
        raise MetricError("no pods returned by selector while calculating replica count")
    groups = _Groups(question, now, compress)
    for pod in pods:
        groups.add(pod, usage(pod))
    if groups.seen == 0:
        raise MetricError(
            f"unable to get metrics for resource {question.resource}: no metrics returned from "
            "resource metrics API"
        )
    figures = groups.figures
    if not figures:
        raise MetricError("did not receive metrics for targeted pods (pods might be unready)")
    requests = _requests(question, pods) if question.percent is not None else {}
    ratio = _ratio(question, figures, requests)
    average = sum(figures.values()) / len(figures)
    utilization = None
    if question.percent is not None:
        asked = sum(requests[name] for name in figures)
        utilization = int(sum(figures.values()) * 100 / asked)
    replicas = _replicas(question, groups, requests, ratio, current)
    return Proposal(replicas=replicas, utilization=utilization, average=average)


def _replicas(
    question: Question,
    groups: "_Groups",
    requests: Mapping[str, float],
    ratio: float,
    current: int,
) -> int:
    figures, missing, unready = dict(groups.figures), groups.missing, groups.unready
    growing = bool(unready) and ratio > 1
    if not growing and not missing:
        return current if question.tolerates(ratio) else math.ceil(ratio * groups.ready)
    if missing and ratio < 1:
        # Taken for as busy as they may be.
        share = max(100, question.percent or 0) / 100
        for name in missing:
            figures[name] = requests[name] * share if question.average is None else question.average
    elif missing and ratio > 1:
        figures.update(dict.fromkeys(missing, 0.0))
    if growing:
        figures.update(dict.fromkeys(unready, 0.0))
    again = _ratio(question, figures, requests)
    if question.tolerates(again) or (ratio < 1) != (again < 1):
        return current
    wanted = math.ceil(again * len(figures))
    if (again < 1 and wanted > current) or (again > 1 and wanted < current):
        return current
    return wanted


def _ratio(
    question: Question, figures: Mapping[str, float], requests: Mapping[str, float]
) -> float:
    total = sum(figures.values())
    if question.percent is not None:
        asked = sum(requests[name] for name in figures)
        if not asked:
            raise MetricError("no metrics returned matched known pods")
        # The controller compares whole percents.
        return int(total * 100 / asked) / question.percent
    assert question.average is not None
    return total / len(figures) / question.average


def _requests(question: Question, pods: Sequence[KubeObject]) -> dict[str, float]:
    """What each pod asks for, by its name."""
    found = {}
    for pod in pods:
        total = Decimal(0)
        for container in pod["spec"]["containers"]:
            if question.container not in ("", container["name"]):
                continue
            asked = (container.get("resources") or {}).get("requests") or {}
            if question.resource not in asked:
                name = pod["metadata"]["name"]
                raise MetricError(
                    f"missing request for {question.resource} in container "
                    f"{container['name']} of Pod {name}"
                )
            total += parse_quantity(str(asked[question.resource]))
        found[pod["metadata"]["name"]] = float(total)
    return found


class _Groups:
    """The pods by what their figures are worth."""

    def __init__(self, question: Question, now: datetime, compress: float) -> None:
        self._question = question
        self._now = now
        self._compress = compress
        self.figures: dict[str, float] = {}
        self.ready = 0
        self.seen = 0
        self.missing: list[str] = []
        self.unready: list[str] = []

    def add(self, pod: KubeObject, use: Mapping[str, float] | None) -> None:
        name, phase = pod["metadata"]["name"], pod.get("status", {}).get("phase")
        if use is not None:
            self.seen += 1
        if "deletionTimestamp" in pod["metadata"] or phase in ("Failed", "Succeeded"):
            return
        if phase == "Pending":
            self.unready.append(name)
        elif use is None or (self._question.container and self._question.container not in use):
            self.missing.append(name)
        elif self._question.resource == "cpu" and not self._is_trusted(pod):
            self.unready.append(name)
        else:
            chosen = self._question.container
            counted = [amount for each, amount in use.items() if chosen in ("", each)]
            self.figures[name] = sum(counted)
            self.ready += 1

    def _is_trusted(self, pod: KubeObject) -> bool:
        """Starting takes CPU: the figures of a pod that is not ready, or only just is, are left
        out. One that was ready once counts also when it is not any more."""
        status = pod.get("status", {})
        condition = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), None)
        started = status.get("startTime")
        if condition is None or not started:
            return False
        age = (self._now - datetime.fromisoformat(started)).total_seconds()
        changed = datetime.fromisoformat(condition["lastTransitionTime"])
        if age < _INITIALIZATION_S / self._compress:
            since = (self._now - changed).total_seconds()
            return is_ready(pod) and since >= _WINDOW_S / self._compress
        first = (changed - datetime.fromisoformat(started)).total_seconds()
        return is_ready(pod) or first >= _FIRST_READINESS_S / self._compress
