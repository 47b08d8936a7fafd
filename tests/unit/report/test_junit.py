"""JUnit XML: what fails, what errs, what is skipped; legal whatever the evidence holds."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rundrill import model as m
from rundrill.report import junit

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
REQUIRED = {
    "name", "package", "id", "hostname", "timestamp", "time", "tests", "failures", "errors",
}  # fmt: skip


def suite_of(sample) -> ET.Element:
    root = ET.fromstring(junit.render(sample.events, sample.verdict))
    assert root.tag == "testsuites"
    (suite,) = root
    return suite


def test_a_suite_has_what_both_schemas_ask_for_in_their_order(sample) -> None:
    suite = suite_of(sample)
    assert set(suite.attrib) >= REQUIRED
    assert TIMESTAMP.fullmatch(suite.attrib["timestamp"])
    tags = [child.tag for child in suite]
    cases = len(sample.verdict.promises) + 1
    assert tags == ["properties", *["testcase"] * cases, "system-out", "system-err"]
    for case in suite.findall("testcase"):
        assert set(case.attrib) == {"classname", "name", "time"}
        assert len(case) <= 1
        assert re.fullmatch(r"\d+\.\d{3}", case.attrib["time"])
    for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.attrib[kind]) == len(suite.findall(f"testcase/{tag}"))
    assert int(suite.attrib["tests"]) == cases


def test_a_held_drill_has_no_problem(runs) -> None:
    suite = suite_of(runs.held())
    assert all(len(case) == 0 for case in suite.findall("testcase"))


def test_a_broken_promise_fails_and_an_unproven_one_errs(runs) -> None:
    broken = runs.broken()
    cases = suite_of(broken).findall("testcase")
    assert [child.tag for child in cases[0]] == ["failure"]  # the verdict itself
    for case, promise in zip(cases[1:], broken.verdict.promises, strict=True):
        expected = {"held": [], "broken": ["failure"], "unproven": ["error"]}[promise.state.value]
        assert [child.tag for child in case] == expected
        assert case.attrib["name"].startswith(promise.id)


@pytest.mark.parametrize("name", ["invalid", "aborted"])
def test_nothing_is_green_in_a_drill_that_does_not_count(runs, name: str) -> None:
    suite = suite_of(getattr(runs, name)())
    assert all(len(case) == 1 for case in suite.findall("testcase"))
    assert suite.find("testcase/error") is not None
    assert "held, but the drill is" in suite.find("testcase/skipped").attrib["message"]


def test_the_time_of_a_promise_is_the_measured_one(runs) -> None:
    times = {
        case.attrib["name"].split(":")[0]: case.attrib["time"]
        for case in suite_of(runs.held()).findall("testcase")
    }
    assert times["verdict"] == "153.200"
    assert times["detected"] == "26.800"
    assert times["money"] == "0.000"


def test_the_wall_time_is_given_in_utc_and_a_strange_one_does_no_harm(runs) -> None:
    held = runs.held()
    assert suite_of(held).attrib["timestamp"] == "2025-11-23T08:15:00"
    strange = replace(held.events[0], wall_time="yesterday")
    text = junit.render([strange, *held.events[1:]], held.verdict)
    assert ET.fromstring(text)[0].attrib["timestamp"] == "1970-01-01T00:00:00"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(max_size=80))
def test_any_evidence_gives_legal_xml(runs, text: str) -> None:
    broken = runs.broken()
    plan = replace(broken.events[0].plan, title=text, target=text)
    verdict = replace(
        broken.verdict,
        reason=text,
        promises=tuple(replace(p, statement=text, evidence=text) for p in broken.verdict.promises),
        findings=(m.Finding(id="x", severity="note", text=text, evidence=text),),
    )
    rendered = junit.render([runs.started(plan), *broken.events[1:]], verdict)
    suite = ET.fromstring(rendered.encode("utf-8"))[0]
    assert suite.attrib["name"]
    assert suite.attrib["hostname"]
