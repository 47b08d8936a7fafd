import json
from collections import Counter

from load.mix import NAMES, REMEMBERED, Mix

SHARES = {"card": 0.45, "wallet": 0.25, "read": 0.30}


def test_requests_come_in_their_shares():
    mix = Mix(SHARES, seed=1)
    drawn = Counter(mix.draw().name for _ in range(10_000))
    assert 4300 < drawn[NAMES["card"]] < 4700
    assert 2300 < drawn[NAMES["wallet"]] < 2700
    assert 2800 < drawn[NAMES["list"]] < 3200


def test_a_kind_without_a_share_is_never_drawn():
    mix = Mix({"read": 1.0}, seed=1)
    assert {mix.draw().method for _ in range(200)} == {"GET"}


def test_a_seed_repeats_the_requests_but_never_the_idempotency_keys():
    first, second = Mix(SHARES, seed=5), Mix(SHARES, seed=5)
    for one, other in ((first.draw(), second.draw()) for _ in range(300)):
        assert (one.name, one.path, one.body) == (other.name, other.path, other.body)
        assert one.key is None or one.key != other.key


def test_a_payment_has_what_the_service_asks_for():
    request = Mix({"wallet": 1.0}, seed=1).draw()
    body = json.loads(request.body)
    assert (request.method, request.path) == ("POST", "/payments")
    assert body["method"] == "wallet"
    assert isinstance(body["amount_minor"], int)
    assert body["currency"] == "EUR"
    assert body["customer"].startswith("cus_")


def test_single_payments_are_read_only_when_they_were_acknowledged():
    mix = Mix({"read": 1.0}, seed=1)
    assert {mix.draw().name for _ in range(50)} == {NAMES["list"]}
    mix.acknowledged("pay_1")
    paths = Counter(mix.draw().path for _ in range(300))
    assert set(paths) == {"/payments?limit=20", "/payments/pay_1"}
    assert 150 < paths["/payments/pay_1"] < 250


def test_old_payments_are_forgotten():
    mix = Mix({"read": 1.0}, seed=1)
    for number in range(REMEMBERED + 1):
        mix.acknowledged(str(number))
    assert "/payments/0" not in {mix.draw().path for _ in range(20_000)}
