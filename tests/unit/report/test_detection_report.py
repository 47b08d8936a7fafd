"""Detection part by part, the runbook's severities and hangs: in words and as a picture."""

import io
import json
import re
from dataclasses import replace
from html import unescape
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from rundrill import events as e
from rundrill import report
from rundrill.base import units
from rundrill.measured import Detection, DetectionPart, Floor, Hang, Measure
from rundrill.report import Console, detection, html, json_report, junit
from rundrill.verdict import judge

SVG = "{http://www.w3.org/2000/svg}"
STATED = units.Scale(15)


def section(page: str, ident: str) -> str:
    found = re.search(rf'<section id="{ident}".*?</section>', page, re.DOTALL)
    assert found is not None
    return found.group()


def words(markup: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def page(runs: ModuleType, name: str) -> str:
    sample = getattr(runs, name)()
    return html.render(sample.events, sample.verdict)


def older(events: list[e.Event]) -> list[e.Event]:
    """As a version before this one wrote them."""
    found = []
    for event in events:
        if isinstance(event, e.AlertNotified):
            continue
        line = json.loads(e.to_line(event))
        for name in ("designs", "measures", "service_oldest_s"):
            line.pop(name, None)
        found.append(e.from_line(json.dumps(line)))
    return found


# ---------------------------------------------------------------- the page


def test_each_part_stands_in_the_table_in_its_order(runs: ModuleType) -> None:
    told = words(section(page(runs, "held"), "detection"))
    order = [
        "the fault had landed 4.7 s \u00d715 1 min 11 s",
        "the first request of a customer failed 5.4 s",
        "the rule's condition held 9 s",
        "it fired: for 7.7 s",
        "a receiver was told 200 ms",
    ]
    places = [told.index(part) for part in order]
    assert places == sorted(places)
    assert "of which 7 s (\u00d715: 1 min 45 s) is for and 200 ms is the group wait" in told
    assert "By its design at least for 7 s (\u00d715: 1 min 45 s) and group wait 200 ms;" in told


def test_the_severities_say_when_they_were_met_and_whether_the_alert_was_there(
    runs: ModuleType,
) -> None:
    told = words(section(page(runs, "held"), "impact"))
    assert "P0 Nobody can pay (error rate >90%) runbook line 6 never" in told
    assert "P1 declared High error rates (>5%) runbook line 14 10.5 s \u00d715 2 min 38 s" in told
    assert "PaymentPodRestarts fired 16.3 s after" in told
    assert "As the load saw it, 7 s at 1 min 6 s (23.1 s after the injection)" in told
    assert "By the service's own account, 6 s at 1 min 8.4 s" in told


def test_each_bound_says_its_percentile_and_its_window(runs: ModuleType) -> None:
    told = words(section(page(runs, "held"), "steady-state"))
    assert (
        "response time < 500 ms runbook line 44 95th percentile over 20 s (\u00d715: 5 min)" in told
    )
    assert "runbook line 43 over 20 s (\u00d715: 5 min)" in told
    assert "runbook line 46 as it is at each evaluation" in told


def test_what_came_within_one_second_of_the_load_says_so(runs: ModuleType) -> None:
    events = [
        x
        for x in runs.held().events
        if not (isinstance(x, e.LoadSampled) and x.failed and x.at < 63.0)
    ]
    events.append(
        replace(next(x for x in events if isinstance(x, e.LoadSampled)), at=62.5, failed=1)
    )
    events.sort(key=lambda event: event.at)
    told = words(section(html.render(events, judge(events)), "detection"))
    assert "the rule's condition held in the same second 19.1 s" in told


def test_an_alert_that_did_not_fire_has_a_row_and_no_bar(runs: ModuleType) -> None:
    events = [x for x in runs.held().events if not isinstance(x, e.AlertChanged | e.AlertNotified)]
    own = section(html.render(events, judge(events)), "detection")
    assert "its condition never held" in own
    assert 'class="part' not in own
    assert 'class="floor"' in own


def test_without_a_fault_both_sections_say_so(runs: ModuleType) -> None:
    dry = page(runs, "dry")
    assert "nothing to detect" in section(dry, "detection")
    assert "<svg" not in section(dry, "detection")
    assert "customers met none of it" in section(dry, "impact")


def test_a_runbook_whose_severities_state_no_number_says_so(runs: ModuleType) -> None:
    events = [
        replace(x, plan=replace(x.plan, severity_conditions=()))
        if isinstance(x, e.DrillStarted)
        else x
        for x in runs.held().events
    ]
    told = section(html.render(events, judge(events)), "impact")
    assert "state no number that this drill measures" in told


def test_an_older_run_is_shown_all_the_same(runs: ModuleType, tmp_path: Path) -> None:
    events = older(runs.held().events)
    verdict = judge(events)
    paths = report.write(tmp_path, events, verdict)
    told = words(section(paths.html.read_text("utf-8"), "detection"))
    assert "26.8 s from the fault until it fired." in told
    assert "By its design" not in told
    body = json.loads(paths.json.read_text("utf-8"))
    assert body["detection"][0]["floor"] is None
    assert {bound["window_s"] for bound in body["steady_state"]} == {None}
    assert [hang["seen_by"] for hang in body["hangs"]] == ["load"]


def test_a_hostile_name_of_an_alert_stays_text(runs: ModuleType) -> None:
    name = '<script>"&'
    events = [
        replace(x, alert=name) if isinstance(x, e.AlertChanged) else x for x in runs.held().events
    ]
    told = html.render(events, judge(events))
    assert "<script" not in told


# ---------------------------------------------------------------- the picture


def drawn(runs: ModuleType, name: str, width: int) -> ET.Element:
    found = judge(getattr(runs, name)().events).detections
    markup = str(detection.draw(found, STATED, width=width, ident="d"))
    return ET.fromstring(markup.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


@pytest.mark.parametrize("width", [html.WIDE, html.NARROW])
@pytest.mark.parametrize("name", ["held", "broken", "accepted", "control"])
def test_the_parts_touch_each_other_and_stay_inside(
    runs: ModuleType, name: str, width: int
) -> None:
    svg = drawn(runs, name, width)
    for rect in svg.iter(f"{SVG}rect"):
        assert float(rect.get("x", "")) >= 0
        assert float(rect.get("x", "")) + float(rect.get("width", "")) <= width + 0.1
        assert float(rect.get("width", "")) >= 0
    rows: dict[str, list[tuple[float, float]]] = {}
    for rect in svg.iter(f"{SVG}rect"):
        if rect.get("class", "").startswith("part") and rect.get("height") == "20":
            at = float(rect.get("x", ""))
            rows.setdefault(rect.get("y", ""), []).append((at, at + float(rect.get("width", ""))))
    assert rows
    for parts in rows.values():
        for (_, end), (begin, _) in pairwise(parts):
            assert begin == pytest.approx(end, abs=0.25)


@pytest.mark.parametrize("width", [html.WIDE, html.NARROW])
def test_no_label_runs_out_of_the_picture(runs: ModuleType, width: int) -> None:
    for text in drawn(runs, "broken", width).iter(f"{SVG}text"):
        length = 6.0 * len(text.text or "")
        at, anchor = float(text.get("x", "")), text.get("text-anchor")
        left = at - {"end": length, "middle": length / 2}.get(anchor or "", 0)
        assert left >= -1
        assert left + length <= width + 24  # a wide font is assumed


def test_the_floor_is_drawn_as_long_as_the_rule_waits(runs: ModuleType) -> None:
    svg = drawn(runs, "held", html.WIDE)
    parts = [r for r in svg.iter(f"{SVG}rect") if r.get("height") == "20"]
    (floor,) = [r for r in svg.iter(f"{SVG}rect") if r.get("class") == "floor"]
    length = sum(float(part.get("width", "")) for part in parts)
    assert float(floor.get("width", "")) / length == pytest.approx(7.2 / 27.0, abs=0.005)


def test_every_part_has_a_colour_and_words() -> None:
    css = (Path(html.__file__).parent / "templates/style.css").read_text("utf-8")
    for name in detection.UNTIL:
        assert f".part.{name} {{" in css
        assert f".on-{name}" in css
        assert name in detection.SHORT


# ---------------------------------------------------------------- in words


def of(**fields: Any) -> Detection:
    base = Detection(
        alert="A", role="expected", state="silent", landed=None, first_harm=None, pending=None,
        firing=None, notified=None, parts=(), total_s=None, floor=None,
        sentence="its condition never held", notes=(), line=None,
    )  # fmt: skip
    return replace(base, **fields)


def test_the_line_for_a_console() -> None:
    assert detection.one_line(of(), STATED) == "A: its condition never held"
    assert detection.draw((of(role="other"),), STATED, width=368, ident="d") == ""
    part = DetectionPart(name="condition", start=10.0, end=12.5)
    assert detection.one_line(of(parts=(part,), total_s=2.5), STATED) == (
        "A: 2.5 s (\u00d715: 37.5 s) = condition 2.5 s"
    )


@pytest.mark.parametrize("state", ["early", "pending", "silent"])
def test_an_alert_without_a_bar_fits_a_phone_all_the_same(state: str) -> None:
    alert = of(alert="PaymentResponseTimeHighInEurope", state=state)
    drawn = str(detection.draw((alert,), STATED, width=html.NARROW, ident="d"))
    told = {
        "early": "it began before the fault",
        "pending": "it never fired",
        "silent": "its condition never held",
    }[state]
    assert f">{told}<" in drawn
    assert drawn.count('x="8" y="28"') == (state != "pending")  # below, where there is no room


def test_a_rule_that_waits_for_nothing() -> None:
    floor = Floor(for_s=0.0, group_wait_s=None, sampling_s=2.0, window_s=0.0)
    assert detection.floor_told(floor, units.Scale(1)) == (
        "By its design it waits for nothing; up to 2 s until the next scrape and evaluation."
    )


@pytest.mark.parametrize(
    ("measure", "told"),
    [
        (None, ""),
        (Measure(quantile=0.99, window_s=4.0), "99th percentile over 4 s (\u00d715: 1 min)"),
        (Measure(quantile=0.5, window_s=None), "50th percentile"),
        (Measure(quantile=0.999, window_s=None), "99.9th percentile"),
        (Measure(quantile=0.01, window_s=None), "1st percentile"),
        (Measure(quantile=0.11, window_s=None), "11th percentile"),
    ],
)
def test_what_a_number_of_the_steady_state_is(measure: Measure | None, told: str) -> None:
    assert detection.measure_told(measure, STATED) == told


def test_where_nothing_hung_the_oldest_is_told_without_a_moment() -> None:
    hang = Hang(seen_by="service", longest_s=0.02, at=30.0, slow_from=None)
    assert detection.hang_told(hang, 10.0) == (
        "By the service's own account, no request in flight was older than 20 ms"
    )


def test_a_hang_without_a_fault_counts_from_the_beginning() -> None:
    hang = Hang(seen_by="load", longest_s=4.0, at=30.0, slow_from=27.0)
    assert detection.hang_told(hang, None) == (
        "As the load saw it, 4 s at 30 s; the first one beyond what the runbook calls slow at 27 s"
    )


# ---------------------------------------------------------------- elsewhere


def test_the_json_holds_each_part_in_both_times(runs: ModuleType) -> None:
    sample = runs.held()
    body = json.loads(json_report.render(sample.events, sample.verdict))
    (own,) = body["detection"]
    assert [part["name"] for part in own["parts"]] == [
        "land", "harm", "condition", "for", "notify",
    ]  # fmt: skip
    assert own["parts"][0]["seconds"] == pytest.approx(4.7)
    assert own["parts"][0]["stated_s"] == pytest.approx(70.5)
    assert own["stated_total_s"] == pytest.approx(405.0)
    assert own["floor"] == {
        "for_s": 7, "group_wait_s": 0.2, "sampling_s": 2.0, "window_s": 40,
        "least_s": 7.2, "most_s": 49.2,
    }  # fmt: skip
    assert [one["severity"] for one in body["impact"]] == ["P0", "P1", "P2"]
    assert body["steady_state"][1]["quantile"] == 0.95


def test_the_console_has_one_line_for_it(runs: ModuleType) -> None:
    stream, sample = io.StringIO(), runs.held()
    Console(stream).summary(sample.verdict, Path("report.html"), compression=15)
    (told,) = [line for line in stream.getvalue().splitlines() if "detection:" in line]
    assert told == (
        "  detection: PaymentPodRestarts: 27 s (\u00d715: 6 min 45 s) = landed 4.7 s"
        " + first harm 5.4 s + condition 9 s + for 7.7 s + told 200 ms; at least 7.2 s"
        " by the rule's design"
    )


def test_junit_holds_the_sentence_as_a_property(runs: ModuleType) -> None:
    sample = runs.held()
    root = ET.fromstring(junit.render(sample.events, sample.verdict))
    (told,) = [
        p.get("value")
        for p in root.iter("property")
        if p.get("name") == "detection.PaymentPodRestarts"
    ]
    assert told is not None
    assert told.startswith("27.0 s from the fault until somebody was told")
