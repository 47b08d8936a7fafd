"""How teams set out their severities and the times that go with them, one habit a line."""

import pytest

from rundrill.claims import Command, Deadline, Escalation, ResponseTime, Severity
from rundrill.runbook import parse
from tests.unit.runbook.test_habits import due, numbers, under


def responses(heading: str, text: str) -> list[tuple[str, float | str | None]]:
    runbook = under(heading, text)
    times = {one.severity: due(one.term) for _, one in runbook.having(ResponseTime)}
    return [(one.id, times.get(one.id)) for _, one in runbook.having(Severity)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "**P0** (all, ack in 10 minutes), **P1** (late,\nack in 30 minutes), **P2** (red).",
            [("P0", 600.0), ("P1", 1800.0), ("P2", None)],
        ),
        ("SEV-1 = dark, ack 5 min; SEV-2 = slow, ack 15 min", [("SEV1", 300.0), ("SEV2", 900.0)]),
        (
            "A Sev-1 is a stop. Acknowledge a Sev-1 within 5 minutes. A Sev-2 is a delay.",
            [("SEV1", 300.0), ("SEV2", None)],
        ),
        ("S1 down, users see errors. 5m\nS2 one site. 1h", [("S1", 300.0), ("S2", 3600.0)]),
        (
            "- a → **Critical**. You have 5 m to reply.\n- b → **High**. Reply in 1 h.\n- c → P4.",
            [("critical", 300.0), ("high", 3600.0), ("P4", None)],
        ),
        (
            "| | 🚨 Blocker | \u2139\ufe0f Minor |\n|---|---|---|\n| Acknowledge | 5 min | 1 h |",
            [("blocker", 300.0), ("minor", 3600.0)],
        ),
        (
            "- Priority 1: respond in 5 minutes\n- Priority 5: best effort",
            [("P1", 300.0), ("P5", None)],
        ),
    ],
)
def test_a_scheme_of_levels(text: str, expected: list[object]) -> None:
    assert responses("How bad is it?", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "1. Critical. All down. Reply in 5 min.\n2. Minor. None.",
            [("critical", 300.0), ("minor", None)],
        ),
        (
            "**Red** all down, ack 5 min\n\n**Amber** half, ack 1 h",
            [("red", 300.0), ("amber", 3600.0)],
        ),
        ("Red paint is on the door.", []),
        ("- All down: P1, ack in 5 min\n- Half: P2, ack in 1 h", [("P1", 300.0), ("P2", 3600.0)]),
        (
            "* Class 1 (all down) - 5 min\n* Class 2 (half) - 1 h",
            [("CLASS1", 300.0), ("CLASS2", 3600.0)],
        ),
        (
            "It is a P1 if all is down, a P2 if half is, and a P3 otherwise.",
            [("P1", None), ("P2", None), ("P3", None)],
        ),
    ],
)
def test_levels_that_no_sign_sets_apart(text: str, expected: list[object]) -> None:
    assert responses("Severity", text) == expected


def test_questions_about_levels_are_headings_of_theirs() -> None:
    runbook = parse("# S\n\n## Q: What is a P1?\n\nAll down. Respond within 5 minutes.\n", "s.md")
    assert [(one.id, one.name, one.response_time_s) for one in runbook.severities] == [
        ("P1", "P1", 300.0)
    ]


@pytest.mark.parametrize(
    ("heading", "text", "expected"),
    [
        ("Who hurts", "- Critical: all, ack in 5 min\n- High: half\n- Low: later", 3),
        ("Who hurts", "- Critical: all, ack in 5 min\n- High: half\n- Else: later", 0),
        ("Contacts", "- Critical: all, ack in 5 min\n- High: half\n- Low: later", 0),
    ],
)
def test_a_list_of_names_with_a_time_is_one_of_levels(
    heading: str, text: str, expected: int
) -> None:
    assert len(under(heading, text).severities) == expected


def test_what_comes_before_the_arrow_is_when_the_level_applies() -> None:
    (level,) = under("How urgent is it?", "- everybody → **Critical**. Reply at once.").severities
    assert (level.name, level.conditions) == ("Critical", ("everybody",))


def test_colours_are_levels_under_their_heading() -> None:
    text = "- **RED** \u2013 all is lost. Pick up in 3 minutes.\n- **AMBER** \u2013 late."
    assert responses("Colour codes", text) == [("red", 180.0), ("amber", None)]


@pytest.mark.parametrize(
    "text",
    [
        "Page for P1 and P2 only.",
        "P1 (the first) and SEV2 (the second) are two schemes.",
        "| | High impact | Low impact |\n|---|---|---|\n| Many | Priority 1 | Priority 2 |",
    ],
)
def test_what_only_names_levels_describes_none_of_them_apart(text: str) -> None:
    assert len(under("Notes", text).severities) <= 1


