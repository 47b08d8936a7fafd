"""The database faults on made-up objects: what lands, what is harm, what an undo leaves."""

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from fakes import pod

from rundrill.errors import ExperimentError
from rundrill.faults import FAULTS, Fault
from rundrill.faults.database_slow import LATENCY
from rundrill.faults.database_unreachable import OPEN_CONNECTIONS
from rundrill.faults.greedy_client import NAME
from rundrill.target.cluster import ClusterError, Pod
from rundrill.target.execution import Executed

POLICY = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/to-database"
SERVICE = "/api/v1/namespaces/db/services/postgresql"
CLIENT = f"/api/v1/namespaces/db/pods/{NAME}"
CLIENTS_POLICY = f"/apis/networking.k8s.io/v1/namespaces/db/networkpolicies/{NAME}"
FULL = Executed(exit_code=2, stdout="", stderr="psql: FATAL:  sorry, too many clients already")

WATCHED = {
    "service-namespace": "shop",
    "service-selector": "app=till",
    "metrics-port": 9090,
    "failed": "failed_total",
}
DATABASE = {
    "namespace": "db",
    "pod": "postgresql-0",
    "user": "postgres",
    "database": "payments",
    "image": "test/greedy:1",
    "url": "postgresql://postgres@postgresql.db/payments",
    "secret": "credentials/PASSWORD",
}
PARAMETERS: Mapping[str, Mapping[str, object]] = {
    "database-unreachable": {
        **WATCHED,
        "namespace": "shop",
        "policy": "to-database",
        "timed-out": "timed_out_total",
    },
    "pool-exhausted": {**WATCHED, **DATABASE, "cut": "true"},
    "database-slow": {
        **WATCHED,
        **DATABASE,
        "by": "lock",
        "table": "payments",
        "service": "postgresql",
        "latency": 0.3,
        "responses": "answer_seconds",
    },
}


