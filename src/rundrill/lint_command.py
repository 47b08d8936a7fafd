"""`rundrill lint`: gathers what the rules ask for, prints what they find."""

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

from rundrill.base import out
from rundrill.base.options import file
from rundrill.claims import Command, Runbook
from rundrill.detection import load_rules
from rundrill.errors import BindingError, ExperimentError, RulesError, RundrillError, TargetError
from rundrill.kubectl_answers import ask
from rundrill.lint import LEVELS, Drilled, Material, calls_of, check, kinds_named
from rundrill.lint.formats import FORMATS
from rundrill.manifests import ClusterAccess, read_cluster, read_manifests
from rundrill.plan import ExperimentFile, Undecided, read_experiment, undecided
from rundrill.resources import Resources
from rundrill.responder import find_kubectl
from rundrill.runbook import load, load_bindings

FINDINGS: Final = 1
EPILOG: Final = """\
exit codes: 0 nothing at or above --fail-on, 1 findings, 2 bad input

examples:
  rundrill lint runbook.md
  rundrill lint runbook.md --manifests deploy/overlays/prod --rules alerts.yml
  rundrill lint runbook.md --target prod-cluster        ask a cluster what it has
  rundrill lint runbook.md --kubeconfig .rundrill/cluster/kubeconfig    the embedded one
  rundrill lint runbook.md --format sarif > lint.sarif
  rundrill lint runbook.md --format github --fail-on error

A line is silenced by a comment on it, with a reason:
  <!-- rundrill: ignore command-never-ends: whoever follows it stops it -->
docs/lint.md tells of each rule.
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "lint",
        help="say what is wrong with a runbook, without running anything",
        description="Reads a runbook and says what would fail, mislead or be missing at night.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runbook", type=file, help="a Markdown file")
    parser.add_argument("--manifests", type=Path, help="a folder: do the named resources exist?")
    parser.add_argument("--rules", type=Path, help="Prometheus rules: do they say the same?")
    parser.add_argument(
        "--bindings", type=Path, help="default: bindings.yaml beside the rules, if it is there"
    )
    parser.add_argument(
        "--experiments", type=Path, help="a folder: is there a drill for each failure mode?"
    )
    parser.add_argument(
        "--kubectl", type=Path, help="which one is asked (default: as for `rundrill run`)"
    )
    parser.add_argument(
        "--target",
        metavar="CONTEXT",
        help="a context of your kubeconfig: do the named resources exist in that cluster?",
    )
    parser.add_argument("--kubeconfig", type=Path, help="where --target is looked up")
    parser.add_argument("--format", choices=tuple(FORMATS), default="text")
    parser.add_argument(
        "--fail-on",
        choices=(*LEVELS, "never"),
        default="warning",
        help="the least that counts (default: %(default)s)",
    )
    parser.add_argument(
        "--today", type=date.fromisoformat, default=None, metavar="DATE", help=argparse.SUPPRESS
    )


def run(options: argparse.Namespace) -> int:
    """Gives the exit code. Raises the `RundrillError` of whatever cannot be read."""
    result = check(_material(options))
    out.write(FORMATS[options.format](result))
    if options.fail_on == "never":
        return 0
    return FINDINGS if result.at_least(options.fail_on) else 0


def _material(options: argparse.Namespace) -> Material:
    runbook = load(options.runbook)
    missing: dict[str, str] = {}
    kubectl = _kubectl(options.kubectl, missing)
    rules = None if options.rules is None else load_rules(options.rules)
    bindings = options.bindings
    if bindings is None and options.rules is not None:
        beside = options.rules.parent / "bindings.yaml"
        bindings = beside if beside.is_file() else None
    drills = None if options.experiments is None else _experiments(options.experiments)
    calls = [
        call.kubectl
        for _, command in runbook.having(Command)
        for call in calls_of(command)
        if call.kubectl is not None
    ]
    return Material(
        runbook=runbook,
        runbook_file=str(options.runbook.resolve()),
        today=options.today or date.today(),  # noqa: DTZ011 - a review is due by the local day
        bindings=None if bindings is None else load_bindings(bindings),
        rules=rules,
        rules_lines=()
        if options.rules is None
        else options.rules.read_text(encoding="utf-8").splitlines(),
        resources=_resources(options, kubectl, runbook),
        kubectl=None if kubectl is None else ask(kubectl, calls),
        experiments=None if drills is None else _drilled(drills),
        undecided=_undecided(bindings, options.rules, drills or ()),
        missing=missing,
    )


def _kubectl(named: Path | None, missing: dict[str, str]) -> Path | None:
    """The one to ask. One that was named must be there; else its absence is only told."""
    if named is not None:
        return find_kubectl({"RUNDRILL_KUBECTL": str(named)})
    try:
        return find_kubectl()
    except TargetError as error:
        missing["kubectl"] = error.problem
        return None


def _resources(
    options: argparse.Namespace, kubectl: Path | None, runbook: Runbook
) -> Resources | None:
    if options.target is None and options.kubeconfig is None:
        return None if options.manifests is None else read_manifests(options.manifests, kubectl)
    if options.manifests is not None:
        raise TargetError(
            "--manifests and --target (or --kubeconfig) are two answers to one question",
            fix="leave one out",
        )
    if kubectl is None:
        raise TargetError(
            "a cluster is asked through kubectl, and there is none",
            fix="install kubectl, or name one with --kubectl",
        )
    access = ClusterAccess(kubectl=kubectl, kubeconfig=options.kubeconfig, context=options.target)
    found, unknown = read_cluster(access, kinds_named(runbook))
    for kind, why in unknown.items():
        sys.stderr.write(f"rundrill: not checked: names of {kind}s in {access.name}: {why}\n")
    return found


def _experiments(folder: Path) -> Sequence[ExperimentFile]:
    if not folder.exists():
        raise ExperimentError(
            "there are no experiments", path=folder, fix="name a folder or a file"
        )
    paths = [folder] if folder.is_file() else sorted(folder.glob("*.yaml"))
    if not paths:
        raise ExperimentError(
            "there is no experiment file (*.yaml)", path=folder, fix="name the folder that has them"
        )
    return [read_experiment(path) for path in paths]


def _drilled(experiments: Sequence[ExperimentFile]) -> Sequence[Drilled]:
    return tuple(
        Drilled(
            path=str(one.path),
            runbook=str(one.runbook.resolve()),
            procedures=tuple(ref.id for ref in one.procedures),
        )
        for one in experiments
    )


def _near(path: Path) -> Path:
    """From here, as the other paths are told, when it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _undecided(
    bindings: Path | None, rules: Path | None, experiments: Sequence[ExperimentFile]
) -> Sequence[Undecided]:
    """What is open in the files, each of them looked at once."""
    files: dict[Path, type[RundrillError]] = {}
    if bindings is not None:
        files[bindings] = BindingError
    if rules is not None:
        files[rules] = RulesError
    for one in experiments:
        files[one.path] = ExperimentError
        if one.service.is_file():  # a drill needs it, and lint does not
            files[_near(one.service)] = ExperimentError
    open_values = (one for path, error in files.items() for one in undecided(path, error))
    return tuple({(one.path.resolve(), one.line): one for one in open_values}.values())
