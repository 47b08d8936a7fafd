"""`Accept: ...;as=Table`: lists, single objects and watch events as kubectl prints them. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from localcluster import kinds
from localcluster.api.rows import LAYOUTS
from localcluster.objects import KubeObject, Resource


def table(
    resource: Resource,
    objects: Sequence[KubeObject],
    now: datetime,
    *,
    version: str,
    include: str = "Metadata",
    columns: bool = True,
) -> KubeObject:
    """`include` is the client's includeObject: Metadata, Object or None. A watch sends `columns`
    with its first event alone."""
    layout = LAYOUTS[kinds.stored_as(resource)]
    definitions = [_column(text) for text in layout.columns] if columns else None
    rows = []
    for obj in objects:
        row: dict[str, Any] = {"cells": list(layout.cells(obj, now))}
        if conditions := _conditions(resource, obj):
            row["conditions"] = conditions
        if include != "None":
            row["object"] = obj if include == "Object" else partial_metadata(obj)
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": definitions,
        "rows": rows,
    }


def partial_metadata(obj: KubeObject) -> KubeObject:
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
    }


def _column(text: str) -> KubeObject:
    name, _, rest = text.partition(":")
    kind, _, priority = rest.partition(":")
    return {
        "name": name,
        "type": kind or "string",
        "format": "name" if name == "Name" else "",
        "description": f"{name} of the object, as the real API server computes it.",
        "priority": int(priority or 0),
    }


_ENDED = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


def _conditions(resource: Resource, obj: KubeObject) -> list[KubeObject]:
    phase = (obj.get("status") or {}).get("phase") if resource is kinds.PODS else None
    if phase not in _ENDED:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _ENDED[phase]}]
