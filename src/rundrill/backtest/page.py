"""Sweeps as a page: one file, offline, no script."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rundrill.backtest.past import PastDrill
from rundrill.backtest.picture import picture
from rundrill.backtest.sweep import Sweep
from rundrill.backtest.sweep_table import columns, heading, legend, rows
from rundrill.backtest.text import head
from rundrill.report.text import printable

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
        _environment()
        .get_template(_TEMPLATE)
        .render(
            sweeps=sweeps, parts=parts, drills=[head(drill) for drill in drills], heading=heading
        )
    )


@cache
def _environment() -> Environment:
    """Whatever an expression gives is made printable and escaped."""
    return Environment(
        loader=PackageLoader("rundrill.backtest", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: (
            printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
        ),
        trim_blocks=True,
        lstrip_blocks=True,
    )
