"""Events to `Verdict`. No clock, no cluster, no file: the same events give the same verdict.

A promise without evidence is *unproven*, and nothing unproven is a pass.
"""

from rundrill.verdict.attribution import attribute
from rundrill.verdict.game_day import control_problem, exit_code, game_day_outcome, headline
from rundrill.verdict.judge import judge

__all__ = [
    "attribute",
    "control_problem",
    "exit_code",
    "game_day_outcome",
    "headline",
    "judge",
]
