"""Whole drills: a copy of the shipped files to change, and a look at what is left behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from rundrill.errors import RundrillError
from rundrill.events import Event, PhaseStarted, read
from rundrill.model import Verdict
from rundrill.verdict import judge

TOP = Path(__file__).parents[1]
MARK = "RUNDRILL_TEST_MARK"
OURS = ("localcluster", "payments.", "locust", "postgres", "valkey", "kubectl", "rundrill")
COMPRESSION = "40"


class Drill:
    """One `rundrill run` (or `chaos run`) of a copy of the shipped files, in its own folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("experiments", "runbooks", "deploy", "load"):
            shutil.copytree(TOP / name, folder / name)
        self.experiment = folder / "experiments/crash-loop.yaml"
        self.runbook = folder / "runbooks/payment-service/runbook.md"
        self.rules = folder / "runbooks/payment-service/alerts.yml"
        self.home = folder / ".rundrill"
        self.env = {
            **os.environ,
            MARK: str(folder),
            "RUNDRILL_HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(folder / "tmp"),
        }
        (folder / "tmp").mkdir()
        self.process: subprocess.Popen[str] | None = None
        self.output = ""
        self.earlier: set[Path] = set()

    def spoil(self, path: Path, old: str, new: str) -> None:
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{path.name} does not hold {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = arguments or (
            sys.executable, "-m", "rundrill", "run", "--compress", COMPRESSION,
            "experiments/crash-loop.yaml",
        )  # fmt: skip
        self.earlier = self.run_folders()
        self.process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return self.process

    def finish(self, budget_s: float = 300.0) -> int:
        assert self.process is not None
        self.output, _ = self.process.communicate(timeout=budget_s)
        print(self.output)
        return self.process.returncode

    def run(self, *arguments: str, budget_s: float = 300.0) -> int:
        self.start(*arguments)
        return self.finish(budget_s)

    def run_folders(self) -> set[Path]:
        runs = self.folder / "runs"
        return set(runs.iterdir()) if runs.exists() else set()

    @property
    def run_folder(self) -> Path:
        """Of the run that was started last, or of the last one that made a folder."""
        return max(self.run_folders() - self.earlier or self.run_folders())

    @property
    def events(self) -> list[Event]:
        return read(self.run_folder / "events.jsonl")

    @property
    def verdict(self) -> Verdict:
        return judge(self.events)

    def wait_for_phase(self, phase: str, budget_s: float = 120.0) -> None:
        self._wait_for(
            lambda e: isinstance(e, PhaseStarted) and e.phase == phase, f"phase {phase}", budget_s
        )

    def wait_for_event(self, kind: type[Event], budget_s: float = 120.0) -> None:
        self._wait_for(lambda e: isinstance(e, kind), kind.__name__, budget_s)

    def _wait_for(self, wanted: Callable[[Event], bool], what: str, budget_s: float) -> None:
        def told() -> bool:
            assert self.process is not None
            ended = self.process.poll() is not None  # first: what it told at its end is read then
            found = False
            # The folder is there before its first event.
            with suppress(OSError, ValueError, RundrillError):
                found = bool(self.run_folders() - self.earlier) and any(map(wanted, self.events))
            assert found or not ended, f"it ended before {what}: {self.finish()}"
            return found

        wait_until(told, what, budget_s)

    def interrupt(self) -> None:
        """Ctrl-C in a terminal goes to the whole foreground process group."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def kill_with_watchdog(self) -> None:
        """Both at once, so that neither can undo anything."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        for process in self.processes():
            if "rundrill.watchdog" in (process.info["cmdline"] or []):
                process.kill()
        self.kill()

    def end(self) -> None:
        """Whatever a test that failed has left."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        for line in self.left_running():
            with suppress(ProcessLookupError):
                os.kill(int(line.split()[0]), signal.SIGKILL)

    def left_running(self) -> list[str]:
        """Processes of ours, as text: pid and command line."""
        return [f"{p.pid} {' '.join(p.info['cmdline'] or [])[:150]}" for p in self.processes()]

    def processes(self) -> list[psutil.Process]:
        """Ours: by the mark in their environment, or by a path of this folder."""
        found = []
        for process in psutil.process_iter(["pid", "cmdline"]):
            try:
                line = " ".join(process.info["cmdline"] or [])
                marked = process.environ().get(MARK) == str(self.folder)
                cwd = process.cwd()
            except psutil.Error:
                continue
            if process.pid != os.getpid() and (
                marked or str(self.folder) in line or cwd.startswith(str(self.folder))
            ):
                found.append(process)
        return found

    def left_on_disk(self) -> list[str]:
        """Everything but the run folders and what was there before."""
        return sorted(
            [str(p) for p in (self.folder / "tmp").iterdir()]
            + ([str(p) for p in self.home.rglob("*")] if self.home.exists() else [])
        )


def wait_until(done: Callable[[], bool], what: str, budget_s: float) -> None:
    deadline = time.monotonic() + budget_s
    while not done():
        assert time.monotonic() < deadline, f"waited {budget_s} s for {what}"
        time.sleep(0.1)  # noqa: TID251 - a real process is waited for


@pytest.fixture
def drill(tmp_path: Path) -> Iterator[Drill]:
    made = Drill(tmp_path)
    yield made
    made.end()
