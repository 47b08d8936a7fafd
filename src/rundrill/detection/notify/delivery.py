"""Sends messages by HTTP from a few threads, so that a slow receiver keeps nobody else waiting."""

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Final

from rundrill.base.clock import Clock
from rundrill.detection.notify.message import Message, body

WORKERS: Final = 4
_ANSWER_S: Final = 5.0
_FIRST_PAUSE_S: Final = 0.5
_SLOWER: Final = 1.5
_LONGEST_PAUSE_S: Final = 60.0
_STOP_WITHIN_S: Final = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailure:
    """A message did not reach its receiver at the first try. It is tried again for some time."""

    at: float
    receiver: str
    alerts: tuple[str, ...]
    error: str


class Courier:
    """Delivers to one port of this machine; `on_end` says of each message whether it arrived.

    Never more under way than there are workers; the rest waits. A receiver that answers with an
    error of its own (5xx), or not at all, is asked again until the message's time is over.
    """

    def __init__(
        self,
        port: int,
        *,
        clock: Clock,
        wall_offset_s: float,
        on_end: Callable[[Message, bool], None],
        on_failure: Callable[[DeliveryFailure], None],
    ) -> None:
        self._port = port
        self._clock = clock
        self._wall_offset_s = wall_offset_s
        self._on_end = on_end
        self._on_failure = on_failure
        self._queue: SimpleQueue[Message | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"notification {number}", daemon=True)
            for number in range(WORKERS)
        ]
        self.failure: BaseException | None = None

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def send(self, message: Message) -> None:
        """Returns at once."""
        self._queue.put(message)

    def stop(self) -> None:
        """What was not delivered by now is given up. Harmless when not started."""
        self._stopping.set()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(_STOP_WITHIN_S)

    def _work(self) -> None:
        try:
            while (message := self._queue.get()) is not None and not self._stopping.is_set():
                self._on_end(message, self._deliver(message))
        except BaseException as error:  # noqa: BLE001 - looked at by the engine; never silent
            self.failure = error

    def _deliver(self, message: Message) -> bool:
        pause_s = _FIRST_PAUSE_S
        text = body(message, self._wall_offset_s)
        told = False
        while True:
            error, final = self._post(text)
            if error is None:
                return True
            if not told:
                told = True
                self._on_failure(
                    DeliveryFailure(
                        at=self._clock.now(),
                        receiver=message.receiver,
                        alerts=tuple(sorted({a.labels.value("alertname") for a in message.firing})),
                        error=error,
                    )
                )
            left_s = message.give_up_at - self._clock.now()
            if final or left_s <= pause_s or self._stopping.wait(pause_s):
                return False
            pause_s = min(pause_s * _SLOWER, _LONGEST_PAUSE_S)

    def _post(self, text: bytes) -> tuple[str | None, bool]:
        """Why it did not arrive, and whether asking again is of no use."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_S)
        try:
            connection.request("POST", "/", text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read(200).decode("utf-8", "replace").strip()
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}", False
        finally:
            connection.close()
        if 200 <= answer.status < 300:
            return None, False
        return f"HTTP {answer.status} {said}".strip(), answer.status < 500
