"""Which factor makes the drills' stated windows fit into the time a person waits for them."""

from collections.abc import Sequence

FACTORS = (1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0)
"""Above 40 a crash loop's first waits are shorter than the start of a process."""
FACTORS_ALONE = FACTORS[: FACTORS.index(20.0) + 1]
"""A single drill keeps to a scrape a second: it is the one that is looked at closely."""
START_S = 20.0
DRILL_S = 25.0
"""Starting the cluster; the rollouts, commands and the undo of a drill: measured on 2 cores.
Machine work does not shrink."""


def choose_compression(stated_s: Sequence[float], wall_s: float) -> tuple[float, str]:
    """The smallest factor for which the stated windows of the drills take at most `wall_s`.

    Gives the factor and the sentence for the report. Where even the largest does not do, it is
    the largest.
    """
    total_s = sum(stated_s)
    for factor in FACTORS if len(stated_s) > 1 else FACTORS_ALONE:
        if total_s / factor + START_S + DRILL_S * len(stated_s) <= wall_s:
            break
    why = (
        f"{total_s / 60:g} min of windows that the runbook and"
        f" {'the experiment' if len(stated_s) == 1 else 'the experiments'}"
        f" state take {total_s / factor:.0f} s"
    )
    return factor, why
