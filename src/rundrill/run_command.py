"""`rundrill run`: all is checked, the target is brought up, the drills are run and told."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rundrill import detectors, experiment, game_day, notifiers, report_command, timing_options
from rundrill.base import out
from rundrill.base.clock import Clock
from rundrill.errors import RundrillError, TargetError
from rundrill.game_day import Ended, Leg, Listener
from rundrill.inputs import Inputs, plans_on, read_inputs
from rundrill.model import Arm, Outcome, Plan
from rundrill.permissions import require_inside
from rundrill.plan.contexts import AllowedContext, longest_s
from rundrill.report import Console
from rundrill.responder import find_kubectl
from rundrill.session import Site, require_room, target_errors, uninterrupted
from rundrill.target import choice
from rundrill.target.allowed import SURE, require_named, require_no_blackout
from rundrill.target.choice import TargetChoice
from rundrill.target.cluster import Cluster
from rundrill.target.interface import Target
from rundrill.target.local import LocalTarget
from rundrill.workplace import Workplace

BAD_INPUT = 2


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    parser = commands.add_parser(
        "run", help="run drills one after another, on a cluster of their own if none is up"
    )
    parser.add_argument("experiment", type=Path, nargs="+", help="files of experiments/")
    timing_options.add_options(parser)
    choice.add_option(parser)
    parser.add_argument(
        SURE, metavar="NAME", help="of a context that looks like production, if that is meant"
    )
    arms = parser.add_mutually_exclusive_group()
    arms.add_argument(
        "--with-control",
        action="store_true",
        help="each fault once more, with nobody who follows the runbook: would it have healed?",
    )
    arms.add_argument(
        "--dry", action="store_true", help="everything but the fault: every alert stays silent"
    )
    detectors.add_option(parser)
    notifiers.add_options(parser)
    parser.add_argument(
        "--strict", action="store_true", help="accepted findings fail like all others"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where run folders go")


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Gives the exit code. Raises the `RundrillError` of what is wrong, with nothing running."""
    read = [read_inputs(path) for path in options.experiment]
    wanted: TargetChoice = options.target
    wall_s = timing_options.wall_s_of(options)

    def plans(compression: float | None) -> Sequence[tuple[Inputs, Plan]]:
        made = plans_on(wanted, read, compression=compression, wall_s=wall_s)
        return [(one, replace(plan, accepted=())) for one, plan in made] if options.strict else made

    # Everything the drills need is checked before anything is started.
    arms = _arms(options)
    legs = game_day.make_legs(plans(options.compress), arms=arms)
    for leg in legs:
        require_inside(leg.plan)
    for path in options.experiment:
        experiment.check(path)
    require_room(options.runs)
    allowed = _allowed(options, legs)
    kubectl = find_kubectl()
    detector = detectors.detector_choice(options.detector)
    alerts = {alert for leg in legs for alert in leg.plan.expected_alerts}
    alertmanager = notifiers.find_notifier(
        options.notifier, options.receiver_port, detector, alerts, clock=clock, say=_say
    )
    workplace = Workplace()
    with workplace.lock():
        local = workplace.local(read[0].service, kubectl=kubectl, clock=clock, say=_say)
        workplace.recover(local, clock=clock, say=_say)
        target = workplace.target(
            wanted,
            local,
            namespaces=_namespaces(legs),
            kubectl=kubectl,
            clock=clock,
            say=_say,
            load_url=None if allowed is None else allowed.load_url,
            sure=options.yes_i_am_sure,
        )
        up = target.running()
        if wanted.is_ours and up is not None and options.compress not in (None, up):
            raise TargetError(
                f"the target is up at compression {up:g}, not {options.compress:g}",
                path=target.kubeconfig,
                fix="leave out --compress, or run `rundrill down` first",
            )
        is_given = up is not None and wanted.is_ours
        legs = game_day.make_legs(plans(up if is_given else options.compress), arms=arms)
        plan = legs[0].plan
        _say(f"compression {plan.compression:g}: {plan.compression_reason}")
        detectors.require_usable(detector, read[0].rules, compression=plan.compression, clock=clock)
        unended: RundrillError | None = None
        try:
            if up is None:
                target.up(compression=plan.compression, keep=False)
            if up is not None or not wanted.is_ours:
                workplace.require_free(target.kubeconfig, clock=clock, say=_say)
            folder, ended = game_day.run(
                legs,
                site=Site(
                    kubeconfig=target.kubeconfig,
                    load_url=_load_url(target, legs, scratch=workplace.scratch),
                    kubectl=kubectl,
                    scratch=workplace.scratch,
                    journal=workplace.journal,
                    clock=clock,
                    place=workplace,
                    outlives=up is not None or not wanted.is_ours,
                ),
                runs=options.runs,
                listener=_listener(len(legs)),
                detector=detector,
                alertmanager=alertmanager,
                say=_say,
            )
        finally:
            if up is None:
                with uninterrupted():
                    unended = end(target, local, workplace, clock)
                if unended is not None:
                    out.write_error(f"rundrill: {unended}\n")
    code = _told(folder, ended)
    return code if unended is None else BAD_INPUT


