"""The payment service of this checkout with PostgreSQL and its cache in containers.

What it promises when one of them is gone is held against a real loss of it. The images are those
that the manifests name. The reaper of testcontainers stays off, being an image of a registry: each
container ends with its `with` block, whatever happened inside.
"""

import contextlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from loopback import Answer, ask
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from bench.local_servers import PASSWORD, Server, free_port, program, wait_until_ready
from rundrill.base.clock import MonotonicClock
from rundrill.base.wait import until
from rundrill.images.build import repository

pytestmark = pytest.mark.timeout(600)  # images that are not here yet may have to be built
GOOD = {"method": "card", "amount_minor": 1999, "currency": "EUR", "customer": "cus_00001"}
TOKEN = {"Authorization": "Bearer drill-shop"}
CLOCK = MonotonicClock()
# Time to stop the database between a charge and its answer, on a machine that is busy as well.
GATEWAY_TIMEOUT_S = 5
READY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contained:
    """A server in a container, on one port of 127.0.0.1 that it keeps when it is started again."""

    container: DockerContainer
    port: int

    def told(self, *words: str) -> str:
        """What a command inside writes, or "" when it fails."""
        done = self.container.exec(list(words))
        return done.output.decode().strip() if done.exit_code == 0 else ""

    @contextlib.contextmanager
    def gone(self) -> Iterator[None]:
        """Killed, so that it says goodbye to nobody; started again afterwards."""
        self.container.get_wrapped_container().kill()
        try:
            yield
        finally:
            self.container.get_wrapped_container().start()


