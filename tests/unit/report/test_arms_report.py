"""Both arms side by side, and the harm of each step, in the page and in JSON."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from rundrill import events as e
from rundrill import report
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
    attribution = arms.compare(drill.events, control.events).attribution
    Console(stream).summary(drill.verdict, paths_.html, compression=15, attribution=attribution)
    assert "With and without the procedure: the procedure had the service back" in stream.getvalue()


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
