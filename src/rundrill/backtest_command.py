"""`rundrill backtest`: tries alert rules on the recorded samples of past drills."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rundrill.backtest import (
    DrillTrial,
    PastDrill,
    Sweep,
    compare,
    page,
    read_past,
    read_sweep,
    sweep,
    sweep_text,
    to_json,
    to_text,
)
from rundrill.base import out
from rundrill.base.options import file
from rundrill.detection import RuleSet, load_rules
from rundrill.errors import RulesError, RundrillError

FAILED: Final = 1
EPILOG: Final = """\
exit codes: 0 the rules detect in time all that the drills expect, with no new false alarm; 1 they
do not; 2 bad input

examples:
  rundrill backtest runs/20260101-120000-crash-loop     do the recorded rules do it again?
  rundrill backtest runs/20260101-120000-crash-loop --rules new.yml
  rundrill backtest runs/*-game-day --rules new.yml --json
  rundrill backtest runs/* --sweep 'threshold=2:6:1 for=0s,30s,1m' --html sweep.html
  rundrill backtest runs/* --alert PaymentMemoryHigh --sweep 'threshold=80%:95%:5%'

Durations in rules, and in a sweep, are those of real life: they are compressed as the drill was.
A threshold is the number of the expression; with % it is that many hundredths. docs/backtest.md
says more.
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "backtest",
        help="try alert rules on past drills, in seconds and without a cluster",
        description="Replays the recorded samples of drills with the rules of then and new ones.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "run", type=file, nargs="+", help="folders of drills, of game days, or one with many"
    )
    parser.add_argument("--rules", type=file, metavar="NEW.yml", help="the rules to try")
    parser.add_argument(
        "--sweep", metavar="WHAT", help="vary an alert: 'threshold=80%%:95%%:5%% for=0s,30s,1m'"
    )
    parser.add_argument(
        "--alert",
        metavar="NAME",
        action="append",
        help="which one is swept (default: those that the drills expect)",
    )
    parser.add_argument("--html", type=file, metavar="FILE", help="write the sweep as a page")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(options: argparse.Namespace) -> int:
    """Gives the exit code. Raises the `RundrillError` of whatever cannot be read or tried."""
    for name in ("alert", "html"):
        if getattr(options, name) and options.sweep is None:
            raise RundrillError(f"--{name} is about a sweep", fix="add --sweep, or leave it out")
    asked = None if options.sweep is None else read_sweep(options.sweep)
    new = None if options.rules is None else load_rules(options.rules)
    drills = read_past(options.run)
    if new is not None:
        new = _like_the_run(new, options.rules, drills)
    trials = compare(drills, new)
    passed = all(trial.passed for trial in trials)
    sweeps: list[Sweep] = []
    if asked is not None:
        rules = _swept(new, trials)
        sweeps = [
            sweep(drills, rules, alert, asked)
            for alert in options.alert or _expected(rules, drills)
        ]
    tried = None if options.rules is None else str(options.rules)
    if options.json:
        out.write(to_json(trials, tried, sweeps, passed=passed))
    else:
        out.write(to_text(trials, tried))
        for one in sweeps:
            out.write(f"\n{sweep_text(one)}")
    if options.html is not None:
        out.write_file(options.html, page(sweeps, drills))
    for trial in trials:
        if not trial.reproduced:
            sys.stderr.write(f"rundrill: {trial.drill.folder}: the run was not reproduced\n")
    return 0 if passed else FAILED


def _like_the_run(new: RuleSet, path: Path, drills: Sequence[PastDrill]) -> RuleSet:
    """Read once more where the runs were evaluated as by another version of Prometheus."""
    dialects = {drill.recording.dialect for drill in drills}
    if len(dialects) > 1:
        raise RulesError(
            "the runs were evaluated as by different versions of Prometheus",
            fix="name the runs of one",
        )
    (dialect,) = dialects
    return new if new.dialect is dialect else load_rules(path, dialect)


def _swept(new: RuleSet | None, trials: Sequence[DrillTrial]) -> RuleSet:
    """The new rules, or those of the runs when all had the same."""
    if new is not None:
        return new
    texts = {trial.drill.recording.rules_text for trial in trials}
    if len(texts) > 1:
        raise RulesError(
            f"the runs had {len(texts)} different rules files",
            fix="say with --rules which one to sweep",
        )
    return trials[0].drill.recording.rules()


def _expected(rules: RuleSet, drills: Sequence[PastDrill]) -> list[str]:
    names = dict.fromkeys(name for drill in drills for name in drill.plan.expected_alerts)
    found = [name for name in names if name in rules.alerts]
    if not found:
        raise RulesError(
            f"no alert that the drills expect is there ({', '.join(names) or 'they expect none'})",
            path=rules.path,
            fix="name one with --alert",
        )
    return found
