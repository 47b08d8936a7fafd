"""The `rundrill` extension block of a Chaos Toolkit experiment, read into one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rundrill.base import document
from rundrill.base.document import Node, nearest
from rundrill.errors import ExperimentError
from rundrill.model import ACCEPTABLE, Acceptance, BlastRadius, LoadProfile
from rundrill.plan.service_file import existing_path

PHASES = (
    ("probes.steady_state", "holds"),
    ("probes.fault", "inject"),
    ("probes.detection", "alert_fires"),
    ("probes.procedure", "follow"),
    ("probes.recovery", "recovers"),
    ("probes.recovery", "stays_recovered"),
    ("probes.fault", "undo"),
)
"""What an experiment must call, in this order: its hypothesis, its method, its rollbacks."""
CONTROL = "probes.session"
RETRIES = 1
"""How often a customer asks again: once, as people and their programs do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureRef:
    """A procedure of the runbook, or some of its steps (`rollback-procedure#3-4`)."""

    id: str
    first: int | None
    last: int | None
    node: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentFile:
    """Names are not resolved yet; each carries the node it came from for messages."""

    path: Path
    title: str
    service: Path
    runbook: Path
    bindings: Path
    rules: Path
    severity: Node
    procedures: tuple[ProcedureRef, ...]
    fault: Node
    fault_parameters: Mapping[str, Node]
    expected_alerts: tuple[Node, ...]
    tolerated_alerts: tuple[Node, ...]
    load: LoadProfile
    blast_radius: BlastRadius
    baseline_s: float
    land_budget_s: float
    develop_s: float
    """How long the fault takes by its nature to show: divided, where `land` is machine work."""
    accepted: tuple[Acceptance, ...] = ()


def read_experiment(path: Path) -> ExperimentFile:
    """Reads and checks an experiment file. Raises `ExperimentError` with place and fix."""
    root = document.read(path, ExperimentError)
    _require_phases(root)
    block = _extension(root)
    alerts = block.get("alerts")
    fault = block.get("fault")
    procedure = block.get("procedure")
    windows = block.get("windows")
    experiment = ExperimentFile(
        path=path,
        title=root.get("title").text,
        service=existing_path(block.get("service")),
        runbook=existing_path(block.get("runbook")),
        bindings=existing_path(block.get("bindings")),
        rules=existing_path(block.get("rules")),
        severity=block.get("severity"),
        procedures=tuple(_procedure(item) for item in procedure.elements()),
        fault=fault.get("name"),
        fault_parameters={name: value for name, value in fault.items() if name != "name"},
        expected_alerts=tuple(alerts.get("expected").elements()),
        tolerated_alerts=_elements(alerts, "tolerated"),
        load=_load(block.get("load")),
        blast_radius=_blast_radius(block.get("blast-radius")),
        baseline_s=windows.get("baseline").duration_s,
        land_budget_s=windows.get("land").duration_s,
        develop_s=0.0 if (develop := windows.find("develop")) is None else develop.duration_s,
        accepted=_accepted(block),
    )
    block.find("name")
    for node in (block, alerts, windows):
        node.close()
    if not experiment.expected_alerts:
        raise alerts.fail("no alert is expected", "name the alert that the runbook promises")
    if not experiment.procedures:
        raise procedure.fail("no procedure is named", "name the runbook's procedure to follow")
    return experiment


def _extension(root: Node) -> Node:
    extensions = root.find("extensions")
    for item in () if extensions is None else extensions.elements():
        if item.get("name").text == "rundrill":
            return item
    raise root.fail(
        "has no `extensions` entry named `rundrill`",
        "see experiments/crash-loop.yaml for what a drill declares",
    )


