"""Network, database and gateway faults as the shipped experiments make them, on a real cluster.

Each must land, be harm, and leave nothing. Writes that go nowhere stand for a fault that does
nothing, and for an undo that fails.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from rundrill.base.clock import MonotonicClock
from rundrill.base.wait import until
from rundrill.faults import FAULTS, Fault
from rundrill.inputs import make_plan, read_inputs
from rundrill.restore import take_snapshot
from rundrill.target.cluster import Cluster, ClusterError
from rundrill.target.execution import Executed
from rundrill.target.snapshot import differences

from .conftest import Customers

EXPERIMENTS = Path(__file__).parents[4] / "experiments"
NAMESPACES = ("production", "database", "gateways")
SHIPPED = (
    "database-slow-latency",
    "database-slow-lock",
    "database-unreachable",
    "gateway-credentials",
    "gateway-errors",
    "gateway-rate-limited",
    "gateway-timeout",
    "pool-exhausted",
)


class Deaf:
    """A cluster that can be read, and that does not do what it is told."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def __getattr__(self, name: str) -> Any:
        if name in ("create", "delete", "merge_patch", "patch", "replace"):
            return lambda *_arguments: None
        return getattr(self._cluster, name)


def fault_of(name: str, cluster: Any) -> Fault:
    """The fault of a shipped experiment, with the parameters that its plan has."""
    inputs = read_inputs(EXPERIMENTS / f"{name}.yaml")
    plan = make_plan(inputs, target="local", compression=20.0, wall_s=300.0)
    return FAULTS[plan.fault](cluster, plan.fault_parameters)


def soon(check: Callable[[], Any], what: str, within_s: float = 30.0) -> Any:
    return until(check, what=what, budget_s=within_s, every_s=0.2, clock=MonotonicClock())


def calm(cluster: Cluster, customers: Customers) -> Mapping[str, Any]:
    """What is declared, once customers are served."""

    def served() -> bool:
        before = customers.answers[201]
        customers.answers.clear()
        return before > 0 and not {502, 503, 504, "ConnectionRefusedError"} & set(customers.answers)

    soon(served, "customers to be served")
    return take_snapshot(cluster, NAMESPACES)


@pytest.mark.parametrize("name", SHIPPED)
def test_it_lands_does_harm_and_leaves_nothing(
    cluster: Cluster, customers: Customers, name: str
) -> None:
    before = calm(cluster, customers)
    fault = fault_of(name, cluster)
    original = json.loads(json.dumps(fault.original()))
    fault.inject()
    try:
        assert soon(fault.landed, f"{name} to land: {fault.missing()}")
        assert soon(fault.harm, "harm")
    finally:
        # As another process does it, with what it finds on the disk; twice.
        later = fault_of(name, cluster)
        later.undo(original)
        later.undo(original)
    assert soon(lambda: later.undone(original), "the undo")
    assert differences(before, take_snapshot(cluster, NAMESPACES)) == ()


@pytest.mark.parametrize("name", SHIPPED)
def test_one_that_does_nothing_does_not_land(
    cluster: Cluster, customers: Customers, name: str
) -> None:
    calm(cluster, customers)
    fault = fault_of(name, Deaf(cluster))
    fault.original()
    fault.inject()
    for _ in range(2):
        assert fault.landed() is None
    assert fault.missing()


@pytest.mark.parametrize("name", ["database-slow-lock", "database-unreachable", "gateway-timeout"])
def test_an_undo_that_fails_is_seen(cluster: Cluster, customers: Customers, name: str) -> None:
    calm(cluster, customers)
    fault = fault_of(name, cluster)
    original = fault.original()
    fault.inject()
    try:
        deaf = fault_of(name, Deaf(cluster))
        deaf.undo(original)
        assert deaf.undone(original) is None
        assert fault_of(name, cluster).undone(original) is None
    finally:
        fault.undo(original)
    assert soon(lambda: fault.undone(original), "the undo")


def test_a_command_in_a_pod_gives_its_words_and_its_exit_code(cluster: Cluster) -> None:
    def psql(sql: str, *, timeout_s: float = 10.0) -> Executed:
        command = ["psql", "-U", "postgres", "-At", "-c", sql]
        return cluster.execute("database", "postgresql-0", command, timeout_s=timeout_s)

    done = psql("SELECT 6 * 7")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "42\n", "")
    done = psql("SELECT nonsense")
    assert (done.exit_code, 'column "nonsense" does not exist' in done.stderr) == (1, True)
    done = psql("SELECT pg_sleep(5)", timeout_s=0.3)
    assert (done.exit_code, done.stderr) == (None, "no end within 0.3 s")
    with pytest.raises(ClusterError, match="database/nobody"):
        cluster.execute("database", "nobody", ["true"])
