"""A Prometheus of our own: it starts, or says why not, and leaves nothing however we end."""

import os
import signal
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from rundrill.base.clock import MonotonicClock
from rundrill.base.wait import until
from rundrill.detection.prometheus import server
from rundrill.detection.prometheus.api import Api, NoAnswerError
from rundrill.detection.prometheus.program import Program, dialect_of, find_program
from rundrill.detection.prometheus.server import Server
from rundrill.detection.promql import Dialect
from rundrill.errors import MachineError
from tests.unit.detection.prometheus_program import needs_prometheus

RULES = "groups: [{name: g, rules: [{alert: A, expr: vector(1)}]}]"
CLOCK = MonotonicClock()


def server_of(program: Program, folder: Path, rules: str = RULES) -> Server:
    return Server(program, folder, rules=rules, interval_s=1.0, lookback_s=20.0, clock=CLOCK)


def fake_program(folder: Path, script: str) -> Program:
    path = folder / "prometheus"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return Program(path, "2.42.0")


def processes_of(folder: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in word for word in process.info["cmdline"] or ())
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    for process in processes_of(folder):
        process.kill()


@needs_prometheus
def test_it_evaluates_our_rules_and_leaves_nothing(folder: Path) -> None:
    server = server_of(find_program(), folder)
    api = server.start("127.0.0.1:1")
    try:
        assert [rule.name for rule in api.rules()] == ["A"]
        assert server.ended is None
        with urllib.request.urlopen(f"{api.url}/api/v1/status/flags", timeout=10) as answer:
            told = answer.read().decode()
        assert '"query.lookback-delta":"20s"' in told
        assert '"web.listen-address":"127.0.0.1:' in told
        assert len(processes_of(folder)) == 2
    finally:
        server.stop()
    assert processes_of(folder) == []
    assert not folder.exists()
    with pytest.raises(NoAnswerError):
        api.rules()
    server.stop()


@needs_prometheus
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_a_runner_that_is_killed(number: signal.Signals, folder: Path) -> None:
    script = f"""
        import sys, time
        from pathlib import Path
        from rundrill.base.clock import MonotonicClock
        from rundrill.detection.prometheus.program import find_program
        from rundrill.detection.prometheus.server import Server
        server = Server(find_program(), Path({str(folder)!r}), rules={RULES!r}, interval_s=1.0,
                        lookback_s=20.0, clock=MonotonicClock())
        print(server.start("127.0.0.1:1").url, flush=True)
        time.sleep(300)
    """
    runner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert runner.stdout is not None
        url = runner.stdout.readline().strip()
        assert Api(url).version()
        runner.send_signal(number)
        runner.wait(30)
        until(
            lambda: not processes_of(folder) and not folder.exists(),
            what="prometheus and its folder to be gone",
            budget_s=30,
            every_s=0.1,
            clock=CLOCK,
        )
    finally:
        runner.kill()
        runner.wait()
        assert runner.stdout is not None
        runner.stdout.close()


@needs_prometheus
def test_one_that_is_killed_is_seen(folder: Path) -> None:
    server = server_of(find_program(), folder)
    server.start("127.0.0.1:1")
    try:
        [found] = [p for p in processes_of(folder) if "warden" not in " ".join(p.cmdline())]
        found.kill()
        until(lambda: server.ended, what="the end", budget_s=20, every_s=0.05, clock=CLOCK)
        assert str(server.ended).startswith("prometheus ended (exit code 247): ")
    finally:
        server.stop()
    assert not folder.exists()


@needs_prometheus
def test_rules_that_it_refuses_are_told_in_its_words(folder: Path) -> None:
    server = server_of(find_program(), folder, "groups: [{name: g, rules: [{alert: A}]}]")
    with pytest.raises(MachineError, match=r"prometheus did not start: .*expr") as refused:
        server.start("127.0.0.1:1")
    assert "fix" in str(refused.value)
    assert not folder.exists()
    assert processes_of(folder) == []


def test_a_program_that_ends_at_once_is_told_with_its_last_words(
    folder: Path, tmp_path: Path
) -> None:
    program = fake_program(tmp_path, "echo out of cheese >&2; exit 3")
    with pytest.raises(MachineError, match="prometheus did not start: out of cheese"):
        server_of(program, folder).start("127.0.0.1:1")
    assert not folder.exists()


def test_a_port_that_was_taken_meanwhile_is_tried_again(folder: Path, tmp_path: Path) -> None:
    program = fake_program(
        tmp_path, f"echo x >> {tmp_path}/tries; echo bind: address already in use >&2; exit 1"
    )
    with pytest.raises(MachineError, match="address already in use"):
        server_of(program, folder).start("127.0.0.1:1")
    assert (tmp_path / "tries").read_text() == "x\nx\nx\n"


def test_one_that_does_not_listen_to_sigterm_is_ended_too(folder: Path, tmp_path: Path) -> None:
    program = fake_program(tmp_path, "trap '' TERM; echo up; while :; do sleep 0.1; done")
    server = server_of(program, folder)
    server._prepare("127.0.0.1:1")
    server._spawn(1)
    until(lambda: server._last_words() == "up", what="it", budget_s=20, every_s=0.05, clock=CLOCK)
    assert processes_of(folder)
    server.stop()
    assert processes_of(folder) == []
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(MachineError, match="prometheus cannot be started: ") as refused:
        server_of(Program(Path("/bin/true"), "2.42.0"), tmp_path / "data").start("127.0.0.1:1")
    assert "fix: check the free disk space" in str(refused.value)


# ---------------------------------------------------------------- the program on PATH


@needs_prometheus
def test_the_program_tells_its_version() -> None:
    program = find_program()
    assert program.version.split(".")[0] in ("2", "3")
    assert os.access(program.path, os.X_OK)


def test_without_a_program_the_fix_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MachineError, match="there is no `prometheus` on PATH") as refused:
        find_program()
    assert "apt-get install prometheus" in str(refused.value)


@pytest.mark.parametrize("script", ["echo hello", "exit 1", "echo prometheus, version unknown"])
def test_a_program_that_is_something_else_is_refused(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_program(tmp_path, script)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(MachineError, match="does not tell a version of Prometheus"):
        find_program()


def test_the_generation_is_that_of_the_version() -> None:
    assert dialect_of("2.42.0") is Dialect.PROMETHEUS_2
    assert dialect_of("3.0.1") is Dialect.PROMETHEUS_3
    assert dialect_of("10.0") is Dialect.PROMETHEUS_3


@pytest.mark.parametrize("script", ["trap '' TERM; echo up; while :; do sleep 0.1; done", "exit 3"])
def test_the_warden_alone_leaves_nothing(script: str, folder: Path, tmp_path: Path) -> None:
    """When its runner is gone nobody else ends a program that does not listen."""
    program = fake_program(tmp_path, script)
    folder.mkdir()
    warden = Path(server.__file__).with_name("warden.py")
    process = subprocess.Popen(
        [sys.executable, "-I", str(warden), str(folder), str(program.path), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if script != "exit 3":
            assert process.stdout.readline() == b"up\n"
            process.stdin.close()
        assert process.wait(30) == (3 if script == "exit 3" else -signal.SIGKILL & 0xFF)
        assert processes_of(folder) == []
        assert not folder.exists()
    finally:
        process.stdin.close()
        process.stdout.close()
        process.kill()
        process.wait()
