"""docs/adding-a-fault.md keeps its word: its fault does what the page asks of every fault."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
from fakes import FakeClock
from model_cluster import ModelCluster, World

from rundrill.faults import FAULTS, Fault
from rundrill.inputs import make_plan, read_inputs
from rundrill.model import Plan
from rundrill.restore import restore, take_snapshot
from rundrill.target.cluster import ClusterError
from rundrill.undo import UndoEntry
from tests.unit.rundrill.faults.test_sequences import TOP, world
from tests.unit.rundrill.faults.test_workload_faults import Ticking

PAGE = (TOP / "docs/adding-a-fault.md").read_text(encoding="utf-8")
NAME = "service-unselected"
MODULE = "src/rundrill/faults/service_unselected.py"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Of the page's experiment, with the page's fault in the table."""
    module = ModuleType("service_unselected")
    exec(blocks("python")[0], module.__dict__)
    assert '"service-unselected": ServiceUnselected,' in blocks("python")[1]
    monkeypatch.setitem(FAULTS, NAME, module.ServiceUnselected)  # type: ignore[arg-type]
    copied = (TOP / "experiments/database-unreachable.yaml").read_text(encoding="utf-8")
    path = tmp_path / f"{NAME}.yaml"
    text = copied.partition("extensions:\n")[0] + "".join(blocks("yaml"))
    path.write_text(text.replace("../runbooks", str(TOP / "runbooks")), encoding="utf-8")
    return make_plan(read_inputs(path), target="local", compression=20, wall_s=150)


@pytest.fixture
def there() -> World:
    return world()


def make(plan: Plan, there: World, **more: object) -> Fault:
    given: Mapping[str, object] = {**plan.fault_parameters, **more}
    kind = FAULTS[NAME]
    cluster = ModelCluster(there, permissions=kind.PERMISSIONS, parameters=given)
    return kind(cluster, given, clock=Ticking())  # type: ignore[call-arg]


def test_it_lands_with_evidence_is_harm_and_leaves_nothing(plan: Plan, there: World) -> None:
    admin = ModelCluster(there)
    fault = make(plan, there)
    entry = UndoEntry(
        run_id="run",
        kubeconfig="here",
        fault=NAME,
        parameters=plan.fault_parameters,
        original=fault.original(),
        namespaces=list(plan.blast_radius.namespaces),
        snapshot=take_snapshot(admin, plan.blast_radius.namespaces),
    )
    assert "selects app=payment-service-typo" in fault.inject()
    evidence = "service/payment-service has no endpoints; no pod was asked for 3.0 s"
    assert next(filter(None, (fault.landed() for _ in range(20)))) == evidence
    assert fault.harm() == "service/payment-service has no endpoints"
    assert fault.undone(entry.original) is None
    for _ in range(2):
        later = make(plan, there)  # as another process does it
        assert restore(entry, later, admin, budget_s=60, clock=FakeClock()).left == ()
    assert fault.harm() is None
    assert fault.undone(entry.original) == "service/payment-service has 3 endpoints again"


def test_without_effect_it_does_not_land_and_an_undo_without_effect_is_seen(
    plan: Plan, there: World
) -> None:
    fault = make(plan, there)
    original = fault.original()
    there.heeds = False
    fault.inject()
    assert [fault.landed() for _ in range(20)] == [None] * 20
    assert "service/payment-service has 3 endpoints; the pods were asked " in fault.missing()
    there.heeds = True
    fault.inject()
    there.heeds = False
    fault.undo(original)
    assert fault.undone(original) is None


def test_open_connections_that_live_on_are_seen_though_the_endpoints_are_gone(
    plan: Plan, there: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = make(plan, there)
    fault.inject()
    monkeypatch.setattr(there, "has_customers", lambda _pod: True)
    assert [fault.landed() for _ in range(20)] == [None] * 20
    assert "has 0 endpoints; the pods were asked 2850 times since" in fault.missing()


def test_what_its_experiment_mistypes_is_told_before_anything_is_changed(
    plan: Plan, there: World
) -> None:
    with pytest.raises(ClusterError, match="does not select by ap: "):
        make(plan, there, label="ap").original()
    with pytest.raises(ClusterError, match="404"):
        make(plan, there, service="payment").original()


def test_its_file_passes_the_linter() -> None:
    for command in (["check", "--quiet"], ["format", "--check", "--quiet"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", MODULE, "-"],
            input=blocks("python")[0],
            capture_output=True,
            text=True,
            cwd=TOP,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:src|tests|deploy|experiments|docs)/[\w./-]+)`", PAGE))
    own = {MODULE}
    assert len(named - own) > 5
    assert {path for path in named - own if not (TOP / path).exists()} == set()
