"""The Lease of a game day: one holder, who must stay alive to keep it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from fakes import FakeClock

from rundrill.target import lease
from rundrill.target.cluster import Cluster, ClusterError


class Leases(Cluster):
    """One Lease as the API server keeps it, with its optimistic lock."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] | None = None
        self.version = 0

    def _request(self, method: str, path: str, *, body: Any = None, **_: Any) -> str:
        assert path.startswith("/apis/coordination.k8s.io/v1/namespaces/production/leases")
        if method == "POST":
            if self.kept is not None:
                raise ClusterError("exists", 409)
        elif self.kept is None:
            raise ClusterError("not found", 404)
        if method == "DELETE":
            self.kept = None
        elif method in ("POST", "PUT"):
            sent = json.loads(json.dumps(body))
            if method == "PUT" and sent["metadata"]["resourceVersion"] != str(self.version):
                raise ClusterError("the object has been modified", 409)
            self.version += 1
            self.kept = sent
            self.kept["metadata"]["resourceVersion"] = str(self.version)
        return json.dumps(self.kept)


class Scene:
    def __init__(self) -> None:
        self.cluster = Leases()
        self.clock = FakeClock()
        self.said: list[str] = []

    def take(self, holder: str, run_id: str = "day-1") -> None:
        lease.take(
            self.cluster,
            "production",
            holder=holder,
            run_id=run_id,
            clock=self.clock,
            say=self.said.append,
        )

    def renew(self, holder: str) -> None:
        lease.renew(self.cluster, "production", holder=holder)

    def spec(self) -> dict[str, Any]:
        assert self.cluster.kept is not None
        found: dict[str, Any] = self.cluster.kept["spec"]
        return found

    def every(self, seconds: int, act: Callable[[], None]) -> None:
        def on_second() -> None:
            if int(self.clock.at) % seconds == 0:
                act()

        self.clock.on_second = on_second


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_it_is_taken_renewed_and_given_back(scene: Scene) -> None:
    scene.take("here_1")
    taken = dict(scene.spec())
    assert taken["holderIdentity"] == "here_1"
    assert taken["leaseDurationSeconds"] == 30
    scene.renew("here_1")
    assert scene.spec()["acquireTime"] == taken["acquireTime"]
    assert scene.spec()["leaseTransitions"] == 0
    lease.release(scene.cluster, "production", holder="here_1")
    assert scene.cluster.kept is None
    lease.release(scene.cluster, "production", holder="here_1")


def test_one_that_lives_is_told_apart_within_a_renewal(scene: Scene) -> None:
    scene.take("there_2", "20260101-crash-loop")
    scene.every(10, lambda: scene.renew("there_2"))
    started = scene.clock.at
    with pytest.raises(lease.HeldError) as held:
        scene.take("here_1")
    assert str(held.value) == "lease/rundrill is held by there_2, for 20260101-crash-loop"
    assert scene.clock.at - started <= lease.RENEW_EVERY_S
    assert "waiting up to 30 s to see whether it is alive" in scene.said[0]


def test_one_that_nobody_renews_is_taken_over(scene: Scene) -> None:
    scene.take("there_2")
    started = scene.clock.at
    scene.take("here_1", "day-2")
    assert scene.clock.at - started == lease.LASTS_S
    assert scene.spec()["holderIdentity"] == "here_1"
    assert scene.spec()["leaseTransitions"] == 1
    with pytest.raises(lease.HeldError, match="held by here_1, for day-2"):
        scene.renew("there_2")
    lease.release(scene.cluster, "production", holder="there_2")  # not its own any more
    assert scene.spec()["holderIdentity"] == "here_1"


def test_what_a_killed_run_of_this_workplace_left_is_not_waited_for(scene: Scene) -> None:
    scene.take("here_1")
    started = scene.clock.at
    scene.take("here_1", "day-2")
    assert scene.clock.at == started
    assert scene.said == []


def test_of_two_who_take_it_over_at_once_one_is_refused(scene: Scene) -> None:
    scene.take("there_2")
    get = scene.cluster.get

    def get_too_early(path: str) -> dict[str, Any]:
        found = get(path)
        scene.cluster.version += 1  # somebody replaces it right after
        return found

    scene.cluster.get = get_too_early  # type: ignore[method-assign]
    with pytest.raises(lease.HeldError, match="another run took it"):
        scene.take("there_2")


def test_one_that_ends_while_it_is_looked_at_leaves_the_place_to_the_next_try(scene: Scene) -> None:
    scene.take("there_2")
    scene.every(5, lambda: lease.release(scene.cluster, "production", holder="there_2"))
    with pytest.raises(lease.HeldError, match="or ended, at the same moment"):
        scene.take("here_1")


@pytest.mark.parametrize("stated", [None, 0, 99999])
def test_no_longer_is_waited_than_makes_sense(scene: Scene, stated: int | None) -> None:
    scene.take("there_2")
    scene.spec()["leaseDurationSeconds"] = stated
    started = scene.clock.at
    scene.take("here_1")
    assert scene.clock.at - started <= 300.0


def test_a_lease_of_somebody_else_without_a_run_is_named_as_it_is(scene: Scene) -> None:
    scene.take("operator")
    assert scene.cluster.kept is not None
    scene.cluster.kept["metadata"]["annotations"] = None
    with pytest.raises(lease.HeldError, match="held by operator, for an unknown run"):
        scene.renew("here_1")


def test_a_cluster_that_refuses_is_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise ClusterError("forbidden", 403)

    monkeypatch.setattr(scene.cluster, "_request", refuse)
    for act in (
        lambda: scene.take("here_1"),
        lambda: scene.renew("here_1"),
        lambda: lease.release(scene.cluster, "production", holder="here_1"),
    ):
        with pytest.raises(ClusterError, match="forbidden"):
            act()
