"""Money is never lost and never doubled: real database, real gateways, real time-outs."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from payments.errors import (
    DatabaseError,
    GatewayError,
    InProgressError,
    KeyReuseError,
    UnfinishedError,
)
from payments.gateways import Charged
from payments.model import Method, Order, Payment, Status
from payments.processing import Outcome
from payments.store import Store

from .conftest import Pod, Surroundings, order

InPod = Callable[..., Any]


async def unfinished(pod: Pod, key: str, wanted: Order) -> UnfinishedError:
    with pytest.raises(UnfinishedError) as told:
        await pod.parts.processing.pay(key, wanted)
    return told.value


@pytest.mark.parametrize("method", list(Method))
def test_a_payment_is_charged_at_the_gateway_of_its_method(
    in_pod: InPod, around: Surroundings, key: str, method: Method
) -> None:
    async def test(pod: Pod) -> None:
        outcome = await pod.parts.processing.pay(key, order(method))
        assert outcome.payment.status is Status.CAPTURED
        assert not outcome.replayed
        (charge,) = around.charges("stripe" if method is Method.CARD else "paypal", key)
        assert charge["id"] == outcome.payment.gateway_reference
        assert (charge["amount_minor"], charge["currency"]) == (1999, "EUR")
        assert await pod.status(key) == "captured"

    in_pod(test)


def test_a_replay_gives_the_same_payment_and_charges_nothing(
    in_pod: InPod, around: Surroundings, key: str, card: Order
) -> None:
    async def test(pod: Pod) -> None:
        first = await pod.parts.processing.pay(key, card)
        around.behave("stripe", error_ratio=1)  # it would be noticed if it were asked
        again = await pod.parts.processing.pay(key, card)
        assert again.replayed
        assert again.payment.as_json() == first.payment.as_json()
        assert len(around.charges("stripe", key)) == 1

    in_pod(test)


@pytest.mark.parametrize(
    "changed",
    [{"amount_minor": 5}, {"currency": "USD"}, {"customer": "cus_2"}, {"merchant": "other"}],
)
def test_a_key_belongs_to_one_order(
    in_pod: InPod, around: Surroundings, key: str, card: Order, changed: dict[str, Any]
) -> None:
    async def test(pod: Pod) -> None:
        await pod.parts.processing.pay(key, card)
        with pytest.raises(KeyReuseError):
            await pod.parts.processing.pay(key, order(**changed))
        assert len(around.charges("stripe", key)) == 1

    in_pod(test)


def test_many_requests_with_one_key_at_once_are_one_payment(
    in_pod: InPod, around: Surroundings, key: str, card: Order
) -> None:
    async def test(pod: Pod) -> None:
        around.behave("stripe", latency_ms=60)
        outcomes: list[Outcome] = await asyncio.gather(
            *(pod.parts.processing.pay(key, card) for _ in range(8))
        )
        assert len({o.payment.id for o in outcomes}) == 1
        assert {o.payment.status for o in outcomes} == {Status.CAPTURED}
        assert sum(not o.replayed for o in outcomes) == 1
        assert len(around.charges("stripe", key)) == 1
        assert pod.count("payments_gateway_requests_total", gateway="stripe", outcome="ok") == 1

    in_pod(test)


def test_a_request_does_not_wait_for_ever_for_the_first_one(
    in_pod: InPod, around: Surroundings, key: str, card: Order
) -> None:
    async def test(pod: Pod) -> None:
        assert await pod.parts.store.insert(key, card) is not None  # its owner is still at work
        waited: list[float] = []

        async def sleep(seconds: float) -> None:
            waited.append(seconds)

        processing = pod.parts.processing
        processing._sleep, processing._now = sleep, lambda: sum(waited)
        with pytest.raises(InProgressError):
            await processing.pay(key, card)
        assert sum(waited) == pytest.approx(0.25 + 2 + 0.5, abs=0.06)
        assert around.charges("stripe", key) == []

    in_pod(test)


def test_the_worker_tries_an_open_breaker_with_one_payment_alone(
    in_pod: InPod, around: Surroundings, key: str, card: Order
) -> None:
    async def test(pod: Pod) -> None:
        around.behave("stripe", error_ratio=1)
        await unfinished(pod, f"{key}-0", card)  # opens the breaker
        for number in range(1, 5):
            await pod.parts.store.insert(f"{key}-{number}", card)
        await due(pod)
        assert await pod.worker.sweep() == 0, "the breaker is open"
        pod.parts.processing._gateways.of(Method.CARD).breaker._opened_at -= 100
        assert await pod.worker.sweep() == 1
        assert (
            pod.count("payments_gateway_errors_total", gateway="stripe", kind="breaker_open") == 0
        )
        around.behave("stripe", error_ratio=0)
        pod.parts.processing._gateways.of(Method.CARD).breaker._opened_at -= 100
        await due(pod)
        assert [await pod.worker.sweep() for _ in range(3)] == [1, 4, 0]

    in_pod(test, BREAKER_FAILURES="1", BREAKER_OPEN_S="60")


def test_a_time_out_after_the_charge_and_a_retry_charge_once(
    in_pod: InPod, around: Surroundings, key: str, card: Order
) -> None:
    async def test(pod: Pod) -> None:
        around.behave("stripe", hang="after")
        told = await unfinished(pod, key, card)
        assert (told.cause.kind, told.status) == ("timeout", Status.PENDING)
        assert len(around.charges("stripe", key)) == 1, "the customer was charged unheard"
        around.behave("stripe", hang="no")
        outcome = await pod.parts.processing.pay(key, card)
        assert outcome.payment.status is Status.CAPTURED
        (charge,) = around.charges("stripe", key)
        assert outcome.payment.gateway_reference == charge["id"]
        assert await pod.rows(key) == 1

    in_pod(test)


def test_a_pending_payment_is_finished_although_nobody_asks_again(
    in_pod: InPod, around: Surroundings, key: str, card: Order
) -> None:
    async def test(pod: Pod) -> None:
        around.behave("stripe", hang="after")
        await unfinished(pod, key, card)
        around.behave("stripe", hang="no")
        await due(pod)
        assert await pod.worker.sweep() == 1
        assert await pod.status(key) == "captured"
        assert len(around.charges("stripe", key)) == 1
        assert await pod.worker.sweep() == 0

    in_pod(test)


def test_a_crash_before_the_charge_is_resumed_by_the_next_request(
    in_pod: InPod, around: Surroundings, key: str, card: Order
) -> None:
    async def test(pod: Pod) -> None:
        await pod.parts.store.insert(key, card)
        await due(pod)  # the claim of the dead process runs out
        outcome = await pod.parts.processing.pay(key, card)
        assert outcome.payment.status is Status.CAPTURED
        assert len(around.charges("stripe", key)) == 1

    in_pod(test)


def test_a_crash_after_the_charge_is_resumed_without_a_second_charge(
    in_pod: InPod, around: Surroundings, key: str, card: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(pod: Pod) -> None:
        async def dies(*_args: object, **_kwargs: object) -> None:
            raise asyncio.CancelledError

        with monkeypatch.context() as patch:
            patch.setattr(pod.parts.store, "settle", dies)
            with pytest.raises(asyncio.CancelledError):
                await pod.parts.processing.pay(key, card)
        assert await pod.status(key) == "pending"
        assert len(around.charges("stripe", key)) == 1
        await due(pod)
        outcome = await pod.parts.processing.pay(key, card)
        assert outcome.payment.status is Status.CAPTURED
        assert len(around.charges("stripe", key)) == 1

    in_pod(test)


def test_a_database_lost_after_the_charge_is_not_acknowledged_and_resumed_later(
    in_pod: InPod, around: Surroundings, key: str, card: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(pod: Pod) -> None:
        async def away(*_args: object, **_kwargs: object) -> None:
            raise DatabaseError("lost", "the database is away")

        with monkeypatch.context() as patch:
            patch.setattr(pod.parts.store, "settle", away)
            with pytest.raises(DatabaseError):
                await pod.parts.processing.pay(key, card)
        await due(pod)
        assert await pod.worker.sweep() == 1
        assert await pod.status(key) == "captured"
        assert len(around.charges("stripe", key)) == 1

    in_pod(test)


def test_a_declined_card_is_final(in_pod: InPod, around: Surroundings, key: str) -> None:
    async def test(pod: Pod) -> None:
        wanted = order(customer="tok_declined")
        first = await pod.parts.processing.pay(key, wanted)
        assert (first.payment.status, first.payment.decline_code) == (
            Status.DECLINED,
            "card_declined",
        )
        assert (await pod.parts.processing.pay(key, wanted)).replayed
        assert around.charges("stripe", key) == []

    in_pod(test)


def test_a_refused_credential_fails_without_a_charge_and_can_be_tried_again(
    in_pod: InPod, around: Surroundings, key: str, card: Order
) -> None:
    async def test(pod: Pod) -> None:
        around.behave("stripe", error_ratio=1, error_status=401)
        told = await unfinished(pod, key, card)
        assert (told.cause.kind, told.status) == ("unauthorized", Status.FAILED)
        assert await pod.worker.sweep() == 0, "what was refused to the caller is not charged later"
        around.behave("stripe", error_ratio=0)
        outcome = await pod.parts.processing.pay(key, card)
        assert (outcome.payment.status, outcome.replayed) == (Status.CAPTURED, False)

    in_pod(test)


def test_a_refusal_after_an_unheard_charge_does_not_call_it_uncharged(
    in_pod: InPod, around: Surroundings, key: str, card: Order
) -> None:
    async def test(pod: Pod) -> None:
        around.behave("stripe", hang="after")
        await unfinished(pod, key, card)
        around.behave("stripe", hang="no", error_ratio=1, error_status=429)
        told = await unfinished(pod, key, card)
        assert (told.cause.kind, told.status) == ("rate_limited", Status.PENDING)
        assert await pod.status(key) == "pending"

    in_pod(test)


def test_the_breaker_opens_for_one_gateway_and_closes_after_a_good_trial(
    in_pod: InPod, around: Surroundings, key: str, card: Order
) -> None:
    async def test(pod: Pod) -> None:
        around.behave("stripe", error_ratio=1)
        for number in range(3):
            told = await unfinished(pod, f"{key}-{number}", card)
            assert told.cause.kind == "server_error"
        told = await unfinished(pod, f"{key}-open", card)
        assert (told.cause.kind, told.status) == ("breaker_open", Status.FAILED)
        assert pod.count("payments_breaker_state", gateway="stripe") == 2
        assert pod.count("payments_gateway_requests_total", gateway="stripe", outcome="error") == 3
        wallet = await pod.parts.processing.pay(f"{key}-w", order(Method.WALLET))
        assert wallet.payment.status is Status.CAPTURED
        around.behave("stripe", error_ratio=0)
        pod.parts.processing._gateways.of(Method.CARD).breaker._opened_at -= 60
        outcome = await pod.parts.processing.pay(f"{key}-open", card)
        assert outcome.payment.status is Status.CAPTURED
        assert pod.count("payments_breaker_state", gateway="stripe") == 0

    in_pod(test, BREAKER_FAILURES="3", BREAKER_OPEN_S="60")


@pytest.mark.parametrize(
    "fault",
    [
        {"error_ratio": 1},
        {"hang": "before"},
        {"hang": "after"},
        {"error_ratio": 1, "error_status": 429},
    ],
)
def test_with_the_fallback_a_payment_is_accepted_and_captured_later(
    in_pod: InPod, around: Surroundings, key: str, card: Order, fault: dict[str, Any]
) -> None:
    async def test(pod: Pod) -> None:
        around.behave("stripe", **fault)
        outcome = await pod.parts.processing.pay(key, card)
        assert outcome.payment.status is Status.DEFERRED
        assert await pod.status(key) == "deferred"
        again = await pod.parts.processing.pay(key, card)
        assert (again.replayed, again.payment.status) == (True, Status.DEFERRED)
        await due(pod)
        await pod.worker.sweep()  # the gateway is still away
        assert await pod.status(key) == "deferred"
        around.behave("stripe", error_ratio=0, hang="no")
        await due(pod)
        assert await pod.worker.sweep() == 1
        assert await pod.status(key) == "captured"
        assert len(around.charges("stripe", key)) == 1
        after = await pod.parts.processing.pay(key, card)
        assert (after.replayed, after.payment.status) == (True, Status.CAPTURED)

    in_pod(test, FALLBACK_PAYMENTS_ENABLED="true")


def test_with_the_fallback_nobody_waits_long_and_the_worker_has_more_patience(
    in_pod: InPod, around: Surroundings, key: str, card: Order
) -> None:
    async def test(pod: Pod) -> None:
        around.behave("stripe", latency_ms=300)
        async with asyncio.timeout(0.25):
            outcome = await pod.parts.processing.pay(key, card)
        assert outcome.payment.status is Status.DEFERRED
        assert pod.count("payments_gateway_errors_total", gateway="stripe", kind="timeout") == 1
        await due(pod)
        assert await pod.worker.sweep() == 1
        assert await pod.status(key) == "captured"
        assert len(around.charges("stripe", key)) == 1

    in_pod(test, FALLBACK_PAYMENTS_ENABLED="true", FALLBACK_AFTER_S="0.05", GATEWAY_TIMEOUT_S="5")


def test_what_the_worker_tries_in_vain_is_no_outcome_of_a_customers_payment(
    in_pod: InPod, around: Surroundings, key: str, card: Order
) -> None:
    async def test(pod: Pod) -> None:
        around.behave("stripe", hang="before")
        with pytest.raises(UnfinishedError):
            await pod.parts.processing.pay(key, card)
        counted = {"payment_method": "card", "status": "pending"}
        assert pod.count("payments_processed_total", **counted) == 1
        await due(pod)
        assert await pod.worker.sweep() == 1
        assert pod.count("payments_processed_total", **counted) == 1
        assert pod.count("payments_gateway_errors_total", gateway="stripe", kind="timeout") == 2
        await pod.parts.database.row("TRUNCATE payments")  # nothing for later workers to take up

    in_pod(test)


def test_two_workers_share_the_queue(in_pod: InPod, around: Surroundings, key: str) -> None:
    async def test(pod: Pod) -> None:
        for number in range(12):
            await pod.parts.store.insert(f"{key}-{number}", order())
        await due(pod)
        taken = await asyncio.gather(*(pod.worker.sweep() for _ in range(3)))
        assert sum(taken) == 12
        for number in range(12):
            assert await pod.status(f"{key}-{number}") == "captured"
            assert len(around.charges("stripe", f"{key}-{number}")) == 1

    in_pod(test)


def test_a_late_failure_cannot_overwrite_what_a_successor_found_out(
    in_pod: InPod, key: str, card: Order
) -> None:
    async def test(pod: Pod) -> None:
        store: Store = pod.parts.store
        late = await store.insert(key, card)
        assert late is not None
        await due(pod)
        successor = await store.claim(late)
        assert successor is not None
        assert await store.release(late, Status.FAILED, retry_after_s=0) is None
        assert await pod.status(key) == "pending"
        settled = await store.settle(successor.id, Status.CAPTURED, gateway_reference="ch_1")
        assert settled is not None
        assert await store.settle(late.id, Status.DECLINED, decline_code="no") is None
        assert await pod.status(key) == "captured"

    in_pod(test)


def test_a_payment_finished_by_another_meanwhile_is_what_the_caller_gets(
    in_pod: InPod, key: str, card: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(pod: Pod) -> None:
        async def slow(payment: Payment, *, patience_s: float | None) -> Charged:
            await pod.parts.store.settle(payment.id, Status.CAPTURED, gateway_reference="ch_2")
            raise GatewayError("stripe", "timeout", "no answer", may_have_charged=True)

        monkeypatch.setattr(pod.parts.processing._gateways, "charge", slow)
        outcome = await pod.parts.processing.pay(key, card)
        assert outcome.payment.gateway_reference == "ch_2"

    in_pod(test)


async def due(pod: Pod) -> None:
    """As if the claims and pauses of all payments had run out."""
    await pod.parts.database.row(
        "UPDATE payments SET retry_at = now() - interval '1 s',"
        " locked_until = CASE WHEN locked_until IS NULL THEN NULL ELSE now() - interval '1 s' END"
    )
