"""The gateway faults on pods that are made up: what lands, what is harm, what an undo leaves."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from fakes import pod

from rundrill.errors import ExperimentError
from rundrill.faults import FAULTS
from rundrill.faults.gateway import GatewayFault
from rundrill.faults.service_pods import LOOKS
from rundrill.target.cluster import ClusterError, Pod

CALM = {"latency_ms": 0.0, "error_ratio": 0.0, "error_status": 500, "hang": "no"}
PARAMETERS: Mapping[str, object] = {
    "namespace": "gateways",
    "selector": "app=stripe",
    "port": 8080,
    "service-namespace": "shop",
    "service-selector": "app=till",
    "metrics-port": 9090,
    "failed": "failed_total",
    "unserved": "unserved_total",
    "served": "served_total",
}


class FakeCluster:
    """Two gateway pods, one service pod. `obeys` False is a gateway that nothing is told to."""

    def __init__(self) -> None:
        self.behaviours: dict[str, dict[str, Any]] = {"g-0": dict(CALM), "g-1": dict(CALM)}
        self.counts = {"failed_total": 0.0, "unserved_total": 0.0, "served_total": 0.0}
        self.obeys = True
        self.ready = True
        self.writes = 0

    def pods(self, namespace: str, selector: str) -> list[Pod]:
        names = [*self.behaviours] if namespace == "gateways" else ["till-0"]
        return [pod(name, namespace, ready=self.ready) for name in names]

    def get_text(self, path: str) -> str:
        assert path.endswith("/pods/till-0:9090/proxy/metrics")
        return "".join(f"{name} {count}\n" for name, count in self.counts.items())

    def get(self, path: str) -> dict[str, Any]:
        return dict(self.behaviours[self._pod(path)])

    def replace(self, path: str, body: Mapping[str, Any]) -> None:
        self.writes += 1
        if self.obeys:
            self.behaviours[self._pod(path)].update(body)

    def _pod(self, path: str) -> str:
        name = path.split("/")[6].partition(":")[0]
        assert path == f"/api/v1/namespaces/gateways/pods/{name}:8080/proxy/admin/behaviour"
        return name


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


def make(cluster: FakeCluster, name: str = "gateway-timeout", **more: object) -> GatewayFault:
    defaults = {"gateway-timeout": {"hang": "before"}, "gateway-errors": {"status": "503"}}
    fault = FAULTS[name](cluster, {**PARAMETERS, **defaults.get(name, {}), **more})  # type: ignore[arg-type]
    assert isinstance(fault, GatewayFault)
    return fault


@pytest.mark.parametrize(
    ("name", "more", "told"),
    [
        ("gateway-timeout", {"hang": "after"}, {"hang": "after"}),
        ("gateway-errors", {"ratio": 0.25}, {"error_ratio": 0.25, "error_status": 503}),
        ("gateway-errors", {"ratio": 1, "status": "429"}, {"error_ratio": 1, "error_status": 429}),
        ("gateway-credentials", {}, {"error_ratio": 1.0, "error_status": 401}),
    ],
)
def test_every_pod_of_the_gateway_is_told_and_calmed_again(
    cluster: FakeCluster, name: str, more: Mapping[str, object], told: Mapping[str, object]
) -> None:
    fault = make(cluster, name, **more)
    original = json.loads(json.dumps(fault.original()))
    fault.inject()
    assert cluster.behaviours == {name: {**CALM, **told} for name in ("g-0", "g-1")}
    for _ in range(2):
        fault.undo(original)
        assert cluster.behaviours == dict.fromkeys(("g-0", "g-1"), CALM)
    assert cluster.writes == 4  # the second undo had nothing to do
    assert "hang no" in (fault.undone(original) or "")


def test_it_landed_when_the_service_met_it(cluster: FakeCluster) -> None:
    fault = make(cluster)
    cluster.counts["failed_total"] = 41.0
    fault.inject()
    assert fault.landed() is None
    assert "nobody met the fault" in fault.missing()
    cluster.counts["failed_total"] = 43.0
    assert fault.landed() == "till-0 counted 2 more of failed_total"


def test_a_gateway_that_does_not_obey_is_no_fault(cluster: FakeCluster) -> None:
    cluster.obeys = False
    fault = make(cluster)
    fault.inject()
    cluster.counts["failed_total"] = 9.0  # for whatever other reason
    assert fault.landed() is None
    assert "g-0, g-1 behave as before" in fault.missing()


def test_an_undo_that_fails_or_a_pod_that_is_away_is_not_undone(cluster: FakeCluster) -> None:
    fault = make(cluster)
    original = fault.original()
    fault.inject()
    cluster.obeys = False
    fault.undo(original)
    assert fault.undone(original) is None
    cluster.obeys = True
    fault.undo(original)
    cluster.ready = False
    assert fault.undone(original) is None
    cluster.behaviours.clear()
    assert fault.undone(original) is None


def test_another_process_can_undo(cluster: FakeCluster) -> None:
    original = json.loads(json.dumps(make(cluster).original()))
    make(cluster).inject()
    later = make(cluster)
    later.undo(original)
    assert later.undone(original) is not None


def test_harm_is_a_payment_that_comes_to_nothing(cluster: FakeCluster) -> None:
    fault = make(cluster)
    assert fault.harm() is None  # nothing was done yet
    fault.inject()
    cluster.counts["unserved_total"] += 3
    assert fault.harm() == f"3 payments came to nothing in the last {LOOKS} looks"


def test_with_a_fallback_the_service_is_rid_of_a_gateway_that_is_still_ill(
    cluster: FakeCluster,
) -> None:
    fault = make(cluster)
    fault.inject()
    cluster.counts["unserved_total"] += 3
    for _ in range(LOOKS):
        cluster.counts["served_total"] += 1
        assert fault.harm() is not None
    cluster.counts["served_total"] += 1
    assert fault.harm() is None
    assert cluster.behaviours["g-0"]["hang"] == "before"


def test_that_nobody_pays_any_more_is_no_recovery(cluster: FakeCluster) -> None:
    fault = make(cluster)
    fault.inject()
    assert fault.harm() == f"no payment was accepted in the last {LOOKS} looks"


def test_a_gateway_that_restarted_leaves_everything_open(cluster: FakeCluster) -> None:
    fault = make(cluster)
    original = fault.original()
    fault.inject()
    cluster.behaviours["g-1"] = dict(CALM)
    with pytest.raises(ClusterError, match="g-1 restarted and forgot the fault"):
        fault.harm()
    assert "g-1 behave as before" in fault.missing()
    fault.undo(original)
    assert fault.harm() is None  # after the undo it is no longer the question


def test_pods_that_differ_or_are_not_there_have_no_original(cluster: FakeCluster) -> None:
    cluster.behaviours["g-1"]["hang"] = "before"
    with pytest.raises(ClusterError, match="do not all behave alike"):
        make(cluster).original()
    cluster.behaviours.clear()
    with pytest.raises(ClusterError, match="no pod matches app=stripe"):
        make(cluster).original()


def test_a_counter_that_cannot_be_read_is_bad_input(cluster: FakeCluster) -> None:
    with pytest.raises(ExperimentError, match="`failed`: 'a b' is no counter"):
        make(cluster, failed="a b")
