"""What the runner and its watchdog tell each other: lines of JSON over a pair of sockets.

From the runner: a `Post`, then for each drill a `Begin` and its events, at the end `BYE`. From the
watchdog: `READY`, then `ALIVE` once a second, and `stop` with its reason.
"""

import json
import socket
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from rundrill.plan.limits import ErrorBudget, Limits

READY: Final = "ready"
ALIVE: Final = "alive"
BYE: Final = "bye"
ALIVE_EVERY_S: Final = 1.0
_LIMIT_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What all drills of a day share. `outlives`: the target lives on when the runner dies.

    `holder` has the Lease in `lease_namespace`.
    """

    home: str
    kubeconfig: str
    kubectl: str
    outlives: bool
    lease_namespace: str
    holder: str
    limits: Limits

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "Post":
        """Raises `TypeError` and `KeyError` for what is none."""
        limits = dict(data["limits"])
        budget = limits["error_budget"]
        limits["error_budget"] = None if budget is None else ErrorBudget(**budget)
        return cls(**{**data, "limits": Limits(**limits)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """One drill. `folder` is its run folder, `started` its zero on the clock, `lasts_s` what its
    windows add up to; in `namespaces` it may leave a marker. `placeholders` are what its commands
    get: some may be secrets, so they are never written.
    """

    run_id: str
    folder: str
    started: float
    lasts_s: float
    namespaces: list[str]
    placeholders: dict[str, str]


def line_of(what: str, value: object = True) -> bytes:
    """`value` is a dataclass or what JSON knows."""
    plain = value if isinstance(value, bool | str) else asdict(value)  # type: ignore[call-overload]
    return json.dumps({what: plain}, allow_nan=False).encode() + b"\n"


class Lines:
    """Whole lines out of a socket that does not block. `gone` when nobody is at its other end."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._rest = b""
        self._whole: deque[bytes] = deque()
        self.gone = False

    def read(self) -> Iterator[str]:
        """What is there now; what is not taken is there the next time.

        Raises `ValueError` for a line that never ends, or is no UTF-8.
        """
        while self._whole or self._receive():
            if self._whole:
                yield self._whole.popleft().decode("utf-8")

    def _receive(self) -> bool:
        """Whether something came."""
        if self.gone:
            return False
        try:
            data = self._end.recv(65536)
        except BlockingIOError:
            return False
        except OSError:  # a peer that was killed with something unread
            data = b""
        self.gone = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._whole += lines
        if len(self._rest) > _LIMIT_BYTES:
            raise ValueError("a line that does not end")
        return not self.gone
