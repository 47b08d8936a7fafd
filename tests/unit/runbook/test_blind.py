"""Runbooks whose writer never saw the reader, and the script that scores such a folder."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.runbook.measure import KINDS, Blind, blind, measure, table
from tests.unit.runbook.truth import HERE, ROOT

BLIND = HERE / "corpus-blind"
FLOORS = {
    "commands": 0.99,
    "forbidden": 0.89,
    "thresholds": 0.97,
    "severities": 0.99,
    "deadlines": 0.98,
}
"""What precision and recall must not fall below again; `corpus-blind/README.md` has the first."""
FLOORS_B = {
    "commands": 0.98,
    "forbidden": 0.99,
    "thresholds": 0.90,
    "severities": 0.99,
    "deadlines": 0.90,
}
FLOORS_C = {
    "commands": 0.99,
    "forbidden": 0.99,
    "thresholds": 0.97,
    "severities": 0.99,
    "deadlines": 0.97,
}
FLOORS_D = {
    "commands": 0.98,
    "forbidden": 0.83,
    "thresholds": 0.94,
    "severities": 0.86,
    "deadlines": 0.90,
}
FLOORS_E = {
    "commands": 0.99,
    "forbidden": 0.87,
    "thresholds": 0.93,
    "severities": 0.99,
    "deadlines": 0.92,
}
FLOORS_F = {
    "commands": 0.86,
    "forbidden": 0.52,
    "thresholds": 0.80,
    "severities": 0.86,
    "deadlines": 0.88,
}


@pytest.mark.parametrize(
    ("folder", "many", "floors"),
    [
        (BLIND, 6, FLOORS),
        (BLIND / "b", 6, FLOORS_B),
        (BLIND / "c", 6, FLOORS_C),
        (BLIND / "d", 6, FLOORS_D),
        (BLIND / "e", 14, FLOORS_E),
        (BLIND / "f", 12, FLOORS_F),
    ],
)
def test_what_was_learned_from_these_documents_is_not_lost(
    folder: Path, many: int, floors: dict[str, float]
) -> None:
    documents = blind(folder)
    assert len(documents) == many
    scores = measure(documents)
    for kind, one in scores.items():
        told = "\n".join([table("all", scores), *one.missing, *one.invented])
        assert min(one.precision, one.recall) >= floors[kind], told


ONE = Blind(
    name="one",
    text="# S\n\n## Fix\n\n1. Never run `kubectl delete ns shop`.\n2. `kubectl get pods`\n"
    "3. Error rate must stay below 2% and lag under 5 MB/s.\n\n## Severity\n\n"
    "- SEV1: respond within 5 minutes, escalate after 15 minutes, update every 15 minutes\n",
    truth={
        "commands": [[6, "kubectl get pods"]],
        "forbidden": [[5, "kubectl delete ns shop"]],
        "thresholds": [[7, "error rate", "<", 2, "%"], [7, "lag", "<", 5, "MB/s"]],
        "severities": [[11, "SEV1"]],
        "response_times": [[11, "SEV1", 300]],
        "deadlines": [[11, "after", 900], [11, "every", 900]],
        "ambiguous": [],
    },
)


def test_a_document_that_is_read_as_its_truth_says_scores_full() -> None:
    scores = measure([ONE])
    assert list(scores) == list(KINDS)
    assert all(one.exact and one.found for one in scores.values()), scores


def test_what_differs_is_missing_or_invented_unless_it_is_ambiguous() -> None:
    truth = {**ONE.truth, "commands": [[6, "kubectl get svc"]], "thresholds": []}
    wrong = Blind(name="one", text=ONE.text, truth=truth)
    scores = measure([wrong])
    assert [len(scores["commands"].missing), len(scores["commands"].invented)] == [1, 1]
    assert len(scores["thresholds"].invented) == 2
    truth = {**truth, "ambiguous": [["commands", 6, "get"], ["thresholds", 7, "rate"]]}
    scores = measure([Blind(name="one", text=ONE.text, truth=truth)])
    assert scores["commands"].exact
    assert scores["thresholds"].exact


@pytest.mark.parametrize("full", [True, False])
def test_the_script_scores_a_folder(tmp_path: Path, full: bool) -> None:
    if full:
        (tmp_path / "one.md").write_text(ONE.text, encoding="utf-8")
        (tmp_path / "one.truth.json").write_text(json.dumps(ONE.truth), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.runbook.measure", "--differences", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if full:
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("precision 1.000  recall 1.000") == 2 * len(KINDS)
    else:
        assert done.returncode == 1
        assert "there is no NAME.truth.json" in done.stderr