def _told(folder: Path, ended: Sequence[Ended]) -> int:
    """Says the answer, gives the exit code. Raises what kept a single drill from one."""
    errors = [leg.error for leg in ended if leg.error is not None]
    if len(ended) == 1 and errors:
        raise errors[0]
    code = report_command.tell(folder)
    for error in errors:
        out.write_error(f"rundrill: {error}\n")
        code = code or BAD_INPUT
    aborted = any(leg.verdict and leg.verdict.outcome is Outcome.ABORTED for leg in ended)
    return Outcome.ABORTED.exit_code if aborted else code


def end(
    target: Target, local: LocalTarget, workplace: Workplace, clock: Clock
) -> RundrillError | None:
    """Ends the target of this run; gives what kept it, since there is a verdict to tell.

    A cluster that lives on is let go of only when nothing of ours is left in it: until then its
    kubeconfig is what `rundrill recover` needs.
    """

    def ended() -> RundrillError | None:
        failure = target.down()
        return None if failure is None else target.not_down(failure)

    def recovered() -> RundrillError | None:
        try:
            workplace.recover(local, clock=clock, say=_say)
        except RundrillError as error:
            return error
        return None

    # The embedded cluster takes its fault with it.
    first, then = (ended, recovered) if target is local else (recovered, ended)
    return first() or then()


def _allowed(options: argparse.Namespace, legs: Sequence[Leg]) -> AllowedContext | None:
    """What service.yaml says of the context; None where the cluster is one of ours.

    Raises `TargetError` when no drill may run there, or not now.
    """
    wanted: TargetChoice = options.target
    if wanted.kind != "context":
        if options.yes_i_am_sure is not None:
            raise TargetError(f"{SURE} is for a context, not for {wanted.name}")
        return None
    service = legs[0].inputs.service
    allowed = require_named(wanted.context, service.contexts, service=service.path)
    require_no_blackout(
        allowed,
        now=datetime.now(UTC),
        lasts_s=sum(longest_s(leg.plan) for leg in legs),
        service=service.path,
    )
    return allowed


def _load_url(target: Target, legs: Sequence[Leg], *, scratch: Path) -> str:
    service = legs[0].inputs.service
    with target_errors(target.kubeconfig):
        return target.service_url(
            Cluster(target.kubeconfig, scratch=scratch),
            namespace=service.load_namespace,
            service=service.load_service,
            port=service.load_port,
        )


def _namespaces(legs: Sequence[Leg]) -> frozenset[str]:
    """Where something must be ready before the first of the drills."""
    service = legs[0].inputs.service
    return frozenset(
        {
            service.load_namespace,
            *(scrape.namespace for scrape in service.scrape),
            *(book.namespace for book in service.charges),
            *(name for leg in legs for name in leg.plan.blast_radius.namespaces),
        }
    )


def _arms(options: argparse.Namespace) -> Sequence[Arm]:
    if options.dry:
        return ["dry"]
    return ["drill", "control"] if options.with_control else ["drill"]


def _listener(count: int) -> Callable[[Leg], Listener]:
    """A console for each leg, under a line of its own where there are several."""

    def listen(leg: Leg) -> Listener:
        if count > 1:
            _say(f"\n== {leg.name}" + ("" if leg.plan.arm == "drill" else f", {leg.plan.arm} arm"))
        return Console()

    return listen


def _say(text: str) -> None:
    out.write(f"{text}\n")
