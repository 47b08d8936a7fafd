"""`contexts` of service.yaml: the clusters of a kubeconfig on which its drills may run.

    contexts:
      - name: staging-eu
        blackout:
          - {weekly: fri 16:00 - mon 08:00, zone: Europe/Berlin}

A name is taken literally: a pattern would one day match a cluster that nobody thought of.
"""

from dataclasses import dataclass

from rundrill.base.document import Node
from rundrill.model import Plan
from rundrill.plan.blackout import Blackout, read_blackout

AROUND_S = 300.0
"""Before and after the windows of a plan: the steady state has a minute to begin; then money that
is open has its time to be settled, and is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedContext:
    """One that the file names, where it does, and when no drill may run on it."""

    name: str
    line: int
    blackout: tuple[Blackout, ...] = ()


def read_contexts(node: Node | None) -> tuple[AllowedContext, ...]:
    """The list, empty without one: then no context is allowed. Raises the node's error."""
    found: dict[str, AllowedContext] = {}
    for item in [] if node is None else node.elements():
        name, blackout = item.get("name"), item.find("blackout")
        item.close()
        if not name.text or name.text != name.text.strip():
            raise name.fail(f"is no name of a context: {name.text!r}")
        if name.text in found:
            raise name.fail(
                f"`{name.text}` is there twice", f"see line {found[name.text].line}; keep one"
            )
        found[name.text] = AllowedContext(
            name=name.text,
            line=name.line,
            blackout=()
            if blackout is None
            else tuple(read_blackout(one) for one in blackout.elements()),
        )
    return tuple(found.values())


def longest_s(plan: Plan) -> float:
    """How long the drill can take when everything uses up its time, in seconds."""
    windows = plan.windows
    return (
        AROUND_S
        + windows.baseline_s
        + windows.land_budget_s
        + windows.detect_budget_s
        + windows.recover_budget_s
        + windows.soak_s
        + windows.undo_budget_s
        + windows.command_budget_s * sum(len(step.commands) for step in plan.steps)
    )
