import contextlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import ask

from bench.local_servers import Server, program
from payments.simulators.base import Behaviour, BehaviourError, Simulator

from .conftest import Surroundings

CHARGE = {"amount": 500, "currency": "eur", "source": "cus_1"}


@pytest.fixture
def guarded() -> Iterator[Server]:
    with program("payments.simulators.stripe", {"API_KEY": "sk_right"}) as server:
        yield server


def test_a_gateway_refuses_another_key(guarded: Server) -> None:
    def charge(credential: str) -> int:
        headers = {"Authorization": f"Bearer {credential}", "Idempotency-Key": "k"}
        return ask(guarded.port, "POST", "/v1/charges", CHARGE, headers).status

    assert charge("sk_wrong") == 401
    assert charge("sk_right") == 200


def test_a_gateway_charges_a_key_once_and_only_for_the_same_order(
    around: Surroundings, key: str
) -> None:
    port = around.simulators["stripe"].port

    def charge(**changed: object) -> tuple[int, str | None]:
        headers = {"Idempotency-Key": key}
        answer = ask(port, "POST", "/v1/charges", {**CHARGE, **changed}, headers)
        return answer.status, answer.json.get("id")

    first = charge()
    assert first[0] == 200
    assert charge() == first
    assert charge(amount=501)[0] == 409
    assert len(around.charges("stripe", key)) == 1


def test_a_gateway_refuses_what_it_does_not_understand(around: Surroundings, key: str) -> None:
    for name, path in (("stripe", "/v1/charges"), ("paypal", "/v2/payments/captures")):
        port = around.simulators[name].port
        headers = {"Idempotency-Key": key, "PayPal-Request-Id": key}
        assert ask(port, "POST", path, CHARGE).status == 400
        assert ask(port, "POST", path, b"{", headers).status == 400
        assert ask(port, "POST", path, [1], headers).status == 400
        assert ask(port, "GET", path).status == 405


def test_errors_are_spread_evenly(around: Surroundings, key: str) -> None:
    around.behave("stripe", error_ratio=0.25, error_status=503)
    statuses = [
        ask(
            around.simulators["stripe"].port,
            "POST",
            "/v1/charges",
            CHARGE,
            {"Idempotency-Key": f"{key}-{number}"},
        ).status
        for number in range(8)
    ]
    assert statuses == [200, 200, 200, 503, 200, 200, 200, 503]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"latency": 5}, "latency"),
        ({"latency_ms": -1}, "latency_ms"),
        ({"error_ratio": 1.1}, "error_ratio"),
        ({"error_ratio": True}, "error_ratio"),
        ({"error_status": 200}, "error_status"),
        ({"hang": "maybe"}, "hang"),
        ([], "JSON object"),
    ],
)
def test_an_unknown_behaviour_is_refused(around: Surroundings, fields: object, named: str) -> None:
    answer = ask(around.simulators["auth"].port, "PUT", "/admin/behaviour", fields)
    assert answer.status == 400
    assert named in answer.json["error"]


@given(st.dictionaries(st.text(max_size=12), st.none() | st.floats() | st.text() | st.booleans()))
def test_any_object_is_a_behaviour_or_one_message(fields: dict[str, object]) -> None:
    with contextlib.suppress(BehaviourError):
        Behaviour().changed(fields)


@given(st.floats(0, 1), st.integers(1, 300))
def test_the_share_of_errors_is_the_ratio_asked_for(ratio: float, requests: int) -> None:
    simulator = Simulator()
    errs: Callable[[float], bool] = simulator._errs
    failed = sum(errs(ratio) for _ in range(requests))
    assert abs(failed - ratio * requests) <= 1 + 1e-6


def test_probes_are_answered_while_the_simulator_misbehaves(around: Surroundings) -> None:
    around.behave("auth", hang="before", error_ratio=1)
    assert ask(around.simulators["auth"].port, "GET", "/healthz").status == 200
