"""A wallet gateway in the manner of PayPal: `python -m payments.simulators.paypal`."""

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response

from payments.simulators.base import main
from payments.simulators.gateway import Charge, GatewaySimulator


class PaypalWording:
    """`POST /v2/payments/captures` {amount, payer}; key in PayPal-Request-Id."""

    name = "paypal"
    path = "/v2/payments/captures"
    key_header = "paypal-request-id"
    id_prefix = "PAY-"

    def read(self, body: Mapping[str, Any]) -> tuple[int, str, str]:
        amount = body["amount"]
        return (
            int(amount["value_minor"]),
            str(amount["currency_code"]).upper(),
            str(body["payer"]["token"]),
        )

    def charged(self, charge: Charge) -> Response:
        return JSONResponse(
            {
                "id": charge.id,
                "status": "COMPLETED",
                "amount": {
                    "value_minor": charge.amount_minor,
                    "currency_code": charge.currency,
                },
            },
            status_code=201,
        )

    def declined(self) -> Response:
        return self.refused(422, "INSTRUMENT_DECLINED")

    def refused(self, status: int, code: str) -> Response:
        return JSONResponse({"name": code.upper()}, status_code=status)


def create(environment: Mapping[str, str]) -> Starlette:
    """API_KEY, when set, is the only credential accepted."""
    return GatewaySimulator(PaypalWording(), api_key=environment.get("API_KEY") or None).create()


if __name__ == "__main__":
    main("paypal-gateway", create)
