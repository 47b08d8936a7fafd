"""A Deployment's ReplicaSets as its revisions: found, made, numbered, scaled, forgotten."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from localcluster import kinds
from localcluster.controllers import deployment_status as conditions
from localcluster.controllers import rollout
from localcluster.controllers.events import EventRecorder
from localcluster.controllers.ownership import reference_to
from localcluster.interfaces import Registry
from localcluster.json_copy import copy_json
from localcluster.objects import KubeObject

COMPONENT: Final = "deployment-controller"


class Revisions:
    """`new` is the ReplicaSet of the current template, `old` are all others; `deployment` and
    the sets are kept as last written."""

    def __init__(
        self,
        registry: Registry,
        recorder: EventRecorder,
        deployment: KubeObject,
        sets: Sequence[KubeObject],
        on_progress: Callable[[], None],
    ) -> None:
        self.deployment = deployment
        self._registry = registry
        self._recorder = recorder
        self._on_progress = on_progress
        self._sets = {each["metadata"]["name"]: each for each in sets}
        self._new_name = self._find_new()

    @property
    def all(self) -> list[KubeObject]:
        return rollout.by_age(self._sets.values())

    @property
    def new(self) -> KubeObject | None:
        return self._sets.get(self._new_name or "")

    @property
    def old(self) -> list[KubeObject]:
        return [each for each in self.all if each["metadata"]["name"] != self._new_name]

    def _find_new(self) -> str | None:
        wanted = rollout.bare_template(self.deployment["spec"]["template"])
        for each in rollout.by_age(self._sets.values()):
            if rollout.bare_template(each["spec"]["template"]) == wanted:
                return str(each["metadata"]["name"])
        return None

    def ensure_new(self) -> KubeObject:
        if self.new is None:
            self._create_new()
        self.mark()
        assert self.new is not None
        return self.new

    def _next_revision(self) -> int:
        return max((rollout.revision(each) for each in self.old), default=0) + 1

    def _create_new(self) -> None:
        deployment, meta = self.deployment, self.deployment["metadata"]
        collisions = int((deployment.get("status") or {}).get("collisionCount") or 0)
        while True:
            digest = rollout.template_hash(deployment["spec"]["template"], collisions)
            name = f"{meta['name']}-{digest}"
            if self._registry.find(kinds.REPLICA_SETS, meta["namespace"], name) is None:
                break
            collisions += 1
        template = copy_json(deployment["spec"]["template"])
        template.setdefault("metadata", {}).setdefault("labels", {})[rollout.HASH_LABEL] = digest
        selector = copy_json(deployment["spec"]["selector"])
        selector.setdefault("matchLabels", {})[rollout.HASH_LABEL] = digest
        size = rollout.scale_up_to(deployment, self.all, 0)
        created = self._registry.create(
            kinds.REPLICA_SETS,
            {
                "metadata": {
                    "name": name,
                    "namespace": meta["namespace"],
                    "labels": dict(template["metadata"]["labels"]),
                    "annotations": {
                        **rollout.copied_annotations(deployment),
                        rollout.REVISION: str(self._next_revision()),
                        **self._sizes(),
                    },
                    "ownerReferences": [reference_to(deployment)],
                },
                "spec": {
                    "replicas": size,
                    **_min_ready(deployment),
                    "selector": selector,
                    "template": template,
                },
            },
        )
        self._sets[name] = created
        self._new_name = name
        self._on_progress()
        if size:
            self._tell_scaled(name, 0, size)
        condition = conditions.progressing("True", conditions.NEW_SET_CREATED, name)
        self.set_condition(condition)

    def mark(self) -> None:
        """A template used again gets the next revision; its ReplicaSet keeps a history of them."""
        new = self.new
        assert new is not None
        number = self._next_revision()
        meta = new["metadata"]
        before = rollout.revision(new)
        copied = rollout.copied_annotations(self.deployment)
        annotations = dict(meta.get("annotations") or {}) | copied
        if before < number:
            if before:
                history = [part for part in [annotations.get(rollout.HISTORY)] if part]
                annotations[rollout.HISTORY] = ",".join([*history, str(before)])
            annotations[rollout.REVISION] = str(number)
        min_ready = _min_ready(self.deployment)

        def change(obj: KubeObject) -> None:
            obj["metadata"]["annotations"] = annotations
            obj["spec"].pop("minReadySeconds", None)
            obj["spec"].update(min_ready)

        self._change_set(meta["name"], change)
        current = max(before, number)
        if rollout.revision(self.deployment) != current:
            self._annotate_deployment(str(current))
        if before < number:
            self._on_progress()
        known = (self.deployment.get("status") or {}).get("conditions") or ()
        if conditions.find(known, "Progressing") is None:
            condition = conditions.progressing("True", conditions.FOUND_NEW_SET, meta["name"])
            self.set_condition(condition)

    def _annotate_deployment(self, revision: str) -> None:
        def change(obj: KubeObject) -> None:
            obj["metadata"].setdefault("annotations", {})[rollout.REVISION] = revision

        meta = self.deployment["metadata"]
        # With its status, so that the note of a revision is no new generation.
        changed = self._registry.modify(
            kinds.DEPLOYMENTS, meta["namespace"], meta["name"], change, status=True
        )
        if changed is not None:
            self.deployment = changed

    def scale(self, each: KubeObject, size: int) -> None:
        before = rollout.replicas(each)
        sizes = self._sizes()

        def change(obj: KubeObject) -> None:
            obj["spec"]["replicas"] = size
            obj["metadata"].setdefault("annotations", {}).update(sizes)

        name = each["metadata"]["name"]
        self._change_set(name, change)
        if before != size:
            self._tell_scaled(name, before, size)

    def _change_set(self, name: str, change: Any) -> None:
        namespace = self.deployment["metadata"]["namespace"]
        changed = self._registry.modify(kinds.REPLICA_SETS, namespace, name, change)
        if changed is not None:
            self._sets[name] = changed

    def _sizes(self) -> dict[str, str]:
        wanted = rollout.replicas(self.deployment)
        surge, _ = rollout.bounds(self.deployment)
        return {rollout.DESIRED: str(wanted), rollout.MAX_REPLICAS: str(wanted + surge)}

    def _tell_scaled(self, name: str, before: int, after: int) -> None:
        word = "up" if after > before else "down"
        self._recorder.event(
            self.deployment,
            "Normal",
            "ScalingReplicaSet",
            f"Scaled {word} replica set {name} from {before} to {after}",
            component=COMPONENT,
        )

    def clean_up(self) -> None:
        """Forgets the oldest revisions beyond the limit of the history."""
        limit = self.deployment["spec"].get("revisionHistoryLimit", 10)
        done = [
            each
            for each in sorted(self.old, key=rollout.revision)
            if not rollout.replicas(each)
            and not rollout.in_status([each], "replicas")
            and (each.get("status") or {}).get("observedGeneration", 0)
            >= each["metadata"]["generation"]
            and "deletionTimestamp" not in each["metadata"]
        ]
        for each in done[: max(0, len(done) - limit)]:
            meta = each["metadata"]
            self._registry.delete(kinds.REPLICA_SETS, meta["namespace"], meta["name"])
            del self._sets[meta["name"]]

    def set_condition(self, condition: dict[str, Any], *, touch: bool = False) -> None:
        def change(obj: KubeObject) -> None:
            status = obj.setdefault("status", {})
            current = status.get("conditions") or []
            status["conditions"] = conditions.put(current, condition, touch=touch)

        self.change_status(change)

    def change_status(self, change: Any) -> None:
        meta = self.deployment["metadata"]
        changed = self._registry.modify(
            kinds.DEPLOYMENTS, meta["namespace"], meta["name"], change, status=True
        )
        if changed is not None:
            self.deployment = changed


def _min_ready(deployment: KubeObject) -> KubeObject:
    """Its `minReadySeconds`, which is left out when it is zero."""
    seconds = deployment["spec"].get("minReadySeconds")
    return {"minReadySeconds": seconds} if seconds else {}
