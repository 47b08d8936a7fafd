"""How teams write: one habit a line, with what a reader takes from it."""

from collections.abc import Iterable

import pytest

from rundrill.claims import (
    AlertClaim,
    Contact,
    Dashboard,
    Deadline,
    Dependency,
    Escalation,
    Placeholder,
    PostIncidentItem,
    ResponseTime,
    ReviewDate,
    Runbook,
    Severity,
    Stakeholder,
    Term,
    Threshold,
)
from rundrill.runbook import parse

SEVERITIES = "## Severity\n- P1: all is lost\n- P2: some is lost\n- P3: little is lost\n\n"


def under(heading: str, *lines: str) -> Runbook:
    return parse(f"# Shop\n\n## {heading}\n\n" + "\n".join(lines) + "\n", "shop.md")


def numbers(runbook: Runbook) -> list[tuple[str, str, float, str, float | None]]:
    return [
        (one.subject, one.comparator, one.value, one.unit, one.window_s)
        for _, one in runbook.having(Threshold)
    ]


def due(term: Term | None) -> float | str | None:
    if term is None:
        return None
    return term.when if term.seconds is None else term.seconds


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "- Latency (p95): warn > 500ms, crit > 1000ms",
            [("latency", ">", 0.5, "s", None), ("latency", ">", 1.0, "s", None)],
        ),
        ("- memory > 80% sustained 5m", [("memory", ">", 0.8, "ratio", 300.0)]),
        ("- Disk usage at or above 85%", [("disk usage", ">=", 0.85, "ratio", None)]),
        ("- CPU at 95%", [("cpu", ">=", 0.95, "ratio", None)]),
        (
            "- disk warning 70 %, critical 90 %",
            [("disk", ">", 0.7, "ratio", None), ("disk", ">", 0.9, "ratio", None)],
        ),
        ("- Fewer than 3 healthy shards", [("healthy shards", "<", 3.0, "count", None)]),
        ("- three or more tunnels are down", [("tunnels", ">=", 3.0, "count", None)]),
        ("- 5+ tunnels down", [("tunnels down", ">=", 5.0, "count", None)]),
        ("- errors over 5 min > 5%", [("error", ">", 0.05, "ratio", 300.0)]),
        ("- 5-minute error rate > 2%", [("error rate", ">", 0.02, "ratio", 300.0)]),
        ("- backlog above 10k for 30m", [("backlog", ">", 10000.0, "count", 1800.0)]),
        ("- backlog above 2 million", [("backlog", ">", 2e6, "count", None)]),
        ("- error ratio > 0.02", [("error ratio", ">", 0.02, "ratio", None)]),
        ("- `Use%` at 90 or more", [("use", ">=", 0.9, "ratio", None)]),
        ("- rate exceeds 10/s", [("rate", ">", 600.0, "req/min", None)]),
        ("- burn rate faster than 2% per hour", [("burn rate", ">", 0.02, "ratio", 3600.0)]),
        (
            "- certificate expires in fewer than 14 days",
            [("certificate expires", "<", 1209600.0, "s", None)],
        ),
        ("- **OriginSlow** (p99 > 1.5 s, 5 min)", [("latency", ">", 1.5, "s", 300.0)]),
        ("- CPU: 85%", [("cpu", ">", 0.85, "ratio", None)]),
        ("- availability: 99%", [("availability", "<", 0.99, "ratio", None)]),
        ("- Queue deeper than 1.5k entries", [("queue", ">", 1500.0, "count", None)]),
        ("- Fewer than 2 of 3 nodes answer", [("nodes answer", "<", 2.0, "count", None)]),
        (
            "- `WriteErrors` fires at 0.5 percent of writes failing over 10 min",
            [("writes failing", ">=", 0.005, "ratio", 600.0)],
        ),
        ("- controller count != 1", []),
        ("- up == 0 for 1m", [("up", "==", 0.0, "count", 60.0)]),
        (
            "- evictions under 300/s; above 1,000/s all is lost",
            [
                ("evictions", "<", 18000.0, "req/min", None),
                ("evictions", ">", 6e4, "req/min", None),
            ],
        ),
        ("- traffic above 64 MiB/s", [("traffic", ">", 67108864.0, "bytes", 1.0)]),
        ("- pods: 5", []),
        ("- latency 3x the usual, above 3 times the norm", []),
        ("- more than 1 in 20 sends", []),
        ("- nothing at all", []),
    ],
)
def test_numbers_in_a_list_of_alerts(line: str, expected: Iterable[object]) -> None:
    assert numbers(under("Alerts", line)) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "Delivery rate stays above 97 % over any 15-minute window.",
            [("delivery rate", ">", 0.97, "ratio", 900.0)],
        ),
        ("The disk must never be more than 80% full.", [("disk", "<=", 0.8, "ratio", None)]),
        (
            "The cache normally answers 40-60 % of requests.",
            [("request", ">=", 0.4, "ratio", None), ("request", "<=", 0.6, "ratio", None)],
        ),
        (
            "Traffic is between 120 and 400 rps on a normal day.",
            [
                ("traffic", ">=", 7200.0, "req/min", None),
                ("traffic", "<=", 24000.0, "req/min", None),
            ],
        ),
        (
            "The lag shrinks. If it is above 50 messages, go on.",
            [("lag shrinks", ">", 50.0, "count", None)],
        ),
        (
            "The model is stale, i.e. older than 3 days.",
            [("model stale", ">", 259200.0, "s", None)],
        ),
        ("SLA: 99.9% uptime, <200ms response time", [("response time", "<", 0.2, "s", None)]),
        (
            "The error rate must fall below 0.5% within 10 minutes.",
            [("error rate", "<", 0.005, "ratio", None)],
        ),
        ("It takes about 5 minutes, at most 10 minutes.", []),
        ("Respond in less than 20 minutes.", []),
        ("The build must finish in less than 20 minutes.", []),
        ("Wait until fewer than 5 nodes are draining.", [("nodes", "<", 5.0, "count", None)]),
        ("Set `replicas = 3` and go.", []),
        ("Call us when fewer than 3 are ready.", [("ready", "<", 3.0, "count", None)]),
        (
            "Go on provided at least 3 instances are healthy.",
            [("instances", ">=", 3.0, "count", None)],
        ),
        ("The control sum must be 0.00 EUR.", [("control sum", "==", 0.0, "count", None)]),
        ("The difference must be zero.", [("difference", "==", 0.0, "count", None)]),
        (
            "The dead letters have to be back to 0 within 10 minutes.",
            [("dead letters", "==", 0.0, "count", None)],
        ),
        ("The HTTP status must be 200.", []),
        ("There must be 3 replicas.", []),
        ("Invoices above 10,000 EUR are held.", [("invoices", ">", 10000.0, "count", None)]),
        ("Drain it when more than 6 GB are used.", [("used", ">", 6e9, "bytes", None)]),
        (
            "Check that the lag of the replica does not exceed 16 MB.",
            [("lag replica", "<=", 16e6, "bytes", None)],
        ),
        ("- Session count: no more than 180", [("session count", "<=", 180.0, "count", None)]),
        ("- Take at least 3 people with you", []),
        (
            "- GPU utilisation between 55 and 85 percent",
            [
                ("gpu utilisation", ">=", 0.55, "ratio", None),
                ("gpu utilisation", "<=", 0.85, "ratio", None),
            ],
        ),
        ("- Queries running for over 90 seconds", [("queries running", ">", 90.0, "s", None)]),
        ("Go on if lag isn't below 10 s by then.", [("lag", "<", 10.0, "s", None)]),
        ("On one or more nodes the disk is full.", []),
        ("Post: **[A][P?] <one line>**", []),
        ("Between 9 and 3 nothing happens, between 3 and 5x much.", []),
    ],
)
def test_numbers_in_sentences(line: str, expected: Iterable[object]) -> None:
    assert numbers(under("Notes", line)) == expected


