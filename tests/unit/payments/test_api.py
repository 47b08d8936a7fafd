"""The service as its callers see it: a process, over HTTP."""

import uuid
from typing import Any

import pytest
from loopback import Answer, ask

from bench.local_servers import Server

from .conftest import Surroundings

GOOD = {"method": "card", "amount_minor": 1999, "currency": "EUR", "customer": "cus_00001"}


@pytest.fixture(autouse=True)
def _behaving(around: Surroundings) -> None:
    """Every test here starts with simulators that behave."""


def pay(service: Server, key: str | None, body: Any = GOOD, token: str = "drill-shop") -> Answer:
    headers = {"Authorization": f"Bearer {token}"}
    if key is not None:
        headers["Idempotency-Key"] = key
    return ask(service.port, "POST", "/payments", body, headers)


def read(service: Server, path: str, token: str = "drill-shop") -> Answer:
    return ask(service.port, "GET", path, headers={"Authorization": f"Bearer {token}"})


def test_a_payment_is_created_and_can_be_read(service: Server, key: str) -> None:
    made = pay(service, key)
    assert made.status == 201
    assert made.json["status"] == "captured"
    assert made.headers["location"] == f"/payments/{made.json['id']}"
    found = read(service, made.headers["location"])
    assert (found.status, found.json) == (200, made.json)
    assert made.json in read(service, "/payments?limit=5").json["payments"]


def test_a_replay_has_the_same_body(service: Server, key: str) -> None:
    made, again = pay(service, key), pay(service, key)
    assert (again.status, again.text) == (200, made.text)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in made.headers


def test_a_declined_payment_is_402_and_tells_why(service: Server, key: str) -> None:
    answer = pay(service, key, {**GOOD, "customer": "tok_declined"})
    assert (answer.status, answer.json["decline_code"]) == (402, "card_declined")


def test_a_merchant_sees_only_his_own_payments(service: Server, key: str) -> None:
    made = pay(service, key)
    assert read(service, f"/payments/{made.json['id']}", "drill-other").status == 404
    others = read(service, "/payments?limit=100", "drill-other").json["payments"]
    assert made.json["id"] not in [payment["id"] for payment in others]
    assert pay(service, key, token="drill-other").status == 422


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({**GOOD, "method": "cash"}, "body.method"),
        ({**GOOD, "amount_minor": 0}, "body.amount_minor"),
        ({**GOOD, "amount_minor": 1.5}, "body.amount_minor"),
        ({**GOOD, "amount_minor": "10"}, "body.amount_minor"),
        ({**GOOD, "currency": "eur"}, "body.currency"),
        ({**GOOD, "customer": "a b"}, "body.customer"),
        ({**GOOD, "tip": 1}, "body.tip"),
        ({"method": "card"}, "body.currency"),
        ([], "body"),
        (b"{", "body"),
        (b"\xff", ""),
    ],
)
def test_bad_input_is_a_problem_that_names_the_field(
    service: Server, key: str, body: Any, named: str
) -> None:
    answer = pay(service, key, body)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == 400
    assert named in answer.json["detail"]


@pytest.mark.parametrize("bad", [None, "", "k" * 129, "with space"])
def test_the_idempotency_key_is_demanded(service: Server, bad: str | None) -> None:
    answer = pay(service, bad)
    assert (answer.status, "Idempotency-Key" in answer.json["detail"]) == (400, True)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/payments/not-a-uuid", 400),
        (f"/payments/{uuid.UUID(int=0)}", 404),
        ("/payments?limit=0", 400),
        ("/payments?limit=101", 400),
        ("/nothing", 404),
        ("/docs", 404),
    ],
)
def test_a_read_that_cannot_be_is_a_problem(service: Server, path: str, status: int) -> None:
    answer = read(service, path)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_without_a_valid_token_nothing_is_told(service: Server, key: str) -> None:
    assert pay(service, key, token="stolen").status == 401
    answer = ask(service.port, "GET", "/payments")
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_a_gateway_that_hangs_is_504_with_what_to_do(
    service: Server, around: Surroundings, key: str
) -> None:
    around.behave("paypal", error_ratio=1, error_status=500)
    answer = pay(service, key, {**GOOD, "method": "wallet"})
    assert answer.status == 502
    assert answer.headers["retry-after"] == "1"
    problem = answer.json
    assert (problem["gateway"], problem["kind"]) == ("paypal", "server_error")
    assert problem["payment_status"] == "pending"
    assert "same Idempotency-Key" in problem["detail"]
    around.behave("paypal", error_ratio=0)
    retried = pay(service, key, {**GOOD, "method": "wallet"})
    assert (retried.status, retried.json["id"]) == (201, problem["payment_id"])


def test_an_auth_service_that_fails_is_503(service: Server, around: Surroundings, key: str) -> None:
    around.behave("auth", error_ratio=1)
    answer = pay(service, key, token=f"drill-{key}")
    assert (answer.status, answer.json["title"]) == (503, "dependency unavailable")


def test_the_probes_answer(service: Server) -> None:
    assert ask(service.port, "GET", "/healthz").status == 200
    assert ask(service.port, "GET", "/readyz").status == 200
