"""The probe on clusters that enforce, or do not; whatever happens, its namespace goes."""

from collections.abc import Mapping
from typing import Any, cast

import pytest
from fakes import FakeClock

from rundrill.doctor import enforcement
from rundrill.doctor.probe import Probed, leftovers, probe
from rundrill.target.cluster import Cluster, ClusterError


class Kubernetes:
    """Answers with what pods of the probe would come to."""

    def __init__(self) -> None:
        self.codes: dict[str, int | None] = {
            "memory": 137, "server": None, "before": 0, "no-ingress": 10, "no-egress": 10,
            "after": 0,
        }  # fmt: skip
        self.waiting: dict[str, str] = {}
        self.refused: dict[str, ClusterError] = {}
        self.stays = False
        self.account_late = 0
        self.namespaces: list[str] = []
        self.made: list[str] = []
        self.deleted: list[str] = []
        self.pods: dict[str, Mapping[str, Any]] = {}

    def create(self, path: str, item: Mapping[str, Any]) -> None:
        kind, name = item["kind"], item["metadata"]["name"]
        if kind == "Namespace":
            self.namespaces.append(name)
        if kind == "Pod" and self.account_late:
            self.account_late -= 1
            raise ClusterError('serviceaccount "default" not found', 403)
        if kind in self.refused:
            raise self.refused[kind]
        self.made.append(f"{kind} {name}")
        if kind == "Pod":
            self.pods[name] = item

    def delete(self, path: str) -> None:
        self.deleted.append(path)
        if not self.stays:
            self.namespaces.remove(path.rpartition("/")[2])

    def get(self, path: str) -> Mapping[str, Any]:
        if path.startswith("/api/v1/namespaces?"):
            return {"items": [{"metadata": {"name": name}} for name in self.namespaces]}
        if path.endswith("/events"):
            told = {"involvedObject": {"name": "memory"}, "message": "killed (enforced by cgroup)"}
            return {"items": [told]}
        name = path.rpartition("/")[2]
        if name in self.pods:
            return {"status": {"containerStatuses": [{"state": self._state(name)}]}}
        if name in self.namespaces:
            return {}
        raise ClusterError(f"GET {path}: 404", 404)

    def _state(self, name: str) -> Mapping[str, Any]:
        if name in self.waiting:
            return {"waiting": {"reason": self.waiting[name]}}
        code = self.codes.get(name, 0)
        if code is None:
            return {"running": {}}
        reason = "OOMKilled" if code == 137 else "Completed"
        return {"terminated": {"exitCode": code, "reason": reason}}


@pytest.fixture
def kubernetes() -> Kubernetes:
    return Kubernetes()


def probed(kubernetes: Kubernetes, *images: str) -> Probed:
    return probe(cast("Cluster", kubernetes), image="python:3", images=images, clock=FakeClock())


def states(found: Probed) -> Mapping[str, str]:
    return {check.name: check.state for check in enforcement.judge(found)}


def test_a_cluster_that_enforces(kubernetes: Kubernetes) -> None:
    found = probed(kubernetes, "shop/web:2")
    assert set(states(found).values()) == {"ok"}
    assert "enforced by cgroup" in next(iter(enforcement.judge(found))).seen
    assert kubernetes.namespaces == []
    # Nobody is denied before it was seen that the server can be reached.
    assert kubernetes.made.index("Pod before") < kubernetes.made.index("NetworkPolicy ingress")
    assert kubernetes.made.index("NetworkPolicy egress") < kubernetes.made.index("Pod no-ingress")
    assert kubernetes.made.index("Pod no-egress") < kubernetes.made.index("Pod after")


def test_a_cluster_that_enforces_nothing(kubernetes: Kubernetes) -> None:
    kubernetes.codes.update({"memory": 0, "no-ingress": 0, "no-egress": 0})
    found = states(probed(kubernetes))
    assert found["memory limit"] == "failed"
    assert found["network policy, in"] == found["network policy, out"] == "failed"
    assert found["probe namespace"] == "ok"


def test_where_nothing_can_be_reached_nothing_is_said_of_policies(kubernetes: Kubernetes) -> None:
    kubernetes.codes["before"] = 11
    found = states(probed(kubernetes))
    assert found["network policy, in"] == found["network policy, out"] == "not known"
    assert "Pod no-ingress" not in kubernetes.made


def test_an_image_that_cannot_be_pulled_tells_nothing(kubernetes: Kubernetes) -> None:
    kubernetes.waiting = dict.fromkeys(kubernetes.codes, "ImagePullBackOff")
    kubernetes.waiting["image-0"] = "ErrImagePull"
    found = states(probed(kubernetes, "shop/web:2"))
    assert found["memory limit"] == "not known"
    assert found["network policy, in"] == "not known"
    assert found["shop/web:2"] == "failed"


def test_pods_that_never_start_end_the_probe_all_the_same(kubernetes: Kubernetes) -> None:
    kubernetes.waiting = dict.fromkeys(kubernetes.codes, "ContainerCreating")
    found = probed(kubernetes)
    assert found.memory.reason == "ContainerCreating"
    assert states(found)["memory limit"] == "not known"
    assert kubernetes.namespaces == []


def test_a_namespace_whose_account_comes_late_is_waited_for(kubernetes: Kubernetes) -> None:
    kubernetes.account_late = 3
    assert states(probed(kubernetes))["memory limit"] == "ok"
    kubernetes.account_late = 10_000
    with pytest.raises(ClusterError, match="account of namespace"):
        probed(kubernetes)
    assert kubernetes.namespaces == []


@pytest.mark.parametrize("kind", ["Pod", "Service", "NetworkPolicy", "Namespace"])
def test_what_the_account_may_not_make_is_not_known_and_nothing_stays(
    kubernetes: Kubernetes, kind: str
) -> None:
    kubernetes.refused[kind] = ClusterError(f"POST: 403 {kind} is forbidden", 403)
    checks = list(enforcement.checks(cast("Cluster", kubernetes), lambda: probed(kubernetes)))
    assert [one.state for one in checks] == ["not known"]
    assert "may not ask" in checks[0].seen
    assert kubernetes.namespaces == []


def test_an_interruption_takes_the_namespace_along(
    kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: str) -> Mapping[str, Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr(kubernetes, "_state", interrupted)
    with pytest.raises(KeyboardInterrupt):
        probed(kubernetes)
    assert kubernetes.namespaces == []


def test_a_namespace_that_stays_and_one_of_a_killed_doctor_are_told(
    kubernetes: Kubernetes,
) -> None:
    kubernetes.stays = True
    assert states(probed(kubernetes))["probe namespace"] == "warning"
    (name,) = leftovers(cast("Cluster", kubernetes))
    told = next(iter(enforcement.checks(cast("Cluster", kubernetes), None)))
    assert told.state == "warning"
    assert f"kubectl delete namespace {name}" in told.fix


def test_without_probe_nothing_is_tried(kubernetes: Kubernetes) -> None:
    checks = list(enforcement.checks(cast("Cluster", kubernetes), None))
    assert {one.state for one in checks} == {"not known"}
    assert {one.seen for one in checks} == {"not tried"}
    assert kubernetes.made == []
