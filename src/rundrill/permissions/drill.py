"""All that one drill asks the API server for, and which part of it asks."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rundrill.claims import Command
from rundrill.faults import FAULTS
from rundrill.model import Plan, PlannedStep, PodQuery
from rundrill.permissions.access import Access, Need, Unknown
from rundrill.permissions.kubectl import UnknownRequestsError, accesses_of
from rundrill.permissions.refusals import refusal_of, words_of
from rundrill.plan import ServiceFile
from rundrill.runbook.kubectl import read_invocation
from rundrill.target.cluster import DECLARED

Found = Iterable[tuple[Access, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """`needs` by namespace, group, resource and verb; `unknown` in the order of the procedure."""

    needs: tuple[Need, ...]
    unknown: tuple[Unknown, ...]


def needs_of(plan: Plan, service: ServiceFile) -> Needs:
    """What this arm of the drill needs, no more. A step whose command is refused needs nothing."""
    unknown: list[Unknown] = []
    found = [
        *_load(service),
        *_detection(service),
        *_audit(service, unknown),
        *_snapshot(plan),
        *_lease(service),
    ]
    if plan.arm != "dry":
        found += [*_marker(plan), *_fault(plan)]
    if plan.arm == "drill":
        for step in plan.steps:
            found += _step(plan, step, unknown)
    return Needs(needs=_joined(found), unknown=tuple(unknown))


def merged(needs: Iterable[Needs]) -> Needs:
    """Those of several drills."""
    every = list(needs)
    unknown = dict.fromkeys(one for each in every for one in each.unknown)
    found = ((need.access, who) for each in every for need in each.needs for who in need.who)
    return Needs(needs=_joined(found), unknown=tuple(unknown))


def _joined(found: Found) -> tuple[Need, ...]:
    who: dict[Access, dict[str, None]] = {}
    for access, part in found:
        who.setdefault(access, {})[part] = None
    return tuple(Need(access=access, who=tuple(who[access])) for access in sorted(who))


def _access(namespace: str, resource: str, verb: str, group: str = "") -> Access:
    return Access(namespace=namespace, group=group, resource=resource, verb=verb)


def _load(service: ServiceFile) -> Found:
    yield _access(service.load_namespace, "services", "get"), "load"


def _detection(service: ServiceFile) -> Found:
    """Everything is scraped through the API server's proxies."""
    yield _access("", "nodes", "list"), "detection"
    yield _access("", "nodes/proxy", "get"), "detection"
    yield _access("kube-system", "services/proxy", "get"), "detection"
    for namespace in {service.load_namespace, *(scrape.namespace for scrape in service.scrape)}:
        # Where there is no kube-state-metrics.
        yield _access(namespace, "pods", "list"), "detection"
        yield _access(namespace, "deployments", "list", "apps"), "detection"
    for scrape in service.scrape:
        yield _access(scrape.namespace, "pods/proxy", "get"), "detection"


def _audit(service: ServiceFile, unknown: list[Unknown]) -> Found:
    """The service's own listing of its payments, and the books of its gateways."""
    for book in service.charges:
        yield _access(book.namespace, "pods", "list"), "audit"
        yield _access(book.namespace, "pods/proxy", "get"), "audit"
    words = shlex.split(service.audit)
    if words[:1] == ["kubectl"]:
        try:
            for access in accesses_of(read_invocation(words[1:])):
                yield access, "audit"
        except UnknownRequestsError as error:
            unknown.append(Unknown(who="audit", command=service.audit, why=str(error)))


def _snapshot(plan: Plan) -> Found:
    for namespace in plan.blast_radius.namespaces:
        for group, resource in DECLARED:
            yield _access(namespace, resource, "list", group), "snapshot"


def _lease(service: ServiceFile) -> Found:
    """One game day at a time."""
    for verb in ("create", "delete", "get", "update"):
        yield _access(service.load_namespace, "leases", verb, "coordination.k8s.io"), "lease"


def _marker(plan: Plan) -> Found:
    # Whose fault is in this cluster, wherever it is.
    yield _access("", "configmaps", "list"), "marker"
    for namespace in plan.blast_radius.namespaces:
        for verb in ("create", "get", "delete"):
            yield _access(namespace, "configmaps", verb), "marker"
    # One of them gets the undo entry.
    yield _access(min(plan.blast_radius.namespaces), "configmaps", "update"), "marker"


def _fault(plan: Plan) -> Found:
    for one in FAULTS[plan.fault].PERMISSIONS:
        namespace = str(plan.fault_parameters[one.namespace])
        for verb in one.verbs:
            yield _access(namespace, one.resource, verb, one.group), f"fault {plan.fault}"


def _step(plan: Plan, step: PlannedStep, unknown: list[Unknown]) -> Iterator[tuple[Access, str]]:
    for command in step.commands:
        if refusal_of(plan, step, command) is not None:
            continue
        who = name_of(plan, step, command)
        for query in _queries(plan.placeholders, command):
            yield _access(query.namespace, "pods", "list"), who
        try:
            asked = accesses_of(read_invocation(words_of(plan, command)[1:]))
        except UnknownRequestsError as error:
            unknown.append(Unknown(who=who, command=command.text, why=str(error)))
            continue
        yield from ((access, who) for access in sorted(asked))
        for access in way_back(asked):
            yield access, f"undo of {who}"


def name_of(plan: Plan, step: PlannedStep, command: Command) -> str:
    """ "rollback-procedure#2 (runbook.md:66)"."""
    return f"{step.procedure}#{step.number} ({Path(plan.runbook_path).name}:{command.line})"


def way_back(asked: Iterable[Access]) -> Sequence[Access]:
    """What brings back what a command changed: what is declared is patched or made again.

    What is new is left alone, and what nobody declares (pods) follows from what is.
    """
    made = {"patch": "patch", "update": "patch", "delete": "create"}
    return sorted(
        _access(one.namespace, one.resource.partition("/")[0], made[one.verb], one.group)
        for one in asked
        if one.verb in made and (one.group, one.resource.partition("/")[0]) in DECLARED
    )


def _queries(placeholders: Mapping[str, str | PodQuery], command: Command) -> Sequence[PodQuery]:
    bound = (placeholders.get(name) for name in command.placeholders)
    return [query for query in bound if isinstance(query, PodQuery)]