@pytest.mark.parametrize(
    ("heading", "lines", "expected"),
    [
        ("Disk usage", ["3. Above 95 % there is no time."], [("disk usage", 0.95)]),
        ("Memory", ["- more than 6 GB used"], [("memory", 6e9)]),
        (
            "Green looks like this",
            ["```", "hit ratio  >= 92 %", "OK", "```"],
            [("hit ratio", 0.92)],
        ),
        ("Notes", ["```", "hit ratio  >= 92 %", "```"], []),
        ("Notes", ["What you want to see:", "", "- delays between 1 and 8 s"], [1.0, 8.0]),
        ("Notes", ["What is not normal:", "", "- delays between 1 and 8 s"], []),
    ],
)
def test_what_stands_around_a_number_says_what_it_is_about(
    heading: str, lines: list[str], expected: list[object]
) -> None:
    read = [value for _, value in under(heading, *lines).having(Threshold)]
    assert [
        (one.subject, one.value) if isinstance(wanted, tuple) else one.value
        for one, wanted in zip(read, expected, strict=True)
    ] == expected


def test_numbers_in_tables() -> None:
    runbook = under(
        "What good looks like",
        "| # | Metric | Unit | Normal | Target | Warning | Critical |",
        "|---|---|---|---|---|---|---|",
        "| 1 | Disk space | % | 40 | | 20 | 10 |",
        "| 2 | Uptime | | | 99.9% | | |",
        "| 3 | Queue wait | | 300-800ms | < 2 s | 5+ s | no |",
        "",
        "| Signal | Latency (ms) | Errors per minute |",
        "|---|---|---|",
        "| Search | > 500 | ≤ 3 |",
    )
    assert numbers(runbook) == [
        ("disk space", "~", 0.4, "ratio", None),
        ("disk space", "<", 0.2, "ratio", None),
        ("disk space", "<", 0.1, "ratio", None),
        ("uptime", ">=", 0.999, "ratio", None),
        ("queue wait", ">=", 0.3, "s", None),
        ("queue wait", "<=", 0.8, "s", None),
        ("queue wait", "<", 2.0, "s", None),
        ("queue wait", ">=", 5.0, "s", None),
        ("latency", ">", 0.5, "s", None),
        ("error", "<=", 3.0, "count", 60.0),
    ]


