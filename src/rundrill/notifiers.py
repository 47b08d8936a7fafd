"""Who tells of the alerts that fire: the dispatcher of rundrill itself, or a real Alertmanager.

embedded            the routes of the service's alertmanager.yml, followed here
alertmanager:URL    one that runs already, and that a Prometheus tells
"""

import argparse
from collections.abc import Callable, Collection
from typing import Final

from rundrill.base.clock import Clock
from rundrill.base.options import number
from rundrill.detection.notify import Alertmanager, find_alertmanager
from rundrill.detection.prometheus import Running
from rundrill.detectors import PROMETHEUS, DetectorChoice
from rundrill.errors import RoutingError

EMBEDDED: Final = "embedded"
ALERTMANAGER: Final = "alertmanager"
CHOICES: Final = f"{EMBEDDED} or {ALERTMANAGER}:URL"
RECEIVER_PORT: Final = 9099
"""Fixed, so that the configuration of an Alertmanager can name it."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--notifier",
        default=EMBEDDED,
        metavar="WHO",
        help=f"who tells of alerts that fire: {CHOICES} (default: %(default)s)",
    )
    parser.add_argument(
        "--receiver-port",
        type=_port,
        metavar="PORT",
        help="of 127.0.0.1, to which a webhook of that Alertmanager posts"
        f" (default: {RECEIVER_PORT})",
    )


def find_notifier(
    text: str,
    port: int | None,
    detector: DetectorChoice,
    alerts: Collection[str],
    *,
    clock: Clock,
    say: Callable[[str], None],
) -> Alertmanager | None:
    """Reads `--notifier`, and looks whether its Alertmanager is of use; None: the embedded one.

    `port` is what `--receiver-port` says, which only an Alertmanager can be told of. `alerts` are
    those that drills wait for. Raises `RoutingError`, `DetectionError` and `MachineError`, before
    anything is started.
    """
    kind, colon, url = text.partition(":")
    if text == EMBEDDED:
        if port is not None:
            raise RoutingError(
                f"--receiver-port {port} says where an Alertmanager posts to, and there is none",
                fix=f"add --notifier {ALERTMANAGER}:URL, or leave --receiver-port out",
            )
        return None
    if kind != ALERTMANAGER or not colon:
        raise RoutingError(f"there is no notifier {text!r}", fix=f"one of: {CHOICES}")
    if detector.kind != PROMETHEUS:
        raise RoutingError(
            f"an Alertmanager is told by a Prometheus, and the detector is {detector.kind}",
            fix=f"add --detector {PROMETHEUS} or {PROMETHEUS}:URL",
        )
    if detector.url is not None:
        Running(detector.url).require_sending()
    found = find_alertmanager(
        url, port=RECEIVER_PORT if port is None else port, alerts=alerts, clock=clock
    )
    say(_told(found))
    return found


def _told(alertmanager: Alertmanager) -> str:
    """Before anything is started: real people may be called."""
    names = ", ".join(alertmanager.receivers)
    seen = "" if alertmanager.seen else " (its urls are hidden, so that was not seen)"
    return (
        f"{alertmanager.description} tells us by {names} at 127.0.0.1:{alertmanager.port}{seen};"
        " its other receivers are told, too, and its waits are not divided"
    )


def _port(text: str) -> int:
    what = "a port from 1 to 65535"
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be {what}, not {text!r}")
    return int(number(text, low=1, high=65535, what=what))
