"""What the watchdog makes of what it is told; no process, no second."""

import pytest

from rundrill.events import (
    DrillAborted,
    DrillEnded,
    Event,
    FaultInjected,
    FaultUndone,
    LoadSampled,
    LoadStopped,
    PhaseStarted,
    SteadyStateSampled,
)
from rundrill.plan.limits import ErrorBudget, Limits
from rundrill.watchdog.judgement import END_S, REACT_S, Harm, Stop, TakeOver, Watch

NONE = Limits()
INJECTED = FaultInjected(at=10.0, fault="bad-release", change="")


def sample(at: float, *, failed: int = 0, completed: int = 20, dropped: int = 0) -> LoadSampled:
    return LoadSampled(
        at=at, issued=completed, completed=completed, ok=completed - failed, failed=failed,
        dropped=dropped, in_flight=0, oldest_in_flight_s=0.0, p50_ms=None, p95_ms=None, p99_ms=None,
    )  # fmt: skip


def look(at: float) -> SteadyStateSampled:
    return SteadyStateSampled(at=at, values={}, holds=True, broken=())


class Told:
    """A watch that hears an event a second, from second 0 of the drill at reading 1000."""

    def __init__(self, limits: Limits = NONE, lasts_s: float = 600.0) -> None:
        self.now = 1000.0
        self.watch = Watch(limits, lasts_s=lasts_s, now=self.now)

    def hear(self, *events: Event) -> None:
        for event in events:
            self.now = max(self.now, 1000.0 + event.at)
            self.watch.hear(event, self.now)

    def move(
        self, after_s: float = 0.0, *, gone: bool = False, asked: str | None = None
    ) -> Stop | TakeOver | None:
        self.now += after_s
        return self.watch.move(self.now, gone=gone, asked=asked)


def budget(failed: int | None = None, share: float | None = None) -> ErrorBudget:
    return ErrorBudget(failed=failed, share=share, over_s=10.0)


# ---------------------------------------------------------------- harm


def test_what_failed_before_the_injection_is_not_of_the_drill() -> None:
    harm = Harm(budget(failed=5))
    for one in (sample(9.0, failed=20), INJECTED, sample(10.0, failed=20), sample(11.0, failed=5)):
        harm.hear(one)
    assert harm.failed == 5
    assert harm.beyond() is None  # the budget itself may be spent
    harm.hear(sample(12.0, dropped=1))  # a customer whom the load could not even send
    assert harm.beyond() == (
        "6 customer requests failed since the injection, the error budget is 5"
    )


def test_a_share_is_that_of_a_whole_window_since_the_injection() -> None:
    harm = Harm(budget(share=0.3))
    harm.hear(INJECTED)
    for second in range(11, 20):
        harm.hear(sample(float(second), failed=20))
        assert harm.beyond() is None
    harm.hear(sample(20.0, failed=20))
    assert harm.beyond() == (
        "100% of the customer requests of 10 s failed, the error budget is 30%"
    )


def test_a_share_heals_with_its_window() -> None:
    harm = Harm(budget(share=0.3))
    harm.hear(INJECTED)
    for second in range(11, 40):
        harm.hear(sample(float(second), failed=20 if second < 14 else 0))
    assert harm.beyond() is None
    assert harm.failed == 60


def test_a_window_without_requests_has_no_share() -> None:
    harm = Harm(budget(share=0.3))
    harm.hear(INJECTED)
    for second in range(11, 40):
        harm.hear(sample(float(second), completed=0))
    assert harm.beyond() is None


@pytest.mark.parametrize("stated", [None, budget(failed=1)])
def test_without_a_budget_or_an_injection_nothing_is_beyond(stated: ErrorBudget | None) -> None:
    harm = Harm(stated)
    if stated is None:
        harm.hear(INJECTED)
    harm.hear(sample(11.0, failed=20))
    assert harm.beyond() is None


# ---------------------------------------------------------------- a runner that reports


def test_a_runner_that_reports_in_its_limits_is_left_alone() -> None:
    told = Told()
    told.hear(PhaseStarted(at=0.0, phase="baseline"), INJECTED)
    for second in range(11, 500):
        told.hear(sample(float(second), failed=20), look(second + 0.5))
        assert told.move() is None


