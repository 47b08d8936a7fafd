"""A card gateway in the manner of Stripe: `python -m payments.simulators.stripe`."""

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response

from payments.simulators.base import main
from payments.simulators.gateway import Charge, GatewaySimulator


class StripeWording:
    """`POST /v1/charges` {amount, currency, source}; key in Idempotency-Key."""

    name = "stripe"
    path = "/v1/charges"
    key_header = "idempotency-key"
    id_prefix = "ch_"

    def read(self, body: Mapping[str, Any]) -> tuple[int, str, str]:
        return int(body["amount"]), str(body["currency"]).upper(), str(body["source"])

    def charged(self, charge: Charge) -> Response:
        return JSONResponse(
            {
                "id": charge.id,
                "object": "charge",
                "amount": charge.amount_minor,
                "currency": charge.currency.lower(),
                "captured": True,
                "status": "succeeded",
            }
        )

    def declined(self) -> Response:
        return JSONResponse(
            {"error": {"type": "card_error", "code": "card_declined"}}, status_code=402
        )

    def refused(self, status: int, code: str) -> Response:
        return JSONResponse(
            {"error": {"type": "invalid_request_error", "code": code}}, status_code=status
        )


def create(environment: Mapping[str, str]) -> Starlette:
    """API_KEY, when set, is the only credential accepted."""
    return GatewaySimulator(StripeWording(), api_key=environment.get("API_KEY") or None).create()


if __name__ == "__main__":
    main("stripe-gateway", create)
