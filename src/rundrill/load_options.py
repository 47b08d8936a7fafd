"""`--rate` and `--workers`: a load other than that of the experiment."""

import argparse
import math
import sys
from dataclasses import replace

from rundrill.base.options import number
from rundrill.load.workers import MOST_WORKERS, WORKER_PER_MIN, workers_for
from rundrill.model import Plan


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rate",
        type=_rate,
        metavar="PER_MINUTE",
        help="requests a minute, instead of the experiment's",
    )
    parser.add_argument(
        "--workers",
        type=_workers,
        metavar="COUNT",
        help="processes that share the load's schedule"
        f" (default: one for each {WORKER_PER_MIN:g} requests a minute)",
    )


def applied(options: argparse.Namespace, plan: Plan) -> Plan:
    """The plan with what the options say of its load. Raises `TargetError` for what no machine
    can share out."""
    rate: float | None = options.rate
    load = replace(plan.load, workers=options.workers)
    if rate is not None:
        load = replace(load, rate_per_min=rate)
    workers_for(load)
    return replace(plan, load=load)


def _rate(text: str) -> float:
    low, high = math.ulp(0.0), sys.float_info.max
    return number(text, low=low, high=high, what="a number of requests a minute above 0")


def _workers(text: str) -> int:
    what = f"a whole number from 1 to {MOST_WORKERS}"
    count = number(text, low=1, high=MOST_WORKERS, what=what)
    if count != int(count):
        raise argparse.ArgumentTypeError(f"must be {what}, not {text!r}")
    return int(count)
