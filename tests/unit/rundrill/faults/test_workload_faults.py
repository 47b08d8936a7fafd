"""The faults of workloads on the manifests that ship: what lands, what does not, what is harm."""

from collections.abc import Callable, Mapping
from functools import cache
from inspect import signature

import pytest
from fakes import FakeClock
from model_cluster import ModelCluster, World

from rundrill.faults import FAULTS, Fault
from rundrill.faults.bad_config import RESTARTED_AT
from rundrill.faults.pods_killed import PodsKilled
from rundrill.faults.repeated_kill import RepeatedKill
from rundrill.faults.service_pods import LOOKS
from rundrill.faults.traffic_surge import NAME
from rundrill.faults.workload import Workload
from rundrill.target.cluster import ClusterError
from tests.unit.rundrill.faults.test_on_a_cluster import SHIPPED
from tests.unit.rundrill.faults.test_sequences import plan, world

OURS = (
    "auth-down",
    "bad-config",
    "cache-down",
    "cpu-pressure",
    "crash-loop",
    "database-down",
    "database-killed",
    "memory-leak",
    "pods-killed",
    "traffic-surge",
)
SHOP, SERVICE = "production", "payment-service"


class Ticking(FakeClock):
    """Half a second passes whenever somebody asks."""

    def now(self) -> float:
        self.at += 0.5
        return self.at


def make(experiment: str, there: World, **more: object) -> Fault:
    kind: Callable[..., Fault] = FAULTS[plan(experiment).fault]
    clock = {"clock": Ticking()} if "clock" in signature(kind).parameters else {}
    return kind(ModelCluster(there), {**plan(experiment).fault_parameters, **more}, **clock)


def look(fault: Fault) -> str | None:
    """As the engine does, until it landed or for some time."""
    return next(filter(None, (fault.landed() for _ in range(20))), None)


@pytest.fixture
def there() -> World:
    return world()


@pytest.mark.parametrize("experiment", OURS)
def test_it_lands_with_evidence_and_not_when_it_has_no_effect(
    there: World, experiment: str
) -> None:
    there.heeds = False
    idle = make(experiment, there)
    idle.original()
    idle.inject()
    assert look(idle) is None
    assert idle.missing()
    idle.undo(idle.original())
    there.heeds = True
    fault = make(experiment, there)
    original = fault.original()
    fault.inject()
    assert look(fault)
    fault.undo(original)


@cache
def _evidence() -> Mapping[str, str]:
    return {
        "auth-down": "no pod of deployment/auth-service is left; payment-service-",
        "bad-config": "is in CrashLoopBackOff after 2 restarts, last exit code 1",
        "cpu-pressure": "50 ms of CPU a request",
        "database-down": "no pod of statefulset/postgresql is left; payment-service-",
        "memory-leak": "payment-service was OOMKilled, exit code 137, 2 restarts",
        "traffic-surge": "requests a minute, 1000 are usual",
    }


@pytest.mark.parametrize("experiment", _evidence())
def test_the_evidence_is_what_others_say(there: World, experiment: str) -> None:
    fault = make(experiment, there)
    fault.inject()
    assert _evidence()[experiment] in (look(fault) or "")


def test_of_every_fault_somebody_asks_whether_it_lands() -> None:
    """Here, or where only a network shows it."""
    assert {plan(name).fault for name in (*OURS, *SHIPPED)} == set(FAULTS)


def test_an_image_without_the_defect_does_not_land(there: World) -> None:
    for experiment in ("crash-loop", "memory-leak", "cpu-pressure"):
        fault = make(experiment, there, image="rundrill/payments:1.0.1")
        original = fault.original()
        fault.inject()
        assert look(fault) is None
        assert fault.missing()
        fault.undo(original)


def test_a_container_that_is_not_there_is_told_before_anything_is_changed(there: World) -> None:
    with pytest.raises(ClusterError, match="has no container 'till', only payment-service"):
        make("memory-leak", there, container="till").original()


