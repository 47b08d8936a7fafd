"""The marker of a fault: a ConfigMap in the cluster itself, for as long as the fault may last.

The undo journal is on the runner's disk. When that machine is gone, the marker still says what is
broken here, until when it was meant to be, and how to undo it. There is one at a time in a
namespace: creating it is also what keeps a second runner out.
"""

import json
from collections.abc import Mapping, Sequence
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
    """One that was found. `entry` is the undo entry as JSON."""

    namespace: str
    run_id: str
    expires: datetime
    entry: Mapping[str, Any]

    def expired(self, now: datetime) -> bool:
        return now >= self.expires


def put(
    cluster: Cluster, *, namespace: str, run_id: str, expires: datetime, entry: Mapping[str, Any]
) -> None:
    """Raises `ClusterError`, with code 409 when there is one already."""
    text = json.dumps(entry)
    if len(text) > _LIMIT_BYTES:
        # Without the snapshot the fault itself can still be undone.
        text = json.dumps({**entry, "snapshot": {}})
    cluster.create(
        object_path("configmap", namespace, NAME),
        {
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
            "data": {_ENTRY: text},
        },
    )


def remove(cluster: Cluster, *, namespace: str, run_id: str) -> None:
    """Removes the marker of this run, and of no other. Gone already is well too."""
    path = object_path("configmap", namespace, NAME)
    try:
        found = cluster.get(path)
    except ClusterError as error:
        if error.code == 404:
            return
        raise
    if (found["metadata"].get("annotations") or {}).get(RUN) == run_id:
        cluster.delete(path)


def find(cluster: Cluster) -> Sequence[Marker]:
    """Every marker of the cluster. Raises `ClusterError` for one that cannot be read."""
    listed = cluster.get(f"/api/v1/configmaps?labelSelector={MARKER_LABEL}")["items"]
    return [_read(item) for item in listed]


def _read(item: Mapping[str, Any]) -> Marker:
    meta = item["metadata"]
    try:
        return Marker(
            namespace=meta["namespace"],
            run_id=meta["annotations"][RUN],
            expires=datetime.fromisoformat(meta["annotations"][EXPIRES]),
            entry=json.loads(item["data"][_ENTRY]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise ClusterError(
            f"configmap/{meta['name']} in {meta['namespace']} is labelled {MARKER_LABEL},"
            f" and is no marker of a drill: {error!r}"
        ) from error
