"""Series and expressions as hypothesis draws them, so that it can shrink what does not agree."""

from hypothesis import strategies as st

from tests.unit.detection.generate import Writer, behind_all
from tests.unit.detection.promtool import Scenario

POINTS, EXPRESSIONS, MOMENTS = 60, 15, 6

# Eighths add up without an error, so that two ways to calculate differ in nothing.
_NUMBERS = st.integers(-400, 400).map(lambda eighths: f"{eighths / 8:g}")
_ODD = st.sampled_from(("NaN", "Inf", "-Inf", "0", "-0"))
_GROWTH = st.sampled_from((0, 1, 1, 2, 17.5))
_LENGTH = st.integers(1, 16)
_DISTANCE = st.sampled_from((1, 1, 2, 3))


@st.composite
def gauges(draw: st.DrawFn) -> list[str]:
    """Runs of a value that stays or alternates, gaps, staleness, numbers that are none."""
    grid: list[str] = []
    while len(grid) < POINTS:
        kind = draw(st.sampled_from(("stays", "alternates", "gap", "stale", "odd")))
        length = draw(_LENGTH)
        if kind == "gap":
            grid += ["_"] * length
        elif kind == "stale":
            grid.append("stale")
        else:
            first = draw(_ODD if kind == "odd" else _NUMBERS)
            second = draw(_NUMBERS) if kind == "alternates" else first
            grid += [first, second] * length
    return grid[:POINTS]


@st.composite
def counters(draw: st.DrawFn) -> list[str]:
    """Runs of a growth, resets, gaps, staleness; scraped at a distance of its own."""
    values: list[str] = []
    now = draw(st.sampled_from((0.0, 0.0, 5.0, 1e6)))
    while len(values) < POINTS:
        kind = draw(st.sampled_from(("grows", "grows", "resets", "gap", "stale")))
        if kind == "resets":
            now = draw(st.sampled_from((0.0, 1.0, now / 2)))
        elif kind == "stale":
            values.append("stale")
            continue
        length, growth = draw(_LENGTH), draw(_GROWTH)
        for _ in range(length):
            values.append("_" if kind == "gap" else f"{now:g}")
            now += growth
    distance = draw(_DISTANCE)
    grid: list[str] = []
    for value in values:
        grid += [value, *["_"] * (distance - 1)]
    return grid[:POINTS]


@st.composite
def histograms(draw: st.DrawFn) -> dict[str, list[str]]:
    """Cumulative buckets that need not be scraped together."""
    bounds = ("0.1", "0.5", "1", "2.5", "+Inf")
    steps = [draw(_GROWTH) for _ in bounds]
    return {
        bound: [f"{at * sum(steps[: index + 1]):g}" for at in range(POINTS)]
        if draw(st.booleans())
        else ["_" if at % 3 else f"{at * sum(steps[: index + 1]):g}" for at in range(POINTS)]
        for index, bound in enumerate(bounds)
    }


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Expressions of the same grammar as `generate`, each at several moments."""
    interval_ms = draw(st.sampled_from((1000, 700, 5000, 13_000)))
    series: dict[str, list[str]] = {"s": draw(gauges())}
    for p, q in draw(st.sets(st.sampled_from(("ax", "ay", "bx", "by", "cx")), min_size=1)):
        series[f'c{{p="{p}",q="{q}"}}'] = draw(counters())
        series[f'g{{p="{p}",q="{q}"}}'] = draw(gauges())
        series[f'info{{p="{p}",version="v{p}"}}'] = draw(gauges())
    for bound, values in draw(histograms()).items():
        series[f'h_bucket{{p="a",le="{bound}"}}'] = values
    writer = Writer(draw(st.randoms(use_true_random=False)), interval_ms)
    last = POINTS * interval_ms
    moments = st.integers(0, last + 310_000) | st.integers(1, POINTS).map(interval_ms.__mul__)
    wanted: list[tuple[str, int]] = []
    for _ in range(EXPRESSIONS):
        text = writer.vector(draw(st.integers(0, 3)))
        wanted += [(text, draw(moments)) for _ in range(MOMENTS)]
    return Scenario(interval_ms, series, [*wanted, behind_all(interval_ms, POINTS)])