def test_a_rollback_does_not_mend_a_config_map(there: World) -> None:
    fault = make("bad-config", there)
    original = fault.original()
    fault.inject()
    assert "not ready" in (fault.harm() or "")
    there.roll_back(SHOP, SERVICE)
    assert "still says DATABASE_TIMEOUT_S=2s: the next pod that starts cannot" in (
        fault.harm() or ""
    )
    there.set_config(SHOP, "payment-service-config", "DATABASE_TIMEOUT_S", "2")
    assert fault.harm() is None
    fault.undo(original)
    assert fault.undone(original)


def test_the_reload_mends_it_and_the_undo_takes_the_restart_back(there: World) -> None:
    fault = make("bad-config", there)
    original = fault.original()
    fault.inject()
    there.set_config(SHOP, "payment-service-config", "DATABASE_TIMEOUT_S", "2")
    there.restart(SHOP, SERVICE)
    assert fault.harm() is None
    assert fault.undone(original) is None
    fault.undo(original)
    assert fault.undone(original)
    template = there.objects["apps", "deployments", SHOP, SERVICE]["spec"]["template"]
    assert RESTARTED_AT not in template["metadata"].get("annotations", {})


def test_a_value_that_is_bad_already_is_no_state_to_come_back_to(there: World) -> None:
    there.set_config(SHOP, "payment-service-config", "DATABASE_TIMEOUT_S", "2s")
    with pytest.raises(ClusterError, match="DATABASE_TIMEOUT_S=2s already"):
        make("bad-config", there).original()


def test_fresh_pods_of_a_leaking_release_are_harm_and_a_rollback_is_its_end(there: World) -> None:
    fault = make("memory-leak", there)
    fault.inject()
    for _ in range(LOOKS - 1):
        assert "not for long enough" in (fault.harm() or "")
    assert "its memory grew by 20 MiB" in (fault.harm() or "")
    there.delete_pods(SHOP, SERVICE)
    assert "not for long enough" in (fault.harm() or "")
    there.roll_back(SHOP, SERVICE)
    assert fault.harm() is None


def test_a_leak_has_landed_before_anything_is_killed_for_it(there: World) -> None:
    fault = make("memory-leak", there)
    fault.inject()
    for pod in there.of("", "pods", SHOP):
        if pod["metadata"]["labels"]["app"] == SERVICE:
            (container,) = pod["status"]["containerStatuses"]
            container |= {"lastState": {}, "restartCount": 0}
    assert fault.landed() is None
    assert "20 more than at its first look" in (look(fault) or "")


def test_a_release_that_does_not_grow_is_no_harm_after_a_while(there: World) -> None:
    fault = make("memory-leak", there, image="rundrill/payments:1.0.1")
    fault.inject()
    told = [fault.harm() for _ in range(LOOKS)]
    assert None not in told[:-1]
    assert told[-1] is None


def test_a_dependency_that_is_back_is_no_harm_once_nobody_misses_it(there: World) -> None:
    fault = make("cache-down", there)
    fault.inject()
    assert fault.harm() == "no pod of deployment/redis is ready, 0 are there"
    there.scale(SHOP, "redis", 1)
    assert "failed in the last" not in (fault.harm() or "")
    assert fault.harm() is None


@pytest.mark.parametrize("experiment", ["database-down", "auth-down"])
def test_what_is_at_0_already_cannot_go_away(there: World, experiment: str) -> None:
    make(experiment, there).inject()
    with pytest.raises(ClusterError, match="no replicas already"):
        make(experiment, there).original()


def test_a_database_that_is_killed_is_harm_for_as_long_as_it_is(there: World) -> None:
    fault = make("database-killed", there)
    original = fault.original()
    fault.inject()
    assert fault.harm() == "statefulset/postgresql is still being killed: 1 times so far"
    fault.undo(original)
    assert "failed in the last" in (fault.harm() or "")
    assert [fault.harm() for _ in range(LOOKS)][-1] is None


def test_more_replicas_bear_what_is_killed(there: World) -> None:
    fault = make("pods-killed", there)
    assert isinstance(fault, PodsKilled)
    original = fault.original()
    fault.inject()
    for pod in there.of("", "pods", SHOP):
        if pod["metadata"]["labels"]["app"] == SERVICE:
            pod["status"]["conditions"][0]["status"] = "False"
    assert "0 pods of deployment/payment-service are ready, 3 were before" in (fault.harm() or "")
    there.scale(SHOP, SERVICE, 8)
    assert fault.harm() is None
    fault.undo(original)