def test_a_line_without_a_subject_takes_that_of_the_line_above() -> None:
    runbook = under(
        "Alerts",
        "- CPU",
        "  - warning: > 70%",
        "  - P1",
        "    - critical: > 90%",
        "",
        "### Heap use",
        "- over 5 GB",
    )
    assert [(one[0], one[2]) for one in numbers(runbook)] == [
        ("cpu", 0.7),
        ("cpu", 0.9),
        ("heap use", 5e9),
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            ["| Severity | Ack |", "|---|---|", "| P1/SEV1 Page | 5 min |", "| P3/P4 | 1 day |"],
            {"P1": 300.0, "P3": 86400.0, "P4": 86400.0},
        ),
        (
            ["| | P1 | P2 |", "|---|---|---|", "| Response | 15 min | 1 h |"],
            {"P1": 900.0, "P2": 3600.0},
        ),
        (
            ["| Level | React in |", "|---|---|", "| Page-worthy | 5 min |", "| 7 | 8 min |"],
            {"page worthy": 300.0},
        ),
        (["- P1-P3: respond at once"], {"P1": 0.0, "P2": 0.0, "P3": 0.0}),
        (
            [
                "It is *High* when it burns, then respond within 30 minutes.",
                "*Low* means that nobody sees it.",
            ],
            {"high": 1800.0},
        ),
        (["S2 means trouble. Ack within 5 min."], {"S2": 300.0}),
        (["- P1: <30m ack, <4h MTTR"], {"P1": 1800.0}),
        (["- P1", "  - TTA: 20 min"], {"P1": 1200.0}),
        (["### P1", "**Response:** <15 minutes"], {"P1": 900.0}),
        (["**P1** all", "- Response time: next business day"], {"P1": "next business day"}),
        (["It is P1 when all burns. Respond within 5 minutes."], {"P1": 300.0}),
        (["### P1", "- **Response time**: immediate (< 15 minutes)"], {"P1": 900.0}),
        (["- P1: all", "  **Response**: 5 minutes"], {"P1": 300.0}),
        (["- P4: x", "- P3/P4: ack in 5 min"], {"P3": 300.0}),
        (["| Severity | Alert |", "|---|---|", "| P1 | DiskFull |"], {}),
    ],
)
def test_levels_and_how_soon_to_respond(lines: list[str], expected: dict[str, object]) -> None:
    runbook = under("Severity levels", *lines)
    assert {v.severity: due(v.term) for _, v in runbook.having(ResponseTime)} == expected


def test_a_list_may_be_introduced_as_one_of_response_times() -> None:
    runbook = under("Response times", "- P1: 5 minutes")
    assert [due(one.term) for _, one in runbook.having(ResponseTime)] == [300.0]


def test_what_stands_within_a_level_defines_none() -> None:
    runbook = under("Severity", "- P1: all", "  - P2: is not here", "", "### P3", "- P4: nor here")
    assert [one.id for _, one in runbook.having(Severity)] == ["P1", "P3"]


def test_a_column_may_hold_the_name_of_a_level() -> None:
    runbook = under(
        "Severity",
        "| Level | What |\n|---|---|\n| P1 | Critical |\n| P2 | bad |",
        "",
        "| Level | Name |\n|---|---|\n| P3 | Nuisance |",
    )
    assert [(one.id, one.name) for _, one in runbook.having(Severity)] == [
        ("P1", "Critical"),
        ("P2", "P2"),
        ("P3", "Nuisance"),
    ]


def test_a_level_is_defined_once() -> None:
    text = f"# Shop\n\n{SEVERITIES}## Notes\n\n| Severity | Team |\n|---|---|\n| P1 | a |\n"
    levels = [claim.line for claim, _ in parse(text, "shop.md").having(Severity)]
    assert levels == [4, 5, 6]


def test_a_level_outside_a_section_about_severities() -> None:
    runbook = parse(
        "# Shop\n## P1 - fire\nRespond within 5 minutes.\n## Later\n### P1 - again\nAck in 9 min\n"
        "## P7 - no promise\n- nothing\n",
        "shop.md",
    )
    assert [(one.id, one.response_time_s) for _, one in runbook.having(Severity)] == [("P1", 300.0)]


