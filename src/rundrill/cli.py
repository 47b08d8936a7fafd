"""The command line. Parses, calls, prints; decides nothing."""

import argparse
import math
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rundrill import (
    backtest_command,
    coverage_command,
    detectors,
    events,
    experiment,
    export_command,
    game_day,
    init_command,
    lint_command,
    notifiers,
    plan_command,
    report,
    show_command,
    verdict,
)
from rundrill.base import out
from rundrill.base.clock import MonotonicClock
from rundrill.base.options import Parser, number
from rundrill.errors import RundrillError, TargetError
from rundrill.game_day import Leg, Listener
from rundrill.inputs import Inputs, make_plans, read_inputs
from rundrill.model import Arm, Outcome, Plan
from rundrill.permissions import require_inside
from rundrill.plan import read_service
from rundrill.report import Console
from rundrill.responder import find_kubectl
from rundrill.session import Site, require_room, uninterrupted
from rundrill.target.local import LocalTarget
from rundrill.workplace import Workplace

BAD_INPUT = 2
WALL_S = 150.0
WALL_EACH_S = 85.0
"""Of one drill, and of each of several: those share the start, and are compressed further."""
MAX_COMPRESSION = 1000.0
SERVICE = Path("runbooks/payment-service/service.yaml")
EPILOG = """\
exit codes: 0 held, 1 broken, 2 bad input, 3 invalid (nothing was learned), 4 aborted,
70 internal error

examples:
  rundrill run experiments/crash-loop.yaml        one drill on an embedded cluster of its own
  rundrill run experiments/*.yaml                 a game day: one target, one load
  rundrill run --with-control experiments/crash-loop.yaml    would it have healed by itself?
  rundrill up; chaos run experiments/crash-loop.yaml; rundrill down
  rundrill report runs/20260101-120000-crash-loop build the reports of a run again
  rundrill plan experiments/crash-loop.yaml       what would it do, touch and need?
  rundrill show runbooks/payment-service/runbook.md    what does it state, line by line?
  rundrill lint runbooks/payment-service/runbook.md    what is wrong with a runbook?
  rundrill coverage runs --html coverage.html     which of its claims are proven?
  rundrill init --runbook my.md --manifests deploy    begin the drills of your own service
  rundrill backtest runs/20260101-120000-crash-loop --rules new.yml    would they have fired?
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Gives the exit code; bad input is one message on stderr, a bug is a traceback (70)."""
    options = _parser().parse_args(arguments)
    clock = MonotonicClock()
    # SIGINT too: a shell starts what it runs in the background with Ctrl-C ignored, and Python
    # would leave it so.
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sent, _interrupt)
    commands: dict[str, Callable[[], int]] = {
        "run": lambda: _run(options, clock),
        "up": lambda: _up(options, clock),
        "down": lambda: _down(options, clock),
        "recover": lambda: _recover(options, clock),
        "report": lambda: _report(options),
        "plan": lambda: plan_command.run(options, _wall_s(options)),
        "show": lambda: show_command.run(options),
        "lint": lambda: lint_command.run(options),
        "coverage": lambda: coverage_command.run(options),
        "init": lambda: init_command.run(options),
        "backtest": lambda: backtest_command.run(options),
        "export": lambda: export_command.run(options),
    }
    try:
        return commands[options.command]()
    except RundrillError as error:
        sys.stderr.write(f"rundrill: {error}\n")
        return BAD_INPUT
    except KeyboardInterrupt:
        sys.stderr.write("rundrill: interrupted; everything of ours was stopped\n")
        return Outcome.ABORTED.exit_code


def entry() -> None:
    """The console script. A bug is a traceback and exit code 70."""
    try:
        code = main()
    except Exception:  # noqa: BLE001 - the last resort: the traceback is printed
        import traceback  # noqa: PLC0415 - only on a bug

        traceback.print_exc()
        code = 70
    sys.exit(code)


