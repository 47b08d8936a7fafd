"""`--compress` and `--wall`: by what the stated durations are divided."""

import argparse
import math
import sys
from typing import Final

from rundrill.base.options import number

WALL_S: Final = 150.0
WALL_EACH_S: Final = 85.0
"""Of one drill, and of each of several: those share the start, and are compressed further."""
MAX_COMPRESSION: Final = 1000.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--compress", type=factor, help="divide the stated durations by this")
    parser.add_argument(
        "--wall",
        type=_seconds,
        metavar="SECONDS",
        help="choose the compression for this much wall time in all"
        f" (default: {WALL_S:g} for one drill, {WALL_EACH_S:g} for each of several)",
    )


def wall_s_of(options: argparse.Namespace) -> float:
    """How long the drills may take in all, unless a compression is asked for."""
    count = len(options.experiment)
    wall_s: float | None = options.wall
    return wall_s or (WALL_S if count == 1 else WALL_EACH_S * count)


def factor(text: str) -> float:
    """The value of `--compress`."""
    what = f"a number from 1 to {MAX_COMPRESSION:g}"
    return number(text, low=1, high=MAX_COMPRESSION, what=what)


def _seconds(text: str) -> float:
    low, high = math.ulp(0.0), sys.float_info.max
    return number(text, low=low, high=high, what="a number of seconds above 0")
