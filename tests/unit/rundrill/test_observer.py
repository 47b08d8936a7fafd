"""The last requests of a drill are waited for: nobody knows otherwise how they ended."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from fakes import FakeClock

from rundrill.events import LoadSampled, SteadyStateSampled
from rundrill.observer import ANSWERS_BUDGET_S, Observer

QUIET = LoadSampled(
    at=0.0,
    issued=17,
    completed=17,
    ok=17,
    failed=0,
    dropped=0,
    in_flight=0,
    oldest_in_flight_s=0.0,
    p50_ms=9.0,
    p95_ms=20.0,
    p99_ms=25.0,
)


class Load:
    """A second of it is known a second after its end; one request hangs from 9.5 to `until`."""

    def __init__(self, clock: FakeClock, until: float, *, alive: bool = True) -> None:
        self.clock, self.until, self.alive = clock, until, alive
        self.given = 0

    def sample(self, now: float) -> Sequence[LoadSampled]:
        found = []
        while self.alive and self.given + 2 <= now:
            self.given += 1
            at = float(self.given)
            open_s = at - 9.5 if 9.5 < at < self.until else 0.0
            found.append(
                replace(QUIET, at=at, in_flight=int(open_s > 0), oldest_in_flight_s=open_s)
            )
        return found


def waited(until: float, *, alive: bool = True) -> tuple[float, list[float]]:
    """How long for what was due before 10.0, at that time; and what was sampled."""
    clock = FakeClock(10.0)
    seen: list[float] = []
    observer = Observer(
        bounds=(),
        detection=None,  # type: ignore[arg-type] - not asked
        load=Load(clock, until, alive=alive),
        emit=lambda event: seen.append(event.at),
        clock=clock,
        started=0.0,
        stale_after_s=lambda: 3.0,
    )
    observer.await_answers(10.0)
    return clock.now() - 10.0, seen


def test_what_was_due_before_is_waited_for() -> None:
    took, seen = waited(until=9.0)
    assert 1.0 <= took < 1.5
    assert seen[-1] == 10.0


def test_a_request_that_hangs_is_waited_for_until_it_ends() -> None:
    took, seen = waited(until=14.2)
    assert 6.0 <= took < 6.5
    assert seen[-1] == 15.0


def test_it_is_given_up_in_the_end() -> None:
    took, _ = waited(until=1000.0)
    assert took == ANSWERS_BUDGET_S


def test_a_dead_load_answers_nothing_more() -> None:
    assert waited(until=9.0, alive=False) == (0.0, [])


class Detected:
    """Evaluated just now; every query gives these values."""

    def __init__(self, clock: FakeClock, *values: float) -> None:
        self.last_evaluation = clock.now()
        self.values = values

    def query(self, expr: str) -> Sequence[tuple[dict[str, str], float]]:
        assert expr == "oldest"
        return [({}, value) for value in self.values]

    def alerts(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    ("values", "expr", "seen"),
    [
        ((0.2, 8.5), "oldest", 8.5),
        ((), "oldest", None),
        ((math.nan, 1.0), "oldest", None),
        ((0.2,), None, None),
    ],
)
def test_how_long_the_service_lets_wait_is_told_with_every_look(
    values: tuple[float, ...], expr: str | None, seen: float | None
) -> None:
    clock, told = FakeClock(10.0), list[SteadyStateSampled]()
    observer = Observer(
        bounds=(),
        detection=Detected(clock, *values),
        load=Load(clock, until=0.0),
        emit=told.append,  # type: ignore[arg-type]
        clock=clock,
        started=0.0,
        stale_after_s=lambda: 3.0,
        oldest_in_flight=expr,
    )
    observer.look()
    assert told[0].service_oldest_s == seen
    clock.sleep(60.0)
    observer.look()
    assert (told[1].stale, told[1].service_oldest_s) == (True, None)
