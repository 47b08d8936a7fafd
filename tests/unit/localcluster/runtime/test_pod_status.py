"""Phases and conditions, by the states of the containers."""

from typing import Any

import pytest

from localcluster.runtime.pod_status import ContainerView, conditions, phase
from localcluster.runtime.states import Running, State, Terminated, Waiting


def _end(code: int) -> Terminated:
    return Terminated(
        exit_code=code,
        reason="Completed" if code == 0 else "Error",
        started_at="s",
        finished_at="f",
        container_id="c",
        at=0.0,
    )


RUNNING = Running(started_at="s")
CREATING = Waiting(reason="ContainerCreating")
BACK_OFF = Waiting(reason="CrashLoopBackOff")


def _view(state: State, *, last: Terminated | None = None, ready: bool = False, **more: Any) -> Any:
    return ContainerView(
        name="app",
        image="i",
        state=state,
        last=last,
        ready=ready,
        started=more.pop("started", ready),
        restarts=0,
        **more,
    )


@pytest.mark.parametrize(
    ("inits", "mains", "policy", "expected"),
    [
        ([], [_view(CREATING)], "Always", "Pending"),
        ([], [_view(RUNNING)], "Always", "Running"),
        ([], [_view(RUNNING), _view(CREATING)], "Always", "Pending"),
        ([], [_view(_end(1))], "Always", "Running"),
        ([], [_view(BACK_OFF, last=_end(1))], "Always", "Running"),
        ([], [_view(_end(0))], "Never", "Succeeded"),
        ([], [_view(_end(0)), _view(_end(3))], "Never", "Failed"),
        ([], [_view(_end(3))], "OnFailure", "Running"),
        ([], [_view(_end(0))], "OnFailure", "Succeeded"),
        ([_view(RUNNING)], [_view(CREATING)], "Always", "Pending"),
        ([_view(BACK_OFF, last=_end(1))], [_view(CREATING)], "Always", "Pending"),
        ([_view(_end(1))], [_view(CREATING)], "Never", "Failed"),
        ([_view(_end(0))], [_view(RUNNING)], "Always", "Running"),
        ([_view(RUNNING, essential=False, started=True)], [_view(RUNNING)], "Always", "Running"),
    ],
)
def test_the_phase_follows_the_containers(
    inits: list[Any], mains: list[Any], policy: str, expected: str
) -> None:
    assert phase(inits, mains, policy) == expected


def _conditions(mains: list[Any], pod_phase: str, previous: Any = ()) -> dict[str, Any]:
    found = conditions([], mains, pod_phase, previous, "now", sandbox=True)
    return {each["type"]: each for each in found}


def test_an_unready_container_is_named() -> None:
    ready = _conditions([_view(RUNNING)], "Running")["Ready"]
    assert ready["status"] == "False"
    assert ready["reason"] == "ContainersNotReady"
    assert ready["message"] == "containers with unready status: [app]"


def test_a_condition_that_keeps_its_status_keeps_its_time() -> None:
    before = _conditions([_view(RUNNING)], "Running")
    for each in before.values():
        each["lastTransitionTime"] = "then"
    after = _conditions([_view(RUNNING, ready=True)], "Running", list(before.values()))
    assert after["Initialized"]["lastTransitionTime"] == "then"
    assert after["Ready"] == {
        "type": "Ready",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": "now",
    }


def test_a_completed_pod_is_not_ready_for_that_reason() -> None:
    ready = _conditions([_view(_end(0))], "Succeeded")["Ready"]
    assert (ready["status"], ready["reason"]) == ("False", "PodCompleted")
