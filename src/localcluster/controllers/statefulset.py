"""StatefulSets: pods with an ordinal, started and updated in order."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from localcluster import kinds
from localcluster.controllers.events import EventRecorder
from localcluster.controllers.ownership import claim, controller_of, reference_to
from localcluster.controllers.pods import is_active, is_ready, unavailable_for
from localcluster.controllers.queue import Scheduler, WorkQueue
from localcluster.controllers.replicaset import pod_from
from localcluster.controllers.rollout import template_hash
from localcluster.interfaces import Registry
from localcluster.json_copy import copy_json
from localcluster.objects import KubeObject, WatchEvent

_COMPONENT: Final = "statefulset-controller"
REVISION_LABEL: Final = "controller-revision-hash"
_POD_NAME: Final = "statefulset.kubernetes.io/pod-name"
_INDEX: Final = "apps.kubernetes.io/pod-index"


class StatefulSetController:
    """OrderedReady and Parallel; RollingUpdate with its partition, and OnDelete."""

    def __init__(self, registry: Registry, recorder: EventRecorder, scheduler: Scheduler) -> None:
        self._registry = registry
        self._recorder = recorder
        self._queue = WorkQueue(_COMPONENT, scheduler, self.reconcile)

    def start(self) -> None:
        self._registry.subscribe(kinds.STATEFUL_SETS, self._changed)
        self._registry.subscribe(kinds.PODS, self._pod_changed)

    def _changed(self, event: WatchEvent) -> None:
        meta = event.object["metadata"]
        self._queue.add(meta["namespace"], meta["name"])

    def _pod_changed(self, event: WatchEvent) -> None:
        owner = controller_of(event.object)
        if owner is not None and owner["kind"] == "StatefulSet":
            self._queue.add(event.object["metadata"]["namespace"], owner["name"])

    def reconcile(self, namespace: str, name: str) -> None:
        found = self._registry.find(kinds.STATEFUL_SETS, namespace, name)
        if found is None:
            return
        update = self._revision(found)
        if "deletionTimestamp" not in found["metadata"]:
            self._act(found, self._pods(found), update)
        self._write_status(found, self._pods(found), update)

    def _pods(self, owner: KubeObject) -> dict[int, KubeObject]:
        """By ordinal."""
        name = owner["metadata"]["name"]
        found: dict[int, KubeObject] = {}
        for pod in claim(self._registry, owner, kinds.PODS):
            parent, _, ordinal = pod["metadata"]["name"].rpartition("-")
            if parent == name and ordinal.isdecimal():
                found[int(ordinal)] = pod
        return found

    # Revisions

    def _revision(self, owner: KubeObject) -> str:
        """The name of the ControllerRevision of its template, which is made when it is new."""
        meta = owner["metadata"]
        name = f"{meta['name']}-{template_hash(owner['spec']['template'])}"
        revisions = claim(self._registry, owner, kinds.CONTROLLER_REVISIONS)
        highest = max((int(each["revision"]) for each in revisions), default=0)
        known = next((each for each in revisions if each["metadata"]["name"] == name), None)
        if known is None:
            self._registry.create(
                kinds.CONTROLLER_REVISIONS,
                {
                    "metadata": {
                        "name": name,
                        "namespace": meta["namespace"],
                        "labels": dict(owner["spec"]["template"]["metadata"].get("labels") or {}),
                        "annotations": _copied(meta.get("annotations") or {}),
                        "ownerReferences": [reference_to(owner)],
                    },
                    "data": {
                        "spec": {
                            "template": {
                                **copy_json(owner["spec"]["template"]),
                                "$patch": "replace",
                            }
                        }
                    },
                    "revision": highest + 1,
                },
            )
        elif int(known["revision"]) < highest:

            def change(obj: KubeObject) -> None:
                obj["revision"] = highest + 1

            self._registry.modify(kinds.CONTROLLER_REVISIONS, meta["namespace"], name, change)
        self._forget_revisions(owner, revisions, name)
        return name

    def _forget_revisions(
        self, owner: KubeObject, revisions: Sequence[KubeObject], current: str
    ) -> None:
        limit = int(owner["spec"].get("revisionHistoryLimit", 10))
        in_use = {current, (owner.get("status") or {}).get("currentRevision", "")}
        old = [each for each in revisions if each["metadata"]["name"] not in in_use]
        old.sort(key=lambda each: int(each["revision"]))
        for each in old[: max(0, len(old) - limit)]:
            meta = each["metadata"]
            self._registry.delete(kinds.CONTROLLER_REVISIONS, meta["namespace"], meta["name"])

    # Pods

    def _act(self, owner: KubeObject, pods: Mapping[int, KubeObject], update: str) -> None:
        """One step when ordered, all there is to do when parallel."""
        spec = owner["spec"]
        ordered = spec.get("podManagementPolicy", "OrderedReady") == "OrderedReady"
        first = int((spec.get("ordinals") or {}).get("start", 0))
        wanted = range(first, first + int(spec.get("replicas", 1)))
        for ordinal in wanted:
            pod = pods.get(ordinal)
            if pod is None:
                self._create(owner, ordinal, self._revision_for(owner, ordinal, update))
            elif pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
                self._delete(owner, pod)
            elif ordered and not self._is_available(owner, pod):
                return
            if ordered and pod is None:
                return
        for ordinal in sorted((n for n in pods if n not in wanted), reverse=True):
            if is_active(pods[ordinal]):
                self._delete(owner, pods[ordinal])
            if ordered:
                return
        self._update_one(owner, pods, wanted, update)

    def _is_available(self, owner: KubeObject, pod: KubeObject) -> bool:
        wait = unavailable_for(pod, int(owner["spec"].get("minReadySeconds", 0)))
        if wait:
            meta = owner["metadata"]
            self._queue.add_after(wait + 0.01, meta["namespace"], meta["name"])
        return is_active(pod) and wait == 0

    def _update_one(
        self, owner: KubeObject, pods: Mapping[int, KubeObject], wanted: range, update: str
    ) -> None:
        """From the highest ordinal down, one at a time, each after the one above is available."""
        strategy = owner["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return
        partition = int((strategy.get("rollingUpdate") or {}).get("partition", 0))
        for ordinal in reversed(wanted):
            pod = pods.get(ordinal)
            if pod is None or ordinal < partition:
                return
            if _revision_of(pod) != update:
                if is_active(pod):
                    self._delete(owner, pod)
                return
            if not self._is_available(owner, pod):
                return

    def _revision_for(self, owner: KubeObject, ordinal: int, update: str) -> str:
        strategy = owner["spec"].get("updateStrategy") or {}
        partition = int((strategy.get("rollingUpdate") or {}).get("partition", 0))
        current = (owner.get("status") or {}).get("currentRevision") or update
        return current if ordinal < partition else update

    def _create(self, owner: KubeObject, ordinal: int, revision: str) -> None:
        meta = owner["metadata"]
        name = f"{meta['name']}-{ordinal}"
        source = self._with_template_of(owner, revision)
        pod = pod_from(source, name=name)
        labels = pod["metadata"].setdefault("labels", {})
        labels |= {_POD_NAME: name, REVISION_LABEL: revision, _INDEX: str(ordinal)}
        pod["spec"]["hostname"] = name
        if service := owner["spec"].get("serviceName"):
            pod["spec"]["subdomain"] = service
        claims = owner["spec"].get("volumeClaimTemplates") or ()
        for each in claims:
            self._add_claim(owner, pod, each, ordinal)
        self._registry.create(kinds.PODS, pod)
        self._tell(
            owner,
            "SuccessfulCreate",
            f"create Pod {name} in StatefulSet {meta['name']} successful",
        )

    def _with_template_of(self, owner: KubeObject, revision: str) -> KubeObject:
        found = self._registry.find(
            kinds.CONTROLLER_REVISIONS, owner["metadata"]["namespace"], revision
        )
        if found is None:
            return owner
        template = copy_json(found["data"]["spec"]["template"])
        template.pop("$patch", None)
        return {**owner, "spec": {**owner["spec"], "template": template}}

    def _add_claim(
        self, owner: KubeObject, pod: KubeObject, template: KubeObject, ordinal: int
    ) -> None:
        volume = template["metadata"]["name"]
        claim_name = f"{volume}-{owner['metadata']['name']}-{ordinal}"
        volumes = pod["spec"].setdefault("volumes", [])
        volumes[:] = [each for each in volumes if each["name"] != volume]
        volumes.append({"name": volume, "persistentVolumeClaim": {"claimName": claim_name}})
        namespace = owner["metadata"]["namespace"]
        if self._registry.find(kinds.PERSISTENT_VOLUME_CLAIMS, namespace, claim_name) is None:
            self._registry.create(
                kinds.PERSISTENT_VOLUME_CLAIMS,
                {
                    "metadata": {
                        "name": claim_name,
                        "namespace": namespace,
                        "labels": dict(owner["spec"]["selector"].get("matchLabels") or {}),
                    },
                    "spec": copy_json(template.get("spec") or {}),
                },
            )

    def _delete(self, owner: KubeObject, pod: KubeObject) -> None:
        meta = pod["metadata"]
        if "deletionTimestamp" in meta:
            return
        self._registry.delete(kinds.PODS, meta["namespace"], meta["name"], uid=meta["uid"])
        owner_name = owner["metadata"]["name"]
        self._tell(
            owner,
            "SuccessfulDelete",
            f"delete Pod {meta['name']} in StatefulSet {owner_name} successful",
        )

    def _tell(self, owner: KubeObject, reason: str, message: str) -> None:
        self._recorder.event(owner, "Normal", reason, message, component=_COMPONENT)

    def _write_status(self, owner: KubeObject, pods: Mapping[int, KubeObject], update: str) -> None:
        meta, spec = owner["metadata"], owner["spec"]
        old = owner.get("status") or {}
        active = [pod for pod in pods.values() if is_active(pod)]
        min_ready = int(spec.get("minReadySeconds", 0))
        updated = sum(_revision_of(pod) == update for pod in active)
        ready = sum(is_ready(pod) for pod in active)
        current = old.get("currentRevision") or update
        if updated == len(active) == int(spec.get("replicas", 1)) and ready == updated:
            current = update
        status: dict[str, Any] = {
            "observedGeneration": meta["generation"],
            "replicas": len(active),
            "availableReplicas": sum(unavailable_for(pod, min_ready) == 0 for pod in active),
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": 0,
        }
        counts = {
            "readyReplicas": ready,
            "currentReplicas": sum(_revision_of(pod) == current for pod in active),
            "updatedReplicas": updated,
        }
        status |= {key: number for key, number in counts.items() if number}

        def change(obj: KubeObject) -> None:
            obj["status"] = status

        self._registry.modify(
            kinds.STATEFUL_SETS, meta["namespace"], meta["name"], change, status=True
        )


def _revision_of(pod: KubeObject) -> str:
    return str((pod["metadata"].get("labels") or {}).get(REVISION_LABEL, ""))


def _copied(annotations: Mapping[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in annotations.items()
        if key != "kubectl.kubernetes.io/last-applied-configuration"
    }
