"""The command line: up, down, status, kubeconfig, serve."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from localcluster import background
from localcluster.background import EXIT_BAD_INPUT, ServerRefused
from localcluster.errors import InputError
from localcluster.state import Server, StateDir

_EXIT_NOT_UP: Final = 1
_EXIT_INTERRUPTED: Final = 130

_EPILOG: Final = """\
exit codes:
  0    done; for `status`: the cluster is up and answers
  1    for `status`: it is not (down, starting, or not answering)
  2    bad input or an unfit machine; the message says what to do
  130  interrupted

example:
  localcluster up --state /tmp/shop --compress 10
  export KUBECONFIG=$(localcluster kubeconfig --state /tmp/shop)
  kubectl get pods --all-namespaces
  localcluster down --state /tmp/shop
"""
_EXAMPLES: Final = {
    "up": "localcluster up --state /tmp/shop --images images.yaml --compress 15",
    "serve": "localcluster serve --state /tmp/shop --images images.yaml",
    "down": "localcluster down --state /tmp/shop",
    "status": "localcluster status --state /tmp/shop --json",
    "kubeconfig": "export KUBECONFIG=$(localcluster kubeconfig --state /tmp/shop)",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: see the epilog of the help."""
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options))
    except InputError as error:
        return _refuse(f"localcluster: {error}")
    except ServerRefused as error:
        return _refuse(str(error))
    except PermissionError as error:
        what = error.strerror or "permission denied"
        return _refuse(
            f"localcluster: {error.filename}: {what}\n"
            "  fix: run this as the user who started the cluster"
        )
    except KeyboardInterrupt:
        return _EXIT_INTERRUPTED


def _refuse(message: str) -> int:
    if sys.stderr is not None:
        sys.stderr.write(f"{message}\n")
    return EXIT_BAD_INPUT


def _say(text: str) -> None:
    """To standard output, which may be closed, or a pipe that nobody reads any more."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer would be tried again, and told, at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise InputError(f"cannot write to standard output: {error.strerror}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="localcluster",
        description="A kubectl-compatible cluster whose pods are local processes.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("up", _up, "start a cluster in the background and print its kubeconfig's path"),
        ("serve", _serve, "run a cluster in the foreground, until Ctrl-C"),
    ):
        command = commands.add_parser(
            name, help=text, description=text, epilog=f"example: {_EXAMPLES[name]}"
        )
        command.set_defaults(run=run)
        _state_argument(command)
        command.add_argument(
            "--images",
            metavar="FILE",
            type=Path,
            action="append",
            default=[],
            help="a catalogue of images (YAML); may be given several times",
        )
        command.add_argument(
            "--compress",
            metavar="N",
            type=_factor,
            default=1.0,
            help="divide the cluster's own timers (back-off, grace periods) by N, 1 to 1000",
        )
        command.add_argument(
            "--port", metavar="P", type=_port, help="the API's port (default: 6443)"
        )
        if name == "serve":
            command.add_argument(
                "--lifeline",
                action="store_true",
                help="end when standard input ends, so that no parent is outlived",
            )
            # From `up`, which has claimed the state directory already.
            command.add_argument("--lock-fd", type=int, help=argparse.SUPPRESS)
    for name, run, text in (
        ("down", _down, "end the cluster and remove everything it made"),
        ("status", _status, "tell whether the cluster runs, since when, and with what"),
        ("kubeconfig", _kubeconfig, "print the path of the kubeconfig"),
    ):
        command = commands.add_parser(
            name, help=text, description=text, epilog=f"example: {_EXAMPLES[name]}"
        )
        command.set_defaults(run=run)
        _state_argument(command)
        if name == "status":
            command.add_argument("--json", action="store_true", help="the same as one JSON object")
    return parser


def _state_argument(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--state", metavar="DIR", type=Path, required=True, help="where the cluster has its files"
    )


def _factor(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000")
    return value


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to 65535)")
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    state = StateDir(options.state)
    fresh = not state.is_ours
    if options.lock_fd is None:
        state.make()
        state.claim()
    else:
        state.take_over(options.lock_fd)
    # Before the slow imports: a `down` at this moment must find whom to end.
    state.write_server(Server.here(options.compress))
    import asyncio  # noqa: PLC0415 - the other commands need none of this, and start in no time

    from localcluster.serve import Options, serve  # noqa: PLC0415 - the same

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asked = Options(
        images=options.images,
        compress=options.compress,
        port=options.port,
        lifeline_fd=0 if options.lifeline else None,
    )
    try:
        asyncio.run(serve(asked, state, lambda kubeconfig: _say(f"ready {kubeconfig}\n")))
    except InputError:
        # What `up` has made, `up` removes: it still has to read the log.
        if fresh and options.lock_fd is None:
            state.clear()
        raise
    return 0


def _up(options: argparse.Namespace) -> int:
    command = [f"--compress={options.compress}"]
    for path in options.images:
        command += ["--images", str(path.absolute())]
    if options.port is not None:
        command += ["--port", str(options.port)]
    state = StateDir(options.state)
    kubeconfig = background.start(state, command)
    server = state.server()
    if server is not None and server.warning and sys.stderr is not None:
        sys.stderr.write(f"localcluster: warning: {server.warning}\n")
    _say(f"{kubeconfig}\n")
    return 0


def _down(options: argparse.Namespace) -> int:
    background.end(StateDir(options.state))
    return 0


def _status(options: argparse.Namespace) -> int:
    from localcluster import standing  # noqa: PLC0415 - it speaks HTTPS, which is slow to import

    facts = standing.standing(StateDir(options.state))
    _say(json.dumps(facts) + "\n" if options.json else standing.text(facts))
    return 0 if facts["status"] == "ready" else _EXIT_NOT_UP


def _kubeconfig(options: argparse.Namespace) -> int:
    state = StateDir(options.state)
    server = state.server()
    if server is None or not server.alive or not server.ready:
        raise InputError(
            "no cluster runs in this state directory",
            place=state.path,
            fix=f"start one: localcluster up --state {state.path}",
        )
    _say(f"{state.kubeconfig}\n")
    return 0
