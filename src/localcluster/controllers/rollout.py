"""The arithmetic of a Deployment's rollout. Pure; the rules are those of Kubernetes' own
deployment controller (percentages, proportional scaling, template hash)."""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from localcluster.json_copy import copy_json
from localcluster.objects import KubeObject

HASH_LABEL: Final = "pod-template-hash"
REVISION: Final = "deployment.kubernetes.io/revision"
HISTORY: Final = "deployment.kubernetes.io/revision-history"
DESIRED: Final = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS: Final = "deployment.kubernetes.io/max-replicas"
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
# Never copied between a Deployment and its ReplicaSets: they belong to the one object.
_OWN_ANNOTATIONS: Final = frozenset(
    {LAST_APPLIED, REVISION, HISTORY, DESIRED, MAX_REPLICAS, "deprecated.deployment.rollback.to"}
)


def replicas(obj: KubeObject) -> int:
    """What its spec asks for."""
    return int(obj["spec"].get("replicas", 1))


def total(sets: Iterable[KubeObject]) -> int:
    return sum(replicas(each) for each in sets)


def in_status(sets: Iterable[KubeObject], key: str) -> int:
    return sum(int((each.get("status") or {}).get(key) or 0) for each in sets)


def is_rolling(deployment: KubeObject) -> bool:
    return bool(deployment["spec"]["strategy"]["type"] == "RollingUpdate")


def _resolve(value: Any, whole: int, *, up: bool) -> int:
    if isinstance(value, str) and value.endswith("%"):
        part = int(value[:-1]) * whole / 100
        return math.ceil(part) if up else math.floor(part)
    return int(value)


def bounds(deployment: KubeObject) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in pods. Both zero would stop the rollout, so one pod may go."""
    if not is_rolling(deployment):
        return 0, 0
    rolling = deployment["spec"]["strategy"].get("rollingUpdate") or {}
    wanted = replicas(deployment)
    surge = _resolve(rolling.get("maxSurge", "25%"), wanted, up=True)
    unavailable = _resolve(rolling.get("maxUnavailable", "25%"), wanted, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, min(unavailable, wanted)


def bare_template(template: KubeObject) -> KubeObject:
    """The template without the hash label, for comparisons."""
    bare: KubeObject = copy_json(template)
    meta = bare.get("metadata") or {}
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key != HASH_LABEL}
    # Absent and empty are the same to everybody.
    bare["metadata"] = {
        key: value
        for key, value in {**meta, "labels": labels}.items()
        if value not in (None, {}, [])
    }
    return bare


def template_hash(template: KubeObject, collisions: int = 0) -> str:
    """Up to ten characters, as in `web-68d6d6f89f`: FNV-1a of the template, in safe letters."""
    text = json.dumps(bare_template(template), sort_keys=True, separators=(",", ":"))
    value = 2166136261
    for byte in f"{text}{collisions or ''}".encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in str(value))


def revision(obj: KubeObject) -> int:
    """0 when it has none."""
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if text.isdecimal() else 0


def copied_annotations(deployment: KubeObject) -> dict[str, str]:
    """Those that its ReplicaSets carry as well: the change cause above all."""
    annotations = deployment["metadata"].get("annotations") or {}
    return {key: value for key, value in annotations.items() if key not in _OWN_ANNOTATIONS}


def by_age(sets: Iterable[KubeObject]) -> list[KubeObject]:
    """Oldest first."""
    return sorted(sets, key=lambda each: (each["metadata"]["creationTimestamp"], revision(each)))


def scale_up_to(deployment: KubeObject, sets: Sequence[KubeObject], new: int) -> int:
    """How many replicas the new set may have now, of which it has `new`."""
    wanted = replicas(deployment)
    if not is_rolling(deployment):
        return wanted
    surge, _ = bounds(deployment)
    room = wanted + surge - total(sets)
    if room <= 0:
        return new
    return new + min(room, wanted - new)


def shares(deployment: KubeObject, sets: Sequence[KubeObject]) -> list[tuple[KubeObject, int]]:
    """Each set's replicas when a Deployment is scaled in the middle of a rollout: in proportion
    to what they have; the rounding goes to the largest."""
    surge, _ = bounds(deployment)
    allowed = replicas(deployment) + surge if replicas(deployment) > 0 else 0
    to_add = allowed - total(sets)
    newest_first = list(reversed(by_age(sets)))
    ordered = sorted(newest_first if to_add > 0 else by_age(sets), key=lambda s: -replicas(s))
    sizes: list[int] = []
    added = 0
    for each in ordered:
        size = replicas(each)
        if to_add:
            share = _proportion(each, allowed, to_add, added)
            size += share
            added += share
        sizes.append(size)
    if to_add and ordered:
        sizes[0] = max(0, sizes[0] + to_add - added)
    return list(zip(ordered, sizes, strict=True))


def _proportion(each: KubeObject, allowed: int, to_add: int, added: int) -> int:
    size = replicas(each)
    if size == 0 or to_add == added:
        return 0
    annotations = each["metadata"].get("annotations") or {}
    before = int(annotations.get(MAX_REPLICAS, "0") or 0) or size
    share = math.floor(size * allowed / before + 0.5) - size
    left = to_add - added
    return min(share, left) if to_add > 0 else max(share, left)