def _require_phases(root: Node) -> None:
    """Chaos Toolkit ignores what it does not know; a phase left out must not pass."""
    controls = root.find("controls")
    modules = [
        item.get("provider").get("module").text
        for item in (() if controls is None else controls.elements())
    ]
    if CONTROL not in modules:
        raise root.fail(
            f"the control `{CONTROL}` is missing: nothing would start the load or the detection",
            f"add it under `controls` with `module: {CONTROL}`",
        )
    called = []
    hypothesis = root.get("steady-state-hypothesis").get("probes").elements()
    for activity in [
        *hypothesis,
        *root.get("method").elements(),
        *root.get("rollbacks").elements(),
    ]:
        provider = activity.get("provider")
        module, func = provider.find("module"), provider.find("func")
        if module is not None and func is not None and module.text.startswith("probes."):
            called.append((module.text, func.text))
    if tuple(called) != PHASES:
        wanted = ", ".join(f"{module}.{func}" for module, func in PHASES)
        raise root.get("method").fail(
            "the phases of a drill are not all there, once and in order", f"call {wanted}"
        )


def _procedure(node: Node) -> ProcedureRef:
    name, _, steps = node.text.partition("#")
    if not steps:
        return ProcedureRef(id=name, first=None, last=None, node=node)
    first, _, last = steps.partition("-")
    if not first.isdigit() or not (last or first).isdigit() or int(last or first) < int(first):
        raise node.fail(
            f"`{steps}` are not steps of a procedure", "write them as `name#3` or `name#3-4`"
        )
    return ProcedureRef(id=name, first=int(first), last=int(last or first), node=node)


def _elements(node: Node, key: str) -> tuple[Node, ...]:
    found = node.find(key)
    return () if found is None else tuple(found.elements())


def _accepted(block: Node) -> tuple[Acceptance, ...]:
    """Known findings; each needs a reason and a day on which somebody looks at it again."""
    found: dict[str, Acceptance] = {}
    for item in _elements(block, "accepted"):
        promise, reason, review = item.get("promise"), item.get("reason"), item.get("review")
        item.close()
        if promise.text not in ACCEPTABLE:
            raise promise.fail(
                f"`{promise.text}` is no promise that a drill may break",
                nearest(promise.text, ACCEPTABLE),
            )
        if promise.text in found:
            raise promise.fail(f"`{promise.text}` is accepted twice", "keep one of them")
        if not reason.text.strip():
            raise reason.fail("the reason is empty", "say what is known to be wrong, and why")
        found[promise.text] = Acceptance(
            promise=promise.text, reason=" ".join(reason.text.split()), review=_day(review)
        )
    return tuple(found.values())


def _day(node: Node) -> str:
    try:
        day = date.fromisoformat(node.text).isoformat()
    except ValueError:
        day = ""
    if day != node.text:  # fromisoformat also takes 20270301 and 2027-W09-1
        raise node.fail(f"expected a date, found {node.text!r}", "write it as 2027-03-01")
    return day


def _load(node: Node) -> LoadProfile:
    mix = node.get("mix")
    profile = LoadProfile(
        rate_per_min=_positive(node.get("rate_per_min")),
        max_in_flight=max(1, int(_positive(node.get("max_in_flight")))),
        ramp_s=0.0,
        mix={name: _positive(value) for name, value in mix.items()},
        retries=RETRIES if (retries := node.find("retries")) is None else _retries(retries),
    )
    node.close()
    if abs(sum(profile.mix.values()) - 1.0) > 1e-6:
        raise mix.fail(f"the shares add up to {sum(profile.mix.values()):g}", "make them 1.0")
    return profile


def _retries(node: Node) -> int:
    if not (node.number.is_integer() and 0 <= node.number <= 10):
        raise node.fail(f"expected a whole number from 0 to 10, found {node.text}")
    return int(node.number)


def _positive(node: Node) -> float:
    if node.number <= 0:
        raise node.fail(f"expected a number above 0, found {node.text}")
    return node.number


def _blast_radius(node: Node) -> BlastRadius:
    radius = BlastRadius(namespaces=node.texts("namespaces"), verbs=node.texts("verbs"))
    node.close()
    if not radius.namespaces:
        raise node.fail(
            "no namespace is named", "name those the drill may touch: they are compared at the end"
        )
    return radius