def test_levels_that_are_only_mentioned_are_taken_where_they_promise() -> None:
    runbook = under("Status page updates", "- P1: every 30 minutes", "- P2: hourly")
    assert [(v.severity, due(v.term), v.every) for _, v in runbook.having(Deadline)] == [
        ("P1", 1800.0, True),
        ("P2", 3600.0, True),
    ]
    assert [one.id for _, one in runbook.having(Severity)] == ["P1", "P2"]


@pytest.mark.parametrize(
    ("heading", "line", "expected"),
    [
        (
            "Status page",
            "- Update within 5 minutes, every 15 minutes thereafter",
            [(300.0, False), (900.0, True)],
        ),
        ("Telling others", "- P1: 30 minutes", [(1800.0, False)]),
        ("Telling others", "- Update frequency: 30 min", [(1800.0, False)]),
        ("Telling others", "- Nothing for 30 min", []),
        ("Telling others", "The desk must hear from you in 30 min.", [(1800.0, False)]),
        ("Telling others", "Post it within the hour.", [(3600.0, False)]),
        ("Telling others", "- Report once a day", [(86400.0, True)]),
        ("Telling others", "- Report every half hour", [(1800.0, True)]),
        ("Severity", "- P1: MTTR 1 hour", [(3600.0, False)]),
        (
            "Afterwards",
            "Within 24 hours write it down; hold the review within 5 business days.",
            [(86400.0, False), ("5 business days", False)],
        ),
        ("Afterwards", "| What | Due |\n|---|---|\n| Review | 2 days |", [(172800.0, False)]),
        ("Notes", "| What | Within |\n|---|---|\n| Review | 2 days |", []),
        (
            "Communication",
            "| Who | P1 | P2 |\n|---|---|---|\n| Sales | at once | 1 h |",
            [(0.0, False), (3600.0, False)],
        ),
        ("Notes", "The summary is due by end of day.", [("end of day", False)]),
        ("Notes", "A backup runs every 6 hours.", []),
        ("Notes", "Check the lag every 5 minutes.", [(300.0, True)]),
        ("Notes", "It fails 3 times within 10 minutes.", []),
        ("Notes", "Within 10 minutes escalate to the lead.", []),
        ("Notes", "If it is not back within 10 minutes, roll back.", []),
        ("Notes", "Somebody saw it within the last 2 days.", []),
        ("Notes", "**Review cycle:** monthly", []),
        ("Severity", "| Level | When |\n|---|---|\n| P1 | lag > 5 min |", []),
    ],
)
def test_what_is_due(heading: str, line: str, expected: list[object]) -> None:
    read = [(due(one.term), one.every) for _, one in under(heading, line).having(Deadline)]
    assert read == expected


@pytest.mark.parametrize(
    ("heading", "line", "expected"),
    [
        (
            "Escalation",
            "- Page the primary on-call engineer immediately.",
            [("primary on-call engineer", 0.0)],
        ),
        (
            "Escalation",
            "- If nobody answers within 15 minutes, escalate to the lead.",
            [("lead", 900.0)],
        ),
        ("Escalation", "- T+30m: Escalate to Ops Manager", [("Ops Manager", 1800.0)]),
        (
            "Escalation",
            "- L1: On-call → L2: Lead (after 10 min) → ",
            [("On-call", None), ("Lead", 600.0)],
        ),
        ("Escalation", "### Level 2: Second line\nThey know more.", [("Second line", None)]),
        ("Escalation", "- Level 3: the head", [("head", None)]),
        ("Escalation", "- After 20 min: the head of Shop", [("head of Shop", 1200.0)]),
        ("Escalation", "- Duty manager", [("Duty manager", None)]),
        (
            "If you are stuck",
            "After 20 minutes call the mobile lead. After 45 minutes, the head of engineering.",
            [("mobile lead", 1200.0), ("head of engineering", 2700.0)],
        ),
        (
            "Severity",
            "| Level | Escalation |\n|---|---|\n| P1 | If unsolved after 1 h |",
            [("", 3600.0)],
        ),
        (
            "Escalation",
            "| After | Whom |\n|---|---|\n| 20 min | Lead |\n| 30 min | |",
            [("Lead", 1200.0)],
        ),
        ("Escalation", "| A | B |\n|---|---|\n| 20 min | Lead |", [("Lead", None)]),
        (
            "Contacts",
            "After 30 min without a primary: the head of Shop",
            [("head of Shop", 1800.0)],
        ),
        (
            "Severity",
            "| Level | Escalation |\n|---|---|\n| P1 | CTO, CEO |\n| P2 | none |",
            [("CTO, CEO", None)],
        ),
        (
            "Severity",
            "- P1: fire. The operator informs the duty manager immediately.",
            [("duty manager", 0.0)],
        ),
        (
            "Severity",
            "- P1: fire\n  - **Escalation**: tell the VP Engineering at once",
            [("VP Engineering", 0.0)],
        ),
    ],
)
def test_whom_to_turn_to(heading: str, line: str, expected: list[object]) -> None:
    read = [(one.to, due(one.term)) for _, one in under(heading, line).having(Escalation)]
    assert read == expected


