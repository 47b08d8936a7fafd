"""The recording beside the load: it begins with the first drill, and its failure stops nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fakes import PLAN

from rundrill.base.clock import MonotonicClock
from rundrill.detection.recorder import FILE_NAME
from rundrill.detection.recording import read_recording
from rundrill.detection.rules import parse_rules
from rundrill.instruments import Instruments
from rundrill.plan import read_service

TOP = Path(__file__).parents[3]
RULES = "groups: [{name: g, rules: [{alert: Down, expr: up == 0}]}]"


def instruments(folder: Path) -> Instruments:
    """Against a cluster that is never asked for anything: nothing is started."""
    cluster = SimpleNamespace(nodes=lambda: ())
    return Instruments(
        cluster=cast("Any", cluster),
        service=read_service(TOP / "runbooks/payment-service/service.yaml"),
        load_url="http://127.0.0.1:1",
        profile=PLAN.load,
        rules=parse_rules(RULES, "alerts.yml"),
        compression=40.0,
        folder=folder,
        clock=MonotonicClock(),
        scratch=folder,
    )


def test_each_drill_is_marked_in_the_samples_of_the_day(tmp_path: Path) -> None:
    made = instruments(tmp_path)
    made.begin_drill("one", made.zero + 1)
    made.begin_drill("two", made.zero + 9)
    made.stop()
    recording = read_recording(tmp_path / FILE_NAME)
    assert recording.drills == {"one": made.zero + 1, "two": made.zero + 9}
    assert (recording.interval_s, recording.compression) == (0.5, 40.0)
    assert recording.rules_text == RULES
    assert not recording.torn


def test_a_recording_that_failed_is_told_once_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = instruments(tmp_path / "gone")
    made.begin_drill("one", made.zero)
    made.stop()
    made.stop()
    told = capsys.readouterr().err
    assert told.count("the samples could not be written: No such file or directory") == 1
