"""Both arms side by side, and the harm of each step, in the page and in JSON."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from rundrill import events as e
from rundrill import report
from rundrill.cli import main
from rundrill.errors import RundrillError
from rundrill.report import Console, arms, html, json_report
from rundrill.verdict import judge


@pytest.fixture
def drill(runs):
    held = runs.held()
    events = [event for event in held.events if not isinstance(event, e.StepSkipped)]
    return runs.Sample(events, judge(events))


def paths(drawing: str, class_: str) -> list[str]:
    return re.findall(rf'<path d="([^"]+)" class="{class_}"', drawing)


def test_both_arms_are_drawn_from_the_injection_on_one_scale(runs, drill) -> None:
    comparison = arms.compare(drill.events, runs.control().events)
    run = report.html.Run(drill.events)
    for width in (html.WIDE, html.NARROW):
        drawing = arms.draw(run, drill.verdict, comparison, width=width, ident="x")
        assert "With the procedure" in drawing
        assert "Control arm: nobody follows it" in drawing
        assert len(paths(drawing, "line failed")) == 2
        injected = [
            re.match(r"M([\d.]+)", path)[1]  # type: ignore[index]
            for path in paths(drawing, "mark harm main")
        ]
        assert len(injected) == 2
        assert len(set(injected)) == 1  # at the same place in both
        shares = re.findall(r"(\d+(?:\.\d)?) %", re.sub("<desc.*?</desc>", "", drawing))
        assert len(shares) == 2
        assert len(set(shares)) == 1  # the same top of both axes


def test_the_figures_of_both_stand_side_by_side(runs, drill) -> None:
    comparison = arms.compare(drill.events, runs.control().events)
    rows = {
        row.name: (row.drill, row.control)
        for row in arms.rows(report.html.Run(drill.events), drill.verdict, comparison)
    }
    assert rows["Answer"] == ("held", "did not heal")
    assert rows["Recovered, from the alert"][0].startswith("18.2 s")
    assert rows["Recovered, from the alert"][1] == "not reached"
    own, other = (
        int(text.split()[0].replace(",", ""))
        for text in rows["Failed of completed, from the injection on"]
    )
    assert 0 < own < other


def test_the_reports_say_what_the_procedure_was_good_for(tmp_path: Path, runs, drill) -> None:
    control = runs.control()
    paths_ = report.write(tmp_path, drill.events, drill.verdict, control=control.events)
    page = paths_.html.read_text(encoding="utf-8")
    assert "Was it the procedure?" in page
    assert page.index("Was it the procedure?") < page.index("</header>")
    body = json.loads(paths_.json.read_text(encoding="utf-8"))
    assert body["attribution"]["effect"] == "necessary"
    assert body["attribution"]["drill_recovered_s"] == pytest.approx(18.2)
    assert body["control"]["outcome"] == "unhealed"
    assert body["control"]["times"]["recovered"] is None
    stream = io.StringIO()
    comparison = arms.compare(drill.events, control.events)
    Console(stream).summary(drill.verdict, paths_.html, compression=15, comparison=comparison)
    assert "With and without the procedure: the procedure had the service back" in stream.getvalue()


def failed(runs, kind: type, **fields):
    return [
        replace(event, **fields) if isinstance(event, kind) else event
        for event in runs.control().events
    ]


@pytest.mark.parametrize(
    ("kind", "fields", "told"),
    [
        (e.FaultUndone, {"undone": False, "evidence": "pods hang"}, "not undone: pods hang"),
        (e.FaultUndone, {"differences": ("replicas 3, is 5",)}, "not undone: replicas 3, is 5"),
        (e.MoneyChecked, {"lost": ("k1",)}, "money was lost or doubled: "),
    ],
)
def test_what_the_control_arm_broke_fails_the_drill_in_every_report(
    tmp_path: Path, runs, drill, kind: type, fields: dict[str, object], told: str, capsys
) -> None:
    control = failed(runs, kind, **fields)
    put(tmp_path, drill.events)
    put(tmp_path / "control", control)
    assert main(["report", str(tmp_path)]) == 1
    console = capsys.readouterr().out
    assert "HELD, CONTROL ARM FAILED" in console
    assert "The control arm failed, and the drill with it" in console
    assert told in console
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    header = page.split("<body")[1].split("</header>")[0]
    assert header.startswith(' class="broken"')
    assert "HELD, CONTROL ARM FAILED" in header
    assert told in header
    body = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (body["outcome"], body["exit_code"]) == ("held", 1)
    assert told in body["control"]["problem"]
    (case,) = ET.parse(tmp_path / "junit.xml").findall("testsuite/testcase[@name='verdict']")
    (failure,) = case
    assert failure.tag == "failure"
    assert told in failure.attrib["message"]


def test_a_control_arm_that_is_invalid_leaves_the_answer_to_the_drill(
    tmp_path: Path, runs, drill, capsys
) -> None:
    put(tmp_path, drill.events)
    put(tmp_path / "control", failed(runs, e.BaselineJudged, alerts=("X",)))
    assert main(["report", str(tmp_path)]) == 0
    assert "the control arm is invalid" in capsys.readouterr().out
    body = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (body["exit_code"], body["attribution"]["effect"]) == (0, "unknown")
    assert body["control"]["problem"] == ""


def test_a_control_arm_that_was_aborted_ends_as_the_run_did(
    tmp_path: Path, runs, drill, capsys
) -> None:
    put(tmp_path, drill.events)
    put(tmp_path / "control", runs.control().events[:-1])  # cut off
    assert main(["report", str(tmp_path)]) == 4
    assert "HELD, CONTROL ARM FAILED" in capsys.readouterr().out


def put(folder: Path, events) -> None:
    folder.mkdir(exist_ok=True)
    lines = "".join(e.to_line(event) + "\n" for event in events)
    (folder / "events.jsonl").write_text(lines, encoding="utf-8")


def test_a_control_arm_that_was_asked_for_and_not_run_leaves_the_question_open(
    tmp_path: Path, runs, drill
) -> None:
    for events in ([], [e.DrillEnded(at=1.0)]):
        written = report.write(tmp_path, drill.events, drill.verdict, control=events)
        body = json.loads(written.json.read_text(encoding="utf-8"))
        assert body["attribution"]["effect"] == "unknown"
        assert body["control"] is None
        assert "the control arm was not run" in written.html.read_text(encoding="utf-8")


def test_a_drill_without_a_control_arm_says_how_to_get_one(tmp_path: Path, drill) -> None:
    written = report.write(tmp_path, drill.events, drill.verdict)
    assert "--with-control" in written.html.read_text(encoding="utf-8")
    assert json.loads(written.json.read_text(encoding="utf-8"))["attribution"] is None


def test_nothing_is_compared_with_a_run_that_never_began(tmp_path: Path, runs, drill) -> None:
    with pytest.raises(RundrillError):
        report.write(tmp_path, [e.DrillEnded(at=1.0)], drill.verdict, control=runs.control().events)


def test_an_arm_without_an_injection_is_not_drawn(runs, drill) -> None:
    control = [
        event
        for event in runs.control().events
        if not isinstance(event, e.FaultInjected | e.LoadSampled)
    ]
    comparison = arms.compare(drill.events, control)
    run = report.html.Run(drill.events)
    assert arms.draw(run, drill.verdict, comparison, width=800, ident="x") == ""


def test_the_harm_of_each_step_is_a_table_with_before_and_after(drill) -> None:
    page = html.render(drill.events, drill.verdict)
    section = page.split('<section id="harm"')[1].split("</section>")[0]
    assert section.count("<td>before it</td>") == section.count("<td>after it</td>") == 1
    assert "runbook line 59" in section
    (harm,) = json.loads(json_report.render(drill.events, drill.verdict))["harm"]
    assert harm["line"] == 59
    assert harm["during"]["requests"] > 0
    assert harm["before"]["slow"] is None


def test_a_harmful_step_is_told_in_the_table_and_in_the_findings(runs, drill) -> None:
    events = [
        replace(event, ok=0, failed=event.completed)
        if isinstance(event, e.LoadSampled) and 71 < event.at < 80
        else event
        for event in drill.events
    ]
    page = html.render(events, judge(events))
    section = page.split('<section id="harm"')[1].split("</section>")[0]
    assert "harmful" in section
    assert "hurt customers more than the fault had" in page


def test_a_run_without_a_remedy_shows_no_harmless_step(runs) -> None:
    sample = runs.accepted()
    page = html.render(sample.events, sample.verdict)
    assert "none is proven harmless" in page
    assert json.loads(json_report.render(sample.events, sample.verdict))["harm"] == []