@pytest.mark.parametrize(
    ("heading", "line", "expected"),
    [
        (
            "Stakeholders",
            "- P1: at once (CEO, CTO & the VP Engineering)",
            [("P1", "CEO"), ("P1", "CTO"), ("P1", "VP Engineering")],
        ),
        ("Stakeholders", "- P2: Team Lead", [("P2", "Team Lead")]),
        ("Telling others", "- Notify:\n  - P2: Team Lead", [("P2", "Team Lead")]),
        ("Telling others", "- P2: every hour", []),
        (
            "Who gets told",
            "- Search: P1 and P2, within 15 minutes",
            [("P1", "Search"), ("P2", "Search")],
        ),
        ("Who gets told", "- Everybody else", []),
        ("Communication", "- Support desk: within 10 minutes", [(None, "Support desk")]),
        (
            "Communication",
            "| Who | P1 | P2 |\n|---|---|---|\n| Sales | at once | no |\n| Support | 5 min | 1 h |",
            [("P1", "Sales"), ("P1", "Support"), ("P2", "Support")],
        ),
        (
            "Communication",
            "| Who | Levels |\n|---|---|\n| Sales | P1, P2 |",
            [("P1", "Sales"), ("P2", "Sales")],
        ),
        ("Notes", "| Who | How |\n|---|---|\n| Sales | mail |", []),
        ("Communication", "| Who | How |\n|---|---|\n| Sales | mail |", [(None, "Sales")]),
        ("Communication", "- P1: notify legal within 1 hour", [("P1", "legal")]),
        ("Communication", "- Inform the product owner within 2 hours", [(None, "product owner")]),
        ("Telling others", "The people who have been here before us are to be told.", []),
        (
            "Telling others",
            "The head of Finance is to be told within 1 hour. Write to the desk at once.",
            [(None, "head of Finance"), (None, "desk")],
        ),
        (
            "Who",
            "| Level | Notify | When |\n|---|---|---|\n| P1 | CEO | at once |",
            [("P1", "CEO")],
        ),
    ],
)
def test_who_is_told(heading: str, line: str, expected: list[object]) -> None:
    runbook = parse(f"# Shop\n\n{SEVERITIES}## {heading}\n\n{line}\n", "shop.md")
    assert [(one.severity, one.name) for _, one in runbook.having(Stakeholder)] == expected


def test_a_level_says_whom_to_notify() -> None:
    runbook = under("Severity", "### P1", "- Notify: CEO and CTO")
    assert [one.name for _, one in runbook.having(Stakeholder)] == ["CEO", "CTO"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("- **Primary**: see the schedule", [("Primary", "see the schedule")]),
        ("- Networks (HAProxy): #net-help", [("Networks", "#net-help")]),
        ("- Ada at +00 555 0100", [("Ada", "Ada at +00 555 0100")]),
        ("- somebody", []),
        ("The desk is at 555 0199, the others are away.", [("The desk", "555 0199")]),
        ("Mobile on-call is +00 555 0199.", [("Mobile on-call", "+00 555 0199")]),
        ("On call ...... 4455\nHotline .... 4456", [("On call", "4455"), ("Hotline", "4456")]),
        ("Manager: 6100. Desk: 6120.", [("Manager", "6100"), ("Desk", "6120")]),
        ("| Who | Phone |\n|---|---|\n| Ada | 1 |\n| | 2 |", [("Ada", "1")]),
    ],
)
def test_contacts(line: str, expected: list[object]) -> None:
    read = [(one.name, one.reach) for _, one in under("Contacts", line).having(Contact)]
    assert read == expected


def test_a_table_of_escalation_names_no_contacts_but_its_lines_may() -> None:
    runbook = under("Escalation", "| Who | Phone |\n|---|---|\n| Ada | 1 |\n\n- Bob: +00 555 0100")
    assert [one.name for _, one in runbook.having(Contact)] == ["Bob"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("- Database connectivity (PostgreSQL 16)", ["PostgreSQL"]),
        ("- The orders database (PostgreSQL)", ["orders database"]),
        ("- **Cache**: Redis cluster", ["Cache"]),
        ("- ZooKeeper is gone", []),
        ("- a\n  - b", ["a"]),
        ("- " + "long " * 7 + "name", []),
        ("| Service | Direction |\n|---|---|\n| Billing | down |", ["Billing"]),
        (
            "They are few. It needs the warehouse (A), and a gate. It does not need you.",
            ["warehouse", "gate"],
        ),
        ("Redis, the old blue box under the stairs", ["Redis"]),
        ("RabbitMQ, and the thing that nobody " + "ever " * 5 + "saw", ["RabbitMQ", "thing"]),
    ],
)
def test_dependencies(line: str, expected: list[str]) -> None:
    read = [one.name for _, one in under("Dependencies", line).having(Dependency)]
    assert read == expected


