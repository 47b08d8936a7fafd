"""Anything is read, or refused in one message with place, problem and fix."""

import gc
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rundrill.errors import RunbookError
from rundrill.runbook import load, parse
from rundrill.runbook.classify import command_kind, step_kind
from rundrill.runbook.markdown import normal

GOOD = "# A\n## Restart\n1. Restart: `kubectl rollout restart deploy/a -n a`\n"
PIECES = st.sampled_from(
    [
        "# ", "## Severity\n", "## Alerts\n", "### P1 - High\n", "## Fix\n", "- ", "1. ", "> ",
        "```", "```bash\n", "~~~", "\n", "\n\n", "    ", "\t", "`", "``", "kubectl get pods ",
        "`kubectl logs <pod-name>`", "|a|b|\n|-|-|\n", "|", "error rate ", "<5%", ">3s", " in ",
        "10 minutes", "Response time: ", "$", "${A}", "{{ b }}", "<<EOF\n", "EOF\n", "\\\n",
        "'", '"', "---\n", "a: b\n", "<!--", "-->", "<br>", "[x](y)", "![", "**", "\ufeff", "\r",
        "\x00", "é", "🚨", "1e9", "≥", "~", "$ ", "\udcff",
    ]
)  # fmt: skip


@given(st.text() | st.lists(PIECES, max_size=60).map("".join))
@settings(max_examples=400, deadline=None)
def test_any_text_is_read(text: str) -> None:
    runbook = parse(text, "runbook.md")
    last = len(runbook.lines)
    ids = [procedure.id for procedure in runbook.procedures]
    assert len(set(ids)) == len(ids)
    for procedure in runbook.procedures:
        assert procedure.steps
        for step in procedure.steps:
            assert 1 <= step.line <= last
            assert step.text
            step_kind(step)
    assert all(1 <= claim.line <= last for claim in runbook.claims)
    assert len({claim.id for claim in runbook.claims}) == len(runbook.claims)


@given(st.text() | st.lists(PIECES, max_size=60).map("".join))
@settings(max_examples=400, deadline=None)
def test_no_line_is_lost(text: str) -> None:
    runbook = parse(text, "runbook.md")
    assert "\n".join(line.text for line in runbook.lines) == normal(text)
    assert [line.number for line in runbook.lines] == list(range(1, len(runbook.lines) + 1))
    assert {one for line in runbook.lines for one in line.claims} == {
        claim.id for claim in runbook.claims
    }
    for line in runbook.lines:
        assert (line.reading == "blank") == (not line.text.strip() and not line.claims)


@given(st.text() | st.lists(PIECES, max_size=30).map("".join))
def test_any_command_has_a_kind(text: str) -> None:
    assert command_kind(text) in ("diagnosis", "remedy", "verification")


@pytest.mark.parametrize(
    "unit",
    [
        "- ", "> ", "1. ", "`", "```\n", "```bash\n", "[", "![", "<", "<a ", "|a", "# Fix\n", "*",
        "a\n", "1", "!", "error rate <1% ", "- P1: respond within ", "cat <<EOF\n", "\\\n", "$A ",
        "echo don't\n", "## Severity\n### P1\n- >5%\n", "# Alerts\n- x >5%\n", "\t- a\n",
        "1. `kubectl get x`\n", "<!--", "response ",
    ],
)  # fmt: skip
def test_reading_takes_time_in_proportion_to_the_text(unit: str) -> None:
    def seconds(size: int) -> float:
        text = (
            GOOD + "```bash\n" * unit.startswith(("cat", "echo", "\\")) + unit * (size // len(unit))
        )
        times = []
        for _ in range(2):
            started = time.process_time()
            parse(text, "runbook.md")
            times.append(time.process_time() - started)
        return min(times)

    # Eight times the text takes eight times as long, or 64 times if it is quadratic. A busy
    # machine can slow one look down, but not make every one of them quadratic.
    assert any(seconds(48_000) < 24 * max(seconds(6_000), 0.004) for _ in range(5))


def best_of_three(run: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        started = time.process_time()
        run()
        times.append(time.process_time() - started)
    return min(times)


CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(path.read_text(encoding="utf-8") for path in CORPUS.glob("*/runbook.md")) * 5,
        "".join(f"## Fix number {number}\n" for number in range(10_000)),
    ],
    ids=["runbooks", "headings"],
)
def test_reading_takes_little_more_than_the_markdown_library_itself(text: str) -> None:
    """A megabyte of runbooks in some two seconds, where the library needs 0.6; on one machine."""
    library = best_of_three(lambda: MarkdownIt("commonmark").enable("table").parse(text))
    assert best_of_three(lambda: parse(text, "runbook.md")) < 6 * library


def test_readings_that_overlap_leave_the_garbage_collector_as_it_was() -> None:
    assert gc.isenabled()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: parse(GOOD * 50, "runbook.md"), range(40)))
    assert gc.isenabled()
    gc.disable()
    try:
        parse(GOOD, "runbook.md")
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "text",
    ["".join("  " * depth + "- a\n" for depth in range(10_000))[:1_000_000],
     "```sh\nkubectl get pods\n" * 10_000, "- " * 10_000, "> " * 10_000, "[" * 100_000],
    ids=["lists", "fences", "marks", "quotations", "brackets"],
)  # fmt: skip
def test_what_is_never_closed_takes_no_longer(text: str) -> None:
    assert best_of_three(lambda: parse(text, "runbook.md")) < 5


@pytest.mark.parametrize("text", ["", " \n\t\n", "\ufeff"])
def test_an_empty_runbook_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "runbook.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RunbookError, match="the runbook is empty"):
        load(path)


def test_a_file_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "runbook.md"
    path.write_text(GOOD, encoding="utf-8")
    assert load(path) == parse(GOOD, str(path))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunbookError, match="cannot be read: No such file"):
        load(tmp_path / "none.md")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runbook.md"
    path.touch(mode=0)
    with pytest.raises(RunbookError, match="cannot be read: Permission denied"):
        load(path)


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "runbook.md"
    path.write_bytes(b"# A\n\ncaf\xe9\n")
    with pytest.raises(RunbookError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path}:3:4: the runbook is not UTF-8 text (byte 0xe9)\n  fix: save it as UTF-8"
    )
