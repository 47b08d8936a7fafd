"""The state directory: claimed, refused, cleared."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcluster import open_files, standing
from localcluster.cli import main
from localcluster.errors import InputError
from localcluster.state import Server, StateDir


def test_a_directory_is_claimed_by_one_server_at_a_time(tmp_path: Path) -> None:
    one, two = StateDir(tmp_path / "s"), StateDir(tmp_path / "s")
    one.make()
    one.claim()
    with pytest.raises(InputError, match="already running"):
        two.claim()


def test_clearing_removes_what_is_ours_and_the_directory(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "s")
    state.make()
    for folder in (state.pods, state.volumes, state.tls):
        (folder / "deep").mkdir(parents=True)
    for file in (state.kubeconfig, state.journal, state.log):
        file.write_text("x")
    state.clear()
    assert not state.path.exists()


def test_foreign_files_stay(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    state.make()
    state.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_directory_with_folders_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pods").mkdir()
    with pytest.raises(InputError, match="no cluster made"):
        StateDir(tmp_path).make()
    StateDir(tmp_path).clear()
    assert (tmp_path / "pods").exists()


def test_a_path_below_a_file_is_told_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to the state directory") as error:
        StateDir(tmp_path / "file" / "s").make()
    assert "fix:" in str(error.value)


def test_down_and_status_of_nothing_are_harmless(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["down", "--state", str(tmp_path / "none")]) == 0
    assert main(["status", "--state", str(tmp_path / "none")]) == 1
    assert "not running" in capsys.readouterr().out


def test_asking_for_a_kubeconfig_of_nothing_names_the_fix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kubeconfig", "--state", str(tmp_path)]) == 2
    assert "localcluster up" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--compress", "0"], ["--compress", "x"], ["--port", "70000"]])
def test_options_out_of_range_end_with_exit_code_2(tmp_path: Path, option: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["serve", "--state", str(tmp_path / "s"), *option])
    assert error.value.code == 2
    assert not (tmp_path / "s").exists()


def test_who_inherits_the_lock_holds_the_directory_after_its_first_owner(tmp_path: Path) -> None:
    one, two = StateDir(tmp_path / "s"), StateDir(tmp_path / "s")
    one.make()
    one.claim()
    wait = "import sys; print(flush=True); sys.stdin.read()"
    heir = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", wait],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[one.lock_fd],
    )
    assert heir.stdout is not None
    heir.stdout.readline()
    one.release()
    with pytest.raises(InputError, match="already running"):
        two.claim()
    heir.communicate()
    two.claim()


def test_a_process_that_only_has_the_dead_servers_pid_is_not_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = StateDir(tmp_path / "s")
    state.make()
    stranger = subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=-1)
    try:
        here = Server.here(compress=1)
        state.write_server(
            dataclasses.replace(here, pid=stranger.pid, start="another-boot:1", ready=True)
        )
        state.journal.write_text("")
        assert main(["status", "--state", str(state.path)]) == 1
        assert "run down" in capsys.readouterr().out
        assert main(["kubeconfig", "--state", str(state.path)]) == 2
        assert main(["down", "--state", str(state.path)]) == 0
        assert stranger.poll() is None
        assert not state.path.exists()
    finally:
        stranger.communicate(b"\n")


def test_a_server_that_starts_is_not_up_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = StateDir(tmp_path / "s")
    state.make()
    state.write_server(Server.here(compress=15))
    assert main(["status", "--json", "--state", str(state.path)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["pid"], told["compress"]) == ("starting", os.getpid(), 15)
    assert 0 <= told["uptime_s"] < 60


def test_status_tells_one_fact_a_line() -> None:
    facts = {
        "status": "ready",
        "pid": 7,
        "url": "https://127.10.0.1:6443",
        "kubeconfig": "/s/kubeconfig",
        "uptime_s": 3725.0,
        "compress": 15.0,
        "memory_limits": "enforced by poller",
        "warning": "",
        "pods": {"Running": 2, "Pending": 1},
    }
    lines = dict(line.split(": ", 1) for line in standing.text(facts).splitlines())
    assert lines["process"].strip() == "7, up for 1 h 2 min"
    assert lines["pods"].strip() == "3 (1 Pending, 2 Running)"
    assert lines["compression"].strip() == "15"
    assert "warning" not in lines


def test_a_directory_that_could_not_be_written_is_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="the disk is full"):
        StateDir(tmp_path / "s").make()
    assert not (tmp_path / "s").exists()


def test_a_low_limit_of_open_files_is_told_with_what_it_is_enough_for() -> None:
    assert open_files.warning(65536) == ""
    assert "about 52 containers" in open_files.warning(256)
    assert "about 0 containers" in open_files.warning(20)


def test_the_last_open_files_are_kept_for_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files.resource, "getrlimit", lambda _: (256, 256))
    open_files.check_room(200, "sleep")
    with pytest.raises(OSError, match="Too many open files"):
        open_files.check_room(230, "sleep")


@pytest.mark.parametrize("command", ["up", "serve", "down", "status", "kubeconfig"])
def test_every_command_has_an_example_in_its_help(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        main([command, "--help"])
    assert error.value.code == 0
    assert f"localcluster {command} --state" in capsys.readouterr().out
