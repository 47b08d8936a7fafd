"""Scenarios: the literal commands that every cluster is given, read from `scenarios/*.yaml`."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml
from normalise import Form

SCENARIOS = Path(__file__).parent / "scenarios"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command, how it is run and how its output is read.

    Three kinds record nothing: `settle` waits for pods, and `start` leaves a command running under
    a name until a later `stop` of that name interrupts it and records what it wrote; `wait` is for
    what it has to have written meanwhile (`seen`).
    """

    run: str = ""
    form: Form = field(default_factory=Form)
    editor: str = ""
    stdin: str = ""
    until: str = ""
    """Repeated until its output begins so."""
    keys: tuple[tuple[str, str], ...] | None = None
    """Given: run in a pseudo-terminal of 24 rows, 80 columns. Pairs of what to wait for and what
    to type then; `<resize>` makes it 40 by 120."""
    fetch: str = ""
    """Of a port-forward: the path that is got through it before it is interrupted."""
    start: str = ""
    wait: str = ""
    stop: str = ""
    seen: str = ""
    """Of a `wait` or `stop`: what the output has to hold before (a pattern)."""
    settle: dict[str, Any] | None = None

    @property
    def is_recorded(self) -> bool:
        return self.settle is None and not self.start and not self.wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    name: str
    namespace: str
    alone: bool
    """It touches what others use too (the node): no other one runs beside it."""
    steps: tuple[Step, ...]
    lastly: tuple[str, ...]
    """Run at the end whatever happened."""

    @property
    def commands(self) -> list[Step]:
        return [step for step in self.steps if step.is_recorded]


def load_scenarios() -> list[Scenario]:
    return [_scenario(path) for path in sorted(SCENARIOS.glob("*.yaml"))]


def _scenario(path: Path) -> Scenario:
    document = yaml.safe_load(path.read_text())
    steps: list[Step] = []
    started: dict[str, str] = {}
    for entry in document["steps"]:
        step = _step(entry, started)
        if step.start:
            started[step.start] = step.run
        steps.append(step)
    return Scenario(
        name=path.stem,
        namespace=document["namespace"],
        alone=document.get("alone", False),
        steps=tuple(steps),
        lastly=tuple(document.get("finally", [])),
    )


_OWN = frozenset(each.name for each in fields(Step)) - {"form"}


def _step(entry: Any, started: dict[str, str]) -> Step:
    if isinstance(entry, str):
        return Step(run=entry)
    own = {key: entry.pop(key) for key in _OWN if key in entry}
    if "keys" in own:
        own["keys"] = tuple((wait, send) for wait, send in own["keys"])
    if "stop" in own:  # what is recorded there is the command that was started
        own["run"] = started[own["stop"]]
    return Step(**own, form=Form(**entry))
