"""Sweeps as a page: one file, offline, no script."""

from collections.abc import Sequence
from typing import Final

from rundrill.backtest.past import PastDrill
from rundrill.backtest.picture import picture
from rundrill.backtest.sweep import Sweep
from rundrill.backtest.sweep_table import columns, heading, legend, rows
from rundrill.backtest.text import head
from rundrill.report.templating import environment_of

_TEMPLATE: Final = "sweep.html.j2"


def page(sweeps: Sequence[Sweep], drills: Sequence[PastDrill]) -> str:
    parts = [
        (
            sweep,
            picture(sweep, f"sweep-{number}"),
            columns(sweep),
            list(zip(rows(sweep), sweep.points, strict=True)),
            legend(sweep),
        )
        for number, sweep in enumerate(sweeps)
    ]
    return (
        environment_of("rundrill.backtest")
        .get_template(_TEMPLATE)
        .render(
            sweeps=sweeps, parts=parts, drills=[head(drill) for drill in drills], heading=heading
        )
    )