@contextlib.contextmanager
def contained(
    image: str, port: int, *, command: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Iterator[Contained]:
    made = DockerContainer(image, env=dict(env or {}))
    if command:
        made.with_command(list(command))
    ours = free_port()
    # with_bind_ports takes no address, and all of this stays on loopback.
    made.ports[f"{port}/tcp"] = ("127.0.0.1", ours)
    with made:
        yield Contained(container=made, port=ours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The service and what it depends on."""

    database: Contained
    cache: Contained
    stripe: Server
    service: Server
    metrics_port: int

    def pay(self, key: str) -> Answer:
        return ask(self.service.port, "POST", "/payments", GOOD, {**TOKEN, "Idempotency-Key": key})

    def read(self, path: str) -> Answer:
        return ask(self.service.port, "GET", path, headers=TOKEN)

    def rows(self, key: str) -> list[str]:
        """`ID STATUS` of the payments with this key, asked of PostgreSQL itself."""
        assert set(key) <= set("0123456789abcdef-")
        query = f"SELECT id || ' ' || status FROM payments WHERE idempotency_key = '{key}'"
        psql = ("psql", "-U", "postgres", "-d", "payments", "-At", "-c", query)
        return self.database.told(*psql).splitlines()

    def behave(self, **fields: object) -> None:
        assert ask(self.stripe.port, "PUT", "/admin/behaviour", fields).status == 200

    def charges(self, key: str) -> list[dict[str, Any]]:
        ledger = ask(self.stripe.port, "GET", f"/admin/ledger?idempotency_key={key}").json
        return list(ledger["charges"])

    def metric(self, line: str) -> float:
        text = ask(self.metrics_port, "GET", "/metrics").text
        return sum(float(one.split()[-1]) for one in text.splitlines() if one.startswith(line))

    def alive(self) -> bool:
        """The process of the start; a restart would hide what it cannot get over."""
        return (
            self.service.process.poll() is None
            and ask(self.service.port, "GET", "/healthz").status == 200
        )


@pytest.fixture(scope="module")
def shop(foreign_images: frozenset[str]) -> Iterator[Shop]:
    named = {repository(image): image for image in foreign_images}
    password = {"POSTGRES_DB": "payments", "POSTGRES_PASSWORD": PASSWORD}
    cache_options = ("--save", "")
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(testcontainers_config, "ryuk_disabled", True)
        database = stack.enter_context(contained(named["postgres"], 5432, env=password))
        cache = stack.enter_context(contained(named["valkey/valkey"], 6379, command=cache_options))
        simulators = {
            name: stack.enter_context(program(f"payments.simulators.{name}", {}))
            for name in ("stripe", "paypal", "auth")
        }
        metrics_port = free_port()
        urls = {
            f"{name.upper()}_URL": f"http://127.0.0.1:{server.port}"
            for name, server in simulators.items()
        }
        environment = {
            **urls,
            "SERVICE_VERSION": "9.9.9",
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{database.port}/payments",
            "DATABASE_PASSWORD": PASSWORD,
            "CACHE_URL": f"redis://127.0.0.1:{cache.port}",
            "METRICS_PORT": str(metrics_port),
            "GATEWAY_TIMEOUT_S": str(GATEWAY_TIMEOUT_S),
            # What is left unfinished is left to the customer who asks again.
            "DEFERRED_INTERVAL_S": "3600",
            "DRAIN_S": "0",
        }
        service = stack.enter_context(program("payments.service", environment))
        # It is started before its database is ready, as in a cluster, and waits for it.
        wait_until_ready(service.port, budget_s=READY_S)
        yield Shop(
            database=database,
            cache=cache,
            stripe=simulators["stripe"],
            service=service,
            metrics_port=metrics_port,
        )


@pytest.fixture(autouse=True)
def _whole(shop: Shop) -> None:
    """Every test starts with everything in its place, also after one that failed."""
    shop.behave(hang="no")
    wait_until_ready(shop.service.port, budget_s=READY_S)


@pytest.fixture
def key() -> str:
    return str(uuid.uuid4())


def test_a_payment_is_in_postgresql_and_its_answer_in_the_cache(shop: Shop, key: str) -> None:
    made = shop.pay(key)
    assert (made.status, made.json["status"]) == (201, "captured"), made.text
    assert shop.rows(key) == [f"{made.json['id']} captured"]
    cached = shop.cache.told("valkey-cli", "GET", f"payment:{made.json['id']}")
    assert made.json["id"] in cached
    assert shop.read(made.headers["location"]).json == made.json


def test_a_repeat_is_one_row_and_one_charge(shop: Shop, key: str) -> None:
    with ThreadPoolExecutor(4) as customers:
        answers = list(customers.map(shop.pay, [key] * 4))
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 201]
    assert len({answer.text for answer in answers}) == 1
    assert (len(shop.rows(key)), len(shop.charges(key))) == (1, 1)


def test_a_database_that_dies_amid_a_payment_costs_neither_it_nor_a_second_charge(
    shop: Shop, key: str
) -> None:
    """Killed between the gateway's charge and its answer, which is the worst moment there is."""
    shop.behave(hang="after")
    with ThreadPoolExecutor(1) as customer:
        paying = customer.submit(shop.pay, key)
        until(
            lambda: len(shop.charges(key)) == 1,
            what="the charge",
            budget_s=GATEWAY_TIMEOUT_S,
            every_s=0.05,
            clock=CLOCK,
        )
        with shop.database.gone():
            caught = paying.result(timeout=READY_S)
            shop.behave(hang="no")
            others = [shop.pay(str(uuid.uuid4())), shop.read("/payments")]
            ready = ask(shop.service.port, "GET", "/readyz")
            alive = shop.alive()
    for answer in (caught, *others):
        assert answer.status == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "1"
        assert answer.json["title"] == "dependency unavailable"
        assert answer.json["kind"] in {"lost", "connect", "connect_timeout"}
    assert (ready.status, "database" in ready.json["detail"], alive) == (503, True, True)
    wait_until_ready(shop.service.port, budget_s=READY_S)
    again = shop.pay(key)
    assert (again.status, again.json["status"]) == (201, "captured"), again.text
    assert shop.rows(key) == [f"{again.json['id']} captured"]
    assert len(shop.charges(key)) == 1
    assert shop.alive()


def test_a_cache_that_is_gone_costs_no_payment_and_is_used_again_once_it_is_back(
    shop: Shop, key: str
) -> None:
    errors = 'payments_cache_requests_total{result="error"}'
    before = shop.metric(errors)
    with shop.cache.gone():
        made = shop.pay(key)
        found = shop.read(made.headers.get("location", "/"))
        after = shop.metric(errors)
    assert (made.status, found.json) == (201, made.json)
    assert shop.rows(key) == [f"{made.json['id']} captured"]
    assert after > before, "the service did not miss its cache"

    def cached() -> bool:
        shop.read(made.headers["location"])
        return shop.cache.told("valkey-cli", "EXISTS", f"payment:{made.json['id']}") == "1"

    until(cached, what="the cache to be used again", budget_s=30.0, every_s=0.1, clock=CLOCK)
    assert shop.alive()
