"""The kubelet against a real one's recorded answers: back-off, states, conditions, events.

`tests/golden/kubelet/recordings.py` says how they were made; the real cluster is a 1.20.2.
"""

import asyncio
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from localcluster import kinds
from localcluster.runtime.backoff import go_duration

GOLDEN = Path(__file__).parents[3] / "golden" / "kubelet"
CRASH_LOOP = json.loads((GOLDEN / "crash-loop.json").read_text())
POD_STATES = json.loads((GOLDEN / "pod-states.json").read_text())
NOMINAL = [0, 10, 20, 40, 80, 160, 300, 300]
# A real kubelet looks at its pods every 10 to 15 s, so it is late by as much.
LATE_S = 15


def _container(status: dict[str, Any]) -> dict[str, Any]:
    keys = ("state", "lastState", "ready", "restartCount")
    return {key: _alike(status[key]) for key in keys}


def _alike(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _alike(item) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    for pattern, word in (
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>"),
        (r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", "<uid>"),
        (r"[a-z]+://[0-9a-f]{64}", "<id>"),
        (r"_default\(", "_<namespace>("),
    ):
        value = re.sub(pattern, word, value)
    return value


def _in_order(wanted: list[Any], seen: list[Any]) -> list[Any]:
    """What of `wanted` does not come in `seen` in this order."""
    rest = iter(seen)
    return [row for row in wanted if not any(_fits(row, each) for each in rest)]


def _fits(recorded: dict[str, Any], ours: dict[str, Any]) -> bool:
    if recorded["restartCount"] and not recorded["lastState"]:
        # Once, the recorded kubelet had just cleared the container before away.
        ours = {**ours, "lastState": {}}
    return recorded == ours


@pytest.mark.parametrize(("pod", "runs_s"), [("crash", 0.0), ("lives-a-while", 20.0)])
def test_a_crash_loop_is_the_recorded_one(node_without_time: Any, pod: str, runs_s: float) -> None:
    recorded = CRASH_LOOP[pod]
    seen: list[dict[str, Any]] = []
    starts: list[float] = []

    async def test(node: Any) -> None:
        loop = asyncio.get_running_loop()

        def look(event: Any) -> None:
            whole = event.object.get("status", {})
            seen.extend(
                {"phase": whole["phase"], **_container(each)}
                for each in whole.get("containerStatuses") or ()
            )

        def hear(event: Any) -> None:
            if event.object["reason"] == "Started":
                starts.append(loop.time())

        node.registry.subscribe(kinds.PODS, look)
        node.registry.subscribe(kinds.EVENTS, hear)
        node.run("", name=pod, container={"name": "main", "imagePullPolicy": "Never"})
        async with asyncio.timeout(3600):
            while len(starts) <= len(recorded["waits_s"]):  # noqa: ASYNC110 - a fake clock
                await asyncio.sleep(1)
            # The last run ends and is held back, too.
            await asyncio.sleep(runs_s + 30)
        told = [
            [event["type"], event["reason"], event["count"] > 1]
            for event in node.registry.list(kinds.EVENTS)
            if event["involvedObject"]["name"] == pod
        ]
        assert sorted(told) == sorted(
            [kind, reason, counted] for kind, reason, _, counted in recorded["events"]
        )

    node_without_time(test, runs_s, 1)
    waits = [after - before - runs_s for before, after in itertools.pairwise(starts)]
    assert waits == pytest.approx(NOMINAL[: len(waits)], abs=0.01)
    late = [real - ours for real, ours in zip(recorded["waits_s"], waits, strict=True)]
    assert all(0 <= each <= LATE_S for each in late), late
    assert _in_order(recorded["states"], seen) == []


def test_ten_minutes_of_running_start_the_back_off_anew(node_without_time: Any) -> None:
    starts: list[float] = []

    async def test(node: Any) -> None:
        loop = asyncio.get_running_loop()

        def hear(event: Any) -> None:
            if event.object["reason"] == "Started":
                starts.append(loop.time())

        node.registry.subscribe(kinds.EVENTS, hear)
        node.run("")
        await asyncio.sleep(4000)

    node_without_time(test, 601.0, 1)
    waits = [after - before - 601 for before, after in itertools.pairwise(starts)]
    assert waits == pytest.approx([0.0] * len(waits), abs=0.01)
    assert len(waits) >= 5


# Where current releases and today's container runtimes differ from the recorded 1.20.
_NEWER_REASON = {"failed": "PodFailed", "oomkilled-restart-never": "PodFailed"}
_CANNOT_START = {
    "exitCode": 128,
    "reason": "StartError",
    "startedAt": "1970-01-01T00:00:00Z",
}


def _expected(name: str, golden: dict[str, Any]) -> dict[str, Any]:
    """The recorded status, as a current release with the test's compression shows it."""
    text = json.dumps(golden["status"])
    text = re.sub(
        r"back-off (\d+)s", lambda match: f"back-off {go_duration(int(match[1]) / 100)}", text
    )
    text = re.sub(r"pod=[a-z-]+_", "pod=p_", text)
    text = text.replace("realkube/none:local", "none")
    status: dict[str, Any] = json.loads(text)
    conditions = status["conditions"]
    conditions["PodReadyToStartContainers"] = [
        "False" if status["phase"] in ("Succeeded", "Failed") or name == "novolume" else "True",
        "",
        "",
    ]
    if reason := _NEWER_REASON.get(name):
        for kind in ("Ready", "ContainersReady"):
            conditions[kind] = ["False", reason, ""]
    if name == "badcommand":
        for each in status["containerStatuses"]:
            each["lastState"]["terminated"] |= {**_CANNOT_START, "message": "<why>"}
    return status


def _seen(pod: dict[str, Any], *, cannot_start: bool) -> dict[str, Any]:
    status = pod["status"]
    found = {
        "phase": status["phase"],
        "conditions": {
            each["type"]: [each["status"], each.get("reason", ""), each.get("message", "")]
            for each in status["conditions"]
        },
        **{
            key: [_container(each) for each in status[key]]
            for key in ("initContainerStatuses", "containerStatuses")
            if key in status
        },
    }
    if cannot_start:
        for each in found["containerStatuses"]:
            if ended := each["lastState"].get("terminated"):
                ended["message"] = "<why>"
                ended["startedAt"] = _CANNOT_START["startedAt"]
    return found


def _told(node: Any) -> list[list[Any]]:
    return [
        [event["type"], event["reason"], _alike(event["message"])]
        for event in node.registry.list(kinds.EVENTS)
        if event["source"].get("component") == "kubelet"
    ]


def _expected_events(golden: dict[str, Any]) -> list[list[Any]]:
    """The recorded ones, in the words of a current release."""
    where = "init" if "initContainers" in golden["spec"] else "main"

    def newer(reason: str, message: str) -> str:
        if reason == "Pulled":
            return 'Container image "py" already present on machine'
        if reason == "BackOff":
            return f"{message} {where} in pod p_<namespace>(<uid>)"
        if reason == "Created":
            return message.replace("container ", "container: ")
        return message.replace("realkube/none:local", "none")

    return [[kind, reason, newer(reason, text)] for kind, reason, text, _ in golden["events"]]


@pytest.mark.parametrize("name", POD_STATES)
def test_a_pod_comes_to_the_recorded_state(home: Any, name: str) -> None:
    golden = POD_STATES[name]
    spec = json.loads(json.dumps(golden["spec"]))
    for each in [*spec["containers"], *spec.get("initContainers", ())]:
        each["image"] = "none" if name == "noimage" else "py"
        each["imagePullPolicy"] = "Never"
    expected = _expected(name, golden)

    async def test(node: Any) -> None:
        seen: list[dict[str, Any]] = []

        def look(event: Any) -> None:
            if "conditions" in event.object.get("status", {}):
                seen.append(_seen(event.object, cannot_start=name == "badcommand"))

        node.registry.subscribe(kinds.PODS, look)
        containers = spec.pop("containers")
        node.run("", containers=containers, **spec)

        def found() -> bool:
            return expected in seen

        try:
            await node.until(found, "the recorded state")
        except AssertionError:
            shown = "\n".join(json.dumps(each, sort_keys=True) for each in seen)
            pytest.fail(f"wanted\n{json.dumps(expected, sort_keys=True)}\nseen\n{shown}")
        wanted = _expected_events(golden)
        if name == "badcommand":
            # Its words are today's containerd's; test_pod_life has them.
            wanted = [row for row in wanted if row[1] != "Failed"]
        await node.until(
            lambda: all(row in _told(node) for row in wanted), f"{wanted}, seen {_told(node)}"
        )

    home(test)
