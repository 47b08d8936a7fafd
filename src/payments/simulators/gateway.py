"""What both gateways share: the API key, idempotent charges, the ledger."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from payments.simulators.base import Simulator

DECLINED_TOKEN = "tok_declined"  # noqa: S105 - the customer whose bank always says no


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One line of the ledger. `currency` is upper case."""

    id: str
    idempotency_key: str
    amount_minor: int
    currency: str
    customer: str


class Wording(Protocol):
    """How one gateway words what it is asked and what it answers."""

    name: str
    path: str
    key_header: str
    id_prefix: str

    def read(self, body: Mapping[str, Any]) -> tuple[int, str, str]:
        """Amount, currency, customer token. Raises KeyError, TypeError."""
        ...

    def charged(self, charge: Charge) -> Response: ...
    def declined(self) -> Response: ...
    def refused(self, status: int, code: str) -> Response: ...


class GatewaySimulator(Simulator):
    """Charges each idempotency key once. `api_key` None accepts every credential."""

    def __init__(self, wording: Wording, *, api_key: str | None = None) -> None:
        super().__init__()
        self._wording = wording
        self._api_key = api_key
        self.ledger: dict[str, Charge] = {}

    def create(self) -> Starlette:
        """The ASGI application."""
        return self.app(
            Route(self._wording.path, self.behaving(self._charge), methods=["POST"]),
            Route("/admin/ledger", self._ledger),
        )

    async def _charge(self, request: Request) -> Response:
        wording = self._wording
        sent = request.headers.get("authorization", "")
        if self._api_key is not None and sent != f"Bearer {self._api_key}":
            return wording.refused(401, "invalid_api_key")
        key = request.headers.get(wording.key_header)
        if not key:
            return wording.refused(400, "idempotency_key_missing")
        try:
            amount, currency, token = wording.read(json.loads(await request.body()))
        except (ValueError, KeyError, TypeError):
            return wording.refused(400, "invalid_request")
        if token == DECLINED_TOKEN:
            return wording.declined()
        # No await from here on: two requests with one key cannot both find it missing.
        charge = self.ledger.get(key)
        if charge is None:
            charge = Charge(
                id=f"{wording.id_prefix}{uuid4().hex[:24]}",
                idempotency_key=key,
                amount_minor=amount,
                currency=currency,
                customer=token,
            )
            self.ledger[key] = charge
        elif (charge.amount_minor, charge.currency, charge.customer) != (
            amount,
            currency,
            token,
        ):
            return wording.refused(409, "idempotency_key_in_use")
        return wording.charged(charge)

    async def _ledger(self, request: Request) -> Response:
        key = request.query_params.get("idempotency_key")
        charges = [c for c in self.ledger.values() if key is None or c.idempotency_key == key]
        return JSONResponse({"count": len(charges), "charges": [asdict(c) for c in charges]})
