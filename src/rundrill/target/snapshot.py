"""What the blast radius looked like before, what is different after, and the way back. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Snapshot = Mapping[str, Mapping[str, Any]]
"""`kind/namespace/name` to the object as the API gave it."""

# Written by the machinery on every change, whoever made it.
_BOOKKEEPING = frozenset(
    {
        # The status of autoscaling/v1, which has no better place for it.
        "autoscaling.alpha.kubernetes.io/conditions",
        "autoscaling.alpha.kubernetes.io/current-metrics",
        # Who leads, renewed every few seconds.
        "control-plane.alpha.kubernetes.io/leader",
        "deployment.kubernetes.io/revision",
        "kubectl.kubernetes.io/last-applied-configuration",
    }
)
_NOT_INTENT: Final = frozenset({"metadata", "status", "kind", "apiVersion"})
_OF_THE_SERVER: Final = frozenset(
    {
        "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation",
        "managedFields", "resourceVersion", "selfLink", "uid",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One step of the way back. `body` is a JSON merge patch, or the whole object to create.

    `api_version` is that of the object, "" when it does not say.
    """

    name: str
    create: bool
    body: Mapping[str, Any]
    api_version: str = ""


def way_back(before: Snapshot, after: Snapshot) -> Sequence[Change]:
    """What makes `after` mean the same as `before` again.

    What is new is not deleted: it may be somebody else's. A Job is never made again nor changed:
    it would run twice. `differences` tells both. What an autoscaler sets is the autoscaler's.
    """
    changes: list[Change] = []
    scaled, going = _autoscaled(before, after), leaving(before, after)
    for name, old in sorted(before.items()):
        if _is_job(name) or name in going:
            continue
        new, version = after.get(name), str((after.get(name) or old).get("apiVersion") or "")
        if new is None:
            meta = {k: v for k, v in old["metadata"].items() if k not in _OF_THE_SERVER}
            body = {key: value for key, value in old.items() if key not in ("metadata", "status")}
            body["metadata"] = meta
            changes.append(Change(name=name, create=True, body=body, api_version=version))
        else:
            patch = merge_patch(_declared(new), _declared(old))
            if name in scaled and "replicas" in patch.get("spec", {}):
                del patch["spec"]["replicas"]
                patch = {key: value for key, value in patch.items() if value != {}}
            if patch:
                changes.append(Change(name=name, create=False, body=patch, api_version=version))
    return changes


def leaving(before: Snapshot, after: Snapshot) -> frozenset[str]:
    """What was deleted and is still there: it cannot be made again until it has gone."""
    return frozenset(
        name
        for name in before.keys() & after.keys()
        if "deletionTimestamp" in after[name]["metadata"]
        and "deletionTimestamp" not in before[name]["metadata"]
    )


def _is_job(name: str) -> bool:
    return name.startswith("job/")


def _finished(job: Mapping[str, Any]) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or []
    return any(
        one.get("type") in ("Complete", "Failed") and one.get("status") == "True"
        for one in conditions
    )


def _autoscaled(before: Snapshot, after: Snapshot) -> frozenset[str]:
    """Whose replicas are an autoscaler's doing, so nobody's intent.

    At no replicas an autoscaler rests: then it was somebody else.
    """
    found = set()
    for name, item in (*before.items(), *after.items()):
        kind, namespace, _ = name.split("/")
        if kind == "horizontalpodautoscaler":
            target = (item.get("spec") or {}).get("scaleTargetRef") or {}
            found.add(f"{str(target.get('kind')).lower()}/{namespace}/{target.get('name')}")
    return frozenset(
        name
        for name in found & before.keys() & after.keys()
        if 0 not in (_replicas(before[name]), _replicas(after[name]))
    )


def _replicas(item: Mapping[str, Any]) -> object:
    return (item.get("spec") or {}).get("replicas", 1)


def _without_replicas(item: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = {key: value for key, value in (item.get("spec") or {}).items() if key != "replicas"}
    return {**item, "spec": spec}


def merge_patch(now: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch (RFC 7386) that makes `wanted` of `now`."""
    patch: dict[str, Any] = dict.fromkeys(now.keys() - wanted.keys())
    for key, value in wanted.items():
        if isinstance(value, Mapping) and isinstance(now.get(key), Mapping):
            inner = merge_patch(now[key], value)
            if inner:
                patch[key] = inner
        elif key not in now or now[key] != value:
            patch[key] = value
    return patch


def _declared(item: Mapping[str, Any]) -> dict[str, Any]:
    """What a patch may bring back; its annotations without the machinery's own."""
    intent = _intent(item)
    meta = {"labels": intent.pop("labels"), "annotations": intent.pop("annotations")}
    return {"metadata": meta, **intent}


def differences(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """One sentence a leaf that changed; bookkeeping and status do not count.

    Nor do a finished Job that is gone, since its time to live ends it, and what an autoscaler set.
    """
    found: list[str] = []
    scaled, going = _autoscaled(before, after), leaving(before, after)
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if new is None and _is_job(name) and _finished(before[name]):
            continue
        if old is None or new is None:
            found.append(f"{name}: {'was deleted' if new is None else 'was created'}")
            continue
        if name in going:
            found.append(f"{name}: is being deleted")
            continue
        if name in scaled:
            old, new = _without_replicas(old), _without_replicas(new)
        was, now = dict(_leaves(_intent(old))), dict(_leaves(_intent(new)))
        found.extend(
            f"{name}: {path} was {was.get(path, 'absent')!r}, is {now.get(path, 'absent')!r}"
            for path in sorted(was.keys() | now.keys())
            if was.get(path) != now.get(path)
        )
    return tuple(found)


def _intent(item: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody asked for, without what the cluster writes by itself."""
    meta = item.get("metadata", {})
    annotations = {
        key: value
        for key, value in (meta.get("annotations") or {}).items()
        if key not in _BOOKKEEPING
    }
    body = {key: value for key, value in item.items() if key not in _NOT_INTENT}
    return {"labels": meta.get("labels") or {}, "annotations": annotations, **body}


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            # A value alone would not tell whose it is: a password, or a level of logging?
            named = isinstance(item, Mapping) and "value" in item and "name" in item
            whose = f" {item['name']}" if named else ""
            yield from _leaves(item, f"{path}[{index}{whose}]")
    elif value not in ({}, [], None):
        yield path, value
