from hypothesis import given
from hypothesis import strategies as st

from payments.breaker import Breaker, BreakerState


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def breaker(clock: Clock, seen: list[BreakerState] | None = None) -> Breaker:
    changed = seen.append if seen is not None else (lambda _state: None)
    return Breaker(failures=3, open_s=5.0, now=clock, changed=changed)


def opened(clock: Clock, seen: list[BreakerState] | None = None) -> Breaker:
    subject = breaker(clock, seen)
    for _ in range(3):
        assert subject.allow()
        subject.fail()
    return subject


def test_it_opens_after_failures_in_a_row() -> None:
    seen: list[BreakerState] = []
    subject = opened(Clock(), seen)
    assert subject.state is BreakerState.OPEN
    assert not subject.allow()
    assert seen == [BreakerState.OPEN]


def test_a_success_between_failures_starts_the_count_anew() -> None:
    subject = breaker(Clock())
    for outcome in (subject.fail, subject.fail, subject.succeed, subject.fail, subject.fail):
        assert subject.allow()
        outcome()
    assert subject.state is BreakerState.CLOSED


def test_it_lets_one_trial_through_and_closes_when_it_succeeds() -> None:
    clock = Clock()
    seen: list[BreakerState] = []
    subject = opened(clock, seen)
    clock.seconds += 4.999
    assert not subject.allow()
    clock.seconds += 0.001
    assert not subject.rejecting
    assert subject.allow()
    assert not subject.allow(), "only one trial at a time"
    subject.succeed()
    assert subject.allow()
    assert seen == [BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED]


def test_a_failed_trial_opens_it_for_the_whole_time_again() -> None:
    clock = Clock()
    subject = opened(clock)
    clock.seconds += 5
    assert subject.allow()
    subject.fail()
    clock.seconds += 4.9
    assert not subject.allow()
    clock.seconds += 0.1
    assert subject.allow()


def test_an_abandoned_trial_does_not_block_the_next_one() -> None:
    clock = Clock()
    subject = opened(clock)
    clock.seconds += 5
    assert subject.allow()
    subject.forget()
    assert subject.allow()


def test_a_late_failure_does_not_prolong_the_open_state() -> None:
    clock = Clock()
    subject = opened(clock)
    clock.seconds += 4
    subject.fail()  # a call that began before it opened
    clock.seconds += 1
    assert subject.allow()


@given(st.lists(st.tuples(st.sampled_from(["call", "ok", "fail", "forget"]), st.floats(0, 6))))
def test_it_never_rejects_for_longer_than_the_open_time_once_trials_end(
    steps: list[tuple[str, float]],
) -> None:
    clock = Clock()
    subject = breaker(clock)
    running = 0
    for step, seconds in steps:
        clock.seconds += seconds
        if step == "call":
            running += subject.allow()
        elif running:
            running -= 1
            {"ok": subject.succeed, "fail": subject.fail, "forget": subject.forget}[step]()
    for _ in range(running):
        subject.forget()
    clock.seconds += 5.001
    assert subject.allow()