def _run(options: argparse.Namespace, clock: MonotonicClock) -> int:
    read = [read_inputs(path) for path in options.experiment]
    wall_s = _wall_s(options)

    def plans(compression: float | None) -> Sequence[tuple[Inputs, Plan]]:
        made = make_plans(read, target="local", compression=compression, wall_s=wall_s)
        return [(one, replace(plan, accepted=())) for one, plan in made] if options.strict else made

    # Everything the drills need is checked before anything is started.
    arms = _arms(options)
    legs = game_day.make_legs(plans(options.compress), arms=arms)
    for leg in legs:
        require_inside(leg.plan)
    for path in options.experiment:
        experiment.check(path)
    require_room(options.runs)
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
        up = local.running()
        if up is not None and options.compress not in (None, up):
            raise TargetError(
                f"the target is up at compression {up:g}, not {options.compress:g}",
                path=local.kubeconfig,
                fix="leave out --compress, or run `rundrill down` first",
            )
        legs = game_day.make_legs(plans(options.compress if up is None else up), arms=arms)
        plan = legs[0].plan
        _say(f"compression {plan.compression:g}: {plan.compression_reason}")
        detectors.require_usable(detector, read[0].rules, compression=plan.compression, clock=clock)
        unended: RundrillError | None = None
        try:
            if up is None:
                local.up(compression=plan.compression, keep=False)
            else:
                workplace.require_free(local.kubeconfig, clock=clock, say=_say)
            folder, ended = game_day.run(
                legs,
                site=Site(
                    kubeconfig=local.kubeconfig,
                    kubectl=kubectl,
                    scratch=workplace.scratch,
                    journal=workplace.journal,
                    clock=clock,
                ),
                runs=options.runs,
                listener=_listener(len(legs)),
                detector=detector,
                alertmanager=alertmanager,
            )
        finally:
            if up is None:
                with uninterrupted():
                    unended = _end(local, workplace, clock)
                if unended is not None:
                    sys.stderr.write(f"rundrill: {unended}\n")
    errors = [leg.error for leg in ended if leg.error is not None]
    if len(ended) == 1 and errors:
        raise errors[0]
    code = _tell(folder)
    for error in errors:
        sys.stderr.write(f"rundrill: {error}\n")
        code = code or BAD_INPUT
    if unended is not None:
        return BAD_INPUT
    aborted = any(leg.verdict and leg.verdict.outcome is Outcome.ABORTED for leg in ended)
    return Outcome.ABORTED.exit_code if aborted else code


def _wall_s(options: argparse.Namespace) -> float:
    """How long the drills may take in all, unless a compression is asked for."""
    count = len(options.experiment)
    wall_s: float | None = options.wall
    return wall_s or (WALL_S if count == 1 else WALL_EACH_S * count)


def _end(local: LocalTarget, workplace: Workplace, clock: MonotonicClock) -> RundrillError | None:
    """Ends the cluster of this run; gives what kept it, since there is a verdict to tell."""
    failure = local.down()
    if failure is not None:
        return local.not_down(failure)
    try:
        # A cluster that is gone took its fault with it.
        workplace.recover(local, clock=clock, say=_say)
    except RundrillError as error:
        return error
    return None


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


def _up(options: argparse.Namespace, clock: MonotonicClock) -> int:
    workplace = Workplace()
    service = read_service(options.service)
    with workplace.lock():
        local = workplace.local(service, kubectl=find_kubectl(), clock=clock, say=_say)
        workplace.recover(local, clock=clock, say=_say)
        if local.running() is not None:
            raise TargetError("the target is up already", path=local.kubeconfig)
        try:
            local.up(compression=options.compress, keep=True)
        except BaseException:
            with uninterrupted():
                failure = local.down()
            if failure is not None:
                sys.stderr.write(f"rundrill: {local.not_down(failure)}\n")
            raise
    _say(f"up; export KUBECONFIG={local.kubeconfig}")
    return 0


def _down(options: argparse.Namespace, clock: MonotonicClock) -> int:
    workplace = Workplace()
    service = read_service(options.service)
    with workplace.lock():
        local = workplace.local(service, kubectl=find_kubectl(), clock=clock, say=_say)
        failure = local.down()
        if failure is not None:
            raise local.not_down(failure)
    _say("down")
    return 0


def _recover(options: argparse.Namespace, clock: MonotonicClock) -> int:
    workplace = Workplace()
    if options.kubeconfig is not None:
        with workplace.lock():
            count = workplace.recover_marked(
                options.kubeconfig,
                only_expired=options.expired,
                clock=clock,
                say=_say,
                bring_back=options.restore,
            )
        _say(f"{count} left over" if count else "nothing was left over")
        return 0
    service = read_service(options.service)
    with workplace.lock():
        local = workplace.local(service, kubectl=find_kubectl(), clock=clock, say=_say)
        count = workplace.recover(local, clock=clock, say=_say, bring_back=options.restore)
        if local.running() is not None:
            count += workplace.recover_marked(
                local.kubeconfig,
                only_expired=options.expired,
                clock=clock,
                say=_say,
                bring_back=options.restore,
            )
    _say(f"{count} left over" if count else "nothing was left over")
    return 0


