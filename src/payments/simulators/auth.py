"""The auth service: token introspection (RFC 7662). `python -m payments.simulators.auth`.

A token `drill-<merchant>` belongs to that merchant; every other token is not active.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from payments.simulators.base import Simulator, main

_TOKEN = re.compile(r"drill-([A-Za-z0-9_-]{1,64})")


class AuthSimulator(Simulator):
    """`POST /introspect` with the form field `token`."""

    def create(self) -> Starlette:
        """The ASGI application."""
        return self.app(Route("/introspect", self.behaving(self._introspect), methods=["POST"]))

    async def _introspect(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        match = _TOKEN.fullmatch(form.get("token", [""])[0])
        if match is None:
            return JSONResponse({"active": False})
        return JSONResponse({"active": True, "sub": match[1], "token_type": "Bearer"})


def create(_environment: Mapping[str, str]) -> Starlette:
    """The application; it has no settings of its own."""
    return AuthSimulator().create()


if __name__ == "__main__":
    main("auth-service", create)
