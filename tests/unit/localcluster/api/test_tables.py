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
