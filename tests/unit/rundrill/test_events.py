"""What is written is read back the same, and a torn or foreign file is told."""

import json
import threading
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, get_args

import pytest
from fakes import PLAN
from hypothesis import given
from hypothesis import strategies as st

from rundrill.errors import RundrillError
from rundrill.events import (
    DrillEnded,
    DrillStarted,
    Event,
    EventLog,
    PhaseStarted,
    RecoveryMissed,
    SteadyStateSampled,
    StepSkipped,
    from_line,
    read,
    to_line,
)
from rundrill.model import PodQuery

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.one_of(*(st.from_type(kind) for kind in get_args(Event) if kind is not DrillStarted)))
def test_every_event_survives_its_line(event: Any) -> None:
    try:
        line = to_line(event)
    except ValueError:  # NaN and infinity are no JSON; nothing in a drill is allowed to emit them
        return
    assert from_line(line) == event
    assert "\n" not in line


def test_a_plan_survives_its_line() -> None:
    plan = replace(PLAN, placeholders={"<pod>": PodQuery(namespace="n", selector="a=b"), "$X": "1"})
    event = DrillStarted(at=0.0, run_id="r", wall_time="w", plan=plan, versions={}, rules={})
    assert from_line(to_line(event)) == event


@given(st.dictionaries(st.text(), st.none() | FINITE))
def test_no_data_stays_no_data(values: dict[str, float | None]) -> None:
    event = SteadyStateSampled(at=1.0, values=values, holds=False, broken=())
    assert from_line(to_line(event)) == event


@given(st.text())
def test_any_other_line_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        from_line(line)


def test_a_torn_last_line_is_left_out_and_a_torn_middle_is_told(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = [to_line(PhaseStarted(at=0.0, phase="setup")), to_line(DrillEnded(at=1.0))]
    path.write_text(f"{lines[0]}\n{lines[1][:9]}", encoding="utf-8")
    assert read(path) == [PhaseStarted(at=0.0, phase="setup")]
    path.write_text(f"{lines[1][:9]}\n{lines[0]}\n", encoding="utf-8")
    with pytest.raises(RundrillError, match=r"events\.jsonl:1: not an event"):
        read(path)


@pytest.mark.parametrize(
    ("written", "line"),
    [(b'{"event":1\n', 1), (b"garbage", 1), (b"\n\xff\n", 2), (b'{"event": "none"}\n', 1)],
)
def test_a_corrupt_file_is_told_with_its_line(written: bytes, line: int, tmp_path: Path) -> None:
    """Only a line that was begun and not ended is what a killed runner leaves."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(written)
    with pytest.raises(RundrillError, match=rf"events\.jsonl:{line}: not an event"):
        read(path)


def test_each_event_is_in_the_file_before_emit_returns(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with path.open("w", encoding="utf-8") as file:
        log = EventLog(file)
        for at in range(3):
            log.emit(DrillEnded(at=float(at)))
            assert len(read(path)) == at + 1


class FullDisk(StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_full_disk_does_not_stop_the_listeners() -> None:
    seen: list[Event] = []
    log = EventLog(FullDisk(), seen.append)
    log.emit(DrillEnded(at=1.0))
    log.emit(DrillEnded(at=2.0))
    assert log.failure is not None
    assert [event.at for event in seen] == [1.0, 2.0]
    assert log.events == tuple(seen)


def test_events_of_a_run_from_before_these_fields_can_be_read() -> None:
    for event, fields in (
        (RecoveryMissed(at=1.0, waited_s=2.0, evidence="x"), {"unmeasured"}),
        (SteadyStateSampled(at=1.0, values={}, holds=True, broken=()), {"stale", "harm"}),
        (
            StepSkipped(at=1.0, procedure="p", number=1, line=2, text="t", why="w"),
            {"unbound", "needless"},
        ),
    ):
        body = {k: v for k, v in json.loads(to_line(event)).items() if k not in fields}
        assert from_line(json.dumps(body)) == event


def test_what_comes_after_the_end_is_dropped_and_kills_nobody(tmp_path: Path) -> None:
    """A detector that has just taken the listener still calls it."""
    path = tmp_path / "events.jsonl"
    seen: list[Event] = []
    log = EventLog(path.open("w", encoding="utf-8"), seen.append)
    log.emit(DrillEnded(at=1.0))
    log.close()
    log.emit(DrillEnded(at=2.0))
    log.close()
    assert log.failure is None
    assert [event.at for event in seen] == [1.0]
    assert log.events == tuple(seen)
    assert read(path) == seen


def test_several_threads_never_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with path.open("w", encoding="utf-8") as file:
        log = EventLog(file)
        threads = [
            threading.Thread(target=lambda: [log.emit(DrillEnded(at=1.0)) for _ in range(200)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(read(path)) == 800
