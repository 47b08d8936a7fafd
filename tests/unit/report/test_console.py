"""The console: plain lines, a live line, and nothing that could break a drill."""

import io
import os
import pty
import re
import subprocess
import sys
import textwrap
from itertools import pairwise
from pathlib import Path

import pytest

from rundrill import events as e
from rundrill.report import Console
from rundrill.verdict import headline

REPORT = Path("runs/x/report.html")


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Closed(io.StringIO):
    """A pipe whose reader is gone."""

    encoding = "utf-8"

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        raise self.error


def play(sample, stream: io.StringIO, columns: int = 200, **environ: str) -> str:
    console = Console(stream, environ=environ, columns=lambda: columns)
    for event in sample.events:
        console(event)
    console.summary(sample.verdict, REPORT)
    return stream.getvalue()


def screen(text: str) -> list[str]:
    """What is left on a terminal after carriage returns and erased lines."""
    lines = []
    for line in text.split("\n"):
        shown = line.rsplit("\r\x1b[2K", 1)[-1]
        lines.append(re.sub(r"\x1b\[[0-9;]*m", "", shown))
    return lines


def test_without_a_terminal_there_are_plain_lines_only(sample) -> None:
    text = play(sample, io.StringIO())
    assert "\x1b" not in text
    assert "\r" not in text
    assert f"{headline(sample.verdict).upper()}: {sample.verdict.reason}" in text
    assert text.endswith(f"Report: {REPORT}\n")


def test_each_event_but_the_samples_has_its_line(runs) -> None:
    held = runs.held()
    lines = play(held, io.StringIO()).splitlines()
    for words in (
        "phase baseline",
        "baseline held for 30 s",
        "fault bad-release injected",
        "alert PaymentPodRestarts is firing at 5",
        "step 2 (pod-crashloopbackoff, line 59, remedy): Rollback if needed",
        "kubectl rollout undo deployment/payment-service -n production -> exit 0 after 310 ms",
        "step 5 skipped (line 131)",
        "recovered: ",
        "soak held for 1 min",
        "fault undone",
        "money: 1402 payments acknowledged, 1402 stored, 0 lost, 0 doubled",
    ):
        assert sum(words in line for line in lines) == 1, words


def test_the_load_is_told_about_every_five_seconds(runs) -> None:
    beats = [
        int(line[:3]) * 60 + int(line[4:6])
        for line in play(runs.held(), io.StringIO()).splitlines()
        if "req/s" in line
    ]
    assert len(beats) >= 28
    gaps = [later - earlier for earlier, later in pairwise(beats)]
    assert set(gaps) == {5}


def test_the_steady_state_is_told_when_it_changes(runs) -> None:
    text = play(runs.held(), io.StringIO())
    assert text.count("steady state broken: error rate, response time") == 1
    assert text.count("steady state holds") == 1


def test_a_terminal_keeps_one_live_line_below_the_others(runs) -> None:
    held = runs.held()
    text = play(held, Terminal(), TERM="xterm")
    assert not [line for line in screen(text) if "\x1b" in line or "\r" in line]
    status = [part for part in text.split("\r\x1b[2K") if "req/s" in part and "\n" not in part]
    assert any("detect" in part and "PaymentPodRestarts pending" in part for part in status)
    assert all("time \u00d715" in part for part in status)
    assert not any("req/s" in line for line in screen(text))  # erased in the end


@pytest.mark.parametrize("columns", [1, 10, 40, 80])
def test_the_live_line_never_wraps(runs, columns: int) -> None:
    text = play(runs.held(), Terminal(), columns=columns, TERM="xterm", NO_COLOR="1")
    for part in text.split("\r\x1b[2K"):
        if "\n" not in part:
            assert len(part) < max(2, columns)


def test_no_color_is_honoured_and_a_dumb_terminal_gets_plain_lines(runs) -> None:
    assert "\x1b[3" in play(runs.held(), Terminal(), TERM="xterm")
    assert not re.search(r"\x1b\[[0-9;]*m", play(runs.held(), Terminal(), NO_COLOR="1"))
    assert "\x1b" not in play(runs.held(), Terminal(), TERM="dumb")


def test_what_a_command_says_cannot_drive_the_terminal(runs) -> None:
    stream = Terminal()
    console = Console(stream, environ={"TERM": "xterm", "NO_COLOR": "1"}, columns=lambda: 80)
    console(e.DrillAborted(at=1.0, why="a\x1b[2Jb\r\nc\x1b]0;title\x07\x9b31m"))
    assert "ABORTED: ab c" in stream.getvalue()
    left = stream.getvalue().replace("\r\x1b[2K", "")
    assert not re.search("[\x1b\r\x07\x80-\x9f]", left)


def test_the_summary_shows_times_in_the_run_and_in_the_runbook(runs) -> None:
    text = play(runs.held(), io.StringIO())
    assert "26.8 s (\u00d715: 6 min 42 s), limit 1 min (\u00d715: 15 min)" in text
    assert "4.7 s, limit 20 s\n" in text  # the runbook states no time to land
    fresh = io.StringIO()
    Console(fresh).summary(runs.held().verdict, REPORT, compression=15)
    assert "\u00d715" in fresh.getvalue()


def test_the_summary_explains_what_did_not_hold(runs) -> None:
    text = play(runs.broken(), io.StringIO())
    assert "  broken    Everything was undone" in text
    assert "            1 difference left: spec.template.image" in text
    assert "broken: The remedy could not be carried out as written (runbook line 59)" in text


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "full"), ValueError("closed")])
def test_a_stream_that_cannot_be_written_is_left_alone(runs, error: Exception) -> None:
    stream = Closed(error)
    play(runs.held(), stream)
    assert stream.writes == 1


def test_a_stream_of_ascii_gets_ascii(runs) -> None:
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding="ascii", errors="strict")
    play_to = Console(stream, environ={})
    for event in runs.held().events:
        play_to(event)
    play_to.summary(runs.held().verdict, REPORT)
    stream.flush()
    assert "(x15: 6 min 42 s)" in buffer.getvalue().decode("ascii")


PROGRAM = textwrap.dedent(
    """
    import importlib.util, sys
    from pathlib import Path
    from rundrill.report import Console
    spec = importlib.util.spec_from_file_location("sample_run", sys.argv[1])
    runs = importlib.util.module_from_spec(spec)
    sys.modules["sample_run"] = runs
    spec.loader.exec_module(runs)
    console = Console()
    for _ in range(20):  # more than a pipe holds
        for event in runs.held().events:
            console(event)
    console.summary(runs.held().verdict, Path("report.html"))
    """
)
SAMPLE = str(Path(__file__).parent / "sample_run.py")


def test_a_reader_that_goes_away_does_not_change_the_exit_code() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, SAMPLE], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stderr is not None
    with child:
        child.stdout.readline()
        child.stdout.close()
        errors = child.stderr.read()
    assert child.returncode == 0
    assert errors == b""


def test_a_real_terminal_shows_the_live_line_and_ends_clean() -> None:
    master, slave = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.replace("range(20)", "range(1)"), SAMPLE],
        stdout=slave,
        env=environ,
    )
    os.close(slave)
    found = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not piece:
            break
        found += piece
    os.close(master)
    assert child.wait() == 0
    text = found.decode()
    assert "\x1b[2K" in text
    assert text.endswith("Report: report.html\r\n")