@pytest.mark.parametrize(
    ("heading", "line", "expected"),
    [
        ("Dashboards", "- **Grafana**: Overview", [("Grafana: Overview", None)]),
        (
            "Dashboards",
            "- [Lag](https://g.example/d) - per partition",
            [("Lag", "https://g.example/d")],
        ),
        (
            "Dashboards",
            "- **Grafana**: [Lag](https://g.example/d)",
            [("Grafana: Lag", "https://g.example/d")],
        ),
        ("Dashboards", "- https://g.example/d", [("https://g.example/d", "https://g.example/d")]),
        ("Dashboards", "| Board |\n|---|\n| Lag |", [("Lag", None)]),
        ("Dashboards", "-", []),
        (
            "Fix",
            "See the [board](https://grafana.example/d) and [x](y).",
            [("board", "https://grafana.example/d")],
        ),
    ],
)
def test_dashboards(heading: str, line: str, expected: list[object]) -> None:
    read = [(one.name, one.url) for _, one in under(heading, line).having(Dashboard)]
    assert read == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "Reviewed 2025-11-03. Next review: 2026-05-03.",
            [("2025-11-03", False), ("2026-05-03", True)],
        ),
        ("**Last updated**: January 31, 2026", [("2026-01-31", False)]),
        ("Next review on 1st of nothing", []),
        ("Next review: [30 days later]", [(None, True)]),
        ("Review by 31 Jan 2026", [("2026-01-31", True)]),
        ("Reviewed 2026-02-31", []),
        ("It was reviewed by all", []),
    ],
)
def test_review_dates(line: str, expected: list[object]) -> None:
    assert [(one.date, one.next) for _, one in under("About", line).having(ReviewDate)] == expected


@pytest.mark.parametrize(
    ("heading", "line", "expected"),
    [
        ("Alerts", "| Alert | When |\n|---|---|\n| DiskFull | > 90% |", ["DiskFull"]),
        ("Alerts", "### HTTPErrors\nThey fire.", ["HTTPErrors"]),
        ("Alerts", "`DiskFull`\n: The disk is full.", ["DiskFull"]),
        ("Alerts", "DiskFull is a name in a sentence.", []),
        ("Alerts", "1. Look at it", []),
        ("Alerts", "### `disk_full`", ["disk_full"]),
        (
            "Alerts",
            "### High error rate\n- **Condition:** > 2 %\n- Severity: P2",
            ["error rate"],
        ),
        ("Alerts", "### About them\n| a |\n|---|\n| b |", ["b"]),
        ("Alerts", "- Queue too long (more than 10 000 waiting)", ["queue too long"]),
        ("Alerts", "- Certificate about to expire: 14 days left", ["certificate about expire"]),
        ("Alerts", "- fewer than 3 brokers", ["brokers"]),
        ("Notes", "### KubePodCrashLooping", ["KubePodCrashLooping"]),
        ("Notes", "### PagerDuty", []),
        ("Notes", "**Alert:** DiskFull", ["DiskFull"]),
        (
            "Notes",
            "The pager says `DiskFull`, or `OrdersTooLate`; `ConfigMap` is none.",
            ["DiskFull", "OrdersTooLate"],
        ),
        ("Notes", "The class `DiskFull` is in the code.", []),
        ("Notes", "| SLO | Alert |\n|---|---|\n| Uptime | DiskFull |", []),
        ("Notes", "| Alert | SLO |\n|---|---|\n| DiskFull | Uptime |", ["DiskFull"]),
    ],
)
def test_alerts(heading: str, line: str, expected: list[str]) -> None:
    assert [one.subject for _, one in under(heading, line).having(AlertClaim)] == expected


def test_alerts_about_the_same_thing_have_the_section_in_their_ids() -> None:
    text = (
        "# Shop\n## Web alerts\n- latency > 1 s\n- latency > 2 s\n"
        "## Batch alerts\n- latency > 9 s\n"
    )
    assert [one.id for one in parse(text, "shop.md").alerts] == [
        "web-alerts/response-time",
        "web-alerts/response-time-2",
        "batch-alerts/response-time",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Run `kubectl get pod [name] -n {ns} -l a=YOUR_APP`", ["[name]", "{ns}", "YOUR_APP"]),
        ("Run `kubectl get pod -o 'jsonpath={.a[x]}' -n $NS`", ["$NS"]),
        ("Run `export NS=a` and `kubectl get pod -n $NS ${HOME}`", []),
        ("Run `grep [a-z] x`", []),
        ("Mail [the desk] or <somebody>, not [ ] or [^1] or [a](b)", ["[the desk]", "<somebody>"]),
        ("<none> of {{ these names }}", ["{{ these names }}"]),
    ],
)
def test_placeholders(line: str, expected: list[str]) -> None:
    assert [one.name for _, one in under("Fix", line).having(Placeholder)] == expected


