"""The one way to read and write objects: the semantics of the API server over the store."""

import logging
import random
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from localcluster import kinds, schema, status
from localcluster.garbage import GarbageCollector
from localcluster.json_copy import copy_json, share_unchanged
from localcluster.objects import ApiError, KubeObject, Resource, WatchEvent
from localcluster.store import LOG_LENGTH, Store

_LOG: Final = logging.getLogger(__name__)

Admission = Callable[[Resource, KubeObject], None]
Handler = Callable[[WatchEvent], None]

# The API server's own alphabet: no vowels, so no words, and nothing easily confused.
_SUFFIX_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH: Final = 5
_LONGEST_BASE: Final = 63 - _SUFFIX_LENGTH

INITIAL_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")

# Kept from the stored object whatever an update says.
_KEPT_META: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)
# Neither stored nor shown: they belong to features this server does not have.
_DROPPED_META: Final = ("selfLink", "managedFields")


def rfc3339(moment: datetime) -> str:
    """`2026-01-31T12:00:00Z`, as metadata carries times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def random_suffix() -> str:
    """Five characters, as `generateName` and the workload controllers append them."""
    return "".join(random.choices(_SUFFIX_ALPHABET, k=_SUFFIX_LENGTH))  # noqa: S311  a name, no secret


class MemoryRegistry:
    """`interfaces.Registry` in memory. `now` gives the wall time that metadata records.

    `admission` runs on a new object after its defaults and before it is checked and stored; an
    entry may change the object or raise `ApiError`.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        log_length: int = LOG_LENGTH,
        namespaces: Sequence[str] = INITIAL_NAMESPACES,
    ) -> None:
        self._now = now
        self._store = Store(log_length=log_length)
        self._handlers: dict[Resource, list[tuple[int, Handler]]] = {}
        self._pending: deque[tuple[Resource, WatchEvent]] = deque()
        self._settling = False
        self._garbage = GarbageCollector(self._store, self._delete)
        self._store.listen(lambda resource, event: self._pending.append((resource, event)))
        self.admission: list[Admission] = []
        for name in namespaces:
            self.create(kinds.NAMESPACES, {"metadata": {"name": name}})

    @property
    def resource_version(self) -> int:
        return self._store.version

    # Reading

    def get(self, resource: Resource, namespace: str, name: str) -> KubeObject:
        found = self.find(resource, namespace, name)
        if found is None:
            raise status.not_found(resource, name)
        return found

    def find(self, resource: Resource, namespace: str, name: str) -> KubeObject | None:
        return self._store.find(kinds.stored_as(resource), namespace, name)

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        labels: Callable[[Mapping[str, str]], bool] | None = None,
    ) -> Sequence[KubeObject]:
        return [
            obj
            for obj in self._store.list(kinds.stored_as(resource), namespace)
            if labels is None or labels(obj["metadata"].get("labels") or {})
        ]

    def list_at(
        self, resource: Resource, namespace: str | None, version: int
    ) -> Sequence[KubeObject]:
        """What `list` gave at a resource version; 410 when that is too long ago."""
        return list(self._store.list_at(kinds.stored_as(resource), namespace, version))

    # Writing

    def create(self, resource: Resource, obj: KubeObject, *, dry_run: bool = False) -> KubeObject:
        resource = kinds.stored_as(resource)
        new = self._prepared(resource, copy_json(obj))
        meta = new["metadata"]
        for admit in self.admission:
            admit(resource, new)
        if self.admission:
            schema.apply_defaults(resource, new)  # what follows from what admission has set
        schema.check_create(resource, new)
        if self._store.find(resource, meta.get("namespace", ""), meta["name"]) is not None:
            raise status.already_exists(resource, meta["name"])
        if dry_run:
            return new
        self._store.put(resource, new)
        self._settle()
        return new

    def _prepared(self, resource: Resource, new: KubeObject) -> KubeObject:
        """`new` with everything the server itself sets; 404 or 403 for its namespace."""
        new["apiVersion"], new["kind"] = resource.api_version, resource.kind
        meta = new.setdefault("metadata", {})
        if meta.get("resourceVersion"):
            raise status.bad_request("resourceVersion should not be set on objects to be created")
        if resource.namespaced:
            self._check_namespace(resource, meta)
        else:
            meta.pop("namespace", None)
        for field in (*_DROPPED_META, "deletionTimestamp", "deletionGracePeriodSeconds"):
            meta.pop(field, None)
        if not meta.get("name"):
            meta["name"] = self._generated_name(resource, meta)
        meta["uid"] = str(uuid.uuid4())
        meta["creationTimestamp"] = rfc3339(self._now())
        meta.pop("resourceVersion", None)
        meta.pop("generation", None)
        if kinds.has_generation(resource):
            meta["generation"] = 1
        # A kubelet registers its node with its status; every other status starts empty.
        if kinds.has_status(resource) and resource is not kinds.NODES:
            new["status"] = {}
        schema.apply_defaults(resource, new)
        return new

    def _check_namespace(self, resource: Resource, meta: KubeObject) -> None:
        name = meta.setdefault("namespace", "default")
        namespace = self._store.find(kinds.NAMESPACES, "", name)
        if namespace is None:
            raise status.not_found(kinds.NAMESPACES, name)
        if "deletionTimestamp" in namespace["metadata"]:
            raise status.namespace_terminating(resource, meta.get("name", ""), name)

    def _generated_name(self, resource: Resource, meta: KubeObject) -> str:
        base = meta.get("generateName")
        if not base:
            cause = status.required("metadata.name", "name or generateName is required")
            raise status.invalid(resource, "", [cause])
        while True:
            name: str = base[:_LONGEST_BASE] + random_suffix()
            if self._store.find(resource, meta.get("namespace", ""), name) is None:
                return name

    def update(self, resource: Resource, obj: KubeObject, *, dry_run: bool = False) -> KubeObject:
        resource = kinds.stored_as(resource)
        old = self._current(resource, obj)
        _check_deletion(resource, obj["metadata"], old["metadata"])
        new = copy_json(obj)
        new["apiVersion"], new["kind"] = resource.api_version, resource.kind
        _keep_meta(new["metadata"], old["metadata"])
        if kinds.has_status(resource):
            new.pop("status", None)
            if "status" in old:
                new["status"] = old["status"]
        schema.carry_over(resource, new, old)
        schema.apply_defaults(resource, new)
        schema.check_update(resource, new, old)
        if kinds.has_generation(resource) and _counted(resource, new) != _counted(resource, old):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        return self._write(resource, new, old, dry_run=dry_run)

    def update_status(
        self, resource: Resource, obj: KubeObject, *, dry_run: bool = False
    ) -> KubeObject:
        resource = kinds.stored_as(resource)
        old = self._current(resource, obj)
        meta = dict(old["metadata"])
        if resource is kinds.DEPLOYMENTS and "annotations" in obj["metadata"]:
            # So its controller notes the revision without a new generation.
            meta["annotations"] = copy_json(obj["metadata"]["annotations"])
        new = {**old, "metadata": meta, "status": copy_json(obj.get("status", {}))}
        return self._write(resource, new, old, dry_run=dry_run)

    def modify(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        change: Callable[[KubeObject], None],
        *,
        status: bool = False,
    ) -> KubeObject | None:
        found = self.find(resource, namespace, name)
        if found is None:
            return None
        obj = copy_json(found)
        change(obj)
        return self.update_status(resource, obj) if status else self.update(resource, obj)

    def _current(self, resource: Resource, obj: KubeObject) -> KubeObject:
        """The stored object that `obj` is to replace; 404 or 409."""
        meta = obj["metadata"]
        namespace = meta.get("namespace", "default") if resource.namespaced else ""
        old = self.get(resource, namespace, meta["name"])
        version = meta.get("resourceVersion")
        if version and version != old["metadata"]["resourceVersion"]:
            raise status.stale(resource, meta["name"])
        uid = meta.get("uid")
        if uid and uid != old["metadata"]["uid"]:
            raise status.conflict(
                resource,
                meta["name"],
                f"Precondition failed: UID in precondition: {uid}, UID in object meta: "
                f"{old['metadata']['uid']}",
            )
        return old

    def _write(
        self, resource: Resource, new: KubeObject, old: KubeObject, *, dry_run: bool
    ) -> KubeObject:
        new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        changed = share_unchanged(new, old) is not old
        if not changed:
            return old
        if dry_run:
            return new
        written = self._store.put(resource, new)
        if _is_released(resource, new):
            written = self._store.remove(
                resource, new["metadata"].get("namespace", ""), new["metadata"]["name"]
            )
        self._settle()
        return written

    # Deleting

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        grace_period_s: int | None = None,
        propagation: str = "Background",
    ) -> KubeObject:
        resource = kinds.stored_as(resource)
        found = self.get(resource, namespace, name)
        if uid is not None and uid != found["metadata"]["uid"]:
            raise status.wrong_uid(resource, name, uid, found["metadata"]["uid"])
        if resource is kinds.NAMESPACES and name in INITIAL_NAMESPACES:
            raise ApiError(
                403,
                "Forbidden",
                f'namespaces "{name}" is forbidden: this namespace may not be deleted',
                details={"name": name, "kind": "namespaces"},
            )
        deleted = self._delete(resource, found, grace_period_s, propagation)
        self._settle()
        return deleted

    def _delete(
        self,
        resource: Resource,
        found: KubeObject,
        grace_period_s: int | None = None,
        propagation: str = "Background",
    ) -> KubeObject:
        meta = found["metadata"]
        finalizers = list(meta.get("finalizers") or ())
        if propagation == "Orphan":
            self._garbage.orphan(found)
        elif propagation == "Foreground" and self._garbage.blocks(found):
            finalizers = list(dict.fromkeys([*finalizers, "foregroundDeletion"]))
        grace = _grace_period(resource, found, grace_period_s)
        if resource is kinds.NAMESPACES:
            finalizers = finalizers or ["kubernetes"]
        if not grace and not finalizers:
            return self._store.remove(resource, meta.get("namespace", ""), meta["name"])
        if "deletionTimestamp" in meta and (
            grace >= meta.get("deletionGracePeriodSeconds", 0)
            and finalizers == (meta.get("finalizers") or finalizers)
        ):
            return found
        return self._store.put(resource, self._doomed(resource, found, grace, finalizers))

    def _doomed(
        self, resource: Resource, found: KubeObject, grace: int, finalizers: Sequence[str]
    ) -> KubeObject:
        """A copy of `found` that says it is being deleted."""
        new: KubeObject = copy_json(found)
        meta = new["metadata"]
        moment = datetime.fromtimestamp(self._now().timestamp() + grace, UTC)
        meta["deletionTimestamp"] = rfc3339(moment)
        if resource is kinds.NAMESPACES:
            # Its finalizer is in the spec, and the controller behind it is this registry.
            new["status"] = {**new.get("status", {}), "phase": "Terminating"}
        else:
            meta["deletionGracePeriodSeconds"] = grace
            if finalizers:
                meta["finalizers"] = [*finalizers]
        if "generation" in meta:
            meta["generation"] += 1
        return new

    # Telling others

    def subscribe(self, resource: Resource, handler: Handler) -> None:
        resource = kinds.stored_as(resource)
        version = self._store.version
        self._handlers.setdefault(resource, []).append((version, handler))
        for obj in self._store.list(resource):
            event = WatchEvent(
                type="ADDED",
                object=obj,
                previous=None,
                resource_version=int(obj["metadata"]["resourceVersion"]),
            )
            _call(handler, event)
        self._settle()

    def watch(
        self, resource: Resource, namespace: str | None, since: int | None
    ) -> AsyncIterator[WatchEvent]:
        return self._store.watch(kinds.stored_as(resource), namespace, since)

    def _settle(self) -> None:
        """Collects garbage and calls handlers, in order, also for what they write themselves."""
        if self._settling:
            return
        self._settling = True
        try:
            while self._pending:
                resource, event = self._pending.popleft()
                self._garbage.handle(resource, event)
                for since, handler in list(self._handlers.get(resource, ())):
                    if event.resource_version > since:
                        _call(handler, event)
        finally:
            self._settling = False


