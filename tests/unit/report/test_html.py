"""The HTML report: complete, well-formed, offline, and safe against hostile output."""

import re
import time
from dataclasses import fields, replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rundrill import events as e
from rundrill import model as m
from rundrill.errors import RundrillError
from rundrill.report import html
from rundrill.report.sentences import RENDERERS
from rundrill.report.text import printable
from rundrill.report.tone import tone
from rundrill.verdict import headline, judge

VOID = {"meta", "br"}
HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=y>\x1b[31mred\x1b[0m\x00\u202eevil"
EVIL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Page(HTMLParser):
    """A strict reading: every element is closed in order. Keeps tags, ids, links and text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def every(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def test_every_event_has_a_sentence_and_a_place_in_the_report() -> None:
    names = {cls.__name__ for cls in get_args(e.Event)}
    assert set(RENDERERS) == names
    assert set(html.SECTIONS) == names


def test_every_place_in_the_report_exists(runs) -> None:
    held = runs.held()
    ids = {
        attrs.get("id") for attrs in Page(html.render(held.events, held.verdict)).every("section")
    }
    assert set(html.SECTIONS.values()) <= ids


def test_the_samples_hold_every_kind_of_event(runs) -> None:
    seen = {type(event).__name__ for sample in runs.every_sample() for event in sample.events}
    assert seen == set(e.EVENT_TYPES)


def test_the_page_is_well_formed_and_asks_for_nothing_else(sample) -> None:
    text = html.render(sample.events, sample.verdict)
    page = Page(text)
    assert page.every("script") == page.every("link") == page.every("img") == []
    assert not re.search(r"https?://|url\(|@import", text)
    for _, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on")]
        assert (attrs.get("href") or "#").startswith("#")
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {a["href"] for _, a in page.tags if "href" in a} <= {f"#{name}" for name in ids}


def test_the_page_can_be_read_without_sight(sample) -> None:
    page = Page(html.render(sample.events, sample.verdict))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert all(attrs.get("scope") for attrs in page.every("th"))
    for svg in page.every("svg"):
        assert svg.get("aria-hidden") or svg.get("aria-label") or svg.get("aria-labelledby")
    known = {attrs.get("id") for _, attrs in page.tags}
    for _, attrs in page.tags:
        assert set((attrs.get("aria-labelledby") or "").split()) <= known


def test_the_answer_comes_first(sample) -> None:
    page = html.render(sample.events, sample.verdict)
    places = [page.index(f'id="{name}"') for name in ("promises", "timeline", "procedure")]
    assert [page.index('class="verdict"'), *places] == sorted(
        [page.index('class="verdict"'), *places]
    )
    text = Page(page).text
    answer = text.index(f"{headline(sample.verdict).upper()} {sample.verdict.reason}")
    for promise in sample.verdict.promises:
        assert answer < text.index(f"{promise.state.value} {promise.statement}")


def test_the_state_is_told_by_a_word_and_a_symbol_not_by_colour_alone(sample) -> None:
    page = Page(html.render(sample.events, sample.verdict))
    drawn = {attrs.get("id") for attrs in page.every("symbol")}
    used = {(attrs.get("href") or "")[1:] for attrs in page.every("use")}
    assert used <= drawn
    assert {p.state.value for p in sample.verdict.promises} <= used
    assert tone(sample.verdict) in used


def test_each_text_of_the_events_is_shown(sample) -> None:
    """Long outputs are cut in the middle; everything else is there in full."""
    page = Page(html.render(sample.events, sample.verdict))
    attributes = [value for _, attrs in page.tags for value in attrs.values() if value]
    shown = "".join(" ".join([page.text, *attributes]).replace("`", "").split())
    for event in sample.events:
        for field in fields(event):
            value = getattr(event, field.name)
            found = value if isinstance(value, tuple) else (value,)
            for text in found:
                if isinstance(text, str) and len(text) < 400:
                    expected = "".join(printable(text).replace("`", "").split())
                    assert expected in shown, (type(event).__name__, field.name)


def test_findings_are_sorted_by_weight_and_carry_their_line(runs) -> None:
    held = runs.held()
    text = Page(html.render(held.events, held.verdict)).text
    assert text.index("became pending and resolved") < text.index("Step 5 has no command")
    assert "Step 5 has no command, so nobody can prove it runbook line 131" in text


def test_the_factor_stands_beside_what_it_touches_and_only_there(runs) -> None:
    held = runs.held()
    text = Page(html.render(held.events, held.verdict)).text
    assert "26.8 s of 1 min \u00d715 6 min 42 s of 15 min" in text
    assert "4.7 s of 20 s pod payment" in text  # the runbook states no time to land


def test_nothing_is_said_of_a_factor_of_one(runs) -> None:
    held = runs.held()
    events = [runs.started(runs.plan(compression=1.0)), *held.events[1:]]
    rendered = html.render(events, held.verdict)
    text = Page(rendered).text
    assert "26.8 s of 1 min PaymentPodRestarts" in text
    assert "\u00d71 (real time)" in text
    assert 'class="real"' not in rendered


def hostile(sample, text: str):
    """Every string that came from outside becomes `text`."""
    events = []
    for event in sample.events:
        changes = {
            field.name: text
            for field in fields(event)
            if isinstance(getattr(event, field.name), str)
            and field.name not in {"phase", "state", "wall_time"}
        }
        for field in fields(event):
            value = getattr(event, field.name)
            if isinstance(value, tuple) and value:
                changes[field.name] = (text,) * len(value)
            elif isinstance(value, dict) and field.name in {"labels", "bound", "versions"}:
                changes[field.name] = {text: text}
        if isinstance(event, e.DrillStarted):
            plan = event.plan
            changes["plan"] = replace(
                plan,
                title=text,
                target=text,
                fault=text,
                fault_parameters={text: text},
                compression_reason=text,
                steps=tuple(replace(step, text=text) for step in plan.steps),
                steady_state=tuple(replace(b, text=text, expr=text) for b in plan.steady_state),
                load=replace(plan.load, mix={text: 1.0}),
            )
            changes["rules"] = {text: text}
        events.append(replace(event, **changes))
    verdict = replace(
        sample.verdict,
        reason=text,
        promises=tuple(replace(p, statement=text, evidence=text) for p in sample.verdict.promises),
        findings=tuple(replace(f, text=text, evidence=text) for f in sample.verdict.findings),
    )
    return events, verdict


def test_hostile_text_stays_text_everywhere(sample) -> None:
    text = html.render(*hostile(sample, HOSTILE))
    page = Page(text)
    assert page.every("script") == page.every("img") == []
    assert "alert(1)" in page.text  # shown, not run
    assert EVIL.search(text) is None
    assert "red" in page.text
    assert "[31m" not in text


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(max_size=60) | st.text(alphabet="<>&\"'`{}%\x1b[]0m\x00\n\r\t", max_size=30))
def test_no_text_breaks_the_page(runs, text: str) -> None:
    rendered = html.render(*hostile(runs.broken(), text))
    Page(rendered)
    assert EVIL.search(rendered) is None
    rendered.encode("utf-8")


def test_a_run_of_one_event_can_be_read(runs) -> None:
    verdict = m.Verdict(
        outcome=m.Outcome.ABORTED, reason="killed", promises=(), findings=(), times=m.Times()
    )
    text = Page(html.render([runs.started()], verdict)).text
    assert "The load reported no sample." in text
    assert text.count("no data") >= 4
    assert "The drill did not come to this step." in text


def test_a_run_that_never_began_is_one_message(runs) -> None:
    with pytest.raises(RundrillError, match="no DrillStarted"):
        html.render([e.DrillEnded(at=0.0)], runs.held().verdict)


@pytest.mark.parametrize("count", [1, 3600])
def test_one_sample_and_an_hour_of_samples_are_drawn(runs, count: int) -> None:
    samples = runs.load(0, count, hurt=(0, 0) if count == 1 else (1000, 1600))
    verdict = runs.held().verdict
    text = html.render([runs.started(), *samples], verdict)
    Page(text)
    assert "M" in re.findall(r'<path d="([^"]+)" class="line ok"', text)[0]
    assert len(text) < 600_000
    if count == 3600:
        assert "means of 4 s" in text
        assert "worst of 4 s" in text


def test_seconds_in_which_nothing_completed_are_gaps_not_zeros(runs) -> None:
    def second(at: float, p95: float | None) -> e.LoadSampled:
        one = runs.load(0, 1)[0]
        return replace(one, at=at, p50_ms=p95, p95_ms=p95, p99_ms=p95, completed=bool(p95))

    samples = [second(1, 10.0), second(2, None), second(3, 10.0)]
    text = html.render([runs.started(), *samples], runs.held().verdict)
    path = re.findall(r'<path d="([^"]+)" class="line p95"', text)[0]
    assert path.count("M") == 2


def test_a_very_long_output_is_cut_and_says_so(runs) -> None:
    broken = runs.broken()
    text = html.render(broken.events, broken.verdict)
    assert "40,000 characters left out here; events.jsonl has them" in text
    assert len(text) < 250_000


def test_the_page_agrees_with_the_real_verdict(sample) -> None:
    verdict = judge(sample.events)
    text = Page(html.render(sample.events, verdict)).text
    assert f"{headline(verdict).upper()} " in text


def test_three_minutes_are_rendered_within_300_ms(runs) -> None:
    held = runs.held()
    html.render(held.events, held.verdict)  # compiles the templates once
    best = 1.0
    for _ in range(5):
        began = time.perf_counter()
        html.render(held.events, held.verdict)
        best = min(best, time.perf_counter() - began)
    assert best < 0.3
