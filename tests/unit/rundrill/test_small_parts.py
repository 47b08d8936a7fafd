"""Waiting, YAML with places, bounds, snapshots, the undo journal."""

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import PLAN, FakeClock
from hypothesis import given
from hypothesis import strategies as st

from rundrill import bounds
from rundrill.base import document
from rundrill.base.wait import WaitTimeoutError, until
from rundrill.errors import BindingError, RundrillError
from rundrill.target.snapshot import differences
from rundrill.undo import UndoEntry, UndoJournal

# ------------------------------------------------------------------ waiting


def test_a_timeout_says_what_it_waited_for() -> None:
    clock = FakeClock()
    with pytest.raises(WaitTimeoutError, match=r"waited 90.0 s for alert X"):
        until(lambda: None, what="alert X", budget_s=90, every_s=1, clock=clock)
    assert clock.at == 1090.0


def test_the_last_look_is_at_the_end_of_the_budget() -> None:
    clock = FakeClock()
    found = until(lambda: clock.at >= 1007.5, what="x", budget_s=7.5, every_s=2, clock=clock)
    assert found


def test_a_budget_that_is_spent_still_gets_one_look() -> None:
    assert until(lambda: 1, what="x", budget_s=-5, every_s=1, clock=FakeClock()) == 1


# ------------------------------------------------------------------ YAML


def node(text: str) -> document.Node:
    return document.parse(text, Path("b.yaml"), BindingError)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("90s", 90.0),
        ("250ms", 0.25),
        ("1.5s", 1.5),
        ("2d", 172800.0),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert document.duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "five", "5mm", "-5m", "5m!"])
def test_what_is_no_duration_is_none(text: str) -> None:
    assert document.duration_s(text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "b.yaml:1:"),
        ("", "b.yaml: is empty"),
        ("a: 1\nb: x\n", "b.yaml:2:4: expected a number, found 'x'"),
    ],
)
def test_a_message_has_its_place(text: str, message: str) -> None:
    with pytest.raises(BindingError) as error:
        node(text).get("b").number  # noqa: B018 - reading it is the check
    assert message in str(error.value)


def test_a_missing_key_a_misspelt_key_and_a_wrong_shape_are_told() -> None:
    with pytest.raises(BindingError, match=r"`c` is missing"):
        node("a: 1").get("c")
    root = node("a: 1\nsevrity: 2\n")
    root.get("a")
    root.find("severity")
    with pytest.raises(BindingError, match=r"did you mean severity\?"):
        root.close()
    with pytest.raises(BindingError, match=r"b.yaml:2:1: `a` is there twice"):
        node("a: 1\na: 2\n").get("a")
    with pytest.raises(BindingError, match="expected a list"):
        node("a: 1").get("a").elements()
    with pytest.raises(BindingError, match="expected a mapping"):
        list(node("[1]").items())
    with pytest.raises(BindingError, match="plain value"):
        node("a: [1]").get("a").text  # noqa: B018
    with pytest.raises(BindingError, match='write it as "90s"'):
        node("a: soon").get("a").duration_s  # noqa: B018


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    told = "b.yaml"
    try:
        node(text)
    except RundrillError as error:
        told = str(error)
    assert told.startswith("b.yaml")


def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BindingError, match="cannot be read"):
        document.read(tmp_path / "none.yaml", BindingError)
    (tmp_path / "latin.yaml").write_bytes(b"a: \xff")
    with pytest.raises(BindingError, match="not UTF-8"):
        document.read(tmp_path / "latin.yaml", BindingError)


def test_nearest_names_the_candidates() -> None:
    assert document.nearest("bad-relase", ["bad-release", "x"]) == "did you mean bad-release?"
    assert document.nearest("zzz", ["b", "a"]) == "known: a, b"
    assert document.nearest("zzz", []) == "there is none"


# ------------------------------------------------------------------ bounds


@pytest.mark.parametrize(
    ("value", "comparator", "limit", "held"),
    [
        (1, "<", 1, False),
        (1, "<=", 1, True),
        (1, ">", 1, False),
        (1, ">=", 1, True),
        (1, "==", 1, True),
        (905, "~", 1000, True),
        (1095, "~", 1000, True),
        (899, "~", 1000, False),
    ],
)
def test_comparators(value: float, comparator: str, limit: float, held: bool) -> None:
    assert bounds.compare(value, comparator, limit) is held


def test_no_data_never_holds() -> None:
    assert not bounds.holds(PLAN.steady_state[0], None)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "s", "no data"),
        (0.0123, "ratio", "1.23%"),
        (0.5, "s", "500 ms"),
        (3.0, "count", "3"),
        (999.6, "req/min", "1000 req/min"),
    ],
)
def test_values_are_shown_in_their_unit(value: float | None, unit: str, text: str) -> None:
    assert bounds.shown(value, unit) == text


# ------------------------------------------------------------------ snapshots


def deployment(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {
            "resourceVersion": "7",
            "generation": 3,
            "labels": {"app": "pay"},
            "annotations": {"deployment.kubernetes.io/revision": "2"},
        },
        "spec": {"replicas": 3, "template": {"spec": {"containers": [{"image": "a:1"}]}}},
        "status": {"availableReplicas": 3},
        **changes,
    }


def test_what_the_cluster_writes_by_itself_is_no_difference() -> None:
    after = deployment(status={"availableReplicas": 2})
    after["metadata"] = {
        **after["metadata"],
        "resourceVersion": "9",
        "generation": 5,
        "annotations": {"deployment.kubernetes.io/revision": "4"},
    }
    assert differences({"d/n/x": deployment()}, {"d/n/x": after}) == ()


def test_every_leaf_that_changed_is_a_sentence() -> None:
    after = deployment(
        spec={"replicas": 5, "template": {"spec": {"containers": [{"image": "a:2"}]}}}
    )
    assert differences({"d/n/x": deployment()}, {"d/n/x": after}) == (
        "d/n/x: spec.replicas was 3, is 5",
        "d/n/x: spec.template.spec.containers[0].image was 'a:1', is 'a:2'",
    )


def test_objects_that_came_or_went_are_differences() -> None:
    assert differences({"d/n/x": deployment()}, {}) == ("d/n/x: was deleted",)
    assert differences({}, {"d/n/x": deployment()}) == ("d/n/x: was created",)
    assert differences({}, {}) == ()


# ------------------------------------------------------------------ the undo journal


def entry(run_id: str) -> UndoEntry:
    return UndoEntry(
        run_id=run_id,
        kubeconfig="k",
        fault="bad-release",
        parameters={"image": "b"},
        original={"image": "a"},
    )


def test_an_entry_is_there_until_it_is_removed_and_the_folder_goes_with_it(tmp_path: Path) -> None:
    journal = UndoJournal(tmp_path / "undo")
    assert journal.leftovers() == []
    journal.write(entry("b"))
    journal.write(entry("a"))
    assert [left.run_id for left in UndoJournal(tmp_path / "undo").leftovers()] == ["b", "a"]
    assert journal.leftovers()[1] == entry("a")
    journal.remove(entry("a"))
    journal.remove(entry("a"))
    journal.remove(entry("b"))
    assert not (tmp_path / "undo").exists()


def test_an_entry_that_was_cut_off_while_written_is_no_entry(tmp_path: Path) -> None:
    """It was never complete, so the change it was for was never made."""
    folder = tmp_path / "undo"
    folder.mkdir()
    (folder / "a.partial").write_text(json.dumps({"run_id": "a"})[:5], encoding="utf-8")
    assert UndoJournal(folder).leftovers() == []
