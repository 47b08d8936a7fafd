"""Whatever is done to a drill, in whatever order: when it is undone, nothing is left over.

For every experiment that ships, with its own parameters, on the manifests that ship.
"""

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from fakes import FakeClock
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from model_cluster import KilledError, ModelCluster, World

from rundrill.faults import FAULTS, Fault
from rundrill.inputs import make_plan, read_inputs
from rundrill.model import Plan
from rundrill.responder import find_kubectl
from rundrill.restore import restore, take_snapshot
from rundrill.target.cluster import ClusterError
from rundrill.target.snapshot import Snapshot, differences
from rundrill.undo import UndoEntry, UndoJournal
from rundrill.workplace import undo_leftover

TOP = Path(__file__).parents[4]
EXPERIMENTS = sorted(path.stem for path in (TOP / "experiments").glob("*.yaml"))
BUDGET_S = 60.0
KILLING = ("database-killed", "pods-killed")


@cache
def manifests() -> Sequence[Mapping[str, Any]]:
    """As kubectl renders them."""
    overlay = str(TOP / "deploy" / "overlays" / "local")
    command = [str(find_kubectl()), "kustomize", overlay]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [item for item in yaml.safe_load_all(text) if item["kind"] != "Secret"]


def world() -> World:
    return World(manifests())


@cache
def plan(experiment: str) -> Plan:
    inputs = read_inputs(TOP / "experiments" / f"{experiment}.yaml")
    return make_plan(inputs, target="local", compression=20, wall_s=150)


def parameters(experiment: str) -> Mapping[str, object]:
    """As they ship, but what goes on in the background ends at once."""
    given = plan(experiment).fault_parameters
    return {**given, **({"duration": 0.0} if "interval" in given else {})}


def make(experiment: str, cluster: ModelCluster) -> Fault:
    return FAULTS[plan(experiment).fault](cluster, parameters(experiment))


def permitted(experiment: str, there: World, requests: int | None = None) -> ModelCluster:
    """A client that may do what the fault says that it needs."""
    return ModelCluster(
        there,
        permissions=FAULTS[plan(experiment).fault].PERMISSIONS,
        parameters=parameters(experiment),
        requests=requests,
    )


def entry_of(experiment: str, there: World, original: Mapping[str, Any]) -> UndoEntry:
    namespaces = list(plan(experiment).blast_radius.namespaces)
    return UndoEntry(
        run_id="run",
        kubeconfig="here",
        fault=plan(experiment).fault,
        parameters=parameters(experiment),
        original=original,
        namespaces=namespaces,
        snapshot=take_snapshot(ModelCluster(there), namespaces),
    )


class Sequences(RuleBasedStateMachine):
    """One drill after the other in one world; the runner may die at every request."""

    name = ""
    """Of the fault."""

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        mine = [one for one in EXPERIMENTS if plan(one).fault == self.name]
        self.experiment = data.draw(st.sampled_from(mine))
        self.world = world()
        self.folder = tempfile.TemporaryDirectory()
        self.journal = UndoJournal(Path(self.folder.name) / "undo")
        self.before = self.snapshot()
        self.fault: Fault | None = None

    def snapshot(self) -> Snapshot:
        return take_snapshot(ModelCluster(self.world), ["production", "database", "gateways"])

    @property
    def entry(self) -> UndoEntry | None:
        left = self.journal.leftovers()
        return left[0] if left else None

    @precondition(lambda self: self.entry is None)
    @rule(requests=st.none() | st.integers(0, 4))
    def inject(self, requests: int | None) -> None:
        cluster = permitted(self.experiment, self.world, requests)
        fault = make(self.experiment, cluster)
        self.journal.write(entry_of(self.experiment, self.world, fault.original()))
        self.fault = fault
        try:
            fault.inject()
        except KilledError:
            self.fault = None
        cluster.left = None  # who is still alive lives on

    @precondition(lambda self: self.fault is not None)
    @rule()
    def look(self) -> None:
        assert self.fault is not None
        with suppress(ClusterError):
            self.fault.landed()
        with suppress(ClusterError):
            self.fault.harm()
        with suppress(ClusterError):
            assert self.fault.missing()

    @precondition(lambda self: self.entry is not None)
    @rule(what=st.sampled_from(["5", "8", "rollback", "restart", "delete", "edit", "mend"]))
    def follow_the_runbook(self, what: str) -> None:
        match what:
            case "rollback":
                self.world.roll_back("production", "payment-service")
            case "restart":
                self.world.restart("production", "payment-service")
            case "delete":
                self.world.delete_pods("production", "payment-service")
            case "edit" | "mend":
                value = "debug" if what == "edit" else "2"
                key = "LOG_LEVEL" if what == "edit" else "DATABASE_TIMEOUT_S"
                self.world.set_config("production", "payment-service-config", key, value)
            case replicas:
                self.world.scale("production", "payment-service", int(replicas))

    @precondition(lambda self: self.fault is not None)
    @rule(times=st.integers(1, 2))
    def undo(self, times: int) -> None:
        entry, fault = self.entry, self.fault
        assert entry is not None
        assert fault is not None
        cluster = ModelCluster(self.world)
        for _ in range(times):
            done = restore(entry, fault, cluster, budget_s=BUDGET_S, clock=FakeClock())
            assert done.left == ()
        self.journal.remove(entry)
        self.fault = None

    @precondition(lambda self: self.fault is not None)
    @rule()
    def crash(self) -> None:
        self.fault = None

    @precondition(lambda self: self.entry is not None and self.fault is None)
    @rule(requests=st.none() | st.integers(0, 3))
    def recover(self, requests: int | None) -> None:
        entry = self.entry
        assert entry is not None
        try:
            done = undo_leftover(
                entry,
                ModelCluster(self.world, requests=requests),
                FakeClock(),
                bring_back=True,
            )
        except KilledError:
            return
        assert done.left == ()
        self.journal.remove(entry)

    @invariant()
    def nothing_is_left_over(self) -> None:
        if hasattr(self, "journal") and self.entry is None:
            assert differences(self.before, self.snapshot()) == ()
            assert not any(self.world.loose().values()), self.world.loose()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


@pytest.mark.parametrize("name", FAULTS)
def test_no_sequence_of_events_leaves_anything_over(name: str) -> None:
    machine = type("Machine", (Sequences,), {"name": name})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=8,
            stateful_step_count=10,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_every_fault_has_an_experiment_of_its_own() -> None:
    assert {plan(name).fault for name in EXPERIMENTS} == set(FAULTS)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_original_survives_the_disk_and_an_undo_that_does_nothing_is_caught(
    experiment: str,
) -> None:
    there = world()
    fault = FAULTS[plan(experiment).fault](
        permitted(experiment, there), plan(experiment).fault_parameters
    )
    original = fault.original()
    assert json.loads(json.dumps(original)) == original
    assert fault.undone(original) is not None  # it is as it was
    fault.inject()
    assert fault.undone(original) is None
    there.heeds = experiment in KILLING  # what only kills has nothing to write back
    fault.undo(original)
    assert (fault.undone(original) is not None) == there.heeds
    there.heeds = True
    for _ in range(2):
        fault.undo(original)
        assert fault.undone(original) is not None