class FakeCluster:
    """One service with two pods, and a database that says what the test wants it to say."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {
            POLICY: {
                "metadata": {"name": "to-database", "namespace": "shop", "resourceVersion": "7"},
                "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": []}]},
            },
            SERVICE: {"metadata": {"name": "postgresql"}, "spec": {}},
        }
        self.pages = {"till-0": dict[str, float](), "till-1": dict[str, float]()}
        self.ready = True
        self.heeds = True
        """Whether what is written is taken up."""
        self.answers: list[Executed] = [Executed(exit_code=0, stdout="0\n", stderr="")]
        self.asked: list[Sequence[str]] = []

    def count(self, name: str, by: float, *, only: str | None = None) -> None:
        for page in [self.pages[only]] if only else self.pages.values():
            page[name] = page.get(name, 0.0) + by

    def says(self, *numbers: int | None) -> None:
        """What psql gives from now on, the last for ever; None is a full server."""
        self.answers = [
            FULL if n is None else Executed(exit_code=0, stdout=f"{n}\n", stderr="")
            for n in numbers
        ]

    # What faults ask of a cluster

    def get(self, path: str) -> dict[str, Any]:
        if path not in self.objects:
            raise ClusterError(f"GET {path}: 404", 404)
        return copy.deepcopy(self.objects[path])

    def get_text(self, path: str) -> str:
        page = self.pages[path.split("/")[6].partition(":")[0]]
        return "".join(f"{name} {value}\n" for name, value in page.items())

    def pods(self, namespace: str, selector: str) -> list[Pod]:
        return [pod(name, namespace, ready=self.ready) for name in self.pages]

    def create(self, path: str, body: Mapping[str, Any]) -> None:
        assert path not in self.objects
        if self.heeds:
            self.objects[path] = {"status": {"phase": "Running"}, **copy.deepcopy(dict(body))}

    def delete(self, path: str) -> None:
        if self.heeds:
            self.objects.pop(path, None)

    def merge_patch(self, path: str, body: Mapping[str, Any]) -> None:
        def merge(into: dict[str, Any], patch: Mapping[str, Any]) -> None:
            for key, value in patch.items():
                if value is None:
                    into.pop(key, None)
                elif isinstance(value, Mapping):
                    merge(into.setdefault(key, {}), value)
                else:
                    into[key] = copy.deepcopy(value)

        if self.heeds:
            merge(self.objects[path], body)

    def execute(self, namespace: str, pod: str, argv: Sequence[str]) -> Executed:
        assert (namespace, pod) == ("db", "postgresql-0")
        self.asked.append(argv)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


def make(cluster: FakeCluster, name: str, **more: object) -> Fault:
    return FAULTS[name](cluster, {**PARAMETERS[name], **more})  # type: ignore[arg-type]


def original_of(fault: Fault) -> dict[str, Any]:
    """As another process reads it back from the disk."""
    found: dict[str, Any] = json.loads(json.dumps(fault.original()))
    return found


# ------------------------------------------------------------------ unreachable


def test_the_policy_is_emptied_and_comes_back(cluster: FakeCluster) -> None:
    before = copy.deepcopy(cluster.objects[POLICY])
    fault = make(cluster, "database-unreachable")
    original = original_of(fault)
    fault.inject()
    policy = cluster.objects[POLICY]
    assert policy["spec"]["egress"] == []
    assert policy["metadata"]["annotations"] == {OPEN_CONNECTIONS: "drop"}
    assert fault.undone(original) is None
    for _ in range(2):
        make(cluster, "database-unreachable").undo(original)
    assert cluster.objects[POLICY]["spec"] == before["spec"]
    assert cluster.objects[POLICY]["metadata"]["annotations"] == {}
    assert "every pod reaches the database" in (fault.undone(original) or "")
    cluster.ready = False
    assert fault.undone(original) is None


def test_a_policy_that_was_deleted_or_had_annotations_comes_back_too(cluster: FakeCluster) -> None:
    cluster.objects[POLICY]["metadata"]["annotations"] = {OPEN_CONNECTIONS: "reset", "a": "b"}
    fault = make(cluster, "database-unreachable")
    original = original_of(fault)
    fault.inject()
    fault.undo(original)
    assert cluster.objects[POLICY]["metadata"]["annotations"] == {
        OPEN_CONNECTIONS: "reset",
        "a": "b",
    }
    fault.inject()
    del cluster.objects[POLICY]
    assert fault.undone(original) is None
    fault.undo(original)
    assert cluster.objects[POLICY]["kind"] == "NetworkPolicy"
    assert "resourceVersion" not in cluster.objects[POLICY]["metadata"]
    assert fault.undone(original) is not None


def test_it_landed_when_connections_of_every_pod_time_out(cluster: FakeCluster) -> None:
    fault = make(cluster, "database-unreachable")
    fault.inject()
    assert fault.landed() is None
    assert "does not enforce policies" in fault.missing()
    cluster.count("timed_out_total", 2, only="till-0")
    assert fault.landed() is None
    assert "not every pod" in fault.missing()
    cluster.count("timed_out_total", 1, only="till-1")
    assert fault.landed() == (
        "connections to the database time out (timed_out_total): till-0 2, till-1 1"
    )


def test_a_policy_that_lets_nothing_out_already_is_no_place_for_it(cluster: FakeCluster) -> None:
    cluster.objects[POLICY]["spec"]["egress"] = []
    with pytest.raises(ClusterError, match="lets nothing out already"):
        make(cluster, "database-unreachable").original()
    del cluster.objects[POLICY]
    with pytest.raises(ClusterError, match="404"):
        make(cluster, "database-unreachable").original()


def test_a_policy_that_is_not_given_back_is_not_undone(cluster: FakeCluster) -> None:
    fault = make(cluster, "database-unreachable")
    original = original_of(fault)
    fault.inject()
    cluster.heeds = False
    fault.undo(original)
    assert fault.undone(original) is None


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_harm_is_what_the_service_suffers(cluster: FakeCluster, name: str) -> None:
    fault = make(cluster, name)
    fault.inject()
    assert fault.harm() is None
    cluster.ready = False
    assert fault.harm() == "not ready: till-0, till-1"
    cluster.ready = True
    cluster.count("failed_total", 1)
    assert str(fault.harm()).startswith("2 ")
    cluster.pages.clear()
    assert fault.harm() == "no pod matches app=till in shop"


# ------------------------------------------------------------------ the client that holds things


@pytest.mark.parametrize("name", ["pool-exhausted", "database-slow"])
def test_the_client_comes_and_goes(cluster: FakeCluster, name: str) -> None:
    before = set(cluster.objects)
    fault = make(cluster, name)
    original = original_of(fault)
    fault.inject()
    assert set(cluster.objects) - before == {CLIENT, CLIENTS_POLICY}
    for path in (CLIENT, CLIENTS_POLICY):
        assert cluster.objects[path]["metadata"]["labels"]["app.kubernetes.io/managed-by"] == (
            "rundrill"
        )
    container = cluster.objects[CLIENT]["spec"]["containers"][0]
    variables = {item["name"]: item for item in container["env"]}
    assert variables["DATABASE_PASSWORD"]["valueFrom"]["secretKeyRef"] == {
        "name": "credentials",
        "key": "PASSWORD",
    }
    assert fault.undone(original) is None
    with pytest.raises(ClusterError, match="`rundrill recover` removes it"):
        make(cluster, name).original()
    for _ in range(2):
        make(cluster, name).undo(original)
    assert set(cluster.objects) == before
    assert "every pod is ready" in (fault.undone(original) or "")


@pytest.mark.parametrize("name", ["pool-exhausted", "database-slow"])
def test_sessions_that_are_left_or_a_full_server_are_not_undone(
    cluster: FakeCluster, name: str
) -> None:
    fault = make(cluster, name)
    original = original_of(fault)
    fault.inject()
    fault.undo(original)
    for left in (1, None):
        cluster.says(left)
        assert fault.undone(original) is None
    cluster.says(0)
    cluster.ready = False
    assert fault.undone(original) is None
    cluster.ready = True
    assert fault.undone(original) is not None


@pytest.mark.parametrize("name", ["pool-exhausted", "database-slow"])
def test_a_client_that_was_not_made_did_not_land(cluster: FakeCluster, name: str) -> None:
    cluster.heeds = False
    fault = make(cluster, name)
    fault.inject()
    cluster.count("failed_total", 5)
    assert fault.landed() is None
    assert "its pod: None" in fault.missing()


CUT_OFF = Executed(
    exit_code=2, stdout="", stderr="psql: error: server closed the connection unexpectedly"
)


def test_a_question_that_the_client_cuts_off_is_asked_again(cluster: FakeCluster) -> None:
    fault = make(cluster, "pool-exhausted", cut="false")
    fault.inject()
    cluster.answers = [CUT_OFF, CUT_OFF, FULL]
    assert fault.landed() is not None
    cluster.answers = [CUT_OFF]
    with pytest.raises(ClusterError, match="closed the connection"):
        fault.landed()


def test_the_pool_is_exhausted_when_psql_is_refused_and_the_service_fails(
    cluster: FakeCluster,
) -> None:
    fault = make(cluster, "pool-exhausted")
    fault.inject()
    cluster.says(60)
    assert fault.landed() is None
    assert fault.missing() == (
        "the client holds 60 connections and there are more; its pod: Running"
    )
    cluster.says(None)
    assert fault.landed() is None
    assert "no pod of the service counted" in fault.missing()
    cluster.count("failed_total", 2, only="till-1")
    assert "till-1 counted 2 more" in (fault.landed() or "")


def test_open_pools_that_nobody_cut_hide_it(cluster: FakeCluster) -> None:
    fault = make(cluster, "pool-exhausted", cut="false")
    fault.inject()
    cluster.says(None)
    assert "psql in its own pod included" in (fault.landed() or "")
    assert "the next pod that starts gets none" in (fault.harm() or "")


def test_why_the_client_waits_is_told(cluster: FakeCluster) -> None:
    fault = make(cluster, "database-slow")
    fault.inject()
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    cluster.objects[CLIENT]["status"] = {"containerStatuses": [{"state": waiting}]}
    assert "waiting: ImagePullBackOff no such image" in fault.missing()


def test_statements_that_wait_for_its_lock_are_the_evidence(cluster: FakeCluster) -> None:
    fault = make(cluster, "database-slow")
    fault.inject()
    assert fault.landed() is None
    cluster.says(4)
    assert fault.landed() == (
        "pg_stat_activity: 4 statements wait for a lock that greedy-client holds"
    )
    assert fault.harm() == "4 statements wait for its lock"


def test_a_psql_that_fails_or_babbles_is_no_answer(cluster: FakeCluster) -> None:
    fault = make(cluster, "pool-exhausted")
    for answer, told in (
        (Executed(exit_code=127, stdout="", stderr="no psql"), "ended with 127: no psql"),
        (Executed(exit_code=0, stdout="many\n", stderr=""), "said 'many'"),
    ):
        cluster.answers = [answer]
        with pytest.raises(ClusterError, match=told):
            fault.landed()


# ------------------------------------------------------------------ latency


def test_latency_is_seen_in_the_services_own_answers(cluster: FakeCluster) -> None:
    fault = make(cluster, "database-slow", by="latency")
    original = original_of(fault)
    assert original == {"latency": None}
    cluster.count("answer_seconds_sum", 900.0)
    cluster.count("answer_seconds_count", 3000)
    fault.inject()
    assert cluster.objects[SERVICE]["metadata"]["annotations"] == {LATENCY: "300ms"}
    assert fault.landed() is None
    assert fault.missing() == "the service answered nothing"
    assert "answered nothing" in (fault.harm() or "")
    cluster.count("answer_seconds_sum", 0.2)
    cluster.count("answer_seconds_count", 10)
    assert fault.landed() is None
    assert "does not heed the annotation" in fault.missing()
    assert fault.harm() is None
    cluster.count("answer_seconds_sum", 9.0)
    cluster.count("answer_seconds_count", 10)
    assert fault.landed() == "the service's answers take 0.46 s on average since then"
    assert "0.46 s" in (fault.harm() or "")
    assert fault.undone(original) is None
    for _ in range(2):
        fault.undo(original)
    assert cluster.objects[SERVICE]["metadata"]["annotations"] == {}
    assert fault.undone(original) is not None


def test_a_latency_that_was_there_before_comes_back(cluster: FakeCluster) -> None:
    cluster.objects[SERVICE]["metadata"]["annotations"] = {LATENCY: "5ms"}
    fault = make(cluster, "database-slow", by="latency")
    original = original_of(fault)
    fault.inject()
    fault.undo(original)
    assert cluster.objects[SERVICE]["metadata"]["annotations"] == {LATENCY: "5ms"}


@pytest.mark.parametrize(
    ("name", "more", "told"),
    [
        ("database-slow", {"table": ""}, "`table` is missing"),
        ("database-slow", {"by": "latency", "service": ""}, "`service` is missing"),
        ("database-slow", {"by": "latency", "responses": ""}, "`responses` is missing"),
        ("pool-exhausted", {"secret": "credentials"}, "write it as name/KEY"),
    ],
)
def test_parameters_that_do_not_fit_together_are_bad_input(
    cluster: FakeCluster, name: str, more: Mapping[str, object], told: str
) -> None:
    with pytest.raises(ExperimentError, match=told):
        make(cluster, name, **more)