def test_it_kills_until_it_is_stopped_or_its_time_is_over(there: World) -> None:
    cluster = ModelCluster(there)
    workload = Workload(cluster, "deployment", SHOP, SERVICE)

    def killer(duration_s: float) -> RepeatedKill:
        return RepeatedKill(cluster, workload, count=2, interval_s=0.01, duration_s=duration_s)

    before = {pod.name for pod in workload.pods()}
    endless = killer(3600)
    endless.start()
    while endless.killed < 6:
        pass
    assert endless.running
    endless.stop()
    endless.stop()
    killed = endless.killed
    assert not endless.running
    assert len(workload.pods()) == 3
    assert not before & {pod.name for pod in workload.pods()}
    short = killer(0.05)
    short.start()
    while short.running:
        pass
    assert short.killed >= 2
    assert endless.killed == killed
    endless.require()  # somebody stopped it: that is no end by itself
    with pytest.raises(ClusterError, match="is over after"):
        short.require()


def test_kills_that_are_refused_are_noticed(there: World) -> None:
    fault = make("pods-killed", there, interval=0.001)
    assert isinstance(fault, PodsKilled)
    original = fault.original()
    fault.inject()
    assert fault.harm() is None

    def refuse() -> None:
        raise ClusterError("pods is forbidden", 403)

    fault._kill.strike = refuse  # type: ignore[method-assign]

    def told() -> None:
        while True:
            fault.harm()

    with pytest.raises(ClusterError, match="is killed any more: pods is forbidden"):
        told()
    fault.undo(original)
    assert fault.undone(original) is not None


def test_a_busy_api_server_is_asked_again(there: World) -> None:
    cluster = ModelCluster(there)
    workload = Workload(cluster, "deployment", SHOP, SERVICE)
    strikes: list[int] = []

    class Busy(RepeatedKill):
        def strike(self) -> None:
            strikes.append(1)
            if len(strikes) == 2:
                raise ClusterError("busy", 429)

    busy = Busy(cluster, workload, count=1, interval_s=0.001, duration_s=3600)
    busy.start()
    while len(strikes) < 4:
        pass
    busy.stop()


def test_a_surge_that_is_there_already_is_told(there: World) -> None:
    make("traffic-surge", there).inject()
    with pytest.raises(ClusterError, match=f"pod {NAME} is in production already"):
        make("traffic-surge", there).original()


def test_a_surge_is_harm_until_there_are_pods_enough_to_share_it(there: World) -> None:
    fault = make("traffic-surge", there)
    fault.original()
    assert "1500 requests a minute more" in fault.inject()
    there.asked = 25  # in half a second
    assert fault.harm() == "what each pod bears is not known yet"
    told = [fault.harm() for _ in range(20)]
    assert told[-1] == "3 pods bear 960 requests a minute each, 333 are usual"
    there.scale(SHOP, SERVICE, 8)
    assert [fault.harm() for _ in range(20)][-1] is None
    pod = next(p for p in there.of("", "pods", SHOP) if SERVICE in p["metadata"]["name"])
    pod["status"]["conditions"][0]["status"] = "False"
    assert "not ready" in (fault.harm() or "")


def test_a_surge_that_ended_by_itself_proves_nothing(there: World) -> None:
    fault = make("traffic-surge", there)
    fault.original()
    fault.inject()
    there.objects["", "pods", SHOP, NAME]["status"]["phase"] = "Failed"
    with pytest.raises(ClusterError, match="the surge is over"):
        fault.harm()


def test_a_surge_that_the_service_does_not_count_has_not_landed(there: World) -> None:
    fault = make("traffic-surge", there, times=1000.0)
    fault.inject()
    assert look(fault) is None
    assert "the service counted" in fault.missing()
    assert f"pod {NAME}: Running" in fault.missing()


def test_workloads_that_select_by_no_labels_are_told(there: World) -> None:
    there.objects["apps", "deployments", SHOP, SERVICE]["spec"]["selector"] = {}
    with pytest.raises(ClusterError, match="selects its pods by no labels"):
        Workload(ModelCluster(there), "deployment", SHOP, SERVICE).pods()
