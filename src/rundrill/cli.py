"""The command line. Parses, calls, prints; decides nothing."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rundrill import (
    abort_command,
    backtest_command,
    coverage_command,
    doctor_command,
    export_command,
    init_command,
    lint_command,
    plan_command,
    report_command,
    run_command,
    show_command,
    timing_options,
)
from rundrill.base import out
from rundrill.base.clock import MonotonicClock
from rundrill.base.options import Parser
from rundrill.errors import RundrillError, TargetError
from rundrill.model import Outcome
from rundrill.plan import DEFAULT_SERVICE, read_service
from rundrill.responder import find_kubectl
from rundrill.session import uninterrupted
from rundrill.target import choice
from rundrill.target.choice import TargetChoice
from rundrill.target.context import ContextTarget
from rundrill.target.interface import Target
from rundrill.target.local import LocalTarget
from rundrill.workplace import Workplace

BAD_INPUT = 2
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
  rundrill doctor experiments/*.yaml              what do the target and this machine allow?
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
        "run": lambda: run_command.run(options, clock),
        "up": lambda: _up(options, clock),
        "down": lambda: _down(options, clock),
        "recover": lambda: _recover(options, clock),
        "abort": lambda: abort_command.run(clock),
        "report": lambda: report_command.run(options),
        "plan": lambda: plan_command.run(options),
        "doctor": lambda: doctor_command.run(options, clock),
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
        out.write_error(f"rundrill: {error}\n")
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


def _up(options: argparse.Namespace, clock: MonotonicClock) -> int:
    workplace = Workplace()
    with workplace.lock():
        local, target = _target(options, workplace, clock)
        workplace.recover(local, clock=clock, say=_say)
        if target.running() is not None:
            raise TargetError("the target is up already", path=target.kubeconfig)
        try:
            target.up(compression=options.compress, keep=True)
        except BaseException:
            with uninterrupted():
                failure = target.down()
            if failure is not None:
                out.write_error(f"rundrill: {target.not_down(failure)}\n")
            raise
    _say(f"up; export KUBECONFIG={target.kubeconfig}")
    return 0


def _down(options: argparse.Namespace, clock: MonotonicClock) -> int:
    workplace = Workplace()
    with workplace.lock():
        _, target = _target(options, workplace, clock)
        failure = target.down()
        if failure is not None:
            raise target.not_down(failure)
    _say("down")
    return 0


def _target(
    options: argparse.Namespace, workplace: Workplace, clock: MonotonicClock
) -> tuple[LocalTarget, Target]:
    """The embedded cluster of this workplace, and the target that was asked for: one that can be
    brought up. Raises `TargetError`."""
    wanted: TargetChoice = options.target
    if wanted.kind == "context":
        raise TargetError(
            "is a cluster of yours: rundrill does not start or end it",
            path=wanted.name,
            fix="deploy the service there, then: rundrill run --target " + wanted.name,
        )
    kubectl = find_kubectl()
    local = workplace.local(read_service(options.service), kubectl=kubectl, clock=clock, say=_say)
    target = workplace.target(wanted, local, namespaces=(), kubectl=kubectl, clock=clock, say=_say)
    return local, target


def _recover(options: argparse.Namespace, clock: MonotonicClock) -> int:
    workplace = Workplace()

    def marked(kubeconfig: Path) -> int:
        return workplace.recover_marked(
            kubeconfig,
            only_expired=options.expired,
            clock=clock,
            say=_say,
            bring_back=options.restore,
        )

    def in_target() -> int:
        """Of this workplace and its target."""
        kubectl = find_kubectl()
        local = workplace.local(
            read_service(options.service), kubectl=kubectl, clock=clock, say=_say
        )
        count = workplace.recover(local, clock=clock, say=_say, bring_back=options.restore)
        target = workplace.target(
            options.target, local, namespaces=(), kubectl=kubectl, clock=clock, say=_say
        )
        if isinstance(target, ContextTarget):
            target.connect()
            count += marked(target.kubeconfig)
            target.down()
        elif target.running() is not None:
            count += marked(target.kubeconfig)
        return count

    with workplace.lock():
        count = in_target() if options.kubeconfig is None else marked(options.kubeconfig)
    _say(f"{count} left over" if count else "nothing was left over")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = Parser(
        prog="rundrill",
        description="Proves that an incident runbook works before the night it is needed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run_command.add_parser(commands)
    plan_command.add_parser(commands)
    up = commands.add_parser("up", help="start the embedded or a kind cluster and leave it up")
    up.add_argument(
        "--compress", type=timing_options.factor, default=15.0, help="default: %(default)g"
    )
    for command in (up, commands.add_parser("down", help="stop it and all of its pods")):
        choice.add_option(command)
        command.add_argument(
            "--service", type=Path, default=DEFAULT_SERVICE, help="default: %(default)s"
        )
    recover = commands.add_parser("recover", help="undo what a killed run left")
    recover.add_argument(
        "--service", type=Path, default=DEFAULT_SERVICE, help="default: %(default)s"
    )
    choice.add_option(recover)
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
    abort_command.add_parser(commands)
    report_command.add_parser(commands)
    doctor_command.add_parser(commands)
    show_command.add_parser(commands)
    lint_command.add_parser(commands)
    coverage_command.add_parser(commands)
    init_command.add_parser(commands)
    backtest_command.add_parser(commands)
    export_command.add_parser(commands)
    return parser


def _say(text: str) -> None:
    out.write(f"{text}\n")


def _interrupt(sent: int, _frame: object) -> None:
    raise KeyboardInterrupt("Ctrl-C" if sent == signal.SIGINT else signal.Signals(sent).name)
