"""Pods and their containers as kube-state-metrics has them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from localcluster.metrics.cluster_state import UNITS
from localcluster.metrics.exposition import Family
from localcluster.metrics.timestamps import unix
from localcluster.objects import KubeObject
from localcluster.schema.quantity import parse_quantity

_PHASES: Final = ("Pending", "Succeeded", "Failed", "Unknown", "Running")
_REASONS: Final = ("Evicted", "NodeAffinity", "NodeLost", "Shutdown", "UnexpectedAdmissionError")


def pods(objects: Iterable[KubeObject]) -> list[Family]:
    whole = _Pods()
    mains = _Containers("kube_pod_container", "")
    inits = _Containers("kube_pod_init_container", "init ")
    for pod in objects:
        meta, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
        base = {"namespace": meta["namespace"], "pod": meta["name"], "uid": meta["uid"]}
        whole.add(pod, base)
        node = spec.get("nodeName", "")
        for families, specs, statuses in (
            (mains, "containers", "containerStatuses"),
            (inits, "initContainers", "initContainerStatuses"),
        ):
            by_name = {each["name"]: each for each in spec.get(specs) or ()}
            for container in status.get(statuses) or ():
                image = by_name.get(container["name"], {}).get("image", "")
                families.add_status(container, base, image)
            for container in by_name.values():
                families.add_resources(container, base, node)
    return [*_families(whole), *_families(mains), *_families(inits)]


def _families(holder: object) -> list[Family]:
    return [value for value in vars(holder).values() if isinstance(value, Family)]


class _Pods:
    def __init__(self) -> None:
        self.info = Family("kube_pod_info", "gauge", "Information about pod.")
        self.owner = Family("kube_pod_owner", "gauge", "Information about the Pod's owner.")
        self.created = Family("kube_pod_created", "gauge", "Unix creation timestamp")
        self.deleted = Family("kube_pod_deletion_timestamp", "gauge", "Unix deletion timestamp")
        self.start = Family(
            "kube_pod_start_time", "gauge", "Start time in unix timestamp for a pod."
        )
        self.completion = Family(
            "kube_pod_completion_time", "gauge", "Completion time in unix timestamp for a pod."
        )
        self.phase = Family("kube_pod_status_phase", "gauge", "The pods current phase.")
        self.ready = Family(
            "kube_pod_status_ready",
            "gauge",
            "Describes whether the pod is ready to serve requests.",
        )
        self.scheduled = Family(
            "kube_pod_status_scheduled",
            "gauge",
            "Describes the status of the scheduling process for the pod.",
        )
        self.unschedulable = Family(
            "kube_pod_status_unschedulable",
            "gauge",
            "Describes the unschedulable status for the pod.",
        )
        self.reason = Family("kube_pod_status_reason", "gauge", "The pod status reasons")
        self.qos = Family("kube_pod_status_qos_class", "gauge", "The pods current qosClass.")
        self.policy = Family(
            "kube_pod_restart_policy", "gauge", "Describes the restart policy in use by this pod."
        )

    def add(self, pod: KubeObject, base: Mapping[str, str]) -> None:
        meta, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
        owners: Sequence[KubeObject] = meta.get("ownerReferences") or ()
        controller: KubeObject = next((each for each in owners if each.get("controller")), {})
        self.info.add(
            1,
            **base,
            host_ip=status.get("hostIP", ""),
            pod_ip=status.get("podIP", ""),
            node=spec.get("nodeName", ""),
            created_by_kind=controller.get("kind", ""),
            created_by_name=controller.get("name", ""),
            priority_class=spec.get("priorityClassName", ""),
            host_network=str(bool(spec.get("hostNetwork"))).lower(),
        )
        for owner in owners or [{}]:
            self.owner.add(
                1,
                **base,
                owner_kind=owner.get("kind", ""),
                owner_name=owner.get("name", ""),
                owner_is_controller=str(bool(owner.get("controller"))).lower() if owner else "",
            )
        self.created.add_if(unix(meta.get("creationTimestamp")), **base)
        self.deleted.add_if(unix(meta.get("deletionTimestamp")), **base)
        self.start.add_if(unix(status.get("startTime")), **base)
        self.completion.add_if(_completion(status), **base)
        for phase in _PHASES:
            self.phase.add(float(status.get("phase") == phase), **base, phase=phase)
        for reason in _REASONS:
            self.reason.add(float(status.get("reason") == reason), **base, reason=reason)
        if qos := status.get("qosClass"):
            for each in ("BestEffort", "Burstable", "Guaranteed"):
                self.qos.add(float(qos == each), **base, qos_class=each)
        self.policy.add(1, **base, type=spec.get("restartPolicy", "Always"))
        self._add_conditions(status, base)

    def _add_conditions(self, status: KubeObject, base: Mapping[str, str]) -> None:
        found = {each["type"]: each for each in status.get("conditions") or ()}
        for family, kind in ((self.ready, "Ready"), (self.scheduled, "PodScheduled")):
            now = found.get(kind, {}).get("status", "False").lower()
            for condition in ("true", "false", "unknown"):
                family.add(float(now == condition), **base, condition=condition)
        if found.get("PodScheduled", {}).get("reason") == "Unschedulable":
            self.unschedulable.add(1, **base)


def _completion(status: KubeObject) -> float | None:
    if status.get("phase") not in ("Succeeded", "Failed"):
        return None
    ends = [
        unix(((each.get("state") or {}).get("terminated") or {}).get("finishedAt"))
        for each in status.get("containerStatuses") or ()
    ]
    return max((end for end in ends if end is not None), default=None)


class _Containers:
    """The same families for containers and, under another name, for init containers."""

    def __init__(self, prefix: str, kind: str) -> None:
        which = f"the {kind}container"
        self.info = Family(
            f"{prefix}_info", "gauge", f"Information about an {kind}container in a pod."
        )
        self.ready = Family(
            f"{prefix}_status_ready",
            "gauge",
            f"Describes whether {which}s readiness check succeeded.",
        )
        self.restarts = Family(
            f"{prefix}_status_restarts_total",
            "counter",
            f"The number of {kind}container restarts per container.",
        )
        now = f"Describes whether {which} is currently in"
        why = f"Describes the reason {which} is currently in"
        self.running = Family(f"{prefix}_status_running", "gauge", f"{now} running state.")
        self.waiting = Family(f"{prefix}_status_waiting", "gauge", f"{now} waiting state.")
        self.terminated = Family(f"{prefix}_status_terminated", "gauge", f"{now} terminated state.")
        self.waiting_reason = Family(
            f"{prefix}_status_waiting_reason", "gauge", f"{why} waiting state."
        )
        self.terminated_reason = Family(
            f"{prefix}_status_terminated_reason", "gauge", f"{why} terminated state."
        )
        self.last_reason = Family(
            f"{prefix}_status_last_terminated_reason",
            "gauge",
            f"Describes the last reason {which} was in terminated state.",
        )
        self.requests = Family(
            f"{prefix}_resource_requests",
            "gauge",
            f"The number of requested request resource by {which}.",
        )
        self.limits = Family(
            f"{prefix}_resource_limits",
            "gauge",
            f"The number of requested limit resource by {which}.",
        )
        if kind:
            return
        # These three are there for the containers alone.
        self.last_code = Family(
            f"{prefix}_status_last_terminated_exitcode",
            "gauge",
            "Describes the exit code for the last container in terminated state.",
        )
        self.last_time = Family(
            f"{prefix}_status_last_terminated_timestamp",
            "gauge",
            "Last terminated time for a pod container in unix timestamp.",
        )
        self.started = Family(
            f"{prefix}_state_started", "gauge", "Start time in unix timestamp for a pod container."
        )

    def add_status(self, container: KubeObject, base: Mapping[str, str], image: str) -> None:
        labels = {**base, "container": container["name"]}
        state, last = container.get("state") or {}, container.get("lastState") or {}
        self.info.add(
            1,
            **labels,
            image_spec=image,
            image=container.get("image", ""),
            image_id=container.get("imageID", ""),
            container_id=container.get("containerID", ""),
        )
        self.ready.add(float(bool(container.get("ready"))), **labels)
        self.restarts.add(container["restartCount"], **labels)
        for family, key in (
            (self.running, "running"),
            (self.waiting, "waiting"),
            (self.terminated, "terminated"),
        ):
            family.add(float(key in state), **labels)
        for family, part, key in (
            (self.waiting_reason, state, "waiting"),
            (self.terminated_reason, state, "terminated"),
            (self.last_reason, last, "terminated"),
        ):
            if key in part:
                family.add(1, **labels, reason=part[key].get("reason", ""))
        if not hasattr(self, "last_code"):
            return
        if ended := last.get("terminated"):
            self.last_code.add(ended["exitCode"], **labels)
            self.last_time.add_if(unix(ended.get("finishedAt")), **labels)
        ran = state.get("running") or state.get("terminated") or {}
        self.started.add_if(unix(ran.get("startedAt")), **labels)

    def add_resources(self, container: KubeObject, base: Mapping[str, str], node: str) -> None:
        resources = container.get("resources") or {}
        where = {**base, "container": container["name"], "node": node}
        for family, kind in ((self.requests, "requests"), (self.limits, "limits")):
            for name, value in (resources.get(kind) or {}).items():
                label = name.replace("-", "_")
                amount = float(parse_quantity(str(value)))
                family.add(amount, **where, resource=label, unit=UNITS.get(label, "integer"))
