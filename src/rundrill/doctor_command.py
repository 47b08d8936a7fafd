"""`rundrill doctor`: what a target and this machine allow, each line with its fix."""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rundrill import detectors
from rundrill.base import out
from rundrill.base.clock import Clock
from rundrill.detection import RuleSet
from rundrill.detectors import DEFAULT, DetectorChoice, detector_choice
from rundrill.doctor import (
    Check,
    access,
    as_json,
    as_text,
    clocks,
    detector,
    enforcement,
    images,
    machine,
    metrics,
    reach,
    versions,
)
from rundrill.doctor import probe as probing
from rundrill.doctor.check import NONSENSE
from rundrill.errors import MachineError, RundrillError, TargetError
from rundrill.inputs import Inputs, plans_on, read_inputs
from rundrill.model import Plan
from rundrill.permissions import Needs, merged, needs_of
from rundrill.plan import DEFAULT_SERVICE, ServiceFile, read_service
from rundrill.responder import find_kubectl
from rundrill.target import choice
from rundrill.target.allowed import SURE, require_named
from rundrill.target.choice import LOCAL
from rundrill.target.cluster import Cluster, ClusterError, object_path
from rundrill.target.context import ContextTarget
from rundrill.target.interface import Target
from rundrill.workplace import Workplace

WALL_S: Final = 180.0
"""Of a plan that is only looked at."""
_SERVER: Final = "API server"
EPILOG: Final = """\
exit codes: 0 nothing failed, 1 something did, 2 bad input

examples:
  rundrill doctor                                     this machine, and the embedded cluster if up
  rundrill doctor experiments/*.yaml                  may the drills do what they need?
  rundrill doctor --target context:staging experiments/crash-loop.yaml
  rundrill doctor --probe --target kind               what is truly enforced? real pods try it
  rundrill doctor --json | jq '.checks[] | select(.state == "failed")'

A check that could not be made is "not known", never "ok". Nothing is changed without --probe.
docs/doctor.md tells of each check.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """All that the checks are about. Without experiments there are neither rules nor needs."""

    service: ServiceFile
    rules: RuleSet | None
    needs: Needs | None
    namespaces: frozenset[str]
    releases: Mapping[str, Sequence[str]]
    """Images of faults, to the faults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A cluster that can be asked, or the line that says why there is none."""

    cluster: Cluster | None
    address: Callable[[], str]
    why: Check | None


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "doctor",
        help="say what a target and this machine allow, with a fix for what they do not",
        description="Looks at versions, permissions, metrics, clocks, images and what is enforced.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("experiment", type=Path, nargs="*", help="files of experiments/")
    choice.add_option(parser)
    parser.add_argument("--kubeconfig", type=Path, help="the cluster that this file chooses")
    parser.add_argument(
        "--service", type=Path, default=DEFAULT_SERVICE, help="default: %(default)s"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where run folders go")
    detectors.add_option(parser)
    parser.add_argument(
        "--probe",
        action="store_true",
        help="try what is enforced, with pods in a namespace that is made and removed",
    )
    parser.add_argument(
        "--probe-image",
        metavar="IMAGE",
        help="with python3 in it (default: that of the Deployment behind the load's Service)",
    )
    parser.add_argument(
        SURE, metavar="NAME", help="of a context that looks like production: --probe is meant there"
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Gives the exit code. Raises the `RundrillError` of what is wrong with the input."""
    if options.kubeconfig is not None and options.target != LOCAL:
        raise TargetError(
            "--kubeconfig and --target name two clusters", fix="leave one of them out"
        )
    asked = _asked(options)
    if options.probe and options.target.kind == "context":
        # Pods are made, if only for seconds: not where no drill may run.
        require_named(options.target.context, asked.service.contexts, service=asked.service.path)
    chosen = _detector(options.detector)
    name = str(options.kubeconfig) if options.kubeconfig else options.target.name
    with _reached(options, asked, clock) as reached:
        checks = list(_checks(options, asked, reached, chosen, clock))
    grouped = sorted(checks, key=_order(checks))
    out.write(as_json(name, grouped) if options.json else as_text(grouped))
    return 1 if any(check.state == "failed" for check in checks) else 0


