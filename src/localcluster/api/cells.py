"""What the rows of different kinds have in common: names, ages, labels, selectors. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from localcluster.api.ages import age
from localcluster.objects import KubeObject

NONE: Final = "<none>"
Cells = Sequence[Any]


def name_of(obj: KubeObject) -> str:
    return str(obj["metadata"]["name"])


def age_of(obj: KubeObject, now: datetime) -> str:
    return age(obj["metadata"].get("creationTimestamp"), now)


def spec_of(obj: KubeObject) -> KubeObject:
    spec: KubeObject = obj.get("spec") or {}
    return spec


def status_of(obj: KubeObject) -> KubeObject:
    state: KubeObject = obj.get("status") or {}
    return state


def joined(items: Sequence[str]) -> str:
    return ",".join(items) or NONE


def format_labels(labels: Mapping[str, str] | None) -> str:
    return joined([f"{key}={value}" for key, value in sorted((labels or {}).items())])


def format_selector(selector: Mapping[str, Any] | None) -> str:
    """A LabelSelector as text; `<none>` when it selects everything."""
    if selector is None:
        return NONE
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for term in selector.get("matchExpressions") or ():
        values = ",".join(sorted(term.get("values") or ()))
        shown = {
            "In": f"{term['key']} in ({values})",
            "NotIn": f"{term['key']} notin ({values})",
            "Exists": term["key"],
            "DoesNotExist": f"!{term['key']}",
        }
        parts.append(shown.get(term["operator"], term["key"]))
    return joined(sorted(parts))


def template_cells(obj: KubeObject) -> tuple[str, str]:
    """Container names and images of the pods it makes."""
    containers = spec_of(spec_of(obj).get("template") or {}).get("containers") or []
    return (
        ",".join(container.get("name", "") for container in containers),
        ",".join(container.get("image", "") for container in containers),
    )
