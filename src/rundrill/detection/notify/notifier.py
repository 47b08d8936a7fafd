"""Runs the dispatcher by the real clock and delivers what it says to a receiver of our own."""

import threading
from collections.abc import Callable, Collection, Mapping

from rundrill.base.clock import Clock
from rundrill.detection.alerts import AlertState, AlertStatus
from rundrill.detection.labels import Labels
from rundrill.detection.notify.delivery import Courier, DeliveryFailure
from rundrill.detection.notify.dispatcher import SWEEP_S, Dispatcher
from rundrill.detection.notify.message import Message, Notification
from rundrill.detection.notify.receiver import Receiver
from rundrill.detection.notify.routing import Routing
from rundrill.errors import MachineError

_STOP_WITHIN_S = 5.0


class Notifier:
    """Takes the alerts' states after each evaluation; tells of each message that has come in.

    `compression` divides every duration of `routing`. All receivers of it are replaced by one on
    loopback, which listens from `start` to `stop`. The callbacks are called from threads of the
    notifier, without a lock; what they raise ends that thread and is told as `failure`.
    """

    def __init__(
        self,
        routing: Routing,
        *,
        compression: float,
        clock: Clock,
        wall_offset_s: float,
        on_notification: Callable[[Notification], None],
        on_failure: Callable[[DeliveryFailure], None],
    ) -> None:
        self.routing = routing.compressed(compression)
        self._clock = clock
        self._dispatcher = Dispatcher(
            self.routing, began=clock.now(), sweep_s=SWEEP_S / compression
        )
        self._wall_offset_s = wall_offset_s
        self._on_notification = on_notification
        self._on_failure = on_failure
        self._receiver: Receiver | None = None
        self._courier: Courier | None = None
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)
        self._failure: BaseException | None = None

    def start(self) -> None:
        """May be called once. Raises `MachineError` when no port can be had."""
        try:
            self._receiver = Receiver(self._on_notification, clock=self._clock)
        except OSError as error:
            raise MachineError(
                f"no port for the receiver of notifications: {error.strerror}",
                fix="free some ports of 127.0.0.1",
            ) from error
        self._courier = Courier(
            self._receiver.port,
            clock=self._clock,
            wall_offset_s=self._wall_offset_s,
            on_end=self._settle,
            on_failure=self._on_failure,
        )
        self._courier.start()
        self._thread.start()

    def stop(self) -> None:
        """Ends all threads and the receiver; harmless to repeat, and when not started."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(_STOP_WITHIN_S)
        if self._courier is not None:
            self._courier.stop()
        if self._receiver is not None:
            self._receiver.close()

    def take(self, alerts: Mapping[str, AlertState], at: float) -> None:
        """The states after one evaluation. Returns at once."""
        firing: dict[Labels, float] = {
            series.labels: at if series.fired_at is None else series.fired_at
            for state in alerts.values()
            for series in state.series
            if series.status is AlertStatus.FIRING
        }
        with self._changed:
            self._dispatcher.take(firing, at)
            self._changed.notify_all()

    def group_wait_s(self, labels: Mapping[str, str]) -> float | None:
        """In real seconds of this run; None when nobody is told of such an alert."""
        return self.routing.group_wait_s(labels)

    def why_untold(self, _alerts: Collection[str]) -> str:
        """Empty: of its own messages the failures are told, and the rest is the routing."""
        return ""

    def begin(self) -> None:
        """A drill begins: what fires already belongs to the one before, and so does every group."""
        with self._changed:
            self._dispatcher.forget()

    @property
    def failure(self) -> BaseException | None:
        """What ended a thread of it before it was told to stop."""
        parts = [part for part in (self._courier, self._receiver) if part is not None]
        return next((p.failure for p in parts if p.failure is not None), self._failure)

    def _run(self) -> None:
        assert self._courier is not None
        try:
            while True:
                with self._changed:
                    if self._stopping:
                        return
                    now, due = self._clock.now(), self._dispatcher.due()
                    if due is None or due > now:
                        self._changed.wait(None if due is None else due - now)
                        continue
                    messages = self._dispatcher.flush(now)
                for message in messages:
                    self._courier.send(message)
        except BaseException as error:  # noqa: BLE001 - the engine looks at it; never silent
            self._failure = error

    def _settle(self, message: Message, delivered: bool) -> None:
        with self._changed:
            self._dispatcher.settle(message, self._clock.now(), delivered=delivered)
            self._changed.notify_all()
