"""What the watchdog writes in the place of a runner that is gone."""

from pathlib import Path

import pytest
from fakes import PLAN, FakeClock

from rundrill.events import DrillAborted, DrillEnded, DrillStarted, FaultUndone, read, to_line
from rundrill.run_secrets import redactor_of
from rundrill.watchdog import request, takeover
from rundrill.watchdog.wire import Begin

SECRET = "hunter2hunter2"


def begin(folder: Path) -> Begin:
    return Begin(
        run_id="run-1",
        folder=str(folder),
        started=990.0,
        lasts_s=60.0,
        namespaces=["production"],
        placeholders={"<password>": SECRET},
    )


def test_no_secret_of_the_run_gets_into_its_events_or_reports(tmp_path: Path) -> None:
    started = DrillStarted(at=0.0, run_id="run-1", wall_time="", plan=PLAN, versions={}, rules={})
    events = tmp_path / takeover.EVENTS
    events.write_text(to_line(started) + "\n", encoding="utf-8")
    one = begin(tmp_path)
    undone = takeover.Undone(failure=f"the server said {SECRET}")
    redactor = redactor_of(tmp_path / "kubeconfig", one.placeholders)
    takeover.conclude(one, "it hung", undone, FakeClock(), redactor)
    told = read(events)[1:]
    assert [type(event) for event in told] == [DrillAborted, FaultUndone, DrillEnded]
    assert {event.at for event in told} == {10.0}
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 2
    assert [p.name for p in written if SECRET in p.read_text(encoding="utf-8")] == []


def test_who_aborts_finds_the_run_and_none_of_its_secrets(tmp_path: Path) -> None:
    request.open_at(tmp_path)
    assert request.run_at(tmp_path) is None
    request.tell_run(tmp_path, begin(tmp_path))
    found = request.run_at(tmp_path)
    assert found is not None
    assert found.run_id == "run-1"
    assert found.placeholders == {}
    request.close_at(tmp_path)
    assert not request.is_open(tmp_path)
    with pytest.raises(FileNotFoundError):
        request.ask(tmp_path)
