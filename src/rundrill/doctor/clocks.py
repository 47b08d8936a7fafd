"""Clocks: this machine's against the API server's, and each node's, with what is uncertain said.

Durations of a drill come from one monotonic clock and suffer nothing from this. What is by the
wall: when a marker of a fault expires, certificates, and the samples of a Prometheus.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from rundrill.base.clock import Clock
from rundrill.doctor.check import Check, State, attempted
from rundrill.target.cluster import Cluster, ClusterError

GROUP: Final = "clocks"
WARNED_S: Final = 2.0
FAILED_S: Final = 60.0
READINGS: Final = 5
EVERY_S: Final = 0.23
"""Not a divisor of a second: each reading then meets another part of it."""
LEASE_S: Final = 10.0
"""A kubelet renews its Lease in kube-node-lease that often, and writes its own time into it."""
HEARTBEAT_S: Final = 300.0
"""A kubelet's condition that does not change is written that often."""
_TOLERABLE_S: Final = 30.0
"""What is not known better than this is not known."""


@dataclass(frozen=True, slots=True)
class Offset:
    """How far another clock is ahead: somewhere in between, in seconds."""

    low_s: float
    high_s: float

    @property
    def surely_s(self) -> float:
        """The least distance that is certain; 0 when they may agree."""
        return max(self.low_s, -self.high_s, 0.0)

    def __str__(self) -> str:
        middle, half = (self.low_s + self.high_s) / 2, (self.high_s - self.low_s) / 2
        return f"{middle:+.1f} s, \u00b1 {half:.1f} s"


def checks(cluster: Cluster, *, clock: Clock, wall: Callable[[], float]) -> Iterator[Check]:
    """`wall` is Unix time on this machine."""
    found: list[Offset] = []

    def server() -> Iterable[Check]:
        found.append(offset_of(_readings(cluster, clock=clock, wall=wall)))
        return [judge_server(found[0])]

    yield from attempted(
        GROUP,
        "API server",
        server,
        fix="compare by hand: `kubectl get --raw /version -v=8` shows its Date",
    )
    if found:
        yield from attempted(
            GROUP,
            "nodes",
            lambda: _nodes(cluster, found[0], wall),
            fix="compare by hand: `kubectl get nodes`, `kubectl get leases -n kube-node-lease`",
        )


def offset_of(readings: Iterable[tuple[float, float, float]]) -> Offset:
    """Of (before, Date, after): the other clock was in [Date, Date + 1) while ours went from
    before to after. Each reading narrows it. Raises `ValueError` for readings that contradict.
    """
    low, high = float("-inf"), float("inf")
    for before, date, after in readings:
        low, high = max(low, date - after), min(high, date + 1 - before)
    if not low <= high < float("inf"):
        raise ValueError("the readings contradict each other: a clock was set meanwhile")
    return Offset(low, high)


def judge_server(offset: Offset) -> Check:
    state = _state(offset)
    return Check(
        group=GROUP,
        name="API server",
        state=state,
        seen=f"ahead of this machine by {offset}",
        fix="" if state == "ok" else "set this machine's clock, or the server's (chrony, NTP)",
    )


def written(now: float, at: float, every_s: float) -> Offset:
    """Of a clock that wrote its time, `at`, at most `every_s` before `now`."""
    return Offset(at - now, at - now + every_s)


def judge_node(node: str, offset: Offset | None, by: str) -> Check:
    name = f"node {node}"
    if offset is None:
        return Check(
            group=GROUP,
            name=name,
            state="not known",
            seen="no Lease and no heartbeat of it tells a time",
            fix="run `date` on it, beside `date` here",
        )
    half = (offset.high_s - offset.low_s) / 2
    state = _state(offset)
    seen = f"ahead of the API server by {offset}, by its {by}"
    if state == "ok" and half > _TOLERABLE_S:
        return Check(
            group=GROUP,
            name=name,
            state="not known",
            seen=f"{seen}: no better than that",
            fix="run `date` on it, beside `date` here",
        )
    fix = "set its clock (chrony, NTP); or its kubelet no longer writes: `kubectl get nodes`"
    return Check(group=GROUP, name=name, state=state, seen=seen, fix="" if state == "ok" else fix)


def _state(offset: Offset) -> State:
    if offset.surely_s > FAILED_S:
        return "failed"
    return "warning" if offset.surely_s > WARNED_S else "ok"


def _readings(
    cluster: Cluster, *, clock: Clock, wall: Callable[[], float]
) -> Iterator[tuple[float, float, float]]:
    for number in range(READINGS):
        if number:
            clock.sleep(EVERY_S)
        before = wall()
        date = cluster.date()
        after = wall()
        yield before, parsedate_to_datetime(date).timestamp(), after


def _nodes(cluster: Cluster, server: Offset, wall: Callable[[], float]) -> Iterator[Check]:
    nodes: Sequence[Mapping[str, Any]] = cluster.get("/api/v1/nodes")["items"]
    leases = _leases(cluster)
    # Of the server's clock, as well as it is known.
    now = wall() + (server.low_s + server.high_s) / 2
    for node in nodes:
        name = str(node["metadata"]["name"])
        if name in leases:
            yield judge_node(name, written(now, leases[name], LEASE_S), "Lease")
            continue
        beats = [
            _unix(one["lastHeartbeatTime"])
            for one in node.get("status", {}).get("conditions") or ()
            if one.get("lastHeartbeatTime")
        ]
        offset = written(now, max(beats), HEARTBEAT_S) if beats else None
        yield judge_node(name, offset, "heartbeat")


def _leases(cluster: Cluster) -> Mapping[str, float]:
    """When each node last renewed, by its own clock; none where Leases are not served or told."""
    path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    try:
        items = cluster.get(path)["items"]
    except ClusterError as error:
        if error.code in (403, 404):  # the account of a drill has no need of them
            return {}
        raise
    return {
        str(item["metadata"]["name"]): _unix(item["spec"]["renewTime"])
        for item in items
        if (item.get("spec") or {}).get("renewTime")
    }


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()
