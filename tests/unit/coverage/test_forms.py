"""Text, JSON, badge and page: each tells what was measured, and the page is safe and offline."""

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st
from recordings import missed
from unit.coverage.drilled import RUNBOOK, TEXT, events, line_of, plan, run

from rundrill.coverage import badge, measure, page, to_json, to_text
from rundrill.coverage.text import lines_as_ranges
from rundrill.model import Acceptance
from rundrill.runbook import parse

BROKEN = measure(RUNBOOK, [run(events(exit_code=1))])
HREFS = {"20260101-drill": "runs/20260101-drill/report.html"}


class Reader(HTMLParser):
    """Every tag is closed; what refers to anything outside is collected."""

    VOID = ("meta", "hr", "br", "link", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.refers: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        given = dict(attrs)
        self.refers += [value for name in ("href", "src") if (value := given.get(name))]
        if given.get("id"):
            self.ids.append(str(given["id"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


def test_text_says_the_sum_the_sections_and_what_is_broken() -> None:
    text = to_text(BROKEN)
    total = BROKEN.total
    assert f"{total.exercised} of {total.testable} testable claims exercised" in text
    assert f"shop.md:{line_of('Go back')}: broken: command" in text
    assert re.search(r"^Failure modes +\d+ +\d+ +\d+ +\d+", text, re.MULTILINE)


def test_json_has_every_claim_with_its_evidence() -> None:
    body = json.loads(to_json(BROKEN))
    assert body["schema"] == "rundrill.coverage/1"
    assert [one["id"] for one in body["claims"]] == [one.id for one in RUNBOOK.claims]
    assert sum(one["state"] == "broken" for one in body["claims"]) == body["total"]["broken"]
    assert all(one["evidence"] for one in body["claims"] if one["state"] in ("held", "broken"))


def test_the_page_shows_every_line_of_the_runbook_and_links_the_evidence() -> None:
    html = page(BROKEN, HREFS)
    reader = read(html)
    lines = len(RUNBOOK.lines)
    assert [one for one in reader.ids if re.fullmatch(r"l\d+", one)] == [
        f"l{number}" for number in range(1, lines + 1)
    ]
    assert "runs/20260101-drill/report.html#procedure" in reader.refers
    targets = [one[1:] for one in reader.refers if one.startswith("#")]
    assert set(targets) <= set(reader.ids)


def test_the_page_is_offline_and_without_a_script() -> None:
    reader = read(page(BROKEN, HREFS))
    assert not {"script", "link", "img", "iframe", "b"} & (reader.tags - {"b"})
    assert not [one for one in reader.refers if "//" in one]
    assert "url(" not in page(BROKEN, HREFS)


def test_what_the_runbook_holds_is_shown_and_not_obeyed() -> None:
    evil = '`"><script>alert(1)</script>` **<img src=x>** [a](javascript:alert(1))'
    runbook = parse(TEXT.replace("Call the <b>vendor</b>", evil), "shop.md")
    reader = read(page(measure(runbook, [run()]), {}))
    assert not {"script", "img"} & reader.tags
    assert not [one for one in reader.refers if "javascript" in one]


def test_a_run_of_another_version_is_told_on_the_page_and_in_the_text() -> None:
    other = measure(RUNBOOK, [run(events(plan(runbook_sha256="0" * 64)))])
    assert "another version of the runbook" in page(other, HREFS)
    assert "another version of the runbook" in to_text(other)


def test_the_badge_is_an_svg_that_says_it_in_words() -> None:
    root = ET.fromstring(badge(BROKEN.total))
    assert root.tag.endswith("svg")
    assert "broken" in (root.get("aria-label") or "")
    held = badge(measure(RUNBOOK, [run()]).total)
    assert "broken" not in held


def test_lines_in_a_row_are_one_range() -> None:
    assert lines_as_ranges((1, 2, 3, 5, 8, 9)) == "1-3, 5, 8-9"
    assert lines_as_ranges(()) == ""


def test_what_held_in_a_run_that_broke_as_accepted_is_just_held() -> None:
    known = Acceptance(promise="recovered", reason="it never does", review="2027-01-01")
    coverage = measure(RUNBOOK, [run(events(plan(accepted=(known,)), recording=missed()))])
    html = page(coverage, HREFS)
    assert "broken, accepted" in html
    assert "held, accepted" not in html


def test_many_runs_of_another_version_are_one_note() -> None:
    others = [
        run(events(plan(runbook_sha256="0" * 64, experiment_path=f"{n}.yaml")), name=f"run-{n}")
        for n in range(5)
    ]
    assert to_text(measure(RUNBOOK, others)).count("another version") == 1


LINES = st.sampled_from(
    [
        *TEXT.splitlines(),
        "   ```sh",
        "~~~~",
        "> - 1. [x] **a** `b` <c>",
        "| a | <b> |",
        "\t- deep",
        "&amp; &lt;script&gt; \u202e \x1b[31m",
        "Setext",
        "======",
    ]
)


@given(st.lists(LINES | st.text(max_size=30), max_size=40))
def test_any_document_is_a_page_with_all_of_its_lines(lines: list[str]) -> None:
    text = "# A\n\n1. `kubectl get pods`\n" + "\n".join(lines)
    runbook = parse(text, "a.md")
    reader = read(page(measure(runbook, [run()]), HREFS))
    numbers = [one for one in reader.ids if re.fullmatch(r"l\d+", one)]
    assert len(numbers) == len(set(numbers)) == len(runbook.lines)
    assert not {"script", "img"} & reader.tags
    assert {one[1:] for one in reader.refers if one.startswith("#")} <= set(reader.ids)
