"""Random series and expressions, of the shapes that rules have and of those that break rules."""

import random
from collections.abc import Sequence

from tests.unit.detection.promtool import Scenario

POINTS = 130
_AGGREGATIONS = ("sum", "min", "max", "avg", "count", "group", "stddev", "stdvar")
_RANGE = (
    *("rate", "irate", "increase", "delta", "idelta", "resets", "changes", "deriv"),
    *("sum_over_time", "avg_over_time", "min_over_time", "max_over_time", "count_over_time"),
    *("last_over_time", "present_over_time", "stddev_over_time", "stdvar_over_time"),
)
_EXACT = (
    *("resets", "changes", "count_over_time", "min_over_time", "max_over_time"),
    *("last_over_time", "present_over_time"),
)
_SMOOTH = ("abs", "ln", "log2", "log10", "sqrt", "atan", "tanh", "asinh", "deg", "rad")
# What makes much of a last digit is asked of scraped values only.
_STEEP = (
    *("sgn", "round", "ceil", "floor", "sin", "cos", "tan", "asin", "acos", "sinh", "cosh"),
    *("acosh", "atanh", "exp"),
)
_CALENDAR = (
    *("hour", "minute", "month", "year", "day_of_month", "day_of_week", "day_of_year"),
    "days_in_month",
)
_LABELS = ("p", "q", "nosuch")


def scenario(seed: int, expressions: int, moments: int = 1) -> Scenario:
    """One set of series with `expressions` expressions, each asked for at so many moments.

    The same for the same seed.
    """
    chance = random.Random(seed)
    interval_ms = chance.choice((1000, 700, 5000, 13_000))
    odd = chance.random() < 0.4
    series = {}
    for p in "abc":
        for q in "xy":
            if chance.random() < 0.85:
                series[f'c{{p="{p}",q="{q}"}}'] = _counter(chance)
            if chance.random() < 0.85:
                series[f'g{{p="{p}",q="{q}"}}'] = _gauge(chance, odd=odd)
        series[f'info{{p="{p}",version="v{p}"}}'] = _gauge(chance, odd=False)
    for p in "ab":
        series.update(_histogram(chance, p))
    series["s"] = _gauge(chance, odd=odd)
    writer = Writer(chance, interval_ms)
    wanted: list[tuple[str, int]] = []
    for _ in range(expressions):
        text = writer.vector(chance.randrange(4))
        wanted += [(text, _moment(chance, interval_ms, POINTS)) for _ in range(moments)]
    return Scenario(interval_ms, series, [*wanted, behind_all(interval_ms, POINTS)])


def _moment(chance: random.Random, interval_ms: int, points: int) -> int:
    """Mostly between two samples, sometimes on one, and sometimes after the last of them."""
    aligned = chance.random() < 0.25
    at = chance.randrange(1, points) if aligned else chance.randrange(points * interval_ms)
    at *= interval_ms if aligned else 1
    return at + chance.choice((0, 0, 0, 0, 250_000, 310_000))


