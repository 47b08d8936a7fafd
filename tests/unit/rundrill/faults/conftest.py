"""The shipped service on an embedded cluster, with customers, once for all tests of a module."""

import concurrent.futures
import http.client
import itertools
import json
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from rundrill.base.clock import MonotonicClock
from rundrill.responder import find_kubectl
from rundrill.target.cluster import Cluster
from rundrill.target.local import LocalTarget

TOP = Path(__file__).parents[4]
RATE_PER_S = 15.0


class Customers:
    """Payments and reads at a steady rate, whatever becomes of them."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answers: Counter[int | str] = Counter()

    def __enter__(self) -> "Customers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        kinds = itertools.cycle(("card", "wallet", "card", "read"))
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            while not self._stop.wait(1 / RATE_PER_S):
                pool.submit(self._ask, next(kinds))

    def _ask(self, kind: str) -> None:
        headers = {"Authorization": "Bearer drill-customer", "Content-Type": "application/json"}
        order = {"method": kind, "amount_minor": 100, "currency": "EUR", "customer": "cus_1"}
        connection = http.client.HTTPConnection(self._host, 8080, timeout=10)
        try:
            if kind == "read":
                connection.request("GET", "/payments?limit=5", headers=headers)
            else:
                headers["Idempotency-Key"] = str(uuid.uuid4())
                connection.request("POST", "/payments", json.dumps(order), headers)
            answer = connection.getresponse()
            answer.read()
            self.answers[answer.status] += 1
        except (OSError, http.client.HTTPException) as error:
            self.answers[type(error).__name__] += 1
        finally:
            connection.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Up and ready; ended afterwards."""
    home = tmp_path_factory.mktemp("faults")
    (home / "scratch").mkdir()
    target = LocalTarget(
        home / "cluster",
        scratch=home / "scratch",
        manifests=TOP / "deploy/overlays/local",
        images=TOP / "deploy/images.yaml",
        kubectl=find_kubectl(),
        clock=MonotonicClock(),
        say=lambda _text: None,
    )
    try:
        # Not kept: a test run that is killed takes the cluster with it.
        yield target.up(compression=20.0, keep=False)
    finally:
        target.down()


@pytest.fixture
def customers(cluster: Cluster) -> Iterator[Customers]:
    with Customers(cluster.cluster_ip("production", "payment-service")) as made:
        yield made
