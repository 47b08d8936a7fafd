"""A binding to a claim that the runbook no longer has is an error with its place."""

from pathlib import Path

import pytest

from rundrill.claims import Runbook
from rundrill.errors import BindingError
from rundrill.model import Bindings
from rundrill.plan.bound import claims_by_rule, require_claims, require_steps
from rundrill.runbook import parse, parse_bindings

TEXT = """\
# Shop

## Alerts
- Error rate >5%

## Roll back
1. Roll back: `kubectl rollout undo deploy/shop -n <ns>`
2. Look at it

## Declaring an incident
1. Tell everybody
"""


@pytest.fixture
def runbook() -> Runbook:
    return parse(TEXT, "runbook.md")


def bindings(text: str) -> Bindings:
    return parse_bindings(text, Path("bindings.yaml"))


def test_bindings_to_what_the_runbook_says_are_fine(runbook: Runbook) -> None:
    fine = bindings(
        "metrics: {error rate: x}\nalerts: {error-rate: ErrorsHigh}\n"
        "placeholders: {<ns>: a, $POD: b}\n"
        "steps:\n  roll-back#2: {commands: [kubectl get pod $POD]}\n"
        "  declaring-an-incident#1: {commands: [notify]}\n"
        "edits:\n  roll-back#1: {set: {/a: b}}\n"
    )
    require_steps(fine, runbook)
    require_claims(fine, runbook)
    assert claims_by_rule(runbook, fine, ["ErrorsHigh"])["ErrorsHigh"].id == "error-rate"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "alerts:\n  eror-rate: A",
            (
                "bindings.yaml:2:3: runbook.md has no alert claim `eror-rate`\n"
                "  fix: did you mean error-rate?"
            ),
        ),
        (
            "metrics:\n  latency: x",
            "bindings.yaml:2:3: runbook.md has no number for `latency`\n  fix: known: error rate",
        ),
        (
            "placeholders:\n  <pod>: x",
            "bindings.yaml:2:3: runbook.md has no placeholder `<pod>`\n  fix: known: <ns>",
        ),
        (
            "steps:\n  rolling-back#1: {commands: [x]}",
            (
                "bindings.yaml:2:3: runbook.md has no step `rolling-back#1`\n"
                "  fix: did you mean roll-back#1 or roll-back#2?"
            ),
        ),
        (
            "edits:\n  roll-back#3: {remove: [/a]}",
            (
                "bindings.yaml:2:3: runbook.md has no step `roll-back#3`\n"
                "  fix: did you mean roll-back#2 or roll-back#1?"
            ),
        ),
        (
            "steps:\n  roll-back#1: {commands: [x]}",
            (
                "bindings.yaml:2:3: step `roll-back#1` has commands of its own (runbook.md:7)\n"
                "  fix: bind commands to manual steps only"
            ),
        ),
    ],
)
def test_one_to_something_else_names_its_place_and_the_nearest(
    runbook: Runbook, text: str, message: str
) -> None:
    read = bindings(text)
    check = require_steps if read.steps or read.edits else require_claims
    with pytest.raises(BindingError) as caught:
        check(read, runbook)
    assert str(caught.value) == message


def test_a_rule_that_is_not_there_is_told_with_the_place_of_its_binding(runbook: Runbook) -> None:
    with pytest.raises(BindingError) as caught:
        claims_by_rule(runbook, bindings("alerts:\n  error-rate: ErorsHigh"), ["ErrorsHigh"])
    assert str(caught.value).startswith("bindings.yaml:2:3: the rules have no alert `ErorsHigh`")


def test_the_place_is_that_of_the_file_that_holds_the_binding(
    runbook: Runbook, tmp_path: Path
) -> None:
    (tmp_path / "base.yaml").write_text("alerts:\n  gone: A\n", encoding="utf-8")
    more = parse_bindings("extends: base.yaml\nmetrics: {}\n", tmp_path / "more.yaml")
    with pytest.raises(BindingError, match=r"base.yaml:2:3: runbook.md has no alert claim `gone`"):
        require_claims(more, runbook)


def test_bindings_without_places_name_their_file(runbook: Runbook) -> None:
    with pytest.raises(BindingError, match=r"^b.yaml: runbook.md has no alert claim"):
        require_claims(Bindings(path="b.yaml", alerts={"gone": "A"}), runbook)


def test_a_procedure_whose_title_is_there_twice_is_named_with_the_one_above() -> None:
    twice = "# A\n## Web\n### Restart\n1. Restart it\n## Batch\n### Restart\n1. Restart it\n"
    with pytest.raises(BindingError, match="has no step `restart#1`") as caught:
        require_steps(bindings("steps:\n  restart#1: {commands: [x]}"), parse(twice, "runbook.md"))
    assert caught.value.fix is not None
    assert "web/restart#1" in caught.value.fix
