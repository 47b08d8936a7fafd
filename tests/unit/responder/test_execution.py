"""Real processes: small shell scripts stand for kubectl."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rundrill.base.clock import MonotonicClock
from rundrill.base.wait import until
from rundrill.responder import execution
from rundrill.responder.execution import OUTPUT_LIMIT_BYTES, Completed, environment, run

CLOCK = MonotonicClock()
ENV = {"PATH": os.environ["PATH"]}


def script(folder: Path, body: str) -> str:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def do(
    folder: Path, body: str, *, limit_s: float = 20.0, arguments: tuple[str, ...] = ()
) -> Completed:
    return run([script(folder, body), *arguments], env=ENV, limit_s=limit_s, clock=CLOCK)


def is_gone(pid: int) -> bool:
    """Gone, or a zombie that waits for its parent."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def wait_until_gone(pid: int) -> None:
    until(lambda: is_gone(pid), what=f"the end of {pid}", budget_s=10, every_s=0.02, clock=CLOCK)


def test_output_and_exit_code_are_kept_apart(tmp_path: Path) -> None:
    done = do(tmp_path, 'echo "$1"; echo problem >&2; exit 3', arguments=("a  b; c",))
    assert (done.exit_code, done.stdout, done.stderr) == (3, "a  b; c\n", "problem\n")
    assert done.duration_s > 0


def test_output_that_is_not_utf8_is_still_text(tmp_path: Path) -> None:
    assert do(tmp_path, r"printf 'caf\351'").stdout == "caf�"


def test_there_is_no_input_to_wait_for(tmp_path: Path) -> None:
    assert do(tmp_path, "cat; echo end").stdout == "end\n"


def test_much_output_is_cut_and_says_so(tmp_path: Path) -> None:
    done = do(
        tmp_path, "head -c 300000 /dev/zero | tr '\\0' x; head -c 65536 /dev/zero | tr '\\0' y >&2"
    )
    assert done.exit_code == 0
    assert done.stdout.startswith("x" * OUTPUT_LIMIT_BYTES)
    assert done.stdout.endswith(f"\n[cut here: {300000 - OUTPUT_LIMIT_BYTES} more bytes]")
    assert done.stderr == "y" * OUTPUT_LIMIT_BYTES


def test_a_command_is_stopped_at_its_limit_with_all_it_started(tmp_path: Path) -> None:
    done = do(tmp_path, "sleep 1000 & echo $! $$; wait", limit_s=0.5)
    assert done.exit_code is None
    assert done.duration_s >= 0.5
    for pid in done.stdout.split():
        wait_until_gone(int(pid))


def test_a_command_that_ignores_the_polite_signal_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "GRACE_S", 0.2)
    done = do(tmp_path, "trap '' TERM; echo $$; while :; do sleep 0.05; done", limit_s=0.5)
    assert done.exit_code is None
    wait_until_gone(int(done.stdout))


def test_what_a_command_says_when_it_is_stopped_is_kept(tmp_path: Path) -> None:
    done = do(tmp_path, "trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done", limit_s=0.5)
    assert (done.exit_code, done.stdout) == (None, "bye\n")


def test_a_command_that_leaves_something_behind_is_not_waited_for(tmp_path: Path) -> None:
    done = do(tmp_path, "sleep 1000 & echo $!")
    assert done.exit_code == 0
    assert done.duration_s < 10
    wait_until_gone(int(done.stdout))


def test_a_child_that_goes_on_writing_cannot_hold_the_responder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "GRACE_S", 0.2)
    told = tmp_path / "pid"
    # Told in a file: what it writes may fill the output before any number of ours.
    done = do(
        tmp_path,
        f"sh -c 'echo $$ >{told}; exec yes' & while [ ! -s {told} ]; do sleep 0.01; done",
    )
    assert done.exit_code == 0
    wait_until_gone(int(told.read_text()))


def test_a_command_that_closed_its_outputs_is_waited_for(tmp_path: Path) -> None:
    assert do(tmp_path, "exec >&- 2>&-; sleep 0.3; exit 4").exit_code == 4


def test_a_program_that_cannot_be_run_ends_with_126(tmp_path: Path) -> None:
    done = run([str(tmp_path / "none")], env=ENV, limit_s=20, clock=CLOCK)
    assert done.exit_code == 126
    assert done.stderr == f"{tmp_path / 'none'}: No such file or directory\n"


def test_the_program_leads_a_group_of_its_own(tmp_path: Path) -> None:
    done = do(tmp_path, "ps -o pgid= -p $$; echo $$")
    group, pid = done.stdout.split()
    assert group == pid != str(os.getpgrp())


def test_an_interrupt_ends_the_command_and_goes_on(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    path = script(tmp_path, f"echo $$ > {note}.tmp; mv {note}.tmp {note}; exec sleep 1000")

    def interrupt() -> None:
        until(note.exists, what="the command", budget_s=20, every_s=0.01, clock=CLOCK)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run([path], env=ENV, limit_s=60, clock=CLOCK)
    finally:
        thread.join()
    wait_until_gone(int(note.read_text()))


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a child of its parent's death"
)
def test_a_killed_runner_leaves_no_command_behind(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    path = script(tmp_path, f"echo $$ > {note}.tmp; mv {note}.tmp {note}; exec sleep 1000")
    code = (
        "from rundrill.responder.execution import run\n"
        "from rundrill.base.clock import MonotonicClock\n"
        f"run([{path!r}], env={ENV!r}, limit_s=900, clock=MonotonicClock())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as runner:
        until(note.exists, what="the command", budget_s=20, every_s=0.02, clock=CLOCK)
        runner.kill()
    wait_until_gone(int(note.read_text()))


def test_the_environment_is_the_drills_own() -> None:
    inherited = {
        "PATH": "/bin",
        "HOME": "/home/a",
        "AWS_PROFILE": "drill",
        "KUBECONFIG": "/home/a/.kube/config",
        "KUBE_EDITOR": "vi",
        "KUBECTL_EXTERNAL_DIFF": "rm",
        "PYTHONPATH": "x",
        "SECRET": "x",
        "TMPDIR": "/tmp",
    }
    assert environment(inherited, kubeconfig=Path("/run/kubeconfig"), cache=Path("/run/c")) == {
        "KUBECACHEDIR": "/run/c",
        "TMPDIR": "/run/c",
        "PATH": "/bin",
        "HOME": "/home/a",
        "AWS_PROFILE": "drill",
        "KUBECONFIG": "/run/kubeconfig",
        "KUBERC": "off",
    }
