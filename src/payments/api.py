"""The HTTP interface.

POST /payments            201 captured · 202 deferred · 402 declined; a replay of the same
                          Idempotency-Key answers 200 (202, 402) with Idempotency-Replayed: true
GET  /payments/{id}       200, or 404 when it is not the caller's
GET  /payments?limit=20   the caller's newest payments
GET  /healthz, /readyz    the process lives; it can serve

Errors are application/problem+json (RFC 9457): 400 bad input, 401, 404, 409 the first request
with the key still runs, 422 key used for another payment, 502/503/504 a dependency failed.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import FastAPI, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from payments.auth import Auth
from payments.cache import Cache
from payments.database import Database
from payments.errors import (
    BadRequestError,
    DatabaseError,
    DependencyError,
    InProgressError,
    KeyReuseError,
    NotFoundError,
    PaymentsError,
    UnauthorizedError,
    UnfinishedError,
)
from payments.model import FINAL, Method, Order, Payment, Status
from payments.processing import Processing
from payments.store import Store

_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_CODE_OF: Final[Mapping[Status, int]] = {Status.DEFERRED: 202, Status.DECLINED: 402}
_READY_S = 0.8  # below the probe's own timeout of a second
_PAYMENT_CACHE_S = 60
_PROBLEM = "application/problem+json"

# A gateway that was asked and answered badly is 502, in time or not at all 504; not asked is 503.
_GATEWAY_CODES: Final[Mapping[str, int]] = {
    "breaker_open": 503,
    "connect": 503,
    "connect_timeout": 503,
    "rate_limited": 503,
    "timeout": 504,
}

Authorization = Annotated[str | None, Header()]


class PaymentBody(BaseModel):
    """The body of POST /payments."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    method: Literal["card", "wallet"]
    amount_minor: int = Field(ge=1, le=99_999_999)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    customer: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")


@dataclass(slots=True, kw_only=True)
class Parts:
    """What the handlers work with. `ready` is False while starting and while draining."""

    database: Database
    store: Store
    cache: Cache
    auth: Auth
    processing: Processing
    ready: bool = False
    not_ready_because: str = "starting"


def create_app(parts: Parts) -> FastAPI:
    """The ASGI application on these parts; opens and closes none of them."""
    app = FastAPI(title="payments", docs_url=None, redoc_url=None, openapi_url=None)
    _add_probes(app, parts)
    _add_payments(app, parts)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(PaymentsError, _failed)
    app.add_exception_handler(Exception, _bug)
    return app


def _add_probes(app: FastAPI, parts: Parts) -> None:
    @app.get("/healthz")
    async def healthz() -> Response:
        return JSONResponse({"status": "alive"})

    @app.get("/readyz")
    async def readyz() -> Response:
        if not parts.ready:
            return _problem(503, "not ready", parts.not_ready_because)
        try:
            await parts.database.ping(_READY_S)
        except DatabaseError as exc:
            return _problem(503, "not ready", f"database: {exc}")
        return JSONResponse({"status": "ready"})


def _add_payments(app: FastAPI, parts: Parts) -> None:
    @app.post("/payments")
    async def create(
        body: PaymentBody,
        idempotency_key: Annotated[str | None, Header()] = None,
        authorization: Authorization = None,
    ) -> Response:
        merchant = await parts.auth.merchant(authorization)
        if idempotency_key is None or not _KEY.fullmatch(idempotency_key):
            raise BadRequestError(
                "send the header Idempotency-Key: 1 to 128 visible ASCII characters"
            )
        order = Order(
            merchant=merchant,
            method=Method(body.method),
            amount_minor=body.amount_minor,
            currency=body.currency,
            customer=body.customer,
        )
        outcome = await parts.processing.pay(idempotency_key, order)
        await _remember(parts.cache, outcome.payment)
        code = _CODE_OF.get(outcome.payment.status, 200 if outcome.replayed else 201)
        headers = {"Location": f"/payments/{outcome.payment.id}"}
        if outcome.replayed:
            headers["Idempotency-Replayed"] = "true"
        return JSONResponse(outcome.payment.as_json(), status_code=code, headers=headers)

    @app.get("/payments/{payment_id}")
    async def read(payment_id: UUID, authorization: Authorization = None) -> Response:
        merchant = await parts.auth.merchant(authorization)
        cached = await parts.cache.get(_cached_as(payment_id))
        if cached is not None:
            owner, _, text = cached.partition("\n")
            if owner == merchant:
                return Response(text, media_type="application/json")
        payment = await parts.store.get(payment_id)
        if payment is None or payment.order.merchant != merchant:
            raise NotFoundError(f"you have no payment {payment_id}")
        await _remember(parts.cache, payment)
        return JSONResponse(payment.as_json())

    @app.get("/payments")
    async def recent(
        limit: Annotated[int, Query(ge=1, le=100)] = 20, authorization: Authorization = None
    ) -> Response:
        merchant = await parts.auth.merchant(authorization)
        found = await parts.store.recent(merchant, limit)
        return JSONResponse({"payments": [payment.as_json() for payment in found]})


async def _remember(cache: Cache, payment: Payment) -> None:
    """Caches what cannot change any more."""
    if payment.status in FINAL:
        text = f"{payment.order.merchant}\n{json.dumps(payment.as_json())}"
        await cache.put(_cached_as(payment.id), text, ttl_s=_PAYMENT_CACHE_S)


def _cached_as(payment_id: UUID) -> str:
    return f"payment:{payment_id}"


def _problem(
    status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> Response:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status_code=status, headers=dict(headers or {}), media_type=_PROBLEM)


async def _invalid(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    errors = [
        {"field": ".".join(str(part) for part in error["loc"]), "problem": error["msg"]}
        for error in exc.errors()
    ]
    detail = "; ".join(f"{error['field']}: {error['problem']}" for error in errors)
    return _problem(400, "bad request", detail, errors=errors)


async def _http(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    return _problem(exc.status_code, "request refused", str(exc.detail), exc.headers)


async def _bug(_request: Request, _exc: Exception) -> Response:
    return _problem(500, "internal error", "the service has a bug; its log has the details")


async def _failed(_request: Request, exc: Exception) -> Response:
    again = {"Retry-After": "1"}
    match exc:
        case UnfinishedError():
            return _problem(
                _GATEWAY_CODES.get(exc.cause.kind, 502),
                "payment gateway unavailable",
                f"{exc}; send the request again with the same Idempotency-Key",
                again,
                kind=exc.cause.kind,
                gateway=exc.cause.gateway,
                payment_id=str(exc.payment.id),
                payment_status=exc.status.value,
            )
        case DependencyError():
            return _problem(503, "dependency unavailable", str(exc), again, kind=exc.kind)
        case UnauthorizedError():
            challenge = {"WWW-Authenticate": "Bearer"}
            return _problem(401, "unauthorized", str(exc), challenge)
        case KeyReuseError():
            return _problem(422, "idempotency key reused", str(exc))
        case NotFoundError():
            return _problem(404, "not found", str(exc))
        case InProgressError():
            return _problem(409, "request in progress", str(exc), again)
        case _:
            return _problem(400, "bad request", str(exc))
