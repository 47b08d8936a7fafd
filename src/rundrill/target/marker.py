"""The markers of a fault: a ConfigMap in each namespace that it may change, for as long as it may.

The undo journal is on the runner's disk. When that machine is gone, the markers still say what is
broken here, until when it was meant to be, and how to undo it. There is one at a time in a
namespace: creating it is also what keeps a second runner out.

They are claimed empty before anything is read, so that what is read is nobody else's fault; then
the first of them gets the undo entry. A run whose markers hold none has changed nothing.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rundrill.target.cluster import MARKER_LABEL, Cluster, ClusterError, object_path

NAME: Final = "rundrill-fault"
EXPIRES: Final = "rundrill.dev/expires"
"""Annotation: RFC 3339, UTC. After it anybody may undo the fault."""
RUN: Final = "rundrill.dev/run"
_ENTRY: Final = "undo.json"
_LIMIT_BYTES: Final = 900_000
"""A ConfigMap holds a MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """One that was found. `entry` is the undo entry as JSON made of it, None without one."""

    namespace: str
    run_id: str
    expires: datetime
    entry: object | None

    def expired(self, now: datetime) -> bool:
        return now >= self.expires


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A ConfigMap that is labelled as a marker, and why it is none."""

    namespace: str
    name: str
    why: str


def claim(cluster: Cluster, *, namespaces: Sequence[str], run_id: str, expires: datetime) -> None:
    """Puts an empty marker in each namespace, or in none.

    Raises `ClusterError`, with code 409 when there is one already; it says whose.
    """
    try:
        for namespace in sorted(set(namespaces)):  # two runners meet at the first they share
            _claim_one(cluster, namespace, run_id, expires)
    except BaseException:
        with suppress(ClusterError):  # what stays is empty, and expires
            release(cluster, namespaces=namespaces, run_id=run_id)
        raise


def _claim_one(cluster: Cluster, namespace: str, run_id: str, expires: datetime) -> None:
    try:
        cluster.create(_path(namespace), _empty(namespace, run_id, expires))
    except ClusterError as error:
        if error.code != 409:
            raise
        raise ClusterError(f"{_whose(cluster, namespace)}; nothing was changed", 409) from error


def fill(
    cluster: Cluster, *, namespaces: Sequence[str], run_id: str, entry: Mapping[str, Any]
) -> None:
    """Writes the undo entry into what this run has claimed. Raises `ClusterError`."""
    text = json.dumps(entry)
    if len(text) > _LIMIT_BYTES:
        # Without the snapshot the fault itself can still be undone.
        text = json.dumps({**entry, "snapshot": {}})
    namespace = min(namespaces)
    found = cluster.get(_path(namespace))
    if (found["metadata"].get("annotations") or {}).get(RUN) != run_id:
        raise ClusterError(f"{_whose(cluster, namespace)}: it took this run's place", 409)
    cluster.replace(_path(namespace), {**found, "data": {_ENTRY: text}})


def release(cluster: Cluster, *, namespaces: Sequence[str], run_id: str) -> None:
    """Removes the markers of this run, and of no other. Gone already is well too.

    The one with the entry goes first: those without it say that nothing is left. Raises
    `ClusterError` when one could not be removed, and has tried the others.
    """
    refusal: ClusterError | None = None
    for namespace in sorted(set(namespaces)):
        try:
            found = cluster.get(_path(namespace))
            if (found["metadata"].get("annotations") or {}).get(RUN) == run_id:
                cluster.delete(_path(namespace))
        except ClusterError as error:
            if error.code != 404:
                refusal = error
    if refusal is not None:
        raise refusal


def find(cluster: Cluster) -> Sequence[Marker | Unreadable]:
    """Every marker of the cluster. Raises `ClusterError` when it cannot be asked."""
    listed = cluster.get(f"/api/v1/configmaps?labelSelector={MARKER_LABEL}")["items"]
    return [_read(item) for item in listed]


def _path(namespace: str) -> str:
    return object_path("configmap", namespace, NAME)


def _empty(namespace: str, run_id: str, expires: datetime) -> Mapping[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": NAME,
            "namespace": namespace,
            "labels": {MARKER_LABEL: "true", "app.kubernetes.io/managed-by": "rundrill"},
            "annotations": {
                EXPIRES: expires.astimezone(UTC).isoformat(timespec="seconds"),
                RUN: run_id,
            },
        },
    }


def _whose(cluster: Cluster, namespace: str) -> str:
    try:
        found = _read(cluster.get(_path(namespace)))
    except ClusterError:
        return f"another run holds the namespace {namespace}"
    if isinstance(found, Unreadable):
        return f"configmap/{NAME} in {namespace} is in the way: {found.why}"
    return f"the fault of run {found.run_id} may be in {namespace} until {found.expires}"


def _read(item: Mapping[str, Any]) -> Marker | Unreadable:
    meta = item["metadata"]
    if meta["name"] != NAME:
        why = f"its name is not {NAME}"
        return Unreadable(namespace=meta["namespace"], name=meta["name"], why=why)
    try:
        expires = datetime.fromisoformat(meta["annotations"][EXPIRES])
        text = (item.get("data") or {}).get(_ENTRY)
        return Marker(
            namespace=meta["namespace"],
            run_id=meta["annotations"][RUN],
            expires=expires if expires.tzinfo else expires.replace(tzinfo=UTC),
            entry=None if text is None else json.loads(text),
        )
    except KeyError as error:
        why = f"{error} is missing"
    except (ValueError, TypeError) as error:
        why = str(error)
    return Unreadable(namespace=meta["namespace"], name=meta["name"], why=why)
