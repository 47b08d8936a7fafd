"""The service's rows against the books of the gateways: what is lost, doubled, missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rundrill import audit
from rundrill.audit import Books, Charge
from rundrill.events import MoneyChecked


def charge(key: str, *, at: str = "stripe", amount: int = 100, currency: str = "EUR") -> Charge:
    return Charge(gateway=at, key=key, amount=amount, currency=currency)


def check(
    listing: str,
    acknowledged: dict[str, str] | None = None,
    charges: list[Charge] | None = None,
    *,
    incomplete: tuple[str, ...] = (),
    after: str | None = None,
) -> MoneyChecked:
    return audit.judge(
        at=1.0,
        acknowledged=acknowledged or {},
        before=audit.rows(listing),
        after=None if after is None else audit.rows(after),
        books=None if charges is None else Books(charges=charges, incomplete=incomplete),
    )


def wrong(checked: MoneyChecked) -> dict[str, tuple[str, ...]]:
    names = ("lost", "doubled", "uncharged", "unrecorded", "mischarged")
    return {name: keys for name in names if (keys := getattr(checked, name))}


def test_every_acknowledged_payment_once_is_fine() -> None:
    checked = check("k|1|captured\nz|2|pending\n", {"k": "1"})
    assert (wrong(checked), checked.stored, checked.charges) == ({}, 2, None)
    listing = "k|1|captured|100|EUR\nz|2|declined|5|EUR\n"
    checked = check(listing, {"k": "1"}, [charge("k")])
    assert (wrong(checked), checked.charges) == ({}, 1)


def test_a_payment_that_is_not_there_or_has_another_id_is_lost() -> None:
    listing = "k|1|captured\n"
    assert check(listing, {"x": "9"}).lost == ("x",)
    assert check(listing, {"k": "9"}).lost == ("k",)
    assert check("k|1|failed\n", {"k": "1"}).lost == ("k",)
    assert check("", {"k": "1"}).lost == ("k",)


def test_what_is_there_twice_is_doubled() -> None:
    assert check("k|1|captured\nk|2|captured\n", {"k": "1"}).doubled == ("k",)
    twice = [charge("k"), charge("k", at="paypal")]
    assert wrong(check("k|1|captured|100|EUR\n", {"k": "1"}, twice)) == {"doubled": ("k",)}
    assert check("k|1|captured|100|EUR\n", {}, [charge("k"), charge("k")]).doubled == ("k",)


def test_a_captured_payment_that_nobody_charged_is_told_by_name() -> None:
    assert wrong(check("k|1|captured|100|EUR\n", {"k": "1"}, [])) == {"uncharged": ("k",)}


@pytest.mark.parametrize("status", ["declined", "failed"])
def test_a_charge_that_the_service_denies_is_unrecorded(status: str) -> None:
    assert wrong(check(f"k|1|{status}|100|EUR\n", {}, [charge("k")])) == {"unrecorded": ("k",)}


def test_a_charge_that_nobody_stored_is_unrecorded() -> None:
    assert wrong(check("", {}, [charge("k")])) == {"unrecorded": ("k",)}


@pytest.mark.parametrize("other", [{"amount": 101}, {"currency": "USD"}])
def test_another_amount_or_currency_is_told_by_name(other: dict[str, str]) -> None:
    found = check("k|1|captured|100|EUR\n", {}, [charge("k", **other)])  # type: ignore[arg-type]
    assert wrong(found) == {"mischarged": ("k",)}


def test_in_incomplete_books_nothing_is_missed_and_what_is_there_still_counts() -> None:
    lost_books = ("stripe: its pods restarted or were replaced",)
    found = check("k|1|captured|100|EUR\n", {}, [], incomplete=lost_books)
    assert (wrong(found), found.incomplete) == ({}, lost_books)
    found = check("", {}, [charge("k")], incomplete=lost_books)
    assert wrong(found) == {"unrecorded": ("k",)}


def test_payments_that_go_on_meanwhile_are_not_missed() -> None:
    """Listed, then the books are read, then listed again: each side may be one step ahead."""
    found = check(
        "a|1|pending|100|EUR\n",
        {},
        [charge("a"), charge("b")],
        after="a|1|captured|100|EUR\nb|2|pending|100|EUR\nc|3|captured|100|EUR\n",
    )
    assert wrong(found) == {}


def test_what_is_promised_or_charged_and_not_at_its_end_is_unsettled() -> None:
    stored = audit.rows("p|1|pending|1|EUR\nc|2|pending|1|EUR\nd|3|deferred|1|EUR\n")
    assert audit.unsettled(stored, Books(charges=[charge("c")])) == {"c", "d"}
    assert audit.unsettled(stored, None) == {"d"}
    # With deferred payments a promise is kept, until it is known otherwise.
    assert check("d|3|deferred\n", {"d": "3"}).lost == ()


@pytest.mark.parametrize("line", ["psql: error", "k|1", "k|1|captured|x|EUR", "a|b|c|1|EUR|more"])
def test_a_foreign_listing_never_passes(line: str) -> None:
    with pytest.raises(ValueError, match="not `key"):
        audit.rows(f"{line}\n")
    assert audit.unchecked(at=1.0, acknowledged=3, error="no psql").error == "no psql"


@given(st.sets(st.text("abc", min_size=1, max_size=3)), st.data())
def test_what_is_taken_away_or_added_is_always_found(keys: set[str], data: st.DataObject) -> None:
    listing = "".join(f"{key}|id-{key}|captured|100|EUR\n" for key in sorted(keys))
    acknowledged = {key: f"id-{key}" for key in keys}
    charges = [charge(key) for key in sorted(keys)]
    assert wrong(check(listing, acknowledged, charges)) == {}
    if keys:
        key = data.draw(st.sampled_from(sorted(keys)))
        others = [c for c in charges if c.key != key]
        assert wrong(check(listing, acknowledged, others)) == {"uncharged": (key,)}
        assert wrong(check(listing, acknowledged, [*charges, charge(key, at="paypal")])) == {
            "doubled": (key,)
        }
        without = "".join(f"{line}\n" for line in listing.splitlines() if line.split("|")[0] != key)
        assert wrong(check(without, acknowledged, charges)) == {
            "lost": (key,),
            "unrecorded": (key,),
        }
