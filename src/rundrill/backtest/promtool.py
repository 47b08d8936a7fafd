"""A past drill as a unit test for `promtool test rules`, for a team's own CI.

It asks for `ALERTS`, the series in which Prometheus itself keeps what fires: so neither labels
nor annotations of an alert are part of the promise, and a summary may be reworded.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rundrill.backtest.measure import AlertTrial, tried
from rundrill.backtest.past import PastDrill
from rundrill.backtest.replay import replay, require_evaluated, require_metrics
from rundrill.backtest.stretch import Stretched, stretched
from rundrill.detection import AlertStatus, RuleSet
from rundrill.detection.labels import METRIC_NAME, Labels
from rundrill.detection.promql import Dialect
from rundrill.detection.rules import parse_rules
from rundrill.errors import RulesError


@dataclass(frozen=True, slots=True, kw_only=True)
class Fires:
    """An expected alert: silent up to round `silent`, firing at round `firing`."""

    alert: str
    silent: int
    firing: int
    lived: int
    """The round at which it fired in the drill's own time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTest:
    """One drill's test. `fired` are alerts that may fire, with why nothing is said of them."""

    drill: PastDrill
    samples: Stretched
    fires: tuple[Fires, ...]
    fired: Mapping[str, str]


def unit_test(drill: PastDrill, rules: RuleSet) -> UnitTest:
    """Finds out by evaluation what Prometheus 2 and 3 will both say of the stretched samples.

    Raises `RulesError` when that is not what the rules said in the drill's own time.
    """
    require_metrics(
        rules,
        drill.recording.rules(),
        drill.recording,
        until=drill.until,
        expected=drill.plan.expected_alerts,
    )
    samples = stretched(drill, rules)
    then = replay(drill.recording, rules, until=drill.until)
    require_evaluated(then, started=drill.started)
    lived = {one.alert: one for one in tried(drill, then.changes, rules.alerts)}
    states = [_states(drill, samples, rules, dialect) for dialect in Dialect]
    fired = {
        name: why
        for name in rules.alerts
        if (why := _why_unsaid(lived[name], [one[name] for one in states]))
    }
    expected = [] if drill.injected is None else drill.plan.expected_alerts
    return UnitTest(
        drill=drill,
        samples=samples,
        fires=tuple(_fires(drill, samples, rules, lived[name], states) for name in expected),
        fired={name: why for name, why in fired.items() if name not in expected},
    )


def render(tests: Sequence[UnitTest], rules_file: str) -> str:
    """The file's text; `rules_file` is relative to where it will be."""
    return "\n".join(_lines(tests, rules_file)) + "\n"


def _states(
    drill: PastDrill, samples: Stretched, rules: RuleSet, dialect: Dialect
) -> Mapping[str, Sequence[AlertStatus]]:
    """Each alert's state after every round of the drill; before it nothing is looked at."""
    read = parse_rules(rules.text, rules.path, dialect)
    # promtool evaluates every group at the test's own interval.
    plain = replace(read, groups=tuple(replace(one, interval_s=None) for one in read.groups))
    done = replay(samples.recording(drill), plain, until=math.inf)
    require_evaluated(done, started=0.0)
    found: dict[str, list[AlertStatus]] = {
        name: [AlertStatus.INACTIVE] * (samples.end + 1) for name in plain.alerts
    }
    for change in done.changes:
        index = round(change.at * 1000 / samples.step_ms)
        found[change.alert][index:] = [change.state] * (samples.end + 1 - index)
    for states in found.values():
        states[: samples.begin] = [AlertStatus.INACTIVE] * samples.begin
    return found


def _why_unsaid(lived: AlertTrial, states: Sequence[Sequence[AlertStatus]]) -> str:
    """Why nothing can be promised of an alert that is not expected; "" when it stays silent."""
    again = any(AlertStatus.FIRING in one for one in states)
    if lived.firings:
        return "it fired in the drill" if lived.role != "tolerated" else "the drill tolerates it"
    if lived.role == "tolerated":
        return "the drill tolerates it"
    return "it fires on the stretched samples, and did not in the drill" if again else ""


def _fires(
    drill: PastDrill,
    samples: Stretched,
    rules: RuleSet,
    lived: AlertTrial,
    states: Sequence[Mapping[str, Sequence[AlertStatus]]],
) -> Fires:
    rule = rules.alerts[lived.alert]
    if lived.answer not in ("detected", "late") or lived.firing_s is None:
        raise rules.error(
            f"{lived.alert} was {lived.answer} in {drill.name}: there is no time to hold it to",
            rule,
            "export a drill in which it fires after the fault",
        )
    assert drill.injected is not None
    own = drill.started + drill.injected + lived.firing_s - samples.first
    at = int(own / drill.recording.interval_s + 0.5)
    first = [_first(one[lived.alert]) for one in states]
    found = [index for index in first if index is not None]
    firing = max(found, default=0)
    steady = len(found) == len(states) and all(
        one[lived.alert][firing] is AlertStatus.FIRING for one in states
    )
    if not steady or max(abs(index - at) for index in found) > 1:
        times = ", ".join("never" if index is None else f"round {index}" for index in first)
        raise rules.error(
            f"{lived.alert} fires at round {at} of the drill, and on the samples stretched"
            f" {drill.recording.compression:g} times: {times} (as Prometheus 2, 3)",
            rule,
            "its rule depends on clock time or on a speed: run the drill with a lower --compress",
        )
    return Fires(alert=lived.alert, silent=min(found) - 1, firing=firing, lived=at)