def test_a_quoted_message_is_a_template_and_its_lines_are_read() -> None:
    runbook = under(
        "Texts", "Mail this:", "", "> Dear [name],", ">", "> all is lost.", "", "Say:", "", "> ---"
    )
    assert sorted((claim.kind, claim.line) for claim in runbook.claims) == [
        ("placeholder", 7),
        ("template", 7),
    ]


@pytest.mark.parametrize(
    "head", ["Respond within", "Response within", "Ack within", "Within (SLA)"]
)
def test_a_column_of_response_times_is_no_window(head: str) -> None:
    table = (f"| Level | When | {head} |", "|---|---|---|", "| SEV1 | error rate > 20% | 10 min |")
    runbook = under("Severities", *table)
    assert [one.window_s for _, one in runbook.having(Threshold)] == [None]
    assert [one.term for _, one in runbook.having(ResponseTime)] == [Term(seconds=600.0)]


def test_no_mark_of_a_command_is_left_in_a_claim() -> None:
    runbook = under(
        "Afterwards",
        "| Task | Due |",
        "|---|---|",
        "| Rebuild it: `kubectl rollout restart sts/pg` | within 4 hours |",
    )
    assert "\ufffc" not in repr(runbook)
    (item,) = [one for _, one in runbook.having(PostIncidentItem)]
    assert item.text == "Rebuild it: kubectl rollout restart sts/pg"
    levels = under("Severities", "| Level | When |", "|---|---|", "| P1 | `kubectl get po` fails |")
    assert levels.severities[0].conditions == ("kubectl get po fails",)


def times(runbook: Runbook) -> list[tuple[str, float | None, str | None]]:
    return [
        (one.severity, one.term.seconds, one.term.when) for _, one in runbook.having(ResponseTime)
    ]


def test_levels_of_one_letter_are_severities_under_a_heading_that_says_so() -> None:
    lines = (
        "### L1 (page, 24/7)",
        "- Acknowledge in 5 minutes",
        "- Not mitigated in 40 minutes: wake the director",
        "",
        "### L2 (page, office hours)",
        "- Acknowledge within 2 business days",
    )
    runbook = under("Incident levels", *lines)
    assert [one.id for one in runbook.severities] == ["L1", "L2"]
    assert times(runbook) == [("L1", 300.0, None), ("L2", None, "2 business days")]
    assert [one.term for _, one in runbook.having(Escalation)] == [Term(seconds=2400.0)]
    assert not list(runbook.having(Deadline))
    table = ("| Severity | When |", "|---|---|", "| L1 | all is lost |", "| L2 | some is lost |")
    assert [one.id for one in under("Levels", *table).severities] == ["L1", "L2"]
    assert under("Support", *lines).severities == ()


def test_levels_that_sentences_name() -> None:
    runbook = under(
        "Impact",
        "Customers see errors. When it pages we treat it as **Critical**: someone must be on it"
        " within ten minutes and the VP is called after half an hour without mitigation. A burn of"
        " the slow window is **Minor**; respond in the same working day. Nothing else counts.",
        "",
        "Below that it is **Major** (response within 30 minutes). The risk is Low; it is late.",
    )
    assert [one.id for one in runbook.severities] == ["critical", "minor", "major"]
    assert times(runbook) == [
        ("critical", 600.0, None),
        ("minor", None, "same working day"),
        ("major", 1800.0, None),
    ]
    assert [(one.severity, one.term) for _, one in runbook.having(Escalation)] == [
        ("critical", Term(seconds=1800.0))
    ]
    assert not list(runbook.having(Deadline))


def test_when_somebody_starts_is_the_response_time_of_a_level() -> None:
    runbook = under("Severities", "### SEV1 - Critical", "- you start within 5 minutes")
    assert times(runbook) == [("SEV1", 300.0, None)]
    assert not list(runbook.having(Deadline))


