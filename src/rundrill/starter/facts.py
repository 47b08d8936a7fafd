"""What the runbook and the manifests tell of the service."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rundrill.base.document import nearest
from rundrill.claims import Command, Procedure, Runbook
from rundrill.errors import RundrillError
from rundrill.lint.calls import OPEN, calls_of
from rundrill.resources import KINDS, Resource, Resources

TODO: Final = "TODO"
_PREFERRED_LABELS: Final = ("app", "app.kubernetes.io/name", "name", "k8s-app")
METRICS_PORTS: Final = (9090, 9102, 9100, 8081)


class StarterError(RundrillError):
    """Nothing can be begun with this runbook and these manifests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """As they are written into the files: relative to the folder, or to its experiments/."""

    runbook: str
    """From the experiments' folder."""
    runbook_name: str
    manifests: str
    """From the folder."""
    locustfile: str | None
    """From the folder; None where the project has none of its own."""
    experiments: str
    """From where `chaos run` is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The service is a Deployment; `front` is the Service before it, where there is one."""

    runbook: Runbook
    resources: Resources
    paths: Paths
    service: Resource
    front: Resource | None

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def namespace(self) -> str:
        return self.service.namespace

    @property
    def commanded(self) -> bool:
        """Whether a command of the runbook names the Deployment."""
        name = re.compile(rf"(?<![\w-]){re.escape(self.name)}(?![\w-])")
        return any(name.search(one.text) for _, one in self.runbook.having(Command))

    @property
    def selector(self) -> str:
        return selector_of(self.service)

    @property
    def container(self) -> str:
        return self.service.containers[0] if self.service.containers else TODO

    @property
    def port(self) -> int:
        """Where customers ask."""
        own = [port for port in self.service.ports if port not in METRICS_PORTS]
        ports = [*(self.front.ports if self.front else ()), *own, *self.service.ports]
        return next(iter(ports), 8080)

    @property
    def metrics_port(self) -> int:
        known = [port for port in METRICS_PORTS if port in self.service.ports]
        return next(iter([*known, *self.service.ports]), 9090)

    @property
    def rate_per_min(self) -> float:
        """The runbook's usual throughput, else ten requests a second."""
        usual = [one.value for one in self.runbook.steady_state if one.unit == "req/min"]
        return usual[0] if usual else 600.0

    def workload(self, kinds: tuple[str, ...], words: tuple[str, ...]) -> Resource | None:
        """The first whose name holds one of the words, other than the service itself."""
        for word in words:
            for kind in kinds:
                for one in self.resources.of(kind):
                    if word in one.name.lower() and one != self.service:
                        return one
        return None


def find_facts(runbook: Runbook, resources: Resources, paths: Paths, wanted: str | None) -> Facts:
    """Raises `StarterError` when it is not clear which Deployment the runbook is about."""
    deployments = {one.name: one for one in resources.of("Deployment")}
    if wanted is not None and wanted not in deployments:
        raise StarterError(
            f"{resources.source} has no Deployment `{wanted}`", fix=nearest(wanted, deployments)
        )
    name = wanted or _named_most(runbook, deployments)
    if name is None:
        raise StarterError(
            "it is not clear which Deployment the runbook is about",
            path=runbook.path,
            fix=f"say it with --service; there are: {', '.join(sorted(deployments)) or 'none'}",
        )
    service = deployments[name]
    return Facts(
        runbook=runbook,
        resources=resources,
        paths=paths,
        service=service,
        front=_front(service, resources),
    )


def _named_most(runbook: Runbook, deployments: Mapping[str, Resource]) -> str | None:
    """In the commands of the runbook, else in its title; the only one there is in any case."""
    named: Counter[str] = Counter()
    for _, command in runbook.having(Command):
        named.update(name for name in deployments if name in command.text)
    if named:
        return max(named, key=lambda name: (named[name], len(name)))
    title = "-".join(runbook.title.lower().split())
    in_title = [name for name in deployments if name in title]
    if in_title:
        return max(in_title, key=len)
    return next(iter(deployments)) if len(deployments) == 1 else None


def _front(service: Resource, resources: Resources) -> Resource | None:
    """The Service of the same name, else one of its namespace whose name begins like it."""
    inside = list(resources.of("Service", service.namespace))
    same = [one for one in inside if one.name == service.name]
    like = [one for one in inside if one.name.startswith(service.name)]
    return next(iter([*same, *like]), None)


def selector_of(workload: Resource) -> str:
    """One label of its pods, the usual one where it is there."""
    labels = workload.pod_labels
    for name in (*_PREFERRED_LABELS, *labels):
        if name in labels:
            return f"{name}={labels[name]}"
    return TODO


def monitoring_step(runbook: Runbook, procedure: Procedure) -> str | None:
    """A step that states how long to watch: one of its own needs no naming; else `name#3`."""
    if any(step.duration_s for step in procedure.steps):
        return None
    for other in runbook.procedures:
        for step in other.steps:
            if step.duration_s and not step.commands:
                return f"{other.id}#{step.number}"
    return None


def commands_of(procedure: Procedure) -> tuple[set[str], set[str]]:
    """The kubectl verbs and the namespaces that its commands need."""
    verbs: set[str] = set()
    namespaces: set[str] = set()
    for step in procedure.steps:
        for command in step.commands:
            for call in calls_of(command):
                words = call.invocation
                if words is None or not words.verb:
                    continue
                verbs.add(words.verb)
                namespaces |= {one for one in words.flags.get("namespace", ()) if OPEN not in one}
    return verbs, namespaces


def config_map(facts: Facts) -> str:
    """The one that the runbook's commands name, else one that begins like the service."""
    maps = [one.name for one in facts.resources.of("ConfigMap", facts.namespace)]
    for _, command in facts.runbook.having(Command):
        for call in calls_of(command):
            words = call.invocation
            if words is not None and any(
                KINDS.get(a.lower()) == "ConfigMap" for a in words.arguments
            ):
                return next((name for name in maps if name in words.arguments), TODO)
    return next((name for name in maps if name.startswith(facts.name)), TODO)
