"""Nobody may mistake an accepted finding for a pass, whichever report they read."""

import io
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

from rundrill import events as e
from rundrill import model as m
from rundrill.report import Console, html, json_report, junit
from rundrill.report.tone import tone
from rundrill.verdict import judge


def cases(sample) -> dict[str, ET.Element]:
    suite = ET.fromstring(junit.render(sample.events, sample.verdict))[0]
    return {case.attrib["name"].split(":")[0]: case for case in suite.findall("testcase")}


def console(sample, **about) -> str:
    stream = io.StringIO()
    Console(stream).summary(sample.verdict, Path("report.html"), compression=15, **about)
    return stream.getvalue()


def test_the_console_says_broken_accepted_with_reason_and_date(runs) -> None:
    text = console(runs.accepted())
    assert "BROKEN, ACCEPTED: not recovered" in text
    assert "diagnosis <but> no remedy, until 2027-03-01" in text
    assert "HELD:" not in text


def test_the_page_says_so_in_its_title_its_answer_and_beside_the_promise(runs) -> None:
    sample = runs.accepted()
    page = html.render(sample.events, sample.verdict)
    assert "<title>BROKEN, ACCEPTED: " in page
    assert '<body class="accepted">' in page
    assert "This is no pass" in page
    assert "broken, accepted until 2027-03-01: diagnosis &lt;but&gt; no remedy" in page
    assert page.index("This is no pass") < page.index('<section id="promises"')


def test_json_says_broken_with_exit_code_0_and_why(runs) -> None:
    sample = runs.accepted()
    body = json.loads(json_report.render(sample.events, sample.verdict))
    assert (body["outcome"], body["exit_code"]) == ("broken", 0)
    assert body["headline"] == "broken, accepted"
    assert body["acceptance"]["state"] == "accepted"
    assert body["acceptance"]["accepted"] == [
        {
            "promise": "recovered",
            "reason": "diagnosis <but> no remedy",
            "review": "2027-03-01",
        }
    ]


def test_junit_skips_it_as_an_expected_failure(runs) -> None:
    found = cases(runs.accepted())
    for name in ("verdict", "recovered"):
        (skipped,) = found[name]
        assert skipped.tag == "skipped"
        assert skipped.attrib["message"].startswith("broken, accepted: ")
    (skipped,) = found["durable"]
    assert skipped.attrib["message"].startswith("not reached: ")
    assert len(found["landed"]) == 0
    assert not [case for case in found.values() if case.find("failure") is not None]


def test_without_acceptance_the_same_drill_fails_everywhere(runs) -> None:
    sample = runs.accepted()
    started = sample.events[0]
    strict = replace(started, plan=replace(started.plan, accepted=()))
    events = [strict, *sample.events[1:]]
    told = runs.Sample(events, judge(events))
    assert told.verdict.exit_code == 1
    assert cases(told)["verdict"].find("failure") is not None
    assert cases(told)["recovered"].find("failure") is not None
    assert "ACCEPTED" not in console(told)
    assert "accepted" not in html.render(events, told.verdict).split("</head>")[1].split(
        "</header>"
    )[0].replace('id="accepted"', "")


def accepting(runs, sample, *promises: str, review: str = "2027-03-01"):
    known = tuple(m.Acceptance(promise=p, reason="known", review=review) for p in promises)
    started = next(event for event in sample.events if isinstance(event, e.DrillStarted))
    events = [
        replace(started, plan=replace(started.plan, accepted=known)),
        *(event for event in sample.events if event is not started),
    ]
    return runs.Sample(events, judge(events))


def test_past_its_review_date_or_broken_otherwise_it_fails_and_says_so(runs) -> None:
    for told, word in (
        (accepting(runs, runs.accepted(), "recovered", review="2025-01-01"), "EXPIRED"),
        (accepting(runs, runs.accepted(), "money"), "NOT AS ACCEPTED"),
    ):
        assert told.verdict.exit_code == 1
        assert tone(told.verdict) == "broken"
        assert word in console(told)
        failure = cases(told)["verdict"].find("failure")
        assert failure is not None
        assert told.verdict.acceptance_reason[:40] in failure.attrib["message"]
        assert cases(told)["recovered"].find("failure") is not None
        assert word in html.render(told.events, told.verdict)


def test_a_drill_that_holds_unexpectedly_fails_in_every_report(runs) -> None:
    held = runs.held()
    events = [event for event in held.events if not isinstance(event, e.StepSkipped)]
    told = accepting(runs, runs.Sample(events, held.verdict), "recovered")
    assert told.verdict.acceptance == "unexpectedly-held"
    assert "HELD, UNEXPECTEDLY" in console(told)
    failure = cases(told)["verdict"].find("failure")
    assert failure is not None
    assert "it held, so the accepted finding goes" in failure.attrib["message"]
    assert '<body class="broken">' in html.render(told.events, told.verdict)
    assert json.loads(json_report.render(told.events, told.verdict))["exit_code"] == 1


def test_an_arm_is_named_and_never_reads_as_a_drill_that_held(runs) -> None:
    dry, control = runs.dry(), runs.control()
    assert "DRY ARM: SILENT" in console(dry)
    assert "CONTROL ARM: DID NOT HEAL" in console(control)
    for sample in (dry, control):
        page = html.render(sample.events, sample.verdict)
        assert '<body class="plain">' in page
        assert "nothing about the procedure" in page
    (skipped,) = cases(control)["verdict"]
    assert skipped.attrib["message"].startswith("control arm: did not heal by itself")
    assert len(cases(dry)["verdict"]) == 0
