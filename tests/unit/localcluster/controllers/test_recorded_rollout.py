"""A Deployment's whole story against a real cluster's watch of the same story.

`tests/golden/kubelet/recordings.py` says how it was made: create with 3 replicas, scale to 5, a new
release, undo, restart, pause and resume, an image that cannot be pulled until the deadline of 15 s
is over, undo, a deleted pod, scale to 0. maxSurge and maxUnavailable are 25 %.
"""

import copy
import itertools
import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from localcluster import kinds
from localcluster.objects import ApiError

ROWS = json.loads((Path(__file__).parents[3] / "golden" / "kubelet" / "rollout.json").read_text())[
    "rows"
]
FIRST, LAST = 1, 10
# Resumed, and changed again 20 ms later: the recorded controller never got to see it.
UNSEEN = 7


def _row(deployment: Any) -> dict[str, Any]:
    status = deployment.get("status") or {}
    return {
        "generation": deployment["metadata"]["generation"],
        "wanted": deployment["spec"].get("replicas"),
        **{key: value for key, value in status.items() if key != "conditions"},
        "conditions": {
            each["type"]: [each["status"], each["reason"], each["message"]]
            for each in status.get("conditions") or ()
        },
    }


@pytest.fixture
def rows(cluster: Any) -> list[dict[str, Any]]:
    """The same story here, with a fake clock; each change of the Deployment."""
    seen: list[dict[str, Any]] = []
    cluster.registry.subscribe(
        kinds.DEPLOYMENTS, lambda event: seen.append(copy.deepcopy(_row(event.object)))
    )
    cluster.bad_images.add("broken")
    cluster.deploy()
    cluster.settle()
    cluster.scale(5)
    cluster.settle()
    cluster.release("v2")
    cluster.settle()
    cluster.release("v1")
    cluster.settle()

    def restart(obj: Any) -> None:
        meta = obj["spec"]["template"]["metadata"]
        meta.setdefault("annotations", {})["kubectl.kubernetes.io/restartedAt"] = "now"

    cluster.change(restart)
    cluster.settle()
    cluster.change(lambda obj: obj["spec"].update(paused=True))
    cluster.settle()
    cluster.change(lambda obj: obj["spec"].pop("paused"))
    cluster.settle()

    def broken(obj: Any) -> None:
        obj["spec"]["progressDeadlineSeconds"] = 15
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = "broken"

    cluster.change(broken)
    cluster.settle()
    cluster.time.advance(20)
    cluster.release("v1")
    cluster.settle()
    cluster.registry.delete(kinds.PODS, "shop", cluster.pods()[0]["metadata"]["name"])
    cluster.settle()
    cluster.scale(0)
    cluster.settle()
    return seen


def _conditions(rows: Iterable[dict[str, Any]], kind: str) -> dict[int, list[Any]]:
    """For each generation that was seen to it: status, reason and message, without repetitions."""
    found: dict[int, list[Any]] = {}
    for row in rows:
        if kind in row["conditions"] and row["generation"] == row.get("observedGeneration"):
            status, reason, message = row["conditions"][kind]
            message = re.sub(r'"web-[a-z0-9]+"', '"web-<hash>"', message)
            found.setdefault(row["generation"], []).append((status, reason, message))
    return {
        generation: [each for each, _ in itertools.groupby(told)]
        for generation, told in found.items()
    }


@pytest.mark.parametrize("kind", ["Progressing", "Available"])
def test_conditions_come_in_the_recorded_order_and_words(
    rows: list[dict[str, Any]], kind: str
) -> None:
    ours, recorded = _conditions(rows, kind), _conditions(ROWS, kind)
    assert ours.keys() - {UNSEEN} == recorded.keys() == {*range(FIRST, LAST + 1)} - {UNSEEN}
    for generation, told in recorded.items():
        assert ours[generation] == told, generation


@pytest.mark.parametrize("story", ["ours", "recorded"])
def test_surge_and_unavailability_stay_within_their_bounds_at_every_event(
    rows: list[dict[str, Any]], story: str
) -> None:
    looked_at = 0
    for row in rows if story == "ours" else ROWS:
        # While it is scaled, its bounds are those of no one size.
        if row["generation"] in range(3, LAST) and row["wanted"] == 5:
            looked_at += 1
            assert row["replicas"] <= 5 + math.ceil(5 * 0.25), row
            assert row["availableReplicas"] >= 5 - math.floor(5 * 0.25), row
    assert looked_at > 20


def test_what_is_observed_follows_and_never_goes_back(rows: list[dict[str, Any]]) -> None:
    for story in (rows, [row for row in ROWS if row["type"] != "DELETED"]):
        observed = [row.get("observedGeneration", 0) for row in story]
        assert observed == sorted(observed)
        assert all(row["generation"] >= row.get("observedGeneration", 0) for row in story)
        assert observed[-1] == LAST


def test_each_step_ends_with_the_recorded_numbers(rows: list[dict[str, Any]]) -> None:
    numbers = (
        "wanted",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
    )

    def ends(story: Iterable[dict[str, Any]]) -> dict[int, dict[str, int]]:
        found = {}
        for row in story:
            if row["generation"] == row.get("observedGeneration"):
                # A number that is not there is 0.
                found[row["generation"]] = {key: row.get(key, 0) for key in numbers}
        return found

    ours, recorded = ends(rows), ends(ROWS)
    del ours[UNSEEN]
    assert ours == recorded


def test_pods_that_cannot_be_made_are_told_by_a_condition_until_they_can(cluster: Any) -> None:
    refusing = True

    def admit(resource: Any, obj: Any, *_: Any) -> None:
        if refusing and resource == kinds.PODS:
            raise ApiError(403, "Forbidden", "pods are forbidden: exceeded quota")

    cluster.registry.admission.append(admit)
    cluster.deploy()
    cluster.settle()
    assert cluster.condition("ReplicaFailure") == ("True", "FailedCreate")
    assert cluster.condition("Available") == ("False", "MinimumReplicasUnavailable")
    assert cluster.events("FailedCreate") == ["Error creating: pods are forbidden: exceeded quota"]
    (replica_set,) = cluster.registry.list(kinds.REPLICA_SETS, "shop")
    (condition,) = replica_set["status"]["conditions"]
    assert condition["message"] == "pods are forbidden: exceeded quota"
    assert condition.keys() == {"type", "status", "reason", "message", "lastTransitionTime"}
    refusing = False
    cluster.time.advance(10)
    cluster.settle()
    kept = {each["type"] for each in cluster.deployment()["status"]["conditions"]}
    assert kept == {"Available", "Progressing"}
    assert cluster.condition("Progressing") == ("True", "NewReplicaSetAvailable")
