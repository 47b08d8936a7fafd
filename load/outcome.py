"""What one attempt came to, in the customer's words. Pure."""

import errno
import http.client
import json
import socket
import ssl
from dataclasses import dataclass

ACKNOWLEDGED = frozenset({200, 201, 202})
"""Captured, deferred, or (200) the answer to a repeated idempotency key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`status` is None when no answer came; `error` then says why in one word."""

    status: int | None
    error: str | None
    payment: str | None = None
    length: int = 0

    @property
    def ok(self) -> bool:
        """What a customer would call a success."""
        return self.error is None and self.status is not None and 200 <= self.status < 300

    @property
    def unanswered(self) -> bool:
        """The customer cannot know what became of the request: a time-out, a 5xx, no answer."""
        return self.status is None or self.status >= 500

    @property
    def reason(self) -> str:
        return self.error or f"status {self.status}"


def answered(status: int, body: bytes, *, pays: bool) -> Outcome:
    """The outcome of an answer; a payment acknowledged without its id is an error."""
    payment = _payment_id(body) if pays and status in ACKNOWLEDGED else None
    missing = pays and status in ACKNOWLEDGED and payment is None
    return Outcome(
        status=status,
        error="no-payment-id" if missing else None,
        payment=payment,
        length=len(body),
    )


def unanswered(error: BaseException) -> Outcome:
    """The outcome of an attempt that ended in `error`."""
    return Outcome(status=None, error=_word(error))


def _word(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, http.client.RemoteDisconnected):  # before its base ConnectionResetError
        return "closed"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "reset"
    if isinstance(error, socket.gaierror):
        return "unresolved"
    if isinstance(error, ssl.SSLError):
        return "tls"
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno, "oserror").lower()
    return "protocol" if isinstance(error, http.client.HTTPException) else "oserror"


def _payment_id(body: bytes) -> str | None:
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    payment = answer.get("id") if isinstance(answer, dict) else None
    return payment if isinstance(payment, str) and payment else None
