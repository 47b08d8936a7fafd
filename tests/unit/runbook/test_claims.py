"""A claim keeps its id under edits elsewhere; the readings of lines; the small values."""

import gc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rundrill.claims import Claim, Command, Runbook
from rundrill.runbook import load, parse
from rundrill.runbook.identify import MAX_KEY

PATH = Path(__file__).parents[3] / "runbooks" / "payment-service" / "runbook.md"
KEPT = """\
## Kept section

### Restart
1. Restart it: `kubectl rollout restart deploy/a -n <ns>`
2. Wait 5 minutes

### Alerts of ours
- Error rate >5% in 10 minutes
- Latency >2s
"""
OTHERS = st.lists(
    st.sampled_from(
        [
            "## Restart\n1. `kubectl rollout restart deploy/b`\n",
            "## Alerts\n- Latency >2s\n- Error rate >1%\n",
            "## Severity\n### P1 - High\n- Response time: 5 minutes\n- Error rate >9%\n",
            "## Contacts\n- **Primary**: +00 555 0100\n",
            "### Alerts of others\n- Latency >2s\n",
            "## Afterwards\nWithin 24 hours write it down.\n- [ ] all is well\n",
            "Some words, and `kubectl get pods`.\n",
            "```sh\nexport NS=a\n```\n",
            "| Alert | When |\n|---|---|\n| Slow | latency > 2 s |\n",
            "> Note\n",
        ]
    ),
    max_size=6,
)


def ours(runbook: Runbook) -> list[tuple[str, str]]:
    return [(one.id, one.text) for one in runbook.claims if one.section[:1] == ("Kept section",)]


@given(OTHERS, OTHERS)
@settings(deadline=None)
def test_ids_survive_edits_elsewhere(before: list[str], after: list[str]) -> None:
    alone = ours(parse(f"# Shop\n\n{KEPT}", "a.md"))
    assert len(alone) == 8
    text = "\n".join(["# Shop\n", *before, KEPT, "## Next\n", *after])
    assert ours(parse(text, "a.md")) == alone


def test_ids_survive_a_new_number_and_a_new_title_of_the_document() -> None:
    one = parse("# A\n\n## Alerts\n- Error rate >5%\n", "a.md")
    two = parse("# B\n\nWords.\n\n## 2. Alerts\n- Error rate >7%\n", "a.md")
    assert [claim.id for claim in one.claims] == [claim.id for claim in two.claims]
    assert [claim.id for claim in one.claims] == [
        "threshold:alerts/error-rate",
        "alert:alerts/error-rate",
    ]


def test_every_id_is_there_once_and_short() -> None:
    claims = load(PATH).claims
    assert len({claim.id for claim in claims}) == len(claims)
    long = "kubectl get pods " + " ".join(f"-l app=payment-{number}" for number in range(9))
    (claim,) = (
        claim
        for claim in parse(f"# A\n```sh\n{long}\n```\n", "a.md").claims
        if claim.kind == "command"
    )
    assert len(claim.id) < MAX_KEY + 20


def test_a_claim_knows_its_headings_without_the_title_of_the_document() -> None:
    claim = next(claim for claim in load(PATH).claims if claim.kind == "template")
    assert claim.section == ("Telling others", "Declaring an incident")


def test_claims_are_asked_for_by_their_values() -> None:
    for claim, command in load(PATH).having(Command):
        assert isinstance(claim, Claim)
        assert claim.kind == "command"
        assert claim.line == command.line


@pytest.mark.parametrize("collecting", [True, False])
def test_the_collector_is_left_as_it_was(collecting: bool) -> None:
    was_on = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        parse("# A\n", "a.md")
        assert gc.isenabled() is collecting
    finally:
        (gc.enable if was_on else gc.disable)()


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("# A\n", ["heading", "blank"]),
        ("A\n===\nB", ["heading", "markup", "prose"]),
        ("A\nB\n---", ["heading", "heading", "markup"]),
        ("words\n\n---\n", ["prose", "blank", "markup", "blank"]),
        ("<details>\n<summary>\n", ["markup", "markup", "blank"]),
        ("[a]: http://b\n", ["markup", "blank"]),
        ("---\ntitle: a\n---\nb", ["markup", "markup", "markup", "prose"]),
        ("---\nlast_reviewed: 2026-01-14\n---\nb", ["markup", "claim", "markup", "prose"]),
        ("```yaml\na: 1\n```", ["markup", "data", "markup"]),
        ("```sh\n# why\n\nkubectl get pods\n```", ["markup", "prose", "blank", "claim", "markup"]),
        ("```sh\nfor a in b; do\n  ls $a\ndone\n```", ["markup", *["claim"] * 3, "markup"]),
        ("|a|b|\n|-|-|\n|c|d|", ["prose", "markup", "prose"]),
        ("|a|b|\n|-|-|\n|||", ["prose", "markup", "prose"]),
        ("-\n- a\n>\n> b", ["markup", "prose", "markup", "prose"]),
        ("Stop for at most 10 minutes.", ["unknown"]),
        ("- " * 60 + "a", ["unknown"]),
        ("word " * 3000, ["unknown"]),
    ],
)  # fmt: skip
def test_each_line_is_taken_for_something(text: str, readings: list[str]) -> None:
    assert [line.reading for line in parse(text, "a.md").lines] == readings