def _first(states: Sequence[AlertStatus]) -> int | None:
    return next((n for n, state in enumerate(states) if state is AlertStatus.FIRING), None)


# ---------------------------------------------------------------- the text


def _lines(tests: Sequence[UnitTest], rules_file: str) -> Iterator[str]:
    step = _duration(tests[0].samples.step_ms)
    if any(one.samples.step_ms != tests[0].samples.step_ms for one in tests):
        raise RulesError("the drills had different intervals", fix="export them one by one")
    own = f"{tests[0].drill.recording.interval_s:g}"
    count = "a past drill" if len(tests) == 1 else f"{len(tests)} past drills"
    yield f"# A unit test for `promtool test rules`, made from {count} by rundrill."
    yield "# The samples are those of the run, in the time of the rules: its rounds were"
    yield f"# {own} s apart, and are {step} here."
    yield "rule_files:"
    yield f"  - {_quoted(rules_file)}"
    yield f"evaluation_interval: {step}"
    yield "tests:"
    for one in tests:
        yield from _test(one, step)


def _test(test: UnitTest, step: str) -> Iterator[str]:
    samples, ms = test.samples, test.samples.step_ms
    yield f"  - name: {_quoted(test.drill.name)}"
    yield f"    interval: {step}"
    if samples.faster:
        factor = f"{test.drill.recording.compression:g}"
        yield f"    # Only the rates of these are asked for, so they count {factor} times as much:"
        yield from (f"    #   {name}" for name in samples.faster)
    yield "    input_series:"
    for labels, column in samples.columns.items():
        yield f"      - series: {_quoted(_series(labels))}"
        yield f"        values: {_quoted(' '.join(_values(column)))}"
    yield "    promql_expr_test:"
    for one in test.fires:
        after = (one.firing - (samples.injected or 0)) * ms
        own = f'alertname={json.dumps(one.alert)},alertstate="firing"'
        yield f"      # {one.alert} is silent until {_duration(after)} after the fault..."
        yield from _expect(f"ALERTS{{{own}}}", one.silent, samples, fires=False)
        yield "      # ...and fires then."
        yield from _expect(f"ALERTS{{{own}}}", one.firing, samples, fires=True)
    for name, why in test.fired.items():
        yield f"      # Nothing is said of {name}: {why}."
    left_out = [*(one.alert for one in test.fires), *test.fired]
    others = "".join(f",alertname!={json.dumps(name)}" for name in left_out)
    yield "      # No other alert fires at any time."
    yield from _expect(f'ALERTS{{alertstate="firing"{others}}}', samples.end, samples, fires=False)


def _expect(selector: str, index: int, samples: Stretched, *, fires: bool) -> Iterator[str]:
    ms = samples.step_ms
    # Half a round more, so that it begins between two rounds, for Prometheus 2 and 3 alike.
    whole = _duration((index - samples.begin) * ms + ms // 2)
    expr = f"group({selector})" if fires else f"count_over_time({selector}[{whole}])"
    yield f"      - expr: {_quoted(expr)}"
    yield f"        eval_time: {_duration(index * ms)}"
    if fires:
        yield "        exp_samples:"
        yield "          - labels: '{}'"
        yield "            value: 1"
    else:
        yield "        exp_samples: []"


def _values(column: Sequence[float | None]) -> Iterator[str]:
    """promtool's notation: `3+0x4` is 3 and 4 times 3 more, `_x2` two gaps, `stale` an end."""
    index = 0
    while index < len(column):
        value = column[index]
        stop = index + 1
        while stop < len(column) and column[stop] == value:
            stop += 1
        count = stop - index
        if value is None:
            if index:
                yield "stale"
                count -= 1
            if count:
                yield f"_x{count}"
        elif count == 1 or not math.isfinite(value):
            yield from [number(value)] * count
        else:
            yield f"{number(value)}+0x{count - 1}"
        index = stop


def number(value: float) -> str:
    """As promtool reads it: no plus sign in an exponent, since there it begins a series."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(value).replace("e+", "e")


def _series(labels: Labels) -> str:
    body = ",".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}"
        for name, value in labels.items()
        if name != METRIC_NAME
    )
    return f"{labels[METRIC_NAME]}{{{body}}}"


def _duration(ms: int) -> str:
    seconds, rest = divmod(ms, 1000)
    return (f"{seconds}s" if seconds or not rest else "") + (f"{rest}ms" if rest else "")


def _quoted(text: str) -> str:
    """A YAML text in double quotes, which JSON's is."""
    return json.dumps(text, ensure_ascii=False)