def behind_all(interval_ms: int, points: int) -> tuple[str, int]:
    """promtool loads samples minute by minute up to the last question: ask once behind them all."""
    return "vector(1)", -(-(points * interval_ms + 400_000) // 60_000) * 60_000


def _grid(chance: random.Random, samples: Sequence[str]) -> list[str]:
    """Spreads samples over the grid: own distance and phase, jitter, gaps, ends."""
    distance, phase = chance.choice((1, 1, 2, 3, 5)), chance.randrange(4)
    start = chance.choice((0, 0, 0, 40, 90))
    stop = chance.choice((POINTS, POINTS, POINTS, 100, 60))
    grid = ["_"] * POINTS
    for index, sample in enumerate(samples):
        place = start + phase + index * distance + (chance.random() < 0.2)
        if place >= stop:
            break
        if chance.random() > 0.08:
            grid[place] = sample
    for _ in range(chance.choice((0, 0, 1, 2))):
        gap = chance.randrange(POINTS)
        grid[gap : gap + 12] = ["_"] * len(grid[gap : gap + 12])
        if chance.random() < 0.7:
            grid[gap] = "stale"
    return grid


def _counter(chance: random.Random) -> list[str]:
    value = chance.choice((0.0, 0.0, 5.0, 1e6))
    samples = []
    for _ in range(POINTS):
        if chance.random() < 0.04:
            value = chance.choice((0.0, 1.0, value / 2))
        samples.append(f"{value:g}")
        value += chance.choice((0, 0, 1, 1, 2, 17.5))
    return _grid(chance, samples)


def _gauge(chance: random.Random, *, odd: bool) -> list[str]:
    whole = chance.random() < 0.5
    samples = []
    for _ in range(POINTS):
        value = chance.uniform(-50, 50)
        text = str(round(value / 10)) if whole else f"{value:.6g}"
        if odd and chance.random() < 0.06:
            text = chance.choice(("NaN", "Inf", "-Inf"))
        samples.append(text)
    return _grid(chance, samples)


def _histogram(chance: random.Random, p: str) -> dict[str, list[str]]:
    bounds = ("0.1", "0.5", "1", "2.5", "+Inf")
    counts = [0] * len(bounds)
    columns: list[list[str]] = [[] for _ in bounds]
    state = chance.getstate()
    for _ in range(POINTS):
        for _ in range(chance.randrange(4)):
            lowest = chance.randrange(len(bounds))
            for index in range(lowest, len(bounds)):
                counts[index] += 1
        for column, count in zip(columns, counts, strict=True):
            column.append(str(count))
    found = {}
    for bound, column in zip(bounds, columns, strict=True):
        if chance.random() < 0.7:  # most buckets are scraped together
            chance.setstate(state)
        found[f'h_bucket{{p="{p}",le="{bound}"}}'] = _grid(chance, column)
        chance.random()
    return found


class Writer:
    """Writes expressions; `depth` is how many more operators may be nested."""

    def __init__(self, chance: random.Random, interval_ms: int) -> None:
        self._chance = chance
        self._interval_ms = interval_ms
        self._pinned = True

    def vector(self, depth: int) -> str:
        pick = self._chance.choice
        if depth <= 0:
            return pick((self.selector, self.selector, self.over_time))()
        return pick(
            (
                *(self.over_time, self.over_time, self.aggregation, self.arithmetic),
                *(self.comparison, self.matched, self.grouped, self.sets, self.function),
                *(self.special, self.subquery, self.odd),
            )
        )(depth - 1)

    def selector(self, _: int = 0) -> str:
        return self._name() + self._matchers() + self._offset()

    def over_time(self, _: int = 0) -> str:
        return f"{self._chance.choice(_RANGE)}({self.range()})"

    def range(self) -> str:
        return f"{self._name()}{self._matchers()}[{self._duration()}]{self._offset()}"

    def aggregation(self, depth: int) -> str:
        by = self._chance.choice(("", " by ({})", " without ({})"))
        by = by.format(", ".join(self._some(("p", "q", "nosuch", "le"))))
        inner = self.vector(depth)
        kind = self._chance.random()
        if kind < 0.1:
            return f"quantile{by} ({self._chance.choice((0, 0.3, 0.5, 0.99, 1, -1, 2))}, {inner})"
        if kind < 0.2:
            # Among equal values either element is right, so that only the values are compared.
            return f"sum({self._chance.choice(('topk', 'bottomk'))}{by} (2, {inner}))"
        if kind < 0.3:
            # Not of calculated values: a last digit that differs would be another label.
            return f'count_values{by} ("value", {self.selector()})'
        return f"{self._chance.choice(_AGGREGATIONS)}{by} ({inner})"

    def arithmetic(self, depth: int) -> str:
        symbol = self._chance.choice(("+", "-", "*", "/", "%", "^", "atan2"))
        inner = self.selector() if symbol in ("%", "^") else self.vector(depth)
        sides = [f"({inner})", self.scalar()]
        self._chance.shuffle(sides)
        return f"{sides[0]} {symbol} {sides[1]}"

    def comparison(self, depth: int) -> str:
        symbol = self._chance.choice(("==", "!=", "<", "<=", ">", ">="))
        if self._chance.random() < 0.5:
            sides = [self.selector(), self.scalar()]
        else:  # a limit that no calculated value meets exactly
            sides = [f"({self.vector(depth)})", self._chance.choice(("0.4321", "3.3", "-1.23"))]
        self._chance.shuffle(sides)
        return f"{sides[0]} {symbol}{self._chance.choice((' ', ' bool '))}{sides[1]}"

    def matched(self, depth: int) -> str:
        symbol = self._chance.choice(("+", "-", "*", "/", "atan2", "<", ">", "==", "!="))
        if symbol in ("<", ">", "==", "!="):
            symbol += self._chance.choice(("", " bool"))
        matching = self._chance.choice(
            ("", "", "on (p, q)", "on (p)", "ignoring (q)", "ignoring (nosuch)", "on ()")
        )
        left, right = self._comparable(symbol, depth), self._comparable(symbol, depth)
        return f"({left}) {symbol} {matching} ({right})"

    def grouped(self, depth: int) -> str:
        symbol = self._chance.choice(("+", "*", "-", "<", "> bool"))
        include = self._chance.choice(("", "version", "version, nosuch"))
        many = f"({self._comparable(symbol, depth)})"
        one = self._chance.choice(("info", "sum by (p) (info)"))
        if self._chance.random() < 0.5:
            return f"{many} {symbol} on (p) group_left ({include}) {one}"
        return f"{one} {symbol} on (p) group_right ({include}) {many}"

    def _comparable(self, symbol: str, depth: int) -> str:
        """Two calculated values may differ in the last digit, and no comparison is to see that."""
        if symbol[0] not in "<>=!":
            return self.vector(depth)
        exact = self._chance.choice((*_EXACT, ""))
        return f"{exact}({self.range()})" if exact else self.selector()

    def sets(self, depth: int) -> str:
        symbol = self._chance.choice(("and", "or", "unless"))
        matching = self._chance.choice(("", "", "on (p)", "ignoring (q)", "on ()"))
        return f"({self.vector(depth)}) {symbol} {matching} ({self.vector(depth)})"

    def function(self, depth: int) -> str:
        if self._chance.random() < 0.4:
            return f"{self._chance.choice(_STEEP)}({self.selector()})"
        return f"{self._chance.choice(_SMOOTH)}({self.vector(depth)})"

    def special(self, depth: int) -> str:
        inner = self.vector(depth)
        low, high = self._chance.choice(((0, 5), (-3, 3), (5, 0)))
        return self._chance.choice(
            (
                f"clamp({inner}, {low}, {high})",
                f"clamp_min({inner}, {low})",
                f"clamp_max({inner}, {high})",
                f"round({self.selector()}, {self._chance.choice((0.5, 3, 10))})",
                f"sort({inner})",
                f"sort_desc({inner})",
                f"timestamp(0 + {inner})",
                f"absent({inner})",
                f"-({inner})",
                f"vector(scalar({inner}))",
                f'label_replace({inner}, "r", "$1-${{1}}", "p", "(a|b).*")',
                f'label_replace({inner}, "p", "", "q", "x")',
                f'label_join({inner}, "r", ",", "p", "q", "nosuch")',
                f"predict_linear({self.range()}, {self._chance.choice((0, 60, -30))})",
                f"quantile_over_time({self._chance.choice((0, 0.5, 0.9))}, {self.range()})",
                f"absent_over_time({self.range()})",
            )
        )

    def subquery(self, depth: int) -> str:
        function = self._chance.choice(_RANGE)
        step = self._chance.choice((self._duration(), self._duration(), ""))
        # Without `@` inside: Prometheus then evaluates it even where no step lies in the range.
        self._pinned = False
        steep = function in ("changes", "resets")
        if not steep and self._chance.random() < 0.15:  # a subquery of a subquery
            inner = f"max_over_time(({self.vector(0)})[{self._duration()}:{self._duration()}])"
        else:
            inner = self.selector() if steep else self.vector(min(depth, 1))
        self._pinned = True
        return f"{function}(({inner})[{self._duration()}:{step}]{self._offset()})"

    def odd(self, _: int) -> str:
        q = self._chance.choice((0, 0.5, 0.9, 0.99, 1, -1, 2))
        span = self._duration()
        return self._chance.choice(
            (
                f"histogram_quantile({q}, sum by (le, p) (rate(h_bucket[{span}])))",
                f"histogram_quantile({q}, h_bucket)",
                f"histogram_quantile({q}, sum by (le) (increase(h_bucket[{span}])))",
                # Prometheus 2.42 forgets an offset that comes after `@` here.
                f"time() - timestamp({self._name()}{self._matchers()} offset {span})",
                f"vector({self.scalar()})",
                # Of finite values only: what Go makes of the others depends on the processor.
                f"{self._chance.choice(_CALENDAR)}(c * 100003)",
                f"{self._chance.choice(_CALENDAR)}()",
                'absent({p="a",__name__="nosuch"})',
                f"c - (c offset {span} or 0 * c) > 3",
                "{__name__=~'[cg]',p='a'}",
            )
        )

    def scalar(self) -> str:
        return self._chance.choice(
            ("0", "1", "2", "-3", "0.5", "NaN", "Inf", "time()", "scalar(s)", "(2 ^ 3 % 5)", "pi()")
        )

    def _name(self) -> str:
        return self._chance.choice(("c", "c", "c", "g", "g", "s", "info", "h_bucket", "nosuch"))

    def _matchers(self) -> str:
        return self._chance.choice(
            (
                *("", "", "", '{p="a"}', '{p!="a"}', '{p=~"a|b"}', '{p!~"a.*"}', '{nosuch=""}'),
                *('{p=~".+",q="x"}', '{q!=""}', '{p=~"[^a]"}'),
            )
        )

    def _offset(self) -> str:
        at = self._chance.choice(("", "", "", "", "", " @ start()", " @ end()"))
        at = at if self._pinned else ""
        offset = self._chance.choice(("", "", "", f" offset {self._duration()}", " offset -7s"))
        return at + offset

    def _duration(self) -> str:
        steps = self._chance.choice((1, 2, 3, 5, 10, 30))
        odd = self._chance.choice((0, 0, 1, -137))
        return f"{steps * self._interval_ms + odd}ms"

    def _some(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if self._chance.random() < 0.4]
