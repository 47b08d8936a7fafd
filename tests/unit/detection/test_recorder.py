"""What is recorded is replayed exactly; whatever happens to the file is survived, or told."""

import errno
import gzip
import json
import math
import os
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rundrill.detection import AlertChange, Detector, ScrapeTarget
from rundrill.detection.recorder import Recorder
from rundrill.detection.recording import Recording, present, read_recording
from rundrill.detection.rules import parse_rules
from rundrill.errors import RundrillError
from tests.unit.detection.fakes import FakeClock

RULES = """
groups:
  - name: g
    rules:
      - record: x:sum
        expr: sum(x)
      - alert: High
        expr: x:sum > 3
        for: 2s
"""
Answers = dict[str, str | None]
"""Instance to what it tells; None for one that does not answer."""


class Recorded:
    """A detector that records, and one to which the recording is played."""

    def __init__(self, path: Path) -> None:
        self.clock = FakeClock()
        self.path = path
        self.answers: Answers = {}
        self.changes: list[AlertChange] = []
        self.rules = parse_rules(RULES, "alerts.yml")
        self.recorder = Recorder(
            path, rules=self.rules, interval_s=1.0, compression=1.0, wall_offset_s=5.0
        )
        self.detector = Detector(
            self.rules,
            lambda: [ScrapeTarget("j", name, self._ask(name)) for name in self.answers],
            clock=self.clock,
            on_change=self.changes.append,
            on_scrape_failure=lambda _: None,
            wall_offset_s=5.0,
            recorder=self.recorder,
        )

    def _ask(self, name: str):  # type: ignore[no-untyped-def]
        def ask() -> str:
            text = self.answers[name]
            if text is None:
                raise ConnectionError("refused")
            return text

        return ask

    def step(self, answers: Answers, seconds: float = 1.0) -> None:
        self.answers = answers
        self.detector.step(self.clock.at)
        self.clock.at += seconds


def replayed(recording: Recording) -> tuple[Detector, list[AlertChange]]:
    changes: list[AlertChange] = []
    detector = Detector(
        recording.rules(),
        lambda: (),
        clock=FakeClock(),
        interval_s=recording.interval_s,
        compression=recording.compression,
        on_change=changes.append,
        on_scrape_failure=lambda _: None,
        wall_offset_s=recording.wall_offset_s,
    )
    for one, values in present(recording.rounds):
        detector.replay(
            one.scraped_ms,
            one.evaluated,
            [(recording.series[number], value) for number, value in values.items()],
            [recording.series[number] for number in one.ended],
        )
    return detector, changes


def samples(detector: Detector) -> dict[str, tuple[list[int], list[str], list[int]]]:
    return {
        str(series.labels): (list(series.times), list(map(repr, series.values)), list(series.ends))
        for series in detector._store._series.values()
    }


def unpacked(data: bytes) -> bytes:
    return zlib.decompressobj(31).decompress(data)


TELLS = st.one_of(
    st.none(),
    st.dictionaries(
        st.sampled_from(["x", 'x{a="1"}', 'y{b="\\"q\\\\"}', 'z{c="ü\\n"}']),
        st.sampled_from(["0", "1", "2.5", "NaN", "+Inf", "-Inf", "1e-300", "12345678901234567"]),
    ).map(lambda told: "".join(f"{series} {value}\n" for series, value in told.items())),
)
ROUNDS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(["a", "b"]), TELLS),
        st.sampled_from([1.0, 0.987654321, 1.013, 3.2]),
    ),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(ROUNDS)
def test_the_same_samples_and_the_same_changes_come_back(
    tmp_path: Path, rounds: list[tuple[Answers, float]]
) -> None:
    path = tmp_path / "samples.jsonl.gz"
    path.unlink(missing_ok=True)
    lived = Recorded(path)
    lived.recorder.begin("r", lived.clock.at, lived.clock.at + 1)
    for answers, seconds in rounds:
        lived.step(answers, seconds)
    lived.recorder.close()
    recording = read_recording(path)
    assert not recording.torn
    assert recording.drills == {"r": 1000.0}
    assert recording.heard == {"r": 1001.0}
    detector, changes = replayed(recording)
    assert samples(detector) == samples(lived.detector)
    assert changes == lived.changes


def test_a_recording_says_what_it_needs_to_be_replayed(tmp_path: Path) -> None:
    lived = Recorded(tmp_path / "s.gz")
    lived.step({"a": "x 1\n"})
    recording = read_recording(lived.path)
    assert (recording.interval_s, recording.compression) == (1.0, 1.0)
    assert (recording.dialect.value, recording.wall_offset_s) == (3, 5.0)
    assert (recording.rules_path, recording.rules_text) == ("alerts.yml", RULES)
    # What recording rules make is not a sample; it is made again.
    assert recording.metrics(math.inf) == {"x", "up"}
    assert recording.metrics(0.0) == frozenset()


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    lived = Recorded(tmp_path / "s.gz")
    for value in (1, 1, 2):
        lived.step({"a": f"x {value}\ny 7\n"})
    lived.recorder.close()
    lines = [json.loads(line) for line in gzip.decompress(lived.path.read_bytes()).splitlines()]
    assert [sorted(line) for line in lines[1:]] == [
        ["round", "series", "values"],
        ["round"],
        ["round", "values"],
    ]
    assert lines[3]["values"] == [0, 2.0]


