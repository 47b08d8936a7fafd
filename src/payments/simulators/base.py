"""What the simulators share: settable behaviour, the admin endpoints, the process.

GET  /admin/behaviour   what is set now
PUT  /admin/behaviour   sets the given fields: latency_ms, error_ratio, error_status, hang
GET  /admin/ledger      every charge (gateways only); ?idempotency_key= for one
GET  /healthz           always 200, whatever the behaviour
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from payments.fatal import fatal
from payments.serving import PortError, listen, serve
from payments.settings import SettingsError, listen_from_environment

Handler = Callable[[Request], Awaitable[Response]]


class BehaviourError(Exception):
    """The wanted behaviour does not exist; the message names the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a simulator answers.

    `error_ratio` of the requests (0 to 1, evenly spread) get `error_status` and do nothing.
    `hang` "before" never answers and does nothing; "after" does its work and never answers.
    """

    latency_ms: float = 0.0
    error_ratio: float = 0.0
    error_status: int = 500
    hang: Literal["no", "before", "after"] = "no"

    def changed(self, fields: object) -> "Behaviour":
        """A copy with these fields, a JSON object. Raises `BehaviourError`."""
        if not isinstance(fields, dict):
            raise BehaviourError("send a JSON object")
        checks: Mapping[str, tuple[Callable[[Any], bool], str]] = {
            "latency_ms": (lambda v: _number(v) and 0 <= v <= 600_000, "0 to 600000"),
            "error_ratio": (lambda v: _number(v) and 0 <= v <= 1, "0 to 1"),
            "error_status": (lambda v: type(v) is int and 400 <= v <= 599, "400 to 599"),
            "hang": (lambda v: v in ("no", "before", "after"), "no, before or after"),
        }
        for name, value in fields.items():
            if name not in checks:
                raise BehaviourError(f"{name} is unknown; use {', '.join(checks)}")
            accepts, wanted = checks[name]
            if not accepts(value):
                raise BehaviourError(f"{name} is {value!r}; set it to {wanted}")
        return replace(self, **fields)


class Simulator:
    """Wraps handlers in the behaviour and adds the admin endpoints."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self._error_share = 0.0

    def app(self, *routes: Route) -> Starlette:
        """The simulator's own routes plus the shared ones."""
        return Starlette(
            routes=[
                *routes,
                Route("/healthz", self._healthz),
                Route("/admin/behaviour", self._behaviour, methods=["GET", "PUT"]),
            ]
        )

    def behaving(self, handler: Handler) -> Handler:
        """`handler` as the behaviour of the moment lets callers see it."""

        async def behave(request: Request) -> Response:
            now = self.behaviour
            if now.latency_ms:
                await asyncio.sleep(now.latency_ms / 1000)
            if now.hang == "before":
                await _never(request)
            if self._errs(now.error_ratio):
                body = {"error": {"type": "api_error", "code": f"simulated_{now.error_status}"}}
                return JSONResponse(body, status_code=now.error_status)
            response = await handler(request)
            if now.hang == "after":
                await _never(request)
            return response

        return behave

    def _errs(self, ratio: float) -> bool:
        # Carried over from request to request: every 1/ratio-th fails, without randomness.
        self._error_share += ratio
        if self._error_share < 1 - 1e-9:
            return False
        self._error_share -= 1
        return True

    async def _healthz(self, _request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def _behaviour(self, request: Request) -> Response:
        if request.method == "PUT":
            try:
                self.behaviour = self.behaviour.changed(await request.json())
            except (ValueError, BehaviourError) as exc:
                return JSONResponse({"error": str(exc)}, status_code=400)
            self._error_share = 0.0
        return JSONResponse(asdict(self.behaviour))


async def _never(request: Request) -> None:
    """Keeps the caller waiting until he hangs up; nobody is left waiting for him."""
    await request.body()
    await request.receive()  # after the body, the next message is the disconnect


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def main(name: str, create: Callable[[Mapping[str, str]], Starlette]) -> None:
    """Runs one simulator as this process until SIGTERM; exits 0, or 1 with a message."""
    try:
        where = listen_from_environment(os.environ)
        listener = listen(where.address, where.port)
    except (SettingsError, PortError) as exc:
        fatal(f"configuration error: {exc}", service=name)
        sys.exit(1)
    # A hanging request must not keep the process: that is what the fault is about.
    asyncio.run(serve(create(os.environ), listener, grace_s=1))