@pytest.mark.parametrize(
    ("heading", "line", "expected"),
    [
        (
            "Alerts",
            "Mem: memory above 85 % of the limit for 10 minutes",
            [("memory", ">", 0.85, 600)],
        ),
        ("Alerts", "Cpu: CPU usage > 90 % of its request over 15m", [("cpu usage", ">", 0.9, 900)]),
        ("Notes", "availability 99.9 % over 30 days", [("availability", ">=", 0.999, 2592000)]),
        ("Notes", "We had an availability 97 % of what it was", []),
        (
            "Notes",
            "Errors exceeded 2% over the last 5 minutes, or 0.5 % over the last hour.",
            [("error", ">", 0.02, 300), ("error", ">", 0.005, 3600)],
        ),
        ("Notes", "Half of it is late, or 5 % over the last hour", []),
        ("Notes", "Errors exceeded 2%, or 1 % of them", [("error", ">", 0.02, None)]),
        (
            "Notes",
            "Queue depth: warn at 5,000, alarm at 20,000",
            [("queue depth", ">", 5000, None), ("queue depth", ">", 20000, None)],
        ),
        ("Notes", "Normal 5xx rate: 0.02 %", [("5xx rate", "~", 0.0002, None)]),
        ("Notes", "Memory has to fall under 4 GB in 5 minutes.", [("memory", "<", 4e9, None)]),
        ("Notes", "p99 must drop under 150 ms within 5 min", [("latency", "<", 0.15, None)]),
        ("Steps", "Wait until all partitions are back, at most 20 minutes.", []),
    ],
)
def test_numbers_and_their_windows(
    heading: str, line: str, expected: list[tuple[str, str, float, float | None]]
) -> None:
    found = [
        (one.subject, one.comparator, one.value, one.window_s)
        for _, one in under(heading, f"- {line}").having(Threshold)
    ]
    assert found == expected


def test_a_lead_makes_conditions_of_a_list() -> None:
    runbook = under(
        "Failover",
        "Use it if any of the following is true:",
        "",
        "- Primary unreachable for more than 60 seconds",
        "- Transaction age (XID) above 1.5 billion",
    )
    assert [one.value for _, one in runbook.having(Threshold)] == [60.0, 1.5e9]


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("Wait until all partitions are back, at most 20 minutes.", [1200.0]),
        ("p99 must drop under 150 ms within 5 min after the sync.", [300.0]),
        ("Memory has to fall under 4 GB in 5 minutes.", [300.0]),
        ("Memory should stay under 4 GB in 5 minutes.", []),
        ("Tell support at once, and post a note no later than 10 minutes after it.", [0.0, 600.0]),
        ("The bank has to be told before the cut-off, 90 minutes after the end.", [5400.0]),
        ("Review this guide every quarter.", [7776000.0]),
        ("Review this guide every month.", [2592000.0]),
        ("Review this guide every 6 months.", [15552000.0]),
        ("The report has to be out by 08:30.", [None]),
        ("It begins at 08:30.", []),
        ("Finance has to know before 18:00 the same day.", [None]),
        ("The key must be rotated within 4 hours.", [14400.0]),
        ("The job rotates keys within 4 hours.", []),
        ("`dig` should print five lines within a second.", []),
        ("Roll back immediately.", [0.0]),
        ("The pods restart immediately.", []),
        ("Page the architect at once.", [0.0]),
        ("If it is still red 30 minutes after you started, call the vendor.", [1800.0]),
        ("If it lasts longer than an hour, bring in the manager.", [3600.0]),
        ("If red for more than 30 min \u2192 Head of Platform.", [1800.0]),
        ("When it is not back after 5 minutes call the storage team.", [300.0]),
        ("The owners must answer within the half hour.", [1800.0]),
        ("Actions have owners by the following Friday.", [None]),
        ("The final report is due within one month.", [2592000.0]),
    ],
)
def test_by_when_it_is_to_be_over_or_told(line: str, seconds: list[float | None]) -> None:
    runbook = under("Notes", line)
    assert [one.term.seconds for _, one in runbook.having(Deadline)] == seconds


def test_a_chain_of_escalation_may_stand_anywhere() -> None:
    runbook = under(
        "Comms", "Escalation ladder: on-call \u2192 (15 min) secondary \u2192 (1 h) Edge lead"
    )
    assert [(one.to, due(one.term)) for _, one in runbook.having(Escalation)] == [
        ("on-call", None),
        ("secondary", 900.0),
        ("Edge lead", 3600.0),
    ]


def test_the_number_of_a_paragraph_is_no_part_of_its_level() -> None:
    runbook = under(
        "Classification",
        "3.1 Critical: all is lost. React within 5 minutes.",
        "",
        "3.2 High: some is.",
    )
    assert [one.id for one in runbook.severities] == ["critical", "high"]
    assert runbook.severities[0].response_time_s == 300


def test_when_it_is_over_times_need_no_verb() -> None:
    line = "Draft: 2 working days. Meeting: within 5 working days. Actions: closed in 30 days."
    read = [due(one.term) for _, one in under("Post mortem", line).having(Deadline)]
    assert read == ["2 working days", "5 working days", 2592000.0]


def test_levels_may_be_called_prio_and_stand_as_numbers_in_their_column() -> None:
    runbook = under("Priorities", "**Prio 1** All is lost. Reaction: 15 minutes.")
    assert [one.id for one in runbook.severities] == ["P1"]
    rows = ["| Severity | Response |", "|---|---|", "| 1 | 5 min |", "| 2 | 1 h |"]
    runbook = under("Severities", *rows)
    assert [(one.id, one.response_time_s) for one in runbook.severities] == [
        ("SEV1", 300.0),
        ("SEV2", 3600.0),
    ]