def test_beyond_its_budget_it_is_asked_to_stop_once() -> None:
    told = Told(Limits(error_budget=budget(failed=5)))
    told.hear(INJECTED, sample(11.0, failed=6))
    assert told.move() == Stop(
        why="6 customer requests failed since the injection, the error budget is 5"
    )
    assert told.move(1.0) is None
    told.hear(DrillAborted(at=12.5, why=""), sample(13.0, failed=9))
    assert told.move(REACT_S) is None  # it is ending


@pytest.mark.parametrize(
    ("limits", "whose"),
    [(Limits(duration_s=30.0), "the limit"), (NONE, "what its windows add up to")],
)
def test_a_drill_may_last_as_long_as_stated_or_as_its_windows(limits: Limits, whose: str) -> None:
    told = Told(limits, lasts_s=30.0)
    told.hear(look(30.0))
    assert told.move() is None
    assert told.move(0.5) == Stop(why=f"the drill lasts longer than 30 s, {whose}")


def test_who_asks_for_the_end_gets_it() -> None:
    told = Told()
    assert told.move(asked="somebody called `rundrill abort`") == Stop(
        why="somebody called `rundrill abort`"
    )


def test_a_drill_that_ends_already_is_not_asked() -> None:
    told = Told(Limits(error_budget=budget(failed=5)))
    told.hear(INJECTED, PhaseStarted(at=11.0, phase="undo"), sample(12.0, failed=20))
    assert told.move(asked="somebody") is None
    told.hear(DrillEnded(at=13.0))
    assert told.move(10_000.0, gone=True) is None


def test_a_budget_that_nobody_counts_against_is_no_data() -> None:
    told = Told(Limits(error_budget=budget(failed=5), silence_s=20.0))
    told.hear(INJECTED, sample(11.0))
    for second in range(12, 32):
        told.hear(look(float(second)))
        assert told.move() is None
    told.hear(look(32.0))
    assert told.move() == Stop(
        why="nothing is known of the customers for 21 s, so nor of the error budget"
    )


# ---------------------------------------------------------------- one that is not trusted


def test_silence_is_no_reason_to_ask() -> None:
    told = Told(Limits(silence_s=20.0))
    told.hear(INJECTED)
    assert told.move(20.0) is None
    assert told.move(1.0) == TakeOver(why="the runner has told nothing for 21 s, the limit is 20 s")


def test_after_the_load_has_ended_nobody_samples_and_that_is_no_silence() -> None:
    stopped = LoadStopped(
        at=20.0, expected=True, exit_code=0, issued=0, completed=0, dropped=0,
        worst_lateness_ms=None, detail="",
    )  # fmt: skip
    told = Told(Limits(silence_s=20.0))
    told.hear(INJECTED, stopped)
    assert told.move(END_S) is None
    assert told.move(1.0) == TakeOver(why="the runner has not ended the drill in 120 s")


def test_a_runner_that_does_not_react_is_not_waited_for() -> None:
    told = Told()
    assert isinstance(told.move(asked="somebody"), Stop)
    told.hear(look(REACT_S))
    assert told.move() is None
    told.hear(look(REACT_S + 1))
    assert told.move() == TakeOver(why="somebody; the runner did not stop in 10 s when asked to")


def test_an_undo_that_does_not_end_is_taken_over() -> None:
    told = Told()
    told.hear(INJECTED, DrillAborted(at=11.0, why="Ctrl-C"))
    for second in range(12, 132):
        told.hear(look(float(second)))
        assert told.move() is None
    told.hear(look(132.0))
    assert told.move() == TakeOver(why="the runner has not ended the drill in 120 s")


@pytest.mark.parametrize("asked", [None, "somebody"])
def test_a_runner_that_is_gone_is_taken_over_from_at_once(asked: str | None) -> None:
    told = Told()
    told.hear(INJECTED, FaultUndone(at=12.0, undone=True, evidence="", differences=()))
    if asked:
        told = Told()
        told.move(asked=asked)
    gone = "the runner is gone and has not ended its drill"
    assert told.move(gone=True) == TakeOver(why=f"{asked}; {gone}" if asked else gone)
