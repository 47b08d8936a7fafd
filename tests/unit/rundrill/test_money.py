"""Reading both accounts: the audit command as a process, the books of pods that may restart."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock

from rundrill.errors import ExperimentError
from rundrill.money import SETTLE_BUDGET_S, GatewayBooks, MoneyCheck
from rundrill.plan.service_file import ChargeBook, read_service
from rundrill.target.cluster import ClusterError, Pod

BOOKS = (
    ChargeBook(gateway="stripe", namespace="g", selector="app=stripe", port=8080, path="/ledger"),
    ChargeBook(gateway="paypal", namespace="g", selector="app=paypal", port=8080, path="ledger"),
)
TOP = Path(__file__).parents[3]


class FakeCluster:
    """A pod a gateway, with its ledger."""

    def __init__(self) -> None:
        self.restarts = {"stripe": 0, "paypal": 0}
        self.ledgers: dict[str, Any] = {"stripe": {"charges": []}, "paypal": {"charges": []}}
        self.on_read: Any = lambda: None

    def charge(self, gateway: str, key: str) -> None:
        self.ledgers[gateway]["charges"].append(
            {"idempotency_key": key, "amount_minor": 100, "currency": "EUR", "customer": "c"}
        )

    def pods(self, namespace: str, selector: str) -> Sequence[Pod]:
        name = selector.removeprefix("app=")
        return [
            Pod(
                name=f"{name}-0",
                namespace=namespace,
                images={},
                ready=True,
                terminating=False,
                started=True,
                restarts=self.restarts[name],
                waiting={},
                last_exit_codes={},
                last_reasons={},
            )
        ]

    def get_text(self, path: str) -> str:
        self.on_read()
        name = path.split("/")[6].partition("-")[0]
        assert path == f"/api/v1/namespaces/g/pods/{name}-0:8080/proxy/ledger"
        return json.dumps(self.ledgers[name])


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class Till:
    """A money check whose audit command prints a file."""

    def __init__(self, cluster: FakeCluster, clock: FakeClock, folder: Path) -> None:
        self.listing = folder / "listing"
        self.list()
        service = read_service(TOP / "runbooks/payment-service/service.yaml")
        self.books = GatewayBooks(cluster, BOOKS)  # type: ignore[arg-type]
        self.books.open()
        self.money = MoneyCheck(
            service=service,
            books=self.books,
            kubectl=folder / "kubectl",
            kubeconfig=folder / "kubeconfig",
            scratch=folder,
            clock=clock,
        )
        script = folder / "kubectl"
        script.write_text(
            f"#!{sys.executable}\nprint(open({str(self.listing)!r}).read(), end='')\n"
        )
        script.chmod(0o755)

    def list(self, *lines: str) -> None:
        self.listing.write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def till(cluster: FakeCluster, clock: FakeClock, tmp_path: Path) -> Till:
    return Till(cluster, clock, tmp_path)


def test_rows_and_books_that_agree_are_right(cluster: FakeCluster, till: Till) -> None:
    till.list("a|1|captured|100|EUR", "b|2|captured|100|EUR")
    cluster.charge("stripe", "a")
    cluster.charge("paypal", "b")
    found = till.money.check(at=5.0, acknowledged={"a": "1", "b": "2"})
    assert (found.at, found.error, found.lost, found.charges) == (5.0, None, (), 2)
    assert (found.uncharged, found.unsettled, found.incomplete) == ((), (), ())


def test_what_is_open_gets_its_time(cluster: FakeCluster, clock: FakeClock, till: Till) -> None:
    till.list("a|1|pending|100|EUR", "d|2|deferred|100|EUR")
    cluster.charge("stripe", "a")

    def worker() -> None:
        if clock.at > 1005:
            till.list("a|1|captured|100|EUR", "d|2|captured|100|EUR", "new|3|deferred|100|EUR")
            if not cluster.ledgers["paypal"]["charges"]:
                cluster.charge("paypal", "d")

    clock.on_second = worker
    found = till.money.check(at=5.0, acknowledged={"d": "2"})
    assert (found.unsettled, found.uncharged, found.error) == ((), (), None)
    assert 5 < clock.at - 1000 < 8  # as long as was needed, and not for what came later


def test_what_stays_open_is_told_after_a_while(
    cluster: FakeCluster, clock: FakeClock, till: Till
) -> None:
    till.list("d|2|deferred|100|EUR")
    found = till.money.check(at=5.0, acknowledged={"d": "2"})
    assert (found.unsettled, found.lost) == (("d",), ())
    assert clock.at - 1000 == pytest.approx(SETTLE_BUDGET_S + 1, abs=1.0)


def test_books_of_a_pod_that_restarted_are_incomplete(cluster: FakeCluster, till: Till) -> None:
    till.list("a|1|captured|100|EUR")
    cluster.restarts["stripe"] = 1
    found = till.money.check(at=5.0, acknowledged={"a": "1"})
    assert found.incomplete == ("stripe: its pods restarted or were replaced",)
    assert (found.uncharged, found.lost) == ((), ())


@pytest.mark.parametrize("ledger", [{}, {"charges": 1}, {"charges": [{}]}, []])
def test_foreign_books_are_an_error(cluster: FakeCluster, till: Till, ledger: Any) -> None:
    cluster.ledgers["stripe"] = ledger
    found = till.money.check(at=5.0, acknowledged={"a": "1"})
    assert "the books of stripe cannot be read" in str(found.error)


def test_books_that_nobody_shows_are_an_error(cluster: FakeCluster, till: Till) -> None:
    def gone() -> None:
        raise ClusterError("GET ...: 502")

    cluster.on_read = gone
    assert till.money.check(at=5.0, acknowledged={"a": "1"}).error == "GET ...: 502"


def test_a_command_that_fails_is_an_error_with_its_words(till: Till, tmp_path: Path) -> None:
    script = tmp_path / "kubectl"
    script.write_text(f"#!{sys.executable}\nimport sys; sys.exit('no such database')\n")
    found = till.money.check(at=5.0, acknowledged={"a": "1"})
    assert (found.error or "").strip() == "no such database"
    script.unlink()
    assert "kubectl" in str(till.money.check(at=5.0, acknowledged={"a": "1"}).error)


def test_without_books_only_the_rows_are_compared(cluster: FakeCluster) -> None:
    assert GatewayBooks(cluster, ()).read() is None  # type: ignore[arg-type]


def test_the_shipped_service_declares_the_books_of_both_gateways() -> None:
    service = read_service(TOP / "runbooks/payment-service/service.yaml")
    assert [book.gateway for book in service.charges] == ["stripe", "paypal"]
    assert "amount_minor, currency FROM payments" in service.audit


def test_an_audit_that_is_no_command_is_told_with_its_place(tmp_path: Path) -> None:
    text = (TOP / "runbooks/payment-service/service.yaml").read_text(encoding="utf-8")
    text = text.replace("../../", f"{TOP}/").replace('FROM payments"', "FROM payments")
    (tmp_path / "service.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ExperimentError, match="is no command: No closing quotation"):
        read_service(tmp_path / "service.yaml")