def _call(handler: Handler, event: WatchEvent) -> None:
    try:
        handler(event)
    except Exception:  # noqa: BLE001  a controller's bug must not fail somebody else's write
        _LOG.exception("a handler failed on %s %s", event.type, event.object["metadata"]["name"])


def _check_deletion(resource: Resource, new: KubeObject, old: KubeObject) -> None:
    """422 for who would have an object deleted by writing it, or a deleted one held by more."""
    added = sorted({*(new.get("finalizers") or ())} - {*(old.get("finalizers") or ())})
    if "deletionTimestamp" in old and added:
        shown = ", ".join(f'"{each}"' for each in added)
        cause = status.Cause(
            reason="FieldValueForbidden",
            message="Forbidden: no new finalizers can be added if the object is being deleted, "
            f"found new finalizers []string{{{shown}}}",
            field="metadata.finalizers",
        )
        raise status.invalid(resource, old["name"], [cause])
    if new.get("deletionTimestamp") and "deletionTimestamp" not in old:
        shown = new["deletionTimestamp"].replace("T", " ").removesuffix("Z") + " +0000 UTC"
        cause = status.invalid_value("metadata.deletionTimestamp", shown, "field is immutable")
        raise status.invalid(resource, old["name"], [cause])


def _keep_meta(new: KubeObject, old: KubeObject) -> None:
    for field in _KEPT_META:
        if field in old:
            new[field] = old[field]
        else:
            new.pop(field, None)
    for field in _DROPPED_META:
        new.pop(field, None)
    if "namespace" in old:
        new["namespace"] = old["namespace"]


