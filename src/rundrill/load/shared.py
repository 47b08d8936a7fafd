"""One load seen by one drill: several drills may follow each other under the same load."""

from collections.abc import Mapping
from dataclasses import replace

from rundrill.base.clock import Clock
from rundrill.events import LoadSampled, LoadStopped
from rundrill.load.process import Load
from rundrill.load.record import Delivered


class DrillLoad:
    """A `Load` on the drill's own time: event times count from `started`, a clock reading.

    `ends` says whether the load ends with this drill; otherwise `stop` only gives the account of
    the drill, and the load goes on for the next.
    """

    def __init__(
        self, load: Load, *, zero: float, started: float, ends: bool, clock: Clock
    ) -> None:
        self._load = load
        self._offset_s = started - zero
        self._started = started
        self._ends = ends
        self._clock = clock
        self._stopped: LoadStopped | None = None

    @property
    def alive(self) -> bool:
        return self._load.alive

    def sample(self, now: float) -> list[LoadSampled]:
        """The whole seconds since the last call; those from before the drill are left out."""
        samples = (
            replace(sample, at=sample.at - self._offset_s) for sample in self._load.sample(now)
        )
        return [sample for sample in samples if sample.at > 0]

    def delivered(self, start: float, end: float) -> Delivered:
        """What was offered in the clock times [start, end)."""
        return self._load.delivered(start, end)

    def acknowledged(self) -> Mapping[str, str]:
        """Of the whole load: what an earlier drill took payments for must still be there."""
        return self._load.acknowledged()

    def stop(self) -> LoadStopped:
        """The load's account of this drill; a second call gives the same one."""
        if self._stopped is None:
            goes_on = not self._ends and self._load.alive
            ended = None if goes_on else self._load.stop()
            totals = self._load.totals_since(self._started)
            self._stopped = LoadStopped(
                at=self._clock.now() - self._started,
                expected=ended is None or ended.expected,
                exit_code=None if ended is None else ended.exit_code,
                issued=totals.issued,
                completed=totals.completed,
                dropped=totals.dropped,
                worst_lateness_ms=totals.worst_lateness_ms,
                detail="it goes on for the next drill" if ended is None else ended.detail,
            )
        return self._stopped
