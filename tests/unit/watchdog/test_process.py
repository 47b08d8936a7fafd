"""The watchdog as a process, beside a runner that is killed, stopped, deaf or well."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from drills import wait_until
from model_cluster import World
from model_server import served

from rundrill import abort_command
from rundrill.base.clock import MonotonicClock
from rundrill.errors import MachineError
from rundrill.events import DrillAborted, DrillEnded, Event, FaultUndone, read
from rundrill.model import Outcome
from rundrill.undo import UndoJournal
from rundrill.verdict import judge
from rundrill.workplace import Workplace

TOP = Path(__file__).parents[3]
STAND_IN = Path(__file__).with_name("stand_in.py")
BAD = "rundrill/payments:1.1.0"
LIMIT_S = 20.0
"""Within which the target must be as before; on this machine it takes about two seconds."""


def manifests() -> Iterator[Mapping[str, Any]]:
    for path in sorted((TOP / "deploy/base").glob("*.yaml")):
        for item in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if item and "kind" in item and item["kind"] != "Kustomization":
                yield item


class Scene:
    """A cluster that lives on, a workplace, and a runner in it."""

    def __init__(self, folder: Path, world: World) -> None:
        self.folder = folder
        self.world = world
        self.home = folder / "home"
        self.run_folder = folder / "run"
        self.run_folder.mkdir()
        self.process: subprocess.Popen[str] | None = None
        self.watchdog = 0
        self.command = 0
        self.before = self.image()

    def image(self) -> str:
        item = self.world.objects["apps", "deployments", "production", "payment-service"]
        return str(item["spec"]["template"]["spec"]["containers"][0]["image"])

    def start(self, **options: object) -> None:
        command = [
            sys.executable, str(STAND_IN), str(self.home), str(self.folder / "kubeconfig"),
            str(self.run_folder), json.dumps(options),
        ]  # fmt: skip
        with (self.folder / "stderr").open("w", encoding="utf-8") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "PYTHONPATH": str(TOP / "tests")},
                start_new_session=True,
            )

    def reach(self, word: str) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            what, _, number = line.strip().partition(" ")
            if what in ("watchdog", "command"):
                setattr(self, what, int(number))
            if what == word:
                return
        raise AssertionError(f"it never came to {word}: {self.told()}")

    def told(self) -> str:
        return (self.folder / "stderr").read_text(encoding="utf-8")

    def finish(self) -> str:
        assert self.process is not None
        output, _ = self.process.communicate(timeout=30)
        return output

    def await_end_of_watchdog(self) -> float:
        started = time.monotonic()
        wait_until(lambda: not alive(self.watchdog), "the watchdog to end", LIMIT_S)
        return time.monotonic() - started

    @property
    def events(self) -> list[Event]:
        return read(self.run_folder / "events.jsonl")

    def last(self, kind: type[Any]) -> Any:
        return next((one for one in reversed(self.events) if isinstance(one, kind)), None)

    def markers(self) -> list[str]:
        return [key[3] for key in self.world.objects if key[3] == "rundrill-fault"]

    def leases(self) -> list[str]:
        return [key[3] for key in self.world.objects if key[1] == "leases"]

    def end(self) -> None:
        assert self.process is not None
        for pid in (self.process.pid, self.watchdog, self.command):
            if pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.communicate()


def alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    world = World(manifests())
    with served(world, tmp_path / "kubeconfig"):
        made = Scene(tmp_path, world)
        try:
            yield made
        finally:
            if made.process is not None:
                made.end()


def require_undone(scene: Scene, why: str) -> None:
    assert scene.image() == scene.before
    assert scene.markers() == []
    assert scene.leases() == []
    assert UndoJournal(scene.home / "undo").leftovers() == []
    assert not scene.home.exists(), list(scene.home.rglob("*"))
    assert why in scene.last(DrillAborted).why
    verdict = judge(scene.events)
    assert verdict.outcome is Outcome.ABORTED
    assert why in verdict.reason


def test_a_runner_that_is_killed_is_undone_for_and_nothing_is_left(scene: Scene) -> None:
    scene.start(stay="injected")
    scene.reach("injected")
    assert scene.image() == BAD
    assert scene.leases() == ["rundrill"]
    assert scene.process is not None
    scene.process.kill()
    scene.await_end_of_watchdog()
    require_undone(scene, "the runner is gone")
    assert scene.last(FaultUndone).undone
    assert (scene.run_folder / "report.html").exists()
    assert "its fault is undone: every pod" in scene.told()


@pytest.mark.parametrize("moment", ["baseline", "claimed"])
def test_a_runner_that_is_killed_before_the_first_change_leaves_no_claim(
    scene: Scene, moment: str
) -> None:
    scene.start(stay=moment)
    scene.reach(moment)
    assert scene.process is not None
    scene.process.kill()
    scene.await_end_of_watchdog()
    require_undone(scene, "the runner is gone")
    assert scene.last(FaultUndone) is None


def test_a_line_that_the_kill_has_torn_is_no_obstacle(scene: Scene) -> None:
    scene.start(stay="injected")
    scene.reach("injected")
    assert scene.process is not None
    os.kill(scene.process.pid, signal.SIGSTOP)
    with (scene.run_folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"event":"LoadSam')
    scene.process.kill()
    scene.await_end_of_watchdog()
    require_undone(scene, "the runner is gone")
    assert isinstance(scene.events[-1], DrillEnded)


def test_a_runner_that_is_stopped_is_ended_with_its_commands_before_the_undo(scene: Scene) -> None:
    kubectl = scene.folder / "kubectl"
    kubectl.write_text("#!/bin/sh\nexec tail -f /dev/null\n", encoding="utf-8")
    kubectl.chmod(0o755)
    scene.start(stay="injected", silence_s=2.0, kubectl=str(kubectl))
    scene.reach("injected")
    assert scene.process is not None
    assert alive(scene.command)
    os.kill(scene.process.pid, signal.SIGSTOP)
    scene.await_end_of_watchdog()
    assert scene.process.wait(5) == -signal.SIGKILL
    assert not alive(scene.command)
    require_undone(scene, "the runner has told nothing for")


def test_beyond_the_error_budget_the_runner_itself_undoes_and_tells_why(scene: Scene) -> None:
    scene.start(stay="injected", failing=5, failed=20)
    scene.reach("injected")
    scene.finish()
    require_undone(scene, "customer requests failed since the injection, the error budget is 20")
    assert not alive(scene.watchdog)


def test_a_drill_that_lasts_longer_than_allowed_ends(scene: Scene) -> None:
    scene.start(stay="injected", duration_s=1.0)
    scene.reach("injected")
    scene.finish()
    require_undone(scene, "the drill lasts longer than 1 s, the limit")


def test_a_runner_that_does_not_stop_when_asked_is_ended_and_undone_for(scene: Scene) -> None:
    scene.start(stay="injected", duration_s=1.0, deaf=True)
    scene.reach("injected")
    scene.await_end_of_watchdog()
    assert scene.process is not None
    assert scene.process.wait(5) == -signal.SIGKILL
    require_undone(scene, "did not stop in 10 s when asked to")


def test_without_its_watchdog_the_runner_aborts_with_one_message(scene: Scene) -> None:
    scene.start(stay="injected")
    scene.reach("injected")
    os.kill(scene.watchdog, signal.SIGKILL)
    scene.finish()
    require_undone(scene, "the watchdog is gone, and without it no drill goes on")


def test_a_watchdog_that_hangs_is_none(scene: Scene) -> None:
    scene.start(stay="injected", watchdog_silence_s=2.0)
    scene.reach("injected")
    os.kill(scene.watchdog, signal.SIGSTOP)
    scene.finish()
    require_undone(scene, "the watchdog has told nothing for 2 s")
    assert not alive(scene.watchdog)


def test_a_watchdog_that_cannot_begin_keeps_the_drill_from_it(scene: Scene) -> None:
    """The Lease that it is to renew is gone."""
    scene.start(stay="baseline")
    scene.reach("watchdog")
    os.kill(scene.watchdog, signal.SIGSTOP)
    del scene.world.objects["coordination.k8s.io", "leases", "production", "rundrill"]
    os.kill(scene.watchdog, signal.SIGCONT)
    assert "refused the watchdog does not run: the watchdog: GET" in scene.finish()
    assert scene.process is not None
    assert scene.process.returncode == 2
    assert scene.image() == scene.before


def test_when_both_are_killed_everything_needed_to_recover_is_left(scene: Scene) -> None:
    scene.start(stay="injected")
    scene.reach("injected")
    assert scene.process is not None
    os.kill(scene.process.pid, signal.SIGSTOP)
    os.kill(scene.watchdog, signal.SIGKILL)
    scene.process.kill()
    wait_until(lambda: not alive(scene.watchdog), "the watchdog to end", 5)
    assert scene.image() == BAD
    assert [one.run_id for one in UndoJournal(scene.home / "undo").leftovers()] == ["run-1"]
    assert scene.markers()


def test_what_cannot_be_undone_is_left_to_recover_and_said(scene: Scene) -> None:
    scene.start(stay="injected")
    scene.reach("injected")
    assert scene.process is not None
    journal = scene.home / "undo" / "run-1.json"
    journal.write_text("{}", encoding="utf-8")
    scene.process.kill()
    scene.await_end_of_watchdog()
    assert "NOT undone" in scene.told()
    assert "rundrill recover" in scene.told()
    assert not scene.last(FaultUndone).undone
    assert journal.exists()
    assert scene.markers()


def test_the_target_that_ends_with_its_runner_is_not_undone_but_told(scene: Scene) -> None:
    scene.start(stay="injected", outlives=False)
    scene.reach("injected")
    assert scene.process is not None
    scene.process.kill()
    scene.await_end_of_watchdog()
    assert scene.image() == BAD
    assert "ended with the runner" in scene.told()
    assert scene.last(FaultUndone) is None
    assert isinstance(scene.events[-1], DrillEnded)


# ---------------------------------------------------------------- rundrill abort


@pytest.fixture
def abort(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    monkeypatch.setenv("RUNDRILL_HOME", str(scene.home))
    return lambda: abort_command.run(MonotonicClock())


def test_abort_ends_the_drill_and_says_so_also_twice(
    scene: Scene, abort: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    scene.start(stay="injected")
    scene.reach("injected")
    assert abort() == 0
    scene.finish()
    assert "run run-1 has ended: aborted: the watchdog: somebody called" in capsys.readouterr().out
    require_undone(scene, "somebody called `rundrill abort`")
    assert abort() == 0
    assert capsys.readouterr().out == "no drill is running here\n"


def test_abort_of_a_dead_run_says_how_to_recover(scene: Scene, abort: Callable[[], int]) -> None:
    scene.start(stay="injected")
    scene.reach("injected")
    assert scene.process is not None
    os.kill(scene.process.pid, signal.SIGSTOP)
    os.kill(scene.watchdog, signal.SIGKILL)
    scene.process.kill()
    scene.process.wait()
    with pytest.raises(MachineError, match="so is its watchdog"):
        abort()


def test_abort_where_something_else_is_at_work_says_so(
    scene: Scene, abort: Callable[[], int]
) -> None:
    with Workplace(scene.home).lock(), pytest.raises(MachineError, match="no drill has begun"):
        abort()


def test_a_runner_in_the_place_of_one_that_is_being_undone_is_refused(scene: Scene) -> None:
    """The watchdog holds the lock of the dead runner while it undoes."""
    scene.start(stay="injected")
    scene.reach("injected")
    assert scene.process is not None
    os.kill(scene.watchdog, signal.SIGSTOP)
    scene.process.kill()
    scene.process.wait()
    assert Workplace(scene.home).in_use()
    with (
        pytest.raises(MachineError, match="another drill is running"),
        Workplace(scene.home).lock(),
    ):
        pass
    os.kill(scene.watchdog, signal.SIGCONT)
    scene.await_end_of_watchdog()
    require_undone(scene, "the runner is gone")