def _counted(resource: Resource, obj: KubeObject) -> KubeObject:
    """What counts for the generation: all but metadata and status.

    A Deployment's annotations count, too; that a pod is bound to its node does not.
    """
    counted = {key: value for key, value in obj.items() if key not in ("metadata", "status")}
    if resource is kinds.DEPLOYMENTS:
        counted["annotations"] = obj["metadata"].get("annotations") or {}
    elif resource is kinds.PODS:
        counted["spec"] = {**obj["spec"], "nodeName": None}
    return counted


def _grace_period(resource: Resource, obj: KubeObject, asked: int | None) -> int:
    """Seconds the kubelet gets; only a pod that may have a process has any."""
    if resource is not kinds.PODS:
        return 0
    if not obj.get("spec", {}).get("nodeName"):
        return 0
    if obj.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    if asked is not None:
        return max(asked, 0)
    return int(obj["spec"].get("terminationGracePeriodSeconds", 30))


def _is_released(resource: Resource, obj: KubeObject) -> bool:
    """It was to be deleted, and nothing holds it any more."""
    meta = obj["metadata"]
    return (
        "deletionTimestamp" in meta
        and not meta.get("finalizers")
        and not meta.get("deletionGracePeriodSeconds")
        and resource is not kinds.NAMESPACES
    )
