"""Which drills are in a folder, and where their samples are."""

from pathlib import Path

import pytest
from fakes import plan
from unit.backtest.lived import Day, lived

from rundrill.backtest import compare, read_past
from rundrill.detection.recorder import FILE_NAME
from rundrill.errors import RundrillError
from rundrill.events import Event, FaultUndone, LoadStopped, PhaseEnded, read, to_line


def test_a_single_drill_has_its_samples_beside_it(tmp_path: Path) -> None:
    (drill,) = read_past([lived(tmp_path / "20260101-120000-shop")])
    assert drill.name == "20260101-120000-shop"
    assert drill.injected == pytest.approx(60.0, abs=0.1)
    assert (drill.watched, drill.cut) == (pytest.approx(149, abs=1.1), False)
    assert drill.healed == pytest.approx(120.0, abs=0.1)


def a_game_day(folder: Path) -> Path:
    day = Day(folder)
    day.drill("01-first", after_s=100.0)
    day.drill("02-second", baseline_s=20.0)
    day.folder.joinpath("02-second/control").mkdir()
    day.drill("02-second/control", plan=plan(arm="control"))
    day.recorder.close()
    return folder


def test_drills_of_a_game_day_share_the_samples_of_the_day(tmp_path: Path) -> None:
    day = a_game_day(tmp_path / "20260101-120000-game-day")
    first, second, control = read_past([day])
    assert [one.name for one in (first, second, control)] == [
        "20260101-120000-game-day/01-first",
        "20260101-120000-game-day/02-second",
        "20260101-120000-game-day/02-second/control",
    ]
    assert first.recording is second.recording is control.recording
    assert second.started == pytest.approx(first.started + 220.0, abs=0.2)
    # A drill's own folder finds them, too, and is not read twice.
    again = read_past([day / "02-second", day])
    assert [one.name for one in again[:1]] == ["20260101-120000-game-day/02-second"]
    assert len(again) == 3


def test_a_drill_without_samples_is_an_error_that_says_where_they_would_be(tmp_path: Path) -> None:
    day = a_game_day(tmp_path / "20260101-120000-game-day")
    alone = tmp_path / "alone"
    (day / "01-first").rename(alone)
    with pytest.raises(RundrillError) as raised:
        read_past([alone])
    assert f"there are no samples of this drill ({FILE_NAME}" in str(raised.value)
    assert "copy the whole folder" in str(raised.value)


def test_samples_of_another_run_are_not_taken_for_its_own(tmp_path: Path) -> None:
    one = lived(tmp_path / "20260101-120000-one")
    other = lived(tmp_path / "20260101-120000-other")
    (other / FILE_NAME).write_bytes((one / FILE_NAME).read_bytes())
    with pytest.raises(RundrillError, match="no samples of this drill"):
        read_past([other])


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RundrillError, match="no events of a run"):
        read_past([tmp_path])
    with pytest.raises(RundrillError, match="no events of a run"):
        read_past([tmp_path / "none"])


def test_a_run_that_never_began_is_no_drill(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text("")
    with pytest.raises(RundrillError, match="no drill began here"):
        read_past([tmp_path])


def test_samples_that_end_before_the_drill_does_are_used_as_far_as_they_go(tmp_path: Path) -> None:
    folder = lived(tmp_path / "20260101-120000-shop")
    data = (folder / FILE_NAME).read_bytes()
    (folder / FILE_NAME).write_bytes(data[: len(data) * 2 // 3])
    (drill,) = read_past([folder])
    assert drill.cut
    assert drill.watched < 140


def test_samples_that_end_before_the_drill_begins_are_none(tmp_path: Path) -> None:
    folder = lived(tmp_path / "20260101-120000-shop")
    data = (folder / FILE_NAME).read_bytes()
    for size in range(200, len(data)):
        (folder / FILE_NAME).write_bytes(data[:size])
        try:
            read_past([folder])
        except RundrillError as error:
            if "no samples were recorded while this drill ran" in str(error):
                return
    pytest.fail("there is a length at which only the drill's mark is there")


def rewritten(folder: Path, *more: Event, until: float) -> Path:
    """The run as if it had ended otherwise: no undo, and other last words."""
    path = folder / "events.jsonl"
    kept = [e for e in read(path) if e.at <= until and not isinstance(e, FaultUndone)]
    path.write_text("".join(to_line(event) + "\n" for event in (*kept, *more)))
    return folder


STOPPED = LoadStopped(
    at=90.0,
    expected=True,
    exit_code=0,
    issued=1,
    completed=1,
    dropped=0,
    worst_lateness_ms=None,
    detail="",
)


def test_without_a_fault_alerts_are_watched_until_the_last_phase_ends(tmp_path: Path) -> None:
    """What the end of the load did to alerts was told to nobody."""
    ended = PhaseEnded(at=50.0, phase="baseline", passed=False, why="noise")
    folder = rewritten(lived(tmp_path / "20260101-120000-shop"), ended, STOPPED, until=50.0)
    (drill,) = read_past([folder])
    assert drill.watched == 50.0
    assert drill.why_nothing_landed == "no fault was made"
    (trial,) = compare([drill], None)
    assert trial.reproduced


def test_of_a_killed_runner_everything_to_its_last_word_counts(tmp_path: Path) -> None:
    folder = rewritten(lived(tmp_path / "20260101-120000-shop"), until=75.0)
    (drill,) = read_past([folder])
    assert 60.0 < drill.watched <= 75.0
    assert drill.injected is not None
    (trial,) = compare([drill], None)
    assert trial.reproduced


def test_a_fault_that_did_not_land_is_none(tmp_path: Path) -> None:
    (drill,) = read_past([lived(tmp_path / "20260101-120000-shop", landed=False)])
    assert drill.injected is None
    assert drill.why_nothing_landed == "the fault did not land"
