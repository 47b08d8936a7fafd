"""report.json: valid against its own schema, and in agreement with the verdict."""

import json
from dataclasses import replace
from importlib import resources

import jsonschema
import pytest

from rundrill import events as e
from rundrill import model as m
from rundrill.report import json_report
from rundrill.verdict import headline


def test_every_report_is_valid_against_the_schema_that_is_shipped(sample) -> None:
    schema = json.loads(
        resources.files("rundrill.report").joinpath("report.schema.json").read_text()
    )
    jsonschema.Draft202012Validator.check_schema(schema)
    body = json.loads(json_report.render(sample.events, sample.verdict))
    jsonschema.validate(body, schema)
    assert set(schema["required"]) == set(body)


def test_the_report_says_what_the_verdict_says(sample) -> None:
    body = json.loads(json_report.render(sample.events, sample.verdict))
    assert body["schema"] == json_report.SCHEMA
    assert body["outcome"] == sample.verdict.outcome.value
    assert body["exit_code"] == sample.verdict.exit_code
    assert body["headline"] == headline(sample.verdict)
    assert body["arm"] == sample.verdict.arm
    assert [p["state"] for p in body["promises"]] == [
        p.state.value for p in sample.verdict.promises
    ]


def test_the_figures_of_the_held_drill(runs) -> None:
    held = runs.held()
    body = json.loads(json_report.render(held.events, held.verdict))
    spans = {span["name"]: span for span in body["spans"]}
    assert spans["time_to_detect"]["measured_s"] == pytest.approx(26.8)
    assert spans["time_to_recover_from_detection"]["measured_s"] == pytest.approx(18.2)
    assert spans["time_to_undo"]["stated"] is False
    expected = next(lane for lane in body["alerts"] if lane["role"] == "expected")
    assert [span["state"] for span in expected["spans"]] == ["pending", "firing"]
    bound = body["steady_state"][0]
    assert bound["periods"]["baseline"]["broken"] == 0
    assert bound["periods"]["fault"]["broken"] == 30
    assert body["steady_state"][3]["periods"]["after"]["no_data"] == 3


def test_a_number_that_json_cannot_hold_is_null(runs) -> None:
    held = runs.held()
    odd = e.AlertChanged(
        at=70.0, alert="X", state="firing", labels={"a": "\ud800"}, value=float("nan")
    )
    text = json_report.render([*held.events, odd], held.verdict)
    text.encode("utf-8")
    lane = json.loads(text)["alerts"][-1]
    assert lane["spans"][0]["value"] is None
    assert lane["spans"][0]["labels"] == {"a": "\ufffd"}


def test_a_run_without_a_sample_is_valid_too(runs) -> None:
    verdict = replace(runs.held().verdict, times=m.Times(), promises=())
    body = json.loads(json_report.render([runs.started()], verdict))
    assert body["load"]["minutes"] == []
    assert body["money"] is None
