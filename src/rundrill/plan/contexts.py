"""`contexts` of service.yaml: the clusters of a kubeconfig on which its drills may run.

    contexts:
      - name: staging-eu
        load-url: http://10.1.2.3:30080
        blackout:
          - {weekly: fri 16:00 - mon 08:00, zone: Europe/Berlin}

A name is taken literally: a pattern would one day match a cluster that nobody thought of.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from rundrill.base.document import Node
from rundrill.model import Plan
from rundrill.plan.blackout import Blackout, read_blackout

AROUND_S = 300.0
"""Before and after the windows of a plan: the steady state has a minute to begin; then money that
is open has its time to be settled, and is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedContext:
    """One that the file names, where it does, and when no drill may run on it.

    `load_url` is where the load reaches the service from outside; None where ClusterIPs are
    reached.
    """

    name: str
    line: int
    load_url: str | None = None
    blackout: tuple[Blackout, ...] = ()


def read_contexts(node: Node | None) -> tuple[AllowedContext, ...]:
    """The list, empty without one: then no context is allowed. Raises the node's error."""
    found: dict[str, AllowedContext] = {}
    for item in [] if node is None else node.elements():
        name, blackout, load_url = item.get("name"), item.find("blackout"), item.find("load-url")
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
            load_url=None if load_url is None else _url(load_url),
            blackout=()
            if blackout is None
            else tuple(read_blackout(one) for one in blackout.elements()),
        )
    return tuple(found.values())


def _url(node: Node) -> str:
    """`http://host:port`, and nothing behind it."""
    try:
        parts = urlsplit(node.text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port
    except ValueError:
        usable = False
    if not usable or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise node.fail(f"is no address of a service: {node.text!r}", "http://HOST:PORT")
    return node.text.rstrip("/")


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
