from argparse import ArgumentParser

import pytest
from fakes import PLAN

from rundrill import load_options
from rundrill.errors import TargetError
from rundrill.load.workers import MOST_WORKERS, WORKER_PER_MIN, workers_for
from rundrill.model import LoadProfile


def profile(rate, *, workers=None, max_in_flight=500):
    return LoadProfile(
        rate_per_min=rate, max_in_flight=max_in_flight, ramp_s=0, mix={"card": 1.0}, workers=workers
    )


@pytest.mark.parametrize(
    ("rate", "count"),
    [(0.1, 1), (1000, 1), (WORKER_PER_MIN, 1), (WORKER_PER_MIN + 1, 2), (3 * WORKER_PER_MIN, 3)],
)
def test_a_worker_is_trusted_with_so_much_and_one_more_makes_the_rest(rate, count):
    assert workers_for(profile(rate)) == count


def test_the_number_can_be_forced():
    assert workers_for(profile(60, workers=3)) == 3


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (profile(1e12), f"{MOST_WORKERS} is the most, for one machine"),
        (profile(60, workers=3, max_in_flight=2), "2 is the most, as many as requests may be in"),
    ],
)
def test_more_workers_than_can_share_the_load_are_refused(asked, why):
    with pytest.raises(TargetError, match=why):
        workers_for(asked)


def plan_for(*arguments):
    parser = ArgumentParser()
    load_options.add_options(parser)
    return load_options.applied(parser.parse_args(arguments), PLAN).load


def test_the_options_change_the_load_and_nothing_else_does():
    assert plan_for() == PLAN.load
    changed = plan_for("--rate", "120.5", "--workers", "2")
    assert (changed.rate_per_min, changed.workers) == (120.5, 2)
    assert changed.mix == PLAN.load.mix


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--rate", "0", "requests a minute above 0"),
        ("--rate", "nan", "requests a minute above 0"),
        ("--rate", "many", "requests a minute above 0"),
        ("--workers", "0", "a whole number from 1 to 64"),
        ("--workers", "1.5", "a whole number from 1 to 64"),
        ("--workers", "65", "a whole number from 1 to 64"),
    ],
)
def test_nonsense_is_refused_in_words(option, value, said, capsys):
    with pytest.raises(SystemExit):
        plan_for(option, value)
    assert said in capsys.readouterr().err


def test_a_rate_that_no_machine_can_share_out_is_refused_before_anything_starts():
    with pytest.raises(TargetError, match="lower --rate or --workers"):
        plan_for("--rate", "1e12")
