"""The kubelet's restart back-off. Pure: the caller passes the time."""

from typing import Final

INITIAL_S: Final = 10.0
LONGEST_S: Final = 300.0
_FORGOTTEN_AFTER_S: Final = 2 * LONGEST_S


class BackOff:
    """10 s doubling to 5 min, forgotten after 10 min without a failure; all over `compress`.

    The first restart is not held back: the kubelet knows no earlier failure then.
    """

    def __init__(self, compress: float = 1.0) -> None:
        self._initial = INITIAL_S / compress
        self._longest = LONGEST_S / compress
        self._forgotten_after = _FORGOTTEN_AFTER_S / compress
        self._delay = 0.0
        self._last = 0.0

    def delay(self, now: float) -> float:
        """Seconds from a failure at `now` to the next start."""
        if self._delay == 0.0 or now - self._last > self._forgotten_after:
            return 0.0
        return self._delay

    def started(self, now: float, failed_at: float) -> None:
        """A start after the failure at `failed_at`: the next one waits longer."""
        if self._delay == 0.0 or failed_at - self._last > self._forgotten_after:
            self._delay = self._initial
        else:
            self._delay = min(2 * self._delay, self._longest)
        self._last = now


def go_duration(seconds: float) -> str:
    """`10s`, `1m20s`, `500ms`, as Go prints a duration."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    shown = f"{rest:g}s"
    if hours:
        return f"{hours}h{minutes}m{shown}"
    return f"{minutes}m{shown}" if minutes else shown
