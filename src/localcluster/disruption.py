"""How many pods a disruption budget wants healthy, and how many are: counted when it is asked.

The eviction counts for itself, so that two evictions of one moment never rely on the same figure.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from localcluster import kinds, selectors
from localcluster.interfaces import Registry
from localcluster.objects import KubeObject

_SCALED = (kinds.REPLICA_SETS, kinds.STATEFUL_SETS)


@dataclass(frozen=True, slots=True)
class Health:
    """Numbers of pods, as they stand in a budget's status."""

    expected: int
    desired: int
    current: int

    @property
    def allowed(self) -> int:
        """How many may be disturbed now."""
        return max(self.current - self.desired, 0) if self.expected else 0


def covers(budget: KubeObject, pod: KubeObject) -> bool:
    selects = selectors.from_selector(budget["spec"].get("selector"))
    return selects(pod["metadata"].get("labels") or {})


def health(registry: Registry, budget: KubeObject) -> Health:
    """Of the pods that `budget` covers, as the disruption controller counts them."""
    spec = budget["spec"]
    selects = selectors.from_selector(spec.get("selector"))
    pods = registry.list(kinds.PODS, budget["metadata"]["namespace"], selects)
    current = sum(is_healthy(pod) for pod in pods)
    if isinstance(least := spec.get("minAvailable", 1), int) and "maxUnavailable" not in spec:
        return Health(expected=len(pods), desired=least, current=current)
    expected = _wanted(registry, pods)
    if "maxUnavailable" in spec:
        desired = max(expected - _share(spec["maxUnavailable"], expected), 0)
    else:
        desired = _share(least, expected)
    return Health(expected=expected, desired=desired, current=current)


def is_healthy(pod: KubeObject) -> bool:
    """Ready, and not on its way out."""
    return "deletionTimestamp" not in pod["metadata"] and any(
        condition.get("type") == "Ready" and condition.get("status") == "True"
        for condition in pod.get("status", {}).get("conditions") or ()
    )


def _wanted(registry: Registry, pods: Iterable[KubeObject]) -> int:
    """The replicas that the pods' controllers want; a pod of nobody counts for itself."""
    replicas: dict[str, int] = {}
    for pod in pods:
        meta = pod["metadata"]
        owner: KubeObject = next(
            (each for each in meta.get("ownerReferences") or () if each.get("controller")), {}
        )
        uid = owner.get("uid", meta["uid"])
        if uid in replicas:
            continue
        replicas[uid] = 1
        for resource in _SCALED:
            found = resource.kind == owner.get("kind") and registry.find(
                resource, meta["namespace"], owner["name"]
            )
            if found and found["metadata"]["uid"] == uid:
                replicas[uid] = int(found["spec"].get("replicas", 1))
    return sum(replicas.values())


def _share(value: int | str, total: int) -> int:
    """Percentages are rounded up, of what must be available and of what need not be."""
    if isinstance(value, int):
        return value
    return -(-total * int(value.removesuffix("%")) // 100)
