"""Receives webhooks on loopback: our own messages, and those of a real Alertmanager."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from rundrill.base.clock import Clock
from rundrill.detection.notify.message import Notification, read_body

_MOST_BYTES: Final = 8 * 1024 * 1024
_SENDER_S: Final = 10.0
"""How long a sender may take for the next bytes of its message."""


class Receiver:
    """Tells `on_notification` of every whole message, from a thread of its own.

    It listens from the moment it is made, until `close`; `port` 0 takes any that is free. Raises
    `OSError` when it cannot.
    """

    def __init__(
        self, on_notification: Callable[[Notification], None], *, clock: Clock, port: int = 0
    ) -> None:
        class Handler(_Handler):
            receiver = self

        self._clock = clock
        self._on_notification = on_notification
        self.failure: Exception | None = None
        """What `on_notification` raised: a message came in, and nobody took it."""
        self._server = _Server(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False  # a sender that hangs must not keep us
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="webhook receiver", daemon=True
        )
        self._thread.start()
        self._closed = False

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        """Where to send to: for `webhook_configs` of a real Alertmanager, too."""
        return f"http://127.0.0.1:{self.port}/"

    def close(self) -> None:
        """Harmless to repeat. What comes in after it is lost."""
        if not self._closed:
            self._closed = True
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def receive(self, text: bytes) -> str | None:
        """Takes one body that has come in completely now; says what is wrong with it."""
        at = self._clock.now()
        try:
            notification = read_body(text, at)
        except ValueError as error:
            return str(error)
        if self._closed:
            return None
        try:
            self._on_notification(notification)
        except Exception as error:  # noqa: BLE001 - the engine looks at it; never silent
            self.failure = error
            return "not taken"
        return None


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A sender that went away is its own matter: nothing is printed."""


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    timeout = _SENDER_S  # of `StreamRequestHandler`: for each read of the socket

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            self._answer(413 if length.isdecimal() else 411, "a message needs a sensible length")
            return
        try:
            text = self.rfile.read(int(length))
        except OSError:  # the sender hung, or went away
            self.close_connection = True
            return
        if len(text) < int(length):
            return
        wrong = self.receiver.receive(text)
        self._answer(200 if wrong is None else 400, wrong or "")

    def log_message(self, *_: Any) -> None:
        """Nothing: what came in is told as an event."""

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
