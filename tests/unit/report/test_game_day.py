"""The report of several drills: made of their folders alone, the answer first."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from rundrill import events as e
from rundrill import report
from rundrill.errors import RundrillError
from rundrill.report import Console, game_day
from rundrill.verdict import judge


def put(folder: Path, events) -> None:
    folder.mkdir(parents=True)
    lines = "".join(e.to_line(event) + "\n" for event in events)
    (folder / "events.jsonl").write_text(lines, encoding="utf-8")


@pytest.fixture
def day(tmp_path: Path, runs) -> Path:
    """Held with its control arm, broken as accepted, aborted, and one that was not run."""
    held = [event for event in runs.held_events() if not isinstance(event, e.StepSkipped)]
    put(tmp_path / "01-crash-loop", held)
    put(tmp_path / "01-crash-loop" / "control", runs.control().events)
    put(tmp_path / "02-database-loss", runs.accepted().events)
    put(tmp_path / "10-gateway", runs.aborted().events)
    (tmp_path / "11-memory").mkdir()
    (tmp_path / "notes").mkdir()
    return tmp_path


def test_a_folder_is_read_in_the_order_of_its_numbers(day: Path) -> None:
    entries = report.read_game_day(day)
    assert [entry.name for entry in entries] == [
        "crash-loop",
        "database-loss",
        "gateway",
        "memory",
    ]
    assert [entry.answer for entry in entries] == [
        "held",
        "broken, accepted",
        "aborted",
        "not run",
    ]
    assert entries[0].folder == Path("01-crash-loop")
    first, second, _, last = entries
    assert first.attribution is not None
    assert first.attribution.effect == "necessary"
    assert second.attribution is None
    assert last.sentences == ("gateway was aborted",)
    assert report.outcome_of(entries).exit_code == 4


def test_only_a_folder_of_drills_is_a_game_day(day: Path) -> None:
    assert report.is_game_day(day)
    assert not report.is_game_day(day / "01-crash-loop")
    assert not report.is_game_day(day / "notes")
    assert not report.is_game_day(day / "gone")
    for folder in (day / "notes", day / "gone"):
        with pytest.raises(RundrillError, match="no drill of a game day"):
            report.read_game_day(folder)


def test_the_page_is_one_file_with_the_answer_and_a_line_for_each_drill_first(day: Path) -> None:
    written = report.write_game_day(day, report.read_game_day(day))
    page = written.html.read_text(encoding="utf-8")
    assert not re.search(r"<script|https?://|url\(|@import", page)
    assert "<title>ABORTED: game day</title>" in page
    links = re.findall(r'href="([^"#]+)"', page)
    assert links == [
        "01-crash-loop/report.html",
        "02-database-loss/report.html",
        "10-gateway/report.html",
    ]
    rows = page.split('<section id="drills"')[1].split("<tbody>")[1].split("</tbody>")[0]
    assert rows.count("<tr") == 4
    assert "broken, accepted" in rows
    assert "Was it the procedure? the procedure had the service back" in rows
    assert "Gateway was aborted." in rows
    assert "Accepted is no pass" in page.split("</header>")[0]
    assert "18.2 s" in rows


def test_names_of_folders_and_reasons_are_no_markup(tmp_path: Path, runs) -> None:
    evil = "<img src=x onerror=y>"
    put(tmp_path / f"01-{evil}", [*runs.held_events(), e.DrillAborted(at=60.0, why=evil)])
    page = report.write_game_day(tmp_path, report.read_game_day(tmp_path)).html.read_text()
    assert evil not in page
    assert "&lt;img" in page


def test_json_holds_the_whole_report_of_each_drill(day: Path) -> None:
    written = report.write_game_day(day, report.read_game_day(day))
    body = json.loads(written.json.read_text(encoding="utf-8"))
    assert body["schema"] == game_day.SCHEMA
    assert (body["outcome"], body["exit_code"]) == ("aborted", 4)
    assert [drill["exit_code"] for drill in body["drills"]] == [0, 0, 4, 3]
    first, _, _, last = body["drills"]
    assert first["report"]["attribution"]["effect"] == "necessary"
    assert first["report"]["title"]
    assert last["report"] is None
    assert last["why_not_run"] == "gateway was aborted"


def test_junit_has_a_case_a_drill_and_then_the_promises_of_each(day: Path) -> None:
    written = report.write_game_day(day, report.read_game_day(day))
    root = ET.fromstring(written.junit.read_bytes())
    suites = list(root)
    assert [suite.attrib["id"] for suite in suites] == ["0", "1", "2", "3"]
    cases = suites[0].findall("testcase")
    assert [[child.tag for child in case] for case in cases] == [
        [],
        ["skipped"],
        ["error"],
        ["error"],
    ]
    assert cases[1][0].attrib["message"].startswith("broken, accepted: ")
    assert cases[3][0].attrib["message"] == "not run: gateway was aborted"
    assert suites[0].attrib["errors"] == "2"
    assert suites[0].attrib["skipped"] == "1"
    assert [child.tag for child in suites[0]] == [
        "properties",
        *["testcase"] * 4,
        "system-out",
        "system-err",
    ]
    assert any(case.attrib["name"].startswith("recovered") for case in suites[2].iter("testcase"))


def test_the_console_has_a_line_for_each_drill_and_the_worst_last(day: Path) -> None:
    entries = report.read_game_day(day)
    stream = io.StringIO()
    Console(stream).game_day(entries, report.outcome_of(entries), day / "report.html")
    lines = [line for line in stream.getvalue().splitlines() if line.strip()]
    assert [line.strip().split("  ")[0] for line in lines if re.match("  [A-Z]", line)] == [
        "HELD",
        "BROKEN, ACCEPTED",
        "ABORTED",
        "NOT RUN",
    ]
    assert lines[-2].startswith("ABORTED: 1 held; 1 broken, accepted; 1 aborted; 1 not run")
    assert "exit code 4" in lines[-2]


def test_a_drill_that_was_cut_off_before_it_began_was_not_run(tmp_path: Path, runs) -> None:
    put(tmp_path / "01-a", [e.PhaseStarted(at=0.1, phase="setup")])
    put(tmp_path / "02-b", runs.held_events())
    entries = report.read_game_day(tmp_path)
    assert entries[0].verdict is None
    assert entries[0].sentences == ("the day ended before it",)
    assert report.outcome_of(entries).exit_code == 3
    report.write_game_day(tmp_path, entries)


def test_a_day_in_which_nothing_ran_still_says_so(tmp_path: Path) -> None:
    (tmp_path / "01-a").mkdir()
    entries = report.read_game_day(tmp_path)
    written = report.write_game_day(tmp_path, entries)
    assert report.outcome_of(entries).outcome == "invalid"
    assert "not run" in written.html.read_text(encoding="utf-8")
    ET.fromstring(written.junit.read_bytes())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"load": False}, "the load died during a"),
        ({"undone": False}, "the fault of a is not undone"),
        ({}, "the day ended after a"),
    ],
)
def test_why_a_drill_was_not_run_is_read_off_the_drill_before(
    tmp_path: Path, runs, change: dict[str, bool], why: str
) -> None:
    events = [
        replace(event, expected=False)
        if isinstance(event, e.LoadStopped) and "load" in change
        else replace(event, undone=False)
        if isinstance(event, e.FaultUndone) and "undone" in change
        else event
        for event in runs.held_events()
    ]
    put(tmp_path / "01-a", events)
    (tmp_path / "02-b").mkdir()
    assert report.read_game_day(tmp_path)[1].sentences == (why,)


@pytest.mark.parametrize(
    ("kind", "fields", "why"),
    [
        (e.FaultUndone, {"undone": False}, "the fault of the control arm of a is not undone"),
        (
            e.FaultUndone,
            {"differences": ("replicas 3, is 5",)},
            "the control arm of a left the target other than it was",
        ),
        (e.LoadStopped, {"expected": False}, "the load died during the control arm of a"),
        (e.DrillEnded, None, "the control arm of a was aborted"),
        (e.DrillEnded, {}, "the day ended after the control arm of a"),
    ],
)
def test_a_control_arm_that_ended_the_day_is_named(
    tmp_path: Path, runs, kind: type, fields: dict[str, object] | None, why: str
) -> None:
    events = [
        replace(event, **fields) if isinstance(event, kind) and fields else event
        for event in runs.control().events
        if fields is not None or not isinstance(event, kind)
    ]
    put(tmp_path / "01-a", runs.held_events())
    put(tmp_path / "01-a" / "control", events)
    (tmp_path / "02-b").mkdir()
    assert report.read_game_day(tmp_path)[1].sentences == (why,)


def test_what_a_control_arm_broke_fails_the_day(tmp_path: Path, runs) -> None:
    held = [event for event in runs.held_events() if not isinstance(event, e.StepSkipped)]
    control = [
        replace(event, lost=("k1",)) if isinstance(event, e.MoneyChecked) else event
        for event in runs.control().events
    ]
    for number in (1, 2):  # the same experiment twice: neither may hide the other
        put(tmp_path / f"0{number}-a", held)
    put(tmp_path / "01-a" / "control", control)
    put(tmp_path / "02-a" / "control", runs.control().events)
    entries = report.read_game_day(tmp_path)
    assert [entry.answer for entry in entries] == ["held, control arm failed", "held"]
    assert entries[0].tone == "broken"
    outcome = report.outcome_of(entries)
    assert (outcome.outcome, outcome.exit_code) == ("broken", 1)
    assert "the control arm of a: money was lost or doubled" in outcome.reason
    written = report.write_game_day(tmp_path, entries)
    body = json.loads(written.json.read_text(encoding="utf-8"))
    assert [drill["exit_code"] for drill in body["drills"]] == [1, 0]
    cases = ET.parse(written.junit).findall("testsuite[@id='0']/testcase")
    assert [[child.tag for child in case] for case in cases] == [["failure"], []]
    assert "money was lost or doubled" in written.html.read_text(encoding="utf-8")


def test_a_control_folder_without_events_leaves_the_question_open(tmp_path: Path, runs) -> None:
    put(tmp_path / "01-a", runs.held_events())
    (tmp_path / "01-a" / "control").mkdir()
    (entry,) = report.read_game_day(tmp_path)
    assert entry.attribution is not None
    assert entry.attribution.effect == "unknown"


def test_the_same_folder_gives_the_same_report(day: Path) -> None:
    first = report.write_game_day(day, report.read_game_day(day))
    before = [path.read_bytes() for path in (first.html, first.json, first.junit)]
    again = report.write_game_day(day, report.read_game_day(day))
    assert before == [path.read_bytes() for path in (again.html, again.json, again.junit)]


def test_a_single_drill_in_the_day_is_judged_as_it_would_be_alone(day: Path, runs) -> None:
    entry = report.read_game_day(day)[1]
    assert entry.verdict == judge(runs.accepted().events)
    assert entry.experiment == "experiments/crash-loop.yaml"