def _order(checks: Sequence[Check]) -> Callable[[Check], int]:
    groups = list(dict.fromkeys(check.group for check in checks))
    return lambda check: groups.index(check.group)


def _checks(
    options: argparse.Namespace,
    asked: Asked,
    reached: Reached,
    chosen: DetectorChoice,
    clock: Clock,
) -> Iterator[Check]:
    cluster = reached.cluster
    version = ""
    yield from versions.of_machine()
    if options.target.kind == "kind":
        yield from versions.of_kind()
    if cluster is not None:
        try:
            version = cluster.version()
        except (ClusterError, *NONSENSE) as error:
            cluster = None
            reached = Reached(
                cluster=None,
                address=reached.address,
                why=Check(
                    group="versions",
                    name=_SERVER,
                    state="failed",
                    seen=str(error),
                    fix="see `kubectl version` with the same kubeconfig",
                ),
            )
    yield from versions.of_kubectl(version)
    yield from machine.checks(options.runs, detector=options.detector)
    yield from detector.checks(chosen, asked.rules, clock=clock, wall=_wall)
    if cluster is None:
        yield from _without_cluster(reached)
    else:
        yield from _of_cluster(options, asked, reached, cluster, version, clock)


def _of_cluster(
    options: argparse.Namespace,
    asked: Asked,
    reached: Reached,
    cluster: Cluster,
    version: str,
    clock: Clock,
) -> Iterator[Check]:
    yield from versions.of_cluster(cluster, version)
    yield from access.checks(cluster, asked.needs)
    yield from metrics.checks(cluster, asked.service, asked.rules)
    yield from clocks.checks(cluster, clock=clock, wall=_wall)
    found = list(images.checks(cluster, asked.namespaces, asked.releases))
    tried = [one.name for one in found if one.state == "not known" and one.name in asked.releases]
    yield from (one for one in found if not (options.probe and one.name in tried))
    yield from reach.checks(reached.address, now=clock.now)

    def probed() -> probing.Probed:
        image = options.probe_image or _image_of(cluster, asked.service)
        return probing.probe(cluster, image=image, images=tried, clock=clock)

    yield from enforcement.checks(cluster, probed if options.probe else None)


def _without_cluster(reached: Reached) -> Iterator[Check]:
    assert reached.why is not None
    yield reached.why
    for group in ("permissions", "metrics", "clocks", "images", "load", "enforced here"):
        yield Check(
            group=group,
            name="all of it",
            state="not known",
            seen="not asked: there is no cluster that answers",
            fix="mend that first: see versions",
        )


def _asked(options: argparse.Namespace) -> Asked:
    """Raises the `RundrillError` of whichever file is wrong."""
    read = [read_inputs(path) for path in options.experiment]
    if not read:
        service = read_service(options.service)
        return Asked(
            service=service,
            rules=None,
            needs=None,
            namespaces=_namespaces(service, ()),
            releases={},
        )
    service = read[0].service
    plans = plans_on(options.target, read, compression=None, wall_s=WALL_S)
    releases: dict[str, list[str]] = {}
    for _, plan in plans:
        image = plan.fault_parameters.get("image")
        if image is not None:
            releases.setdefault(str(image), []).append(f"fault {plan.fault}")
    return Asked(
        service=service,
        rules=_rules(read),
        needs=merged(needs_of(plan, inputs.service) for inputs, plan in plans),
        namespaces=_namespaces(service, [plan for _, plan in plans]),
        releases=releases,
    )


def _rules(read: Sequence[Inputs]) -> RuleSet:
    """Raises `RundrillError` for experiments of several services: each has its own doctor."""
    services = {inputs.service.path.resolve() for inputs in read}
    rules = {Path(inputs.rules.path).resolve() for inputs in read}
    if len(services) > 1 or len(rules) > 1:
        raise TargetError(
            "these experiments are of several services, or have several rules files",
            fix="ask for those of one service at a time",
        )
    return read[0].rules


