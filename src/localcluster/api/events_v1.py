"""Events of `events.k8s.io/v1`, which are stored as the core group's. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from localcluster import kinds
from localcluster.objects import KubeObject, Resource

_TO_CORE: Final[Mapping[str, str]] = {
    "note": "message",
    "regarding": "involvedObject",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_FROM_CORE: Final[Mapping[str, str]] = {core: new for new, core in _TO_CORE.items()}


def shown(resource: Resource, obj: KubeObject) -> KubeObject:
    """A stored object as the asked-for resource shows it."""
    if resource is not kinds.EVENTS_V1:
        return obj
    result = _renamed(obj, _FROM_CORE)
    result["apiVersion"] = resource.api_version
    if not result.get("eventTime"):
        # Clients with strict models refuse an Event without it.
        meta = obj["metadata"]
        result["eventTime"] = obj.get("firstTimestamp") or meta.get("creationTimestamp")
    return result


def stored(resource: Resource, obj: KubeObject) -> KubeObject:
    """An object of the asked-for resource as it is stored."""
    return obj if resource is not kinds.EVENTS_V1 else _renamed(obj, _TO_CORE)


def _renamed(obj: KubeObject, names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in obj.items()}
