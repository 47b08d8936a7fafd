"""Recorded drills tried again with other alert rules. Starts nothing; asks no cluster, no clock.

The evaluator is that of the live detection (`rundrill.detection`); nothing here evaluates PromQL.
"""

from rundrill.backtest.compare import DrillTrial, compare
from rundrill.backtest.json_form import to_json
from rundrill.backtest.page import page
from rundrill.backtest.past import PastDrill, read_past
from rundrill.backtest.promtool import UnitTest, render, unit_test
from rundrill.backtest.sweep import Sweep, sweep
from rundrill.backtest.sweep_table import sweep_text
from rundrill.backtest.sweep_words import read_sweep
from rundrill.backtest.text import to_text

__all__ = [
    "DrillTrial",
    "PastDrill",
    "Sweep",
    "UnitTest",
    "compare",
    "page",
    "read_past",
    "read_sweep",
    "render",
    "sweep",
    "sweep_text",
    "to_json",
    "to_text",
    "unit_test",
]