def _namespaces(service: ServiceFile, plans: Sequence[Plan]) -> frozenset[str]:
    return frozenset(
        {
            service.load_namespace,
            *(scrape.namespace for scrape in service.scrape),
            *(book.namespace for book in service.charges),
            *(name for plan in plans for name in plan.blast_radius.namespaces),
        }
    )


def _detector(text: str) -> DetectorChoice:
    """A `prometheus` that is missing on this machine is a line of its own."""
    try:
        return detector_choice(text)
    except MachineError:
        return DEFAULT


@contextmanager
def _reached(options: argparse.Namespace, asked: Asked, clock: Clock) -> Iterator[Reached]:
    """What the options name; nothing is brought up. What it needs on disk goes to a folder of its
    own, since a drill may be running here."""
    with tempfile.TemporaryDirectory(prefix="rundrill-doctor-") as folder:
        scratch = Path(folder)
        if options.kubeconfig is not None:
            cluster = Cluster(options.kubeconfig, scratch=scratch)
            service = asked.service
            yield Reached(
                cluster=cluster,
                address=lambda: cluster.service_url(
                    service.load_namespace, service.load_service, service.load_port
                ),
                why=None,
            )
            return
        try:
            target = _target(options, asked, scratch, clock)
            found = _cluster_of(target, scratch, changes=options.probe)
        except RundrillError as error:
            yield _unreached("failed", error.problem, error.fix or "see `kubectl version`")
            return
        if found is None:
            up = "rundrill up" + ("" if options.target == LOCAL else f" --target {target.name}")
            yield _unreached(
                "not known",
                f"no {'embedded' if options.target == LOCAL else 'kind'} cluster is up here; a"
                " drill brings up its own",
                f"{up}, then ask again",
            )
            return
        cluster = found
        service = asked.service
        yield Reached(
            cluster=cluster,
            address=lambda: target.service_url(
                cluster,
                namespace=service.load_namespace,
                service=service.load_service,
                port=service.load_port,
            ),
            why=None,
        )


def _unreached(state: str, seen: str, fix: str) -> Reached:
    why = Check(
        group="versions",
        name=_SERVER,
        state="failed" if state == "failed" else "not known",
        seen=seen,
        fix=fix,
    )
    return Reached(cluster=None, address=str, why=why)


def _target(options: argparse.Namespace, asked: Asked, scratch: Path, clock: Clock) -> Target:
    # A context's kubeconfig is a file that a drill on it uses too, and takes away.
    place = Workplace(scratch if options.target.kind == "context" else None)
    place.scratch = scratch
    kubectl = find_kubectl()
    local = place.local(asked.service, kubectl=kubectl, clock=clock, say=_nothing)
    named = [one for one in asked.service.contexts if one.name == options.target.context]
    return place.target(
        options.target,
        local,
        namespaces=(),
        kubectl=kubectl,
        clock=clock,
        say=_nothing,
        load_url=named[0].load_url if named else None,
        sure=options.yes_i_am_sure,
    )


def _cluster_of(target: Target, scratch: Path, *, changes: bool) -> Cluster | None:
    """None when there is none up; `changes` says that something will be made in it.

    Raises `RundrillError`.
    """
    if isinstance(target, ContextTarget):
        cluster = target.connect()
        if changes:
            target.require_meant()
        return cluster
    return None if target.running() is None else Cluster(target.kubeconfig, scratch=scratch)


def _image_of(cluster: Cluster, service: ServiceFile) -> str:
    """Of a Deployment that the load's Service selects. Raises `ClusterError`."""
    path = object_path("service", service.load_namespace, service.load_service)
    selector = (cluster.get(path)["spec"].get("selector") or {}).items()
    for item in cluster.objects("deployments", [service.load_namespace]):
        template = item["spec"]["template"]
        if selector and selector <= (template["metadata"].get("labels") or {}).items():
            return str(template["spec"]["containers"][0]["image"])
    raise ClusterError(f"no Deployment is behind {path}; name an image with --probe-image")


def _wall() -> float:
    return datetime.now(UTC).timestamp()


def _nothing(_: str) -> None: ...
