"""What is read from whole runbooks, against what a reader found in them."""

import re
from pathlib import Path

import pytest

from rundrill.claims import ClaimKind
from rundrill.runbook import parse
from tests.unit.runbook.truth import (
    CORPUS,
    FIELDS,
    HELD_OUT,
    KINDS,
    OWN_WORDS,
    Document,
    Score,
    differences,
    document,
    documents,
    fold,
    path_of,
    rows_of,
    score,
    table,
)

FLOORS: dict[ClaimKind, float] = {
    "command": 0.95,
    "threshold": 0.85,
    "severity": 0.85,
    "deadline": 0.85,
}
"""Precision and recall, each, are above it over all documents of a corpus."""

COMPLETE = ("user-payment-service", "own-payment-service")
"""Read without a single difference."""


def reading(*of: Document) -> dict[ClaimKind, Score]:
    return score((one, rows_of(parse(one.text, f"{one.name}.md"))) for one in of)


@pytest.fixture(scope="module", params=[CORPUS, HELD_OUT], ids=lambda path: path.name)
def scores(request: pytest.FixtureRequest) -> dict[ClaimKind, Score]:
    return reading(*documents(request.param))


@pytest.mark.parametrize("kind", FLOORS)
def test_most_claims_of_a_kind_are_found_and_few_invented(
    scores: dict[ClaimKind, Score], kind: ClaimKind
) -> None:
    one = scores[kind]
    assert min(one.precision, one.recall) > FLOORS[kind], (
        f"{kind} is to be above {FLOORS[kind]}\n{table(scores)}\n{differences(scores, kind)}"
    )


@pytest.mark.parametrize("name", COMPLETE)
def test_these_documents_are_read_completely_and_nothing_is_invented(name: str) -> None:
    path = path_of(CORPUS / name)
    if not path.exists():
        pytest.skip(f"the user's runbook is not beside the project: {path}")
    read = reading(document(CORPUS / name))
    wrong = [kind for kind, one in read.items() if not one.exact]
    assert not wrong, f"{table(read)}\n{differences(read)}"


def test_there_are_enough_documents_and_every_kind_occurs_in_both_corpora() -> None:
    assert len([*CORPUS.glob("*/truth.yaml")]) == 12
    assert len([*HELD_OUT.glob("*/truth.yaml")]) == 6
    for corpus in (CORPUS, HELD_OUT):
        kinds = {row["kind"] for one in documents(corpus) for row in one.truth}
        assert kinds == set(KINDS), corpus.name


def plain(text: object) -> str:
    """Without the marks of Markdown and the shell's prompts, to look for a quotation."""
    return re.sub(r"[\s*_`\\|>]+", " ", fold(text))


@pytest.mark.parametrize(
    "one",
    documents(CORPUS) + documents(HELD_OUT),
    ids=lambda one: one.name,
)
def test_the_truth_quotes_the_lines_it_names(one: Document) -> None:
    lines = one.text.splitlines()
    for row in one.truth:
        assert set(row) <= set(FIELDS[row["kind"]]) | OWN_WORDS, row
        assert set(FIELDS[row["kind"]]) - {"when"} <= set(row), row
        last = row.get("upto", row["line"])
        if row["kind"] == "command":  # continued, or with a here-document
            last += row["text"].count("\n") + 4
        nearby = plain("\n".join(lines[row["line"] - 1 : last]))
        assert lines[row["line"] - 1].strip(), row
        if "text" in row:
            assert plain(row["text"]) in nearby, row


def test_no_two_rows_of_a_truth_are_the_same() -> None:
    for one in documents(CORPUS) + documents(HELD_OUT):
        written = [repr(row) for row in one.truth]
        assert len(written) == len(set(written)), one.name


def test_the_score_counts_what_is_missing_and_what_is_invented() -> None:
    truth = (
        {"kind": "command", "line": 1, "text": "kubectl get pods"},
        {"kind": "command", "line": 2, "text": "helm list"},
        {"kind": "command", "line": 3, "text": "A=1", "optional": True},
    )
    found = [
        {"kind": "command", "line": 1, "text": "kubectl  get pods"},
        {"kind": "command", "line": 3, "text": "A=1"},
        {"kind": "command", "line": 9, "text": "ls"},
        {"kind": "template", "line": 9},
    ]
    scores = score([(Document(name="x", text="", truth=truth), found)])
    command = scores["command"]
    assert (command.found, command.precision, command.recall) == (1, 0.5, 0.5)
    assert command.missing == ["x:2: {'text': 'helm list'}"]
    assert command.invented == ["x:9: {'text': 'ls'}"]
    assert (scores["template"].found, scores["template"].precision) == (0, 0.0)
    rows = [row.split() for row in table(scores).splitlines()]
    assert rows[1] == ["command", "1", "1", "1", "0.500", "0.500"]
    assert differences(scores, "command") == (
        "command missing: x:2: {'text': 'helm list'}\ncommand invented: x:9: {'text': 'ls'}"
    )


def test_a_corpus_says_what_counts_as_what() -> None:
    said = Path(CORPUS / "README.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"| `{kind}` |" not in said] == []
