"""One load, several drills: each has its own time and its own account."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from fakes import FakeClock

from rundrill.events import LoadSampled, LoadStopped
from rundrill.load import DrillLoad
from rundrill.load.record import NOTHING, RequestLog, Totals


@dataclass
class OneLoad:
    """A load whose request log is fed by hand; `zero` is 1000."""

    log: RequestLog = field(default_factory=lambda: RequestLog(zero=1000.0, start=1000.0))
    alive: bool = True
    stops: int = 0
    exit_code: int = 0

    def request(self, number: int, at: float, *, late_s: float = 0.0) -> None:
        issued = {"t": "issued", "i": number, "name": "card", "due": at - late_s, "sent": at}
        self.log.feed(json.dumps({**issued, "key": f"k{number}"}))
        done = {"t": "done", "i": number, "due": at - late_s, "sent": at, "done": at + 0.1}
        rest = {"status": 201, "ok": True, "error": None, "attempts": 1, "payment": "p"}
        self.log.feed(json.dumps({**done, **rest, "key": f"k{number}"}))

    def sample(self, now: float) -> list[LoadSampled]:
        return self.log.samples(now)

    def totals_since(self, start: float) -> Totals:
        return self.log.totals_since(start)

    def stop(self) -> LoadStopped:
        self.stops += 1
        return LoadStopped(
            at=99.0,
            expected=self.alive,
            exit_code=self.exit_code,
            issued=-1,
            completed=-1,
            dropped=-1,
            worst_lateness_ms=-1.0,
            detail="ended",
        )


def view(load: Any, *, started: float, ends: bool) -> DrillLoad:
    return DrillLoad(load, zero=1000.0, started=started, ends=ends, clock=FakeClock(1020.0))


def test_a_later_drill_sees_its_own_seconds_on_its_own_time() -> None:
    load = OneLoad()
    for number in range(20):
        load.request(number, 1000.5 + number)
    samples = view(load, started=1010.25, ends=False).sample(1021.5)
    assert samples[0].at == pytest.approx(0.75)
    assert [sample.at for sample in samples] == [0.75 + n for n in range(len(samples))]
    assert sum(sample.issued for sample in samples) == 10


def test_the_account_of_a_drill_is_of_its_own_requests_and_the_load_goes_on() -> None:
    load = OneLoad()
    load.request(1, 1001.0, late_s=2.0)
    load.request(2, 1012.0, late_s=0.005)
    drill = view(load, started=1010.0, ends=False)
    account = drill.stop()
    assert (account.issued, account.completed, account.expected) == (1, 1, True)
    assert account.worst_lateness_ms == pytest.approx(5.0)
    assert account.at == pytest.approx(10.0)
    assert load.stops == 0
    assert drill.stop() is account


def test_the_last_drill_ends_the_load_and_one_that_died_is_told_as_such() -> None:
    load = OneLoad()
    account = view(load, started=1010.0, ends=True).stop()
    assert (load.stops, account.exit_code, account.detail) == (1, 0, "ended")
    dead = OneLoad(alive=False, exit_code=-9)
    account = view(dead, started=1010.0, ends=False).stop()
    assert (account.expected, account.exit_code) == (False, -9)


def test_a_load_that_never_started_has_an_account_of_nothing() -> None:
    assert RequestLog(zero=0.0, start=0.0).totals_since(0.0) == NOTHING
