"""HorizontalPodAutoscalers: as many replicas as the pods' use of CPU and memory asks for."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from localcluster import kinds, status
from localcluster.controllers.events import EventRecorder
from localcluster.controllers.queue import Scheduler, WorkQueue
from localcluster.controllers.scaling_metrics import Outcome, evaluate
from localcluster.controllers.scaling_rules import History, decide, longest_memory
from localcluster.controllers.utilization import Proposal, Question, propose
from localcluster.interfaces import Registry
from localcluster.objects import ApiError, KubeObject, Resource, WatchEvent
from localcluster.registry import rfc3339
from localcluster.selectors import from_selector

COMPONENT: Final = "horizontal-pod-autoscaler"
_PERIOD_S: Final = 15.0
# The meter gives new figures once a second.
_SHORTEST_PERIOD_S: Final = 1.0

# Namespace and name of a pod to (cores, bytes) by container; None when nothing is known of it.
PodMetrics = Callable[[str, str], Mapping[str, tuple[float, int]] | None]


class AutoscalerController:
    """Looks at each autoscaler every 15 seconds, and at once when its spec has changed.

    `compress` divides that period, the stabilization windows, the periods of the policies and
    the time for which a young pod is not trusted. Without an autoscaler nothing runs.
    """

    def __init__(
        self,
        registry: Registry,
        recorder: EventRecorder,
        scheduler: Scheduler,
        now: Callable[[], datetime],
        pod_metrics: PodMetrics,
        *,
        compress: float = 1.0,
    ) -> None:
        self._registry = registry
        self._recorder = recorder
        self._scheduler = scheduler
        self._now = now
        self._pod_metrics = pod_metrics
        self._compress = compress
        self._period_s = max(_PERIOD_S / compress, _SHORTEST_PERIOD_S)
        self._histories: dict[str, History] = {}
        self._queue = WorkQueue(COMPONENT, scheduler, self.reconcile)

    def start(self) -> None:
        self._registry.subscribe(kinds.HORIZONTAL_POD_AUTOSCALERS, self._changed)

    def _changed(self, event: WatchEvent) -> None:
        meta = event.object["metadata"]
        if event.type == "DELETED":
            self._histories.pop(meta["uid"], None)
        elif event.previous is None or event.previous["spec"] != event.object["spec"]:
            self._queue.add(meta["namespace"], meta["name"])

    def reconcile(self, namespace: str, name: str) -> None:
        found = self._registry.find(kinds.HORIZONTAL_POD_AUTOSCALERS, namespace, name)
        if found is None or "deletionTimestamp" in found["metadata"]:
            return
        self._queue.add_after(self._period_s, namespace, name)
        look = _Look(self, found)
        look.run()
        look.write()

    # What a look needs of the world

    @property
    def registry(self) -> Registry:
        return self._registry

    @property
    def time(self) -> float:
        return self._scheduler.time()

    @property
    def compress(self) -> float:
        return self._compress

    def wall_time(self) -> str:
        return rfc3339(self._now())

    def history(self, autoscaler: KubeObject, current: int) -> History:
        """Begins with what there is, so that nothing is taken away at once."""
        uid = autoscaler["metadata"]["uid"]
        if uid not in self._histories:
            self._histories[uid] = History(recommendations=[(self.time, current)])
        history = self._histories[uid]
        history.forget(self.time - longest_memory(autoscaler["spec"]) / self._compress)
        return history

    def propose(self, question: Question, workload: KubeObject, current: int) -> Proposal:
        namespace = workload["metadata"]["namespace"]
        matches = from_selector(workload["spec"]["selector"])
        pods = self._registry.list(kinds.PODS, namespace, matches)
        index = 0 if question.resource == "cpu" else 1

        def usage(pod: KubeObject) -> Mapping[str, float] | None:
            found = self._pod_metrics(namespace, pod["metadata"]["name"])
            if found is None or question.resource not in ("cpu", "memory"):
                return None
            return {name: float(figures[index]) for name, figures in found.items()}

        return propose(question, pods, usage, current, self._now(), compress=self._compress)

    def tell(self, autoscaler: KubeObject, kind: str, reason: str, message: str) -> None:
        self._recorder.event(autoscaler, kind, reason, message, component=COMPONENT)


class _Look:
    """One look at one autoscaler."""

    def __init__(self, controller: AutoscalerController, autoscaler: KubeObject) -> None:
        self._controller = controller
        self._autoscaler = autoscaler
        self._spec: KubeObject = autoscaler["spec"]
        self._status: dict[str, Any] = dict(autoscaler.get("status") or {})
        self._conditions: list[KubeObject] = [
            dict(each) for each in self._status.get("conditions") or ()
        ]

    def run(self) -> None:
        try:
            resource, workload = self._target()
        except ApiError as error:
            self._tell("Warning", "FailedGetScale", error.message)
            message = (
                f"the HPA controller was unable to get the target's current scale: {error.message}"
            )
            self._condition("AbleToScale", "False", "FailedGetScale", message)
            return
        message = "the HPA controller was able to get the target's current scale"
        self._condition("AbleToScale", "True", "SucceededGetScale", message)
        current = int(workload["spec"].get("replicas", 1))
        history = self._controller.history(self._autoscaler, current)
        least, most = self._spec["minReplicas"], self._spec["maxReplicas"]
        if current == 0:
            message = "scaling is disabled since the replica count of the target is zero"
            self._condition("ScalingActive", "False", "ScalingDisabled", message)
            self._note(current, 0, [])
            return
        statuses: list[KubeObject] = self._status.get("currentMetrics") or []
        if current > most:
            desired, reason = most, "Current number of replicas above Spec.MaxReplicas"
        elif current < least:
            desired, reason = least, "Current number of replicas below Spec.MinReplicas"
        else:
            outcome = self._measure(workload, current)
            statuses = outcome.statuses
            if outcome.is_blocked(current):
                self._status["currentReplicas"] = current
                self._status["currentMetrics"] = statuses
                self._tell("Warning", "FailedComputeMetricsReplicas", outcome.problem())
                return
            desired, reason = self._desired(outcome, history, current)
        if desired != current:
            if not self._scale(resource, workload, desired, reason):
                return
            history.scaled(self._controller.time, current, desired)
        self._note(current, desired, statuses)

    def _target(self) -> tuple[Resource, KubeObject]:
        """The workload to scale; raises `ApiError`."""
        target = self._spec["scaleTargetRef"]
        api_version, kind = target.get("apiVersion", ""), target["kind"]
        resource = kinds.by_kind(api_version, kind)
        if resource is None or "scale" not in resource.subresources:
            group = api_version.rpartition("/")[0]
            raise ApiError(404, "NotFound", f'no matches for kind "{kind}" in group "{group}"')
        name = target["name"]
        namespace = self._autoscaler["metadata"]["namespace"]
        found = self._controller.registry.find(resource, namespace, name)
        if found is None:
            raise status.not_found(resource, name, subresource="scale")
        return resource, found

    def _measure(self, workload: KubeObject, current: int) -> Outcome:
        outcome = evaluate(
            self._spec, lambda question: self._controller.propose(question, workload, current)
        )
        for failure in outcome.failures:
            self._tell("Warning", failure.reason, failure.message)
        if outcome.is_blocked(current):
            first = outcome.failures[0]
            message = f"the HPA was unable to compute the replica count: {first.message}"
            self._condition("ScalingActive", "False", first.reason, message)
        else:
            message = (
                "the HPA was able to successfully calculate a replica count from " + outcome.name
            )
            self._condition("ScalingActive", "True", "ValidMetricFound", message)
        return outcome

    def _desired(self, outcome: Outcome, history: History, current: int) -> tuple[int, str]:
        reason = ""
        if outcome.replicas > current:
            reason = f"{outcome.name} above target"
        elif outcome.replicas < current:
            reason = "All metrics below target"
        decision = decide(
            self._spec,
            history,
            current,
            outcome.replicas,
            self._controller.time,
            compress=self._controller.compress,
        )
        self._condition("AbleToScale", "True", *decision.able)
        self._condition("ScalingLimited", "True" if decision.limited else "False", *decision.limit)
        return decision.replicas, reason

    def _scale(self, resource: Resource, workload: KubeObject, desired: int, reason: str) -> bool:
        meta = workload["metadata"]

        def change(obj: KubeObject) -> None:
            obj["spec"]["replicas"] = desired

        told = f"New size: {desired}; reason: {reason}"
        try:
            self._controller.registry.modify(resource, meta["namespace"], meta["name"], change)
        except ApiError as error:
            self._tell("Warning", "FailedRescale", f"{told}; error: {error.message}")
            message = f"the HPA controller was unable to update the target scale: {error.message}"
            self._condition("AbleToScale", "False", "FailedUpdateScale", message)
            return False
        message = f"the HPA controller was able to update the target scale to {desired}"
        self._condition("AbleToScale", "True", "SucceededRescale", message)
        self._tell("Normal", "SuccessfulRescale", told)
        self._status["lastScaleTime"] = self._controller.wall_time()
        return True

    # Status

    def _note(self, current: int, desired: int, statuses: list[KubeObject]) -> None:
        self._status["currentReplicas"] = current
        self._status["desiredReplicas"] = desired
        self._status["currentMetrics"] = statuses or None

    def _condition(self, kind: str, true: str, reason: str, message: str) -> None:
        found = next((each for each in self._conditions if each["type"] == kind), None)
        if found is None:
            found = {"type": kind}
            self._conditions.append(found)
        if found.get("status") != true:
            found["lastTransitionTime"] = self._controller.wall_time()
        found.update(status=true, reason=reason, message=message)

    def write(self) -> None:
        if self._conditions:
            self._status["conditions"] = self._conditions
        new = self._status

        def change(obj: KubeObject) -> None:
            obj["status"] = new

        meta = self._autoscaler["metadata"]
        self._controller.registry.modify(
            kinds.HORIZONTAL_POD_AUTOSCALERS, meta["namespace"], meta["name"], change, status=True
        )

    def _tell(self, kind: str, reason: str, message: str) -> None:
        self._controller.tell(self._autoscaler, kind, reason, message)
