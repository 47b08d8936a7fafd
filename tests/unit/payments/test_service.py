"""The life of the process: refusing to start, waiting for the database, metrics, the end."""

import asyncio
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from loopback import ask
from prometheus_client.parser import text_string_to_metric_families

from bench.local_servers import free_port, postgres, program, wait_until_ready
from payments.model import Payment, Status
from rundrill.base import wait
from rundrill.base.clock import MonotonicClock

from .conftest import Surroundings, order, pod
from .test_api import GOOD


def start(
    environment: Mapping[str, str], module: str = "payments.service"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module],
        env={"PATH": os.defpath, "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **environment},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_a_misconfigured_release_exits_1_with_one_json_line(around: Surroundings) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = start(
        {
            **around.environment,
            "SERVICE_VERSION": "1.1.0",
            "REQUIRED_SETTINGS": "SETTLEMENT_ACCOUNT",
        }
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    said = json.loads(line)
    assert said["event"].startswith(
        "configuration error: SETTLEMENT_ACCOUNT is required by release 1.1.0"
    )
    assert (said["level"], said["version"]) == ("error", "1.1.0")
    assert done.stderr == ""
    # CPU time, not wall time: a busy machine must not decide this.
    assert after.ru_utime - before.ru_utime < 0.3


def test_nothing_heavy_is_imported_before_the_settings_are_checked() -> None:
    code = "import sys, payments.service; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"asyncio", "fastapi", "pydantic", "aiohttp", "asyncpg", "redis", "structlog"}
    assert heavy.isdisjoint(done.stdout.split())


@pytest.mark.parametrize("module", ["payments.service", "payments.simulators.auth"])
def test_a_taken_port_is_one_message_and_exit_1(around: Surroundings, module: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = start({**around.environment, "BIND_ADDRESS": "127.0.0.1", "PORT": str(port)}, module)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_taken_metrics_port_is_one_message_and_exit_1(around: Surroundings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = start(
            {
                **around.environment,
                "BIND_ADDRESS": "127.0.0.1",
                "PORT": "0",
                "METRICS_PORT": str(port),
            }
        )
    assert done.returncode == 1
    assert "METRICS_PORT" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_the_service_starts_without_its_database_and_serves_when_it_comes(
    around: Surroundings, key: str
) -> None:
    port = free_port()
    environment = {
        **around.environment,
        "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{port}/payments",
        "METRICS_PORT": str(free_port()),
    }
    with program("payments.service", environment) as server:
        assert ask(server.port, "GET", "/healthz").status == 200
        answer = ask(server.port, "GET", "/readyz")
        assert (answer.status, answer.json["title"]) == (503, "not ready")
        headers = {"Authorization": "Bearer drill-shop", "Idempotency-Key": key}
        assert ask(server.port, "POST", "/payments", GOOD, headers).status == 503
        with postgres(port=port) as database:
            wait_until_ready(server.port)
            assert ask(server.port, "POST", "/payments", GOOD, headers).status == 201
            # The database goes away, and its clients with it.
            database.process.send_signal(signal.SIGINT)
            database.process.wait(timeout=10)
            assert ask(server.port, "GET", "/readyz").status == 503
            assert ask(server.port, "GET", "/healthz").status == 200


def test_an_idle_service_ends_with_0_soon_after_sigterm(
    around: Surroundings, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    environment = {
        **around.environment,
        "METRICS_PORT": str(free_port()),
        "LOG_LEVEL": "info",
        "DRAIN_S": "0.2",
    }
    with program("payments.service", environment, log=log) as server:
        wait_until_ready(server.port)
        with socket.create_connection(("127.0.0.1", server.port)):  # a kept connection
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(timeout=5) == 0
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert [events[0], *events[-3:]] == ["listening", "ready", "draining", "stopped"]


def test_a_request_in_flight_is_answered_before_the_end(around: Surroundings, key: str) -> None:
    around.behave("stripe", latency_ms=300)
    environment = {**around.environment, "METRICS_PORT": str(free_port()), "DRAIN_S": "0"}
    headers = {"Authorization": "Bearer drill-shop", "Idempotency-Key": key}
    statuses: list[int] = []
    with program("payments.service", environment) as server:
        wait_until_ready(server.port)

        def pay() -> None:
            statuses.append(ask(server.port, "POST", "/payments", GOOD, headers).status)

        customer = threading.Thread(target=pay)
        customer.start()
        _until_in_flight(int(environment["METRICS_PORT"]))
        server.process.send_signal(signal.SIGTERM)
        customer.join(timeout=10)
        assert statuses == [201]
        assert server.process.wait(timeout=5) == 0


def test_a_payment_whose_pod_is_killed_after_the_charge_is_finished_by_another_pod(
    around: Surroundings, key: str
) -> None:
    around.behave("stripe", hang="after")
    environment = {
        **around.environment,
        "GATEWAY_TIMEOUT_S": "0.4",
        "DATABASE_TIMEOUT_S": "0.4",
        "DEFERRED_INTERVAL_S": "3600",
    }
    headers = {"Authorization": "Bearer drill-shop", "Idempotency-Key": key}
    met: list[BaseException] = []
    metrics = {"METRICS_PORT": str(free_port())}
    with program("payments.service", {**environment, **metrics}) as server:
        wait_until_ready(server.port)

        def pay() -> None:
            try:
                ask(server.port, "POST", "/payments", GOOD, headers)
            except (OSError, http.client.HTTPException) as exc:
                met.append(exc)

        customer = threading.Thread(target=pay)
        customer.start()
        wait.until(
            lambda: around.charges("stripe", key),
            what="the charge",
            budget_s=5,
            every_s=0.01,
            clock=MonotonicClock(),
        )
        server.process.kill()
        server.process.wait()
        customer.join(timeout=10)
    assert len(met) == 1, "the customer heard nothing"
    around.behave("stripe", hang="no")

    async def try_again() -> Payment:
        async with pod(environment) as other:
            outcome = await other.parts.processing.pay(key, order())
            assert not outcome.replayed
            assert await other.rows(key) == 1
            return outcome.payment

    payment = asyncio.run(try_again())
    (charge,) = around.charges("stripe", key)
    assert (payment.status, payment.gateway_reference) == (Status.CAPTURED, charge["id"])


def test_a_simulator_ends_with_0_although_requests_hang() -> None:
    with program("payments.simulators.auth", {}) as server:
        ask(server.port, "PUT", "/admin/behaviour", {"hang": "before"})
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"POST /introspect HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(timeout=5) == 0


def test_every_promised_metric_is_exposed(around: Surroundings, key: str) -> None:
    metrics_port = free_port()
    environment = {**around.environment, "METRICS_PORT": str(metrics_port)}
    with program("payments.service", environment) as server:
        wait_until_ready(server.port)
        headers = {"Authorization": "Bearer drill-shop", "Idempotency-Key": key}
        assert ask(server.port, "POST", "/payments", GOOD, headers).status == 201
        around.behave("stripe", error_ratio=1)
        headers["Idempotency-Key"] = f"{key}-2"
        assert ask(server.port, "POST", "/payments", GOOD, headers).status == 502
        text = ask(metrics_port, "GET", "/metrics").text
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }

    def value(name: str, **labels: str) -> float:
        return samples[name, tuple(sorted(labels.items()))]

    post = {"route": "/payments", "method": "POST"}
    assert value("payments_http_requests_total", **post, outcome="ok") == 1
    assert value("payments_http_requests_total", **post, outcome="server_error") == 1
    duration = "payments_http_request_duration_seconds"
    for le in ("0.5", "2.0", "3.0", "+Inf"):
        assert value(f"{duration}_bucket", **post, outcome="ok", le=le) == 1
    assert value("payments_gateway_requests_total", gateway="stripe", outcome="ok") == 1
    assert value("payments_gateway_errors_total", gateway="stripe", kind="server_error") == 1
    assert value("payments_gateway_duration_seconds_count", gateway="stripe") == 2
    assert value("payments_breaker_state", gateway="paypal") == 0
    assert value("payments_db_errors_total", kind="connect_timeout") == 0
    assert value("payments_db_pool_size") == 10
    assert 0 <= value("payments_db_pool_in_use") <= 10
    assert value("payments_oldest_in_flight_seconds") == 0
    assert value("payments_build_info", version="9.9.9") == 1
    assert value("payments_processed_total", payment_method="card", status="captured") == 1
    assert not any("healthz" in str(key) or "readyz" in str(key) for key in samples)
    assert not any(name.endswith("_created") for name, _ in samples)


def _until_in_flight(metrics_port: int) -> None:
    wait.until(
        lambda: "in_flight_seconds 0.0\n" not in ask(metrics_port, "GET", "/metrics").text,
        what="a request in flight",
        budget_s=5,
        every_s=0.01,
        clock=MonotonicClock(),
    )
