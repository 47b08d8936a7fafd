"""The work queue that every controller shares: keys, each handled once however often asked for."""

import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

_LOG: Final = logging.getLogger(__name__)
_RETRY_S: Final = 1.0

Key = tuple[str, str]


class Handle(Protocol):
    """A timer that can be taken back."""

    def cancel(self) -> None: ...


class Scheduler(Protocol):
    """The part of the event loop that controllers use; its time is monotonic."""

    def time(self) -> float: ...
    def call_soon(self, callback: Callable[..., Any], *args: Any) -> Handle: ...
    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Handle: ...


class WorkQueue:
    """Calls `reconcile` with (namespace, name). A failure is logged and tried again."""

    def __init__(self, name: str, scheduler: Scheduler, reconcile: Callable[[str, str], None]):
        self._name = name
        self._scheduler = scheduler
        self._reconcile = reconcile
        self._due: dict[Key, None] = {}
        self._timers: dict[Key, Handle] = {}
        self._planned = False

    def add(self, namespace: str, name: str) -> None:
        self._due[(namespace, name)] = None
        if not self._planned:
            self._planned = True
            self._scheduler.call_soon(self._work)

    def add_after(self, seconds: float, namespace: str, name: str) -> None:
        """One timer a key: the latest call counts."""
        key = (namespace, name)
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        self._timers[key] = self._scheduler.call_later(seconds, self._fire, key)

    def _fire(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(*key)

    def _work(self) -> None:
        self._planned = False
        due, self._due = self._due, {}
        for key in due:
            try:
                self._reconcile(*key)
            except Exception:  # noqa: BLE001 - told to the log, and tried again
                # One broken object must not stop the others; the retry shows whether it lasts.
                _LOG.exception("%s: %s/%s failed", self._name, *key)
                self.add_after(_RETRY_S, *key)
