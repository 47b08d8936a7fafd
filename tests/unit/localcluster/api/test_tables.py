"""Rows against those of a real API server, recorded with the objects they show."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from localcluster import kinds
from localcluster.api.ages import age, human_duration
from localcluster.api.rows import LAYOUTS
from localcluster.api.tables import table

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "golden/kube-tables.json").read_text(encoding="utf-8")
)
NOW = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)
RESOURCES = {resource.plural: resource for resource in reversed(kinds.RESOURCES)}
AGES = {"Age", "Last Seen", "First Seen"}
CASES = [(plural, row) for plural, rows in GOLDEN["rows"].items() for row in rows]


@pytest.mark.parametrize(
    ("plural", "row"), CASES, ids=[f"{p}-{r['cells'][0]}-{i}" for i, (p, r) in enumerate(CASES)]
)
def test_rows_are_those_of_a_real_server(plural: str, row: dict[str, Any]) -> None:
    shown = table(RESOURCES[plural], [row["object"]], NOW, version="1")
    columns = [column["name"] for column in shown["columnDefinitions"]]
    cells = shown["rows"][0]["cells"]
    assert [[c["name"], c["format"], c["priority"]] for c in shown["columnDefinitions"]] == GOLDEN[
        "columns"
    ][plural]
    for column, ours, theirs in zip(columns, cells, row["cells"], strict=True):
        if column in AGES:
            continue
        if column == "Restarts":
            # Since 1.22 a restart's age stands beside the number.
            ours = int(ours.partition(" ")[0])  # noqa: PLW2901  comparable to the recorded cell
        assert ours == theirs, column


def test_every_stored_kind_has_columns() -> None:
    assert set(LAYOUTS) == {kinds.stored_as(resource) for resource in kinds.RESOURCES}


@pytest.mark.parametrize("resource", kinds.RESOURCES, ids=lambda r: f"{r.group}-{r.plural}")
def test_an_object_with_nothing_in_it_has_a_row(resource: Any) -> None:
    shown = table(resource, [{"metadata": {"name": "a"}}], NOW, version="1")
    assert len(shown["rows"][0]["cells"]) == len(shown["columnDefinitions"])


def cells(resource: Any, obj: dict[str, Any]) -> list[Any]:
    found: list[Any] = table(resource, [obj], NOW, version="1")["rows"][0]["cells"]
    return found


def init_pod(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "p"},
        "spec": {"initContainers": [{"name": "i"}, {"name": "j"}], "containers": [{"name": "m"}]},
        "status": {
            "phase": "Pending",
            "initContainerStatuses": [{"name": "i", "restartCount": 1, "state": state, **more}],
        },
    }


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ({"running": {}}, "Init:0/2"),
        ({"waiting": {"reason": "PodInitializing"}}, "Init:0/2"),
        ({"waiting": {"reason": "ImagePullBackOff"}}, "Init:ImagePullBackOff"),
        ({"terminated": {"exitCode": 3}}, "Init:ExitCode:3"),
        ({"terminated": {"exitCode": 1, "signal": 9}}, "Init:Signal:9"),
        ({"terminated": {"exitCode": 1, "reason": "Error"}}, "Init:Error"),
        ({"terminated": {"exitCode": 0}}, "Pending"),
    ],
)
def test_a_pod_that_initializes_says_how_far_it_is(state: dict[str, Any], shown: str) -> None:
    assert cells(kinds.PODS, init_pod(state))[2] == shown


def test_sidecars_count_and_lost_and_gated_pods_are_told() -> None:
    pod = init_pod({"running": {}}, ready=True, started=True)
    pod["spec"]["initContainers"] = [{"name": "i", "restartPolicy": "Always"}]
    assert cells(kinds.PODS, pod)[1:4] == ["1/2", "Pending", "1"]
    lost = {"metadata": {"name": "p", "deletionTimestamp": "x"}, "status": {"reason": "NodeLost"}}
    assert cells(kinds.PODS, lost)[2] == "Unknown"
    gated = {"type": "PodScheduled", "reason": "SchedulingGated"}
    waiting = {"metadata": {"name": "p"}, "status": {"phase": "Pending", "conditions": [gated]}}
    assert cells(kinds.PODS, waiting)[2] == "SchedulingGated"


def test_other_rows_say_what_kubectl_says() -> None:
    resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    current = {"name": "cpu", "current": {"averageUtilization": 10}}
    autoscaler = {
        "metadata": {"name": "h"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "web"},
            "minReplicas": 2,
            "maxReplicas": 3,
            "metrics": [{"type": "Resource", "resource": resource}],
        },
        "status": {"currentMetrics": [{"resource": current}], "currentReplicas": 2},
    }
    assert cells(kinds.HORIZONTAL_POD_AUTOSCALERS, autoscaler)[1:6] == [
        "Deployment/web",
        "cpu: 10%/80%",
        "2",
        3,
        2,
    ]
    terms = [
        {"key": "a", "operator": "In", "values": ["y", "x"]},
        {"key": "b", "operator": "Exists"},
        {"key": "c", "operator": "DoesNotExist"},
    ]
    policy = {"metadata": {"name": "n"}, "spec": {"podSelector": {"matchExpressions": terms}}}
    assert cells(kinds.NETWORK_POLICIES, policy)[1] == "!c,a in (x,y),b"
    ports = [{"port": n} for n in range(1, 6)]
    subset = {"addresses": [{"ip": "127.0.0.1"}], "ports": ports}
    endpoints = {"metadata": {"name": "e"}, "subsets": [subset]}
    shown = "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3 + 2 more..."
    assert cells(kinds.ENDPOINTS, endpoints)[1] == shown
    outside = {"metadata": {"name": "s"}, "spec": {"type": "ExternalName", "externalName": "x.org"}}
    assert cells(kinds.SERVICES, outside)[3] == "x.org"


def test_a_restart_is_told_with_its_age() -> None:
    finished = (NOW - timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    status = {
        "name": "main",
        "restartCount": 3,
        "ready": True,
        "state": {"running": {"startedAt": finished}},
        "lastState": {"terminated": {"exitCode": 1, "finishedAt": finished}},
    }
    pod = {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "main"}]},
        "status": {"phase": "Running", "containerStatuses": [status]},
    }
    assert table(kinds.PODS, [pod], NOW, version="1")["rows"][0]["cells"][1:4] == [
        "1/1",
        "Running",
        "3 (5s ago)",
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (11_100, "3h5m"),
        (28_800, "8h"),
        (172_799, "47h"),
        (172_800, "2d"),
        (180_000, "2d2h"),
        (8 * 86_400, "8d"),
        (730 * 86_400, "2y"),
        (740 * 86_400, "2y10d"),
        (3000 * 86_400, "8y"),
    ],
)
def test_durations_are_shown_as_kubectl_does(seconds: int, shown: str) -> None:
    assert human_duration(seconds) == shown


def test_an_unknown_age_is_told() -> None:
    assert age(None, NOW) == "<unknown>"
    assert age("nonsense", NOW) == "<unknown>"