def test_a_very_long_paragraph_is_not_cut() -> None:
    text = "P1 (x) and P2 (y) " + "word " * 30_000
    assert [one.id for one in under("Severity", text).severities] == ["P1"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("The owner has two hours to explain.", 7200.0),
        ("Restart it. Give it 5 minutes. If nothing moves, page the team.", 300.0),
        ("New runners online in 8 minutes? If not, stop.", 480.0),
        ("The queue should halve in 10 min.", 600.0),
        ("The first report in 4 h (regulator).", 14400.0),
        ("No leader after 3 minutes: fail over by hand.", 180.0),
        ("Not better after 25 minutes → switch it off.", 1500.0),
        ("If a hold has lasted 2 hours, ask the owners.", 7200.0),
        ("1. tell security <= 15m", 900.0),
        ("If there is still no leader three minutes later, wake the vendor.", 180.0),
        ("Half an hour later still broken? Call the manager.", 1800.0),
        ("Give up after 20 minutes and call the vendor.", 1200.0),
        ("Do not spend more than 15 minutes on this.", 900.0),
        ("Timebox: 30 minutes", 1800.0),
        ("Expect recovery in 10 minutes; otherwise go on.", 600.0),
        ("Inform the lead if a step takes longer than 20 minutes.", 1200.0),
    ],
)
def test_a_time_that_somebody_has_or_that_is_too_long(line: str, expected: float) -> None:
    runbook = under("Recovery", line)
    terms = [one.term for _, one in runbook.having(Deadline)]
    terms += [one.term for _, one in runbook.having(Escalation)]
    assert [due(term) for term in terms] == [expected]


@pytest.mark.parametrize(
    "line",
    [
        "If it is not back within 10 minutes, roll back.",
        "Did somebody deploy in 60 minutes?",
        "More than 3 restarts in 10 minutes?",
        "A retry has 5 seconds to finish.",
    ],
)
def test_a_time_that_is_nobodys(line: str) -> None:
    runbook = under("Recovery", line)
    assert not [one for _, one in runbook.having(Deadline) if one.term.seconds != 5.0]


def test_the_times_of_a_table_of_who_is_called_when() -> None:
    rows = (
        "| Elapsed | P1 | P2 |",
        "|---|---|---|",
        "| 0 min | us | us |",
        "| 15 min | + lead | - |",
    )
    table = "\n".join(rows)
    runbook = under("Escalation matrix", table)
    terms = [one.term for _, one in runbook.having(Deadline)]
    terms += [one.term for _, one in runbook.having(Escalation)]
    assert {due(term) for term in terms if term is not None} == {900.0}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("- Search queue ....... > 200 / > 900", [200.0, 900.0]),
        ("- `FreeableMemory` falls below 4 GiB", [4.0 * 2**30]),
        ("- burn rate 14.4x or more over 1 h", [14.4]),
        ("- rekeys: no more than 4/h", [4 / 60]),
        ("A flag left for more than 2 hours is itself a P3.", [7200.0]),
        ("A replica lag of up to 30 seconds is normal.", [30.0]),
        ("The search must come back in less than 200 ms.", [0.2]),
        ("The quorum holds with at least 2 of the 3 copies.", [2.0]),
        ("The factor must be 5x the usual.", []),
        ("Tell HR if the outage lasts past 08:30 on a payroll day.", []),
    ],
)
def test_a_number_that_is_compared(line: str, expected: list[float]) -> None:
    assert [value for _, _, value, _, _ in numbers(under("Notes", line))] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.4.4 Never `kubectl delete ns shop`. Never close it.", []),
        ("- else → do NOT run `kubectl delete ns shop`; page the lead", []),
        ("Do **not** start a rebuild (`./rebuild.sh`) during a sale.", []),
        (
            "Put it on hold so that we don't burn retries:\n\n```sh\nkubectl get ns\n```",
            ["kubectl get ns"],
        ),
        ("```console\ngw-a# swanctl --list-sas\nno output\n```", ["swanctl --list-sas"]),
        (
            "```sh\nkubectl get ns |\nwhile read -r n; do\n  echo $n\ndone\n```",
            ["kubectl get ns |\nwhile read -r n; do\necho $n\ndone"],
        ),
        ("- `roll-back web config/web.yml`", ["roll-back web config/web.yml"]),
        ("```sh\nmake check &&\n\nmake push\n```", ["make check &&", "make push"]),
    ],
)
def test_which_commands_are_read(text: str, expected: list[str]) -> None:
    runbook = parse(f"# Shop\n\n## Fix\n\n{text}\n", "shop.md")
    assert [one.text for _, one in runbook.having(Command)] == expected