def _report(options: argparse.Namespace) -> int:
    return _tell(options.run)


def _tell(folder: Path) -> int:
    """Writes the reports of a run folder from its events, says the answer, gives the exit code."""
    return _tell_game_day(folder) if report.is_game_day(folder) else _tell_drill(folder)


def _tell_game_day(folder: Path) -> int:
    entries = report.read_game_day(folder)
    for entry in entries:
        if entry.verdict is not None:
            report.write(folder / entry.folder, entry.events, entry.verdict, control=entry.control)
    paths = report.write_game_day(folder, entries)
    outcome = report.outcome_of(entries)
    Console().game_day(entries, outcome, paths.html)
    return outcome.exit_code


def _tell_drill(folder: Path) -> int:
    path = folder / "events.jsonl"
    if not path.is_file():
        raise RundrillError("there are no events of a run", path=path, fix="see runs/")
    told = events.read(path)
    started = next((event for event in told if isinstance(event, events.DrillStarted)), None)
    if started is None:
        raise RundrillError("no drill began here", path=path, fix="the run was cut off at once")
    judged = verdict.judge(told)
    beside = folder / "control" / "events.jsonl"
    control = events.read(beside) if beside.is_file() else None
    comparison = None if control is None else report.compare(told, control)
    paths = report.write(folder, told, judged, control=control)
    compression = started.plan.compression
    Console().summary(judged, paths.html, compression=compression, comparison=comparison)
    return verdict.exit_code(judged, None if comparison is None else comparison.verdict)


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = Parser(
        prog="rundrill",
        description="Proves that an incident runbook works before the night it is needed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run", help="run drills one after another, on a cluster of their own if none is up"
    )
    run.add_argument("experiment", type=Path, nargs="+", help="files of experiments/")
    for command in (run, plan_command.add_parser(commands)):
        command.add_argument("--compress", type=_factor, help="divide the stated durations by this")
        command.add_argument(
            "--wall",
            type=_seconds,
            metavar="SECONDS",
            help="choose the compression for this much wall time in all"
            f" (default: {WALL_S:g} for one drill, {WALL_EACH_S:g} for each of several)",
        )
    arms = run.add_mutually_exclusive_group()
    arms.add_argument(
        "--with-control",
        action="store_true",
        help="each fault once more, with nobody who follows the runbook: would it have healed?",
    )
    arms.add_argument(
        "--dry", action="store_true", help="everything but the fault: every alert stays silent"
    )
    detectors.add_option(run)
    notifiers.add_options(run)
    run.add_argument("--strict", action="store_true", help="accepted findings fail like all others")
    run.add_argument("--runs", type=Path, default=Path("runs"), help="where run folders go")
    up = commands.add_parser("up", help="start the embedded cluster and leave it up")
    up.add_argument("--compress", type=_factor, default=15.0, help="default: %(default)g")
    for command in (up, commands.add_parser("down", help="stop it and all of its pods")):
        command.add_argument("--service", type=Path, default=SERVICE, help="default: %(default)s")
    recover = commands.add_parser("recover", help="undo what a killed run left")
    recover.add_argument("--service", type=Path, default=SERVICE, help="default: %(default)s")
    recover.add_argument(
        "--kubeconfig", type=Path, help="undo the faults that are marked in this cluster"
    )
    recover.add_argument(
        "--expired", action="store_true", help="only faults that have outlived their drill"
    )
    recover.add_argument(
        "--restore",
        action="store_true",
        help="where the drill was to end long ago: revert all that changed since, whoever did it",
    )
    rebuild = commands.add_parser("report", help="build the reports of a run from its events")
    rebuild.add_argument("run", type=Path, help="a folder of runs/")
    show_command.add_parser(commands)
    lint_command.add_parser(commands)
    coverage_command.add_parser(commands)
    init_command.add_parser(commands)
    backtest_command.add_parser(commands)
    export_command.add_parser(commands)
    return parser


def _factor(text: str) -> float:
    what = f"a number from 1 to {MAX_COMPRESSION:g}"
    return number(text, low=1, high=MAX_COMPRESSION, what=what)


def _seconds(text: str) -> float:
    low, high = math.ulp(0.0), sys.float_info.max
    return number(text, low=low, high=high, what="a number of seconds above 0")


def _say(text: str) -> None:
    out.write(f"{text}\n")


def _interrupt(sent: int, _frame: object) -> None:
    raise KeyboardInterrupt("Ctrl-C" if sent == signal.SIGINT else signal.Signals(sent).name)
