"""The restart back-off against a real kubelet's."""

import pytest

from localcluster.runtime.backoff import BackOff, go_duration

# Nominal waits of a kubelet for a container that ends at once. Recorded on a real one, with its
# own latency: 1, 14, 24, 53, 91, 172, 305, 309 s.
NOMINAL = [0, 10, 20, 40, 80, 160, 300, 300]
RECORDED = [1, 14, 24, 53, 91, 172, 305, 309]


def _waits(count: int, *, compress: float = 1.0, runs_for: float = 0.0) -> list[float]:
    backoff = BackOff(compress)
    now = 0.0
    waits = []
    for _ in range(count):
        now += runs_for
        delay = backoff.delay(now)
        waits.append(delay)
        failed_at = now
        now += delay
        backoff.started(now, failed_at)
    return waits


def test_the_waits_double_from_10_s_to_5_min_after_a_free_first_restart() -> None:
    assert _waits(8) == NOMINAL


def test_they_are_never_longer_than_a_real_kubelet_took() -> None:
    assert all(0 <= real - ours <= 15 for ours, real in zip(_waits(8), RECORDED, strict=True))


@pytest.mark.parametrize("compress", [2, 10, 20, 60])
def test_compression_divides_every_wait(compress: float) -> None:
    assert _waits(8, compress=compress) == [wait / compress for wait in NOMINAL]


def test_a_container_that_lives_for_a_while_still_backs_off() -> None:
    assert _waits(5, runs_for=20) == NOMINAL[:5]


def test_ten_minutes_of_running_forget_everything() -> None:
    backoff = BackOff()
    backoff.started(10.0, 5.0)
    backoff.started(30.0, 20.0)
    assert backoff.delay(40.0) == 20
    assert backoff.delay(629.0) == 20
    assert backoff.delay(631.0) == 0
    backoff.started(631.0, 631.0)
    assert backoff.delay(640.0) == 10


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(10, "10s"), (80, "1m20s"), (300, "5m0s"), (0.5, "500ms"), (2.5, "2.5s"), (3600, "1h0m0s")],
)
def test_durations_are_written_as_go_writes_them(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text