def test_a_killed_runner_leaves_a_readable_file_at_every_byte(tmp_path: Path) -> None:
    lived = Recorded(tmp_path / "s.gz")
    sizes = []
    for number in range(6):
        lived.step({"a": f"x {number}\n"})
        sizes.append(lived.path.stat().st_size)  # flushed: nothing waits in the process
    whole = lived.path.read_bytes()
    header = next(n for n in range(len(whole)) if b"\n" in unpacked(whole[:n]))
    for size in range(len(whole) + 1):
        torn = tmp_path / "torn.gz"
        torn.write_bytes(whole[:size])
        complete = sum(end <= size for end in sizes)
        if size < header:
            with pytest.raises(RundrillError, match="the recording is empty"):
                read_recording(torn)
            continue
        recording = read_recording(torn)
        assert recording.torn
        assert len(recording.rounds) in (complete, complete + 1)


def test_a_full_disk_ends_the_recording_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived = Recorded(tmp_path / "s.gz")
    lived.step({"a": "x 1\n"})
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[:3])  # what a disk does whose last bytes are taken

    monkeypatch.setattr(os, "write", full)
    for _ in range(4):
        lived.step({"a": "x 5\n"})
    monkeypatch.undo()
    lived.step({"a": "x 5\n"})
    lived.recorder.close()
    lived.recorder.close()
    assert lived.recorder.failure is not None
    assert lived.recorder.failure.errno == errno.ENOSPC
    assert [change.state.value for change in lived.changes] == ["pending", "firing"]
    recording = read_recording(lived.path)
    assert recording.torn
    assert len(recording.rounds) == 1


def test_a_folder_that_is_not_there_fails_the_recording_only(tmp_path: Path) -> None:
    lived = Recorded(tmp_path / "gone" / "s.gz")
    lived.step({"a": "x 1\n"})
    lived.recorder.close()
    assert lived.recorder.failure is not None
    assert lived.recorder.failure.errno == errno.ENOENT


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    first = Recorded(tmp_path / "s.gz")
    first.step({"a": "x 1\n"})
    before = first.path.read_bytes()
    second = Recorded(tmp_path / "s.gz")
    second.step({"a": "x 2\n"})
    assert second.recorder.failure is not None
    assert first.path.read_bytes() == before
    first.recorder.close()


def test_what_comes_after_the_end_is_dropped(tmp_path: Path) -> None:
    lived = Recorded(tmp_path / "s.gz")
    lived.step({"a": "x 1\n"})
    lived.recorder.close()
    lived.step({"a": "x 2\n"})
    lived.recorder.begin("late", 0.0, 0.0)
    assert len(read_recording(lived.path).rounds) == 1
    assert lived.recorder.failure is None


def test_a_recorder_that_was_never_used_leaves_no_file(tmp_path: Path) -> None:
    lived = Recorded(tmp_path / "s.gz")
    lived.recorder.close()
    assert not lived.path.exists()


HEADER = {
    "format": "rundrill.samples/1", "interval_s": 1.0, "compression": 1.0, "dialect": 3,
    "wall_offset_s": 0.0, "rules_path": "a.yml", "rules": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "the recording is empty"),
        ([{**HEADER, "format": "rundrill.samples/9"}], "the format is 'rundrill.samples/9'"),
        ([{**HEADER, "interval_s": "1"}], "interval_s is '1'"),
        ([{**HEADER, "dialect": 7}], "7 is not a valid Dialect"),
        ([[1]], "'list' object has no attribute 'get'"),
        ([HEADER, {"nothing": 1}], "'round'"),
        ([HEADER, {"round": [1, 1.0], "values": [3, 1.0]}], "a series that was never named"),
        ([HEADER, {"round": [1, 1.0], "values": [3]}], "argument 2"),
        ([HEADER, {"drill": "r"}], "'started'"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_line(
    tmp_path: Path, lines: list[object], problem: str
) -> None:
    path = tmp_path / "s.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(one) + "\n" for one in lines).encode()))
    with pytest.raises(RundrillError) as raised:
        read_recording(path)
    assert problem in raised.value.problem
    assert raised.value.fix


@pytest.mark.parametrize(
    ("data", "problem"),
    [(b"not gzip at all", "the samples are damaged"), (b"", "the recording is empty")],
)
def test_a_damaged_file_is_told_as_such(tmp_path: Path, data: bytes, problem: str) -> None:
    path = tmp_path / "s.gz"
    path.write_bytes(data)
    with pytest.raises(RundrillError, match=problem):
        read_recording(path)
    with pytest.raises(RundrillError, match="cannot be read"):
        read_recording(tmp_path / "none.gz")


def test_a_changed_byte_is_found_by_the_checksum(tmp_path: Path) -> None:
    lived = Recorded(tmp_path / "s.gz")
    for number in range(5):
        lived.step({"a": f"x {number}\n"})
    lived.recorder.close()
    data = bytearray(lived.path.read_bytes())
    data[-6] ^= 0xFF  # in the trailer
    lived.path.write_bytes(bytes(data))
    with pytest.raises(RundrillError, match="damaged"):
        read_recording(lived.path)
