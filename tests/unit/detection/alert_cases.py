"""Alerting rules on series that come and go, and which of them promtool says are firing when.

Evaluations are a second apart; the samples are not. An annotation carries the value, so that it
is compared, too.
"""

import json
import random
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rundrill.detection.alerts import AlertStatus
from rundrill.detection.promql import Dialect, Moment
from rundrill.detection.rule_run import AlertRun, RecordingRun
from rundrill.detection.rules import compile_rule, parse_rules
from tests.unit.detection.promtool import PROMTOOL, Scenario, fill, same_number

EVALUATIONS = 120
GOLDEN = Path(__file__).parents[2] / "golden" / "alert-answers.json"

# Second of an evaluation to what fires then: pod to value.
Firing = dict[int, dict[str, float]]

_EXPRESSIONS = (
    "x > 0",
    "x > 0",
    "recorded > 0",
    "rate(x[9s]) > 0.05",
    "avg_over_time(x[6s]) > 0.5",
    "x > 0 unless on (pod) x offset 20s > 0",
)
_REPORT = re.compile(r"alertname: A, time: (\S+),.*?got:\[(.*?)\n *\]", re.DOTALL)
_ALERT = re.compile(r'pod="(\w)"\} *\n? *Annotations:\{value="([^"]+)"\}')


@dataclass(frozen=True, slots=True)
class AlertCase:
    """One rule `A`, and the series that it reads; durations are seconds."""

    expr: str
    for_s: int
    keep_firing_for_s: int
    scenario: Scenario

    @property
    def rules(self) -> str:
        """A rules file; JSON is YAML."""
        alert: dict[str, object] = {"alert": "A", "expr": self.expr, "for": f"{self.for_s}s"}
        if self.keep_firing_for_s:
            alert["keep_firing_for"] = f"{self.keep_firing_for_s}s"
        alert["annotations"] = {"value": "{{ $value }}"}
        recorded = {"record": "recorded", "expr": "x > 0"}
        return json.dumps({"groups": [{"name": "g", "rules": [recorded, alert]}]})


def alert_case(seed: int) -> AlertCase:
    """The same for the same seed."""
    chance = random.Random(seed)
    interval_ms = chance.choice((1000, 700, 1300, 2900))
    return AlertCase(
        expr=chance.choice(_EXPRESSIONS),
        for_s=chance.choice((0, 3, 5, 12, 30)),
        keep_firing_for_s=chance.choice((0, 0, 4, 7, 15)),
        scenario=Scenario(
            interval_ms,
            {
                f'x{{pod="{pod}"}}': _presence(chance, -(-EVALUATIONS * 1000 // interval_ms))
                for pod in "abc"
            },
            [],
        ),
    )


def _presence(chance: random.Random, points: int) -> list[str]:
    values: list[str] = []
    while len(values) < points:
        values += [chance.choice(("1", "2", "0", "_", "stale", "1"))] * chance.choice((1, 2, 6, 20))
    return values[:points]


def ask_promtool_for_alerts(cases: Sequence[AlertCase], folder: Path) -> list[Firing]:
    """What promtool complains of, being told that nothing ever fires."""
    found: list[Firing] = []
    for number, case in enumerate(cases):
        rules, test = folder / f"rules{number}.yml", folder / f"test{number}.yml"
        rules.write_text(case.rules)
        asked = {
            "interval": f"{case.scenario.interval_ms}ms",
            "input_series": [
                {"series": name, "values": " ".join(values)}
                for name, values in case.scenario.series.items()
            ],
            "alert_rule_test": [
                {"alertname": "A", "eval_time": f"{at}s", "exp_alerts": []}
                for at in range(EVALUATIONS)
            ],
        }
        document = {"rule_files": [rules.name], "evaluation_interval": "1s", "tests": [asked]}
        test.write_text(json.dumps(document))
        done = subprocess.run(
            [str(PROMTOOL), "test", "rules", test.name],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        report = done.stdout + done.stderr
        assert "SUCCESS" in report or "alertname: A" in report, report
        found.append(
            {
                _seconds(time): {pod: float(value) for pod, value in _ALERT.findall(got)}
                for time, got in _REPORT.findall(report)
            }
        )
    return found


def store_alert_answers(cases: Sequence[AlertCase], answers: Sequence[Firing]) -> None:
    """Writes the golden file."""
    lines = []
    for case, firing in zip(cases, answers, strict=True):
        series = {name: " ".join(values) for name, values in case.scenario.series.items()}
        written = {
            "expr": case.expr,
            "for_s": case.for_s,
            "keep_firing_for_s": case.keep_firing_for_s,
            "interval_ms": case.scenario.interval_ms,
            "series": series,
            "firing": firing,
        }
        lines.append(json.dumps(written))
    GOLDEN.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def stored_alert_answers() -> list[tuple[AlertCase, Firing]]:
    """What promtool answered when the golden file was written."""
    found: list[tuple[AlertCase, Firing]] = []
    for one in json.loads(GOLDEN.read_text()):
        series = {name: text.split() for name, text in one["series"].items()}
        case = AlertCase(
            expr=one["expr"],
            for_s=one["for_s"],
            keep_firing_for_s=one["keep_firing_for_s"],
            scenario=Scenario(one["interval_ms"], series, []),
        )
        found.append((case, {int(at): pods for at, pods in one["firing"].items()}))
    return found


def ask_rundrill_for_alerts(case: AlertCase) -> Firing:
    """The same from the rule as a detector runs it."""
    rules = parse_rules(case.rules, "rules.yml", Dialect.PROMETHEUS_2)
    store = fill(case.scenario)
    recorded, rule = rules.groups[0].rules
    recording = RecordingRun(recorded, compile_rule(recorded, rules, 1), store)
    alert = AlertRun(rule, compile_rule(rule, rules, 1), 1)
    found: Firing = {}
    for at in range(EVALUATIONS):
        moment = Moment(store, at * 1000, dialect=Dialect.PROMETHEUS_2)
        recording.evaluate(moment)
        alert.evaluate(moment, at)
        assert alert.error is None
        firing = {
            series.labels["pod"]: series.value
            for series in alert.state.series
            if series.status is AlertStatus.FIRING
        }
        if firing:
            found[at] = firing
    return found


def alert_differences(case: AlertCase, theirs: Firing) -> list[str]:
    """One sentence for each evaluation at which not the same is firing."""
    ours = ask_rundrill_for_alerts(case)
    return [
        f"{case.expr} for {case.for_s} s, keep {case.keep_firing_for_s} s, at {at} s:"
        f" promtool {theirs.get(at)}, rundrill {ours.get(at)}"
        for at in range(EVALUATIONS)
        if not _same(ours.get(at, {}), theirs.get(at, {}))
    ]


def _same(ours: dict[str, float], theirs: dict[str, float]) -> bool:
    return ours.keys() == theirs.keys() and all(
        same_number(value, theirs[pod]) for pod, value in ours.items()
    )


def _seconds(time: str) -> int:
    found = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", time)
    assert found
    return int(found[1] or 0) * 60 + int(found[2] or 0)
