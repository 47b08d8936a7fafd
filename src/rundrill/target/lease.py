"""The Lease of a game day: one at a time under the load of a service, from whatever machine.

The markers of a fault keep two faults apart, from before the first change. The Lease is there for
the whole day: a second load would spoil the first one's baseline long before any fault is made,
and between two drills of a day there is no marker. It lives by being renewed, so what a machine
that is gone has left is over in `LASTS_S`; a marker says what to undo, and stays until then.

No clock of another machine is believed: a Lease has expired when it was seen not to change for as
long as it says that it lasts (as client-go's leader election has it).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from rundrill.base.clock import Clock
from rundrill.target.cluster import Cluster, ClusterError

NAME: Final = "rundrill"
RUN: Final = "rundrill.dev/run"
LASTS_S: Final = 30
RENEW_EVERY_S: Final = 10.0
_LOOK_EVERY_S: Final = 1.0
_MOST_S: Final = 300.0
"""No longer is waited for whatever somebody has written into it."""


class HeldError(Exception):
    """Somebody else has it; says who, and in which run."""


def take(
    cluster: Cluster,
    namespace: str,
    *,
    holder: str,
    run_id: str,
    clock: Clock,
    say: Callable[[str], None],
) -> None:
    """Returns when it is ours. Raises `HeldError` and `ClusterError`.

    One of the same holder is what a killed run of this very workplace left.
    """
    try:
        cluster.create(_path(namespace), _lease(namespace, holder, run_id, taken=True))
    except ClusterError as error:
        if error.code != 409:
            raise
    else:
        return
    try:
        found = cluster.get(_path(namespace))
        if _holder(found) not in (holder, ""):
            _await_expiry(cluster, namespace, found, clock=clock, say=say)
        _replace(cluster, namespace, found, holder, run_id, taken=True)
    except ClusterError as error:
        if error.code not in (404, 409):
            raise
        raise HeldError("another run took it, or ended, at the same moment") from error


def renew(cluster: Cluster, namespace: str, *, holder: str) -> None:
    """Raises `HeldError` when it is no longer ours, `ClusterError` when nobody answers."""
    found = cluster.get(_path(namespace))
    if _holder(found) != holder:
        raise HeldError(_whose(found))
    _replace(cluster, namespace, found, holder, _run(found), taken=False)


def release(cluster: Cluster, namespace: str, *, holder: str) -> None:
    """Removes it when it is ours. Gone already is well too. Raises `ClusterError`."""
    try:
        if _holder(cluster.get(_path(namespace))) == holder:
            cluster.delete(_path(namespace))
    except ClusterError as error:
        if error.code != 404:
            raise


def _await_expiry(
    cluster: Cluster,
    namespace: str,
    found: Mapping[str, Any],
    *,
    clock: Clock,
    say: Callable[[str], None],
) -> None:
    """Returns when nobody renewed it for as long as it lasts. Raises `HeldError` when somebody did.

    It is found out within `RENEW_EVERY_S` that a holder lives.
    """
    lasts_s = _lasts_s(found)
    say(f"{_whose(found)}; waiting up to {lasts_s:.0f} s to see whether it is alive")
    until = clock.now() + lasts_s
    while clock.now() < until:
        clock.sleep(_LOOK_EVERY_S)
        now = cluster.get(_path(namespace))
        if now["metadata"].get("resourceVersion") != found["metadata"].get("resourceVersion"):
            raise HeldError(_whose(now))


def _replace(
    cluster: Cluster,
    namespace: str,
    found: Mapping[str, Any],
    holder: str,
    run_id: str,
    *,
    taken: bool,
) -> None:
    """With its resourceVersion: of two who do so at once, one is refused with code 409."""
    new = _lease(namespace, holder, run_id, taken=taken)
    spec = found.get("spec") or {}
    if not taken:
        new["spec"]["acquireTime"] = spec.get("acquireTime")
    new["spec"]["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + taken
    new["metadata"]["resourceVersion"] = found["metadata"].get("resourceVersion")
    cluster.replace(_path(namespace), new)


def _path(namespace: str) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{quote(namespace, safe='')}/leases/{NAME}"


def _lease(namespace: str, holder: str, run_id: str, *, taken: bool) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # a MicroTime
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": NAME,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": "rundrill"},
            "annotations": {RUN: run_id},
        },
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": LASTS_S,
            "renewTime": now,
            **({"acquireTime": now} if taken else {}),
        },
    }


def _holder(found: Mapping[str, Any]) -> str:
    return str((found.get("spec") or {}).get("holderIdentity") or "")


def _run(found: Mapping[str, Any]) -> str:
    return str((found["metadata"].get("annotations") or {}).get(RUN, "an unknown run"))


def _lasts_s(found: Mapping[str, Any]) -> float:
    stated = (found.get("spec") or {}).get("leaseDurationSeconds")
    return min(float(stated or LASTS_S), _MOST_S)


def _whose(found: Mapping[str, Any]) -> str:
    return f"lease/{NAME} is held by {_holder(found)}, for {_run(found)}"
