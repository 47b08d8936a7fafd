"""Prometheus's own answers: expressions given to `promtool test rules`, its reports read back.

Each expression is expected to be empty; where it is not, promtool reports what it got. A
trailing comment with a number tells one expression from another.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rundrill.detection.labels import METRIC_NAME, Labels
from rundrill.detection.promql import Dialect, EvaluationError, Moment, compile_expression
from rundrill.detection.store import SampleStore

GOLDEN = Path(__file__).parents[2] / "golden" / "promql-answers.json"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")

# Labels to Go's text of the value; "error"; None where promtool itself crashed.
Answer = dict[str, str] | str | None

_REPORT = re.compile(
    r'^    expr: "(?P<expr>(?:[^"\\]|\\.)*)", time: (?P<time>[^,]+), ?'
    r"(?P<rest>err: .*|\n(?:        .*\n?)*)",
    re.MULTILINE,
)
_SAMPLE = re.compile(r'(\w*)(\{(?:\w+="(?:[^"\\]|\\.)*"(?:, )?)*\}) (\S+?)(?:, |$)')
_PAIR = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Scenario:
    """Series on a grid of `interval_ms`, and expressions at times in milliseconds.

    A value is a number's text, `_` for a gap or `stale` for a staleness marker.
    """

    interval_ms: int
    series: Mapping[str, Sequence[str]]
    expressions: Sequence[tuple[str, int]]


def ask_promtool(scenarios: Sequence[Scenario], folder: Path) -> list[list[Answer]]:
    """promtool's answer to every expression of every scenario, in one call."""
    assert PROMTOOL is not None
    tests = []
    for number, scenario in enumerate(scenarios):
        tests.append(
            {
                "interval": f"{scenario.interval_ms}ms",
                "input_series": [
                    {"series": name, "values": " ".join(values)}
                    for name, values in scenario.series.items()
                ],
                "promql_expr_test": [
                    {"expr": f"{expr} #{number}.{index}", "eval_time": f"{at}ms", "exp_samples": []}
                    for index, (expr, at) in enumerate(scenario.expressions)
                ],
            }
        )
    path = folder / "differential.yml"
    path.write_text(json.dumps({"evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run(
        [PROMTOOL, "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert "FAILED:\n    expr:" in done.stdout + done.stderr, done.stderr
    answers: list[list[Answer]] = [[{} for _ in s.expressions] for s in scenarios]
    for found in _REPORT.finditer(done.stdout + done.stderr):
        expr = json.loads(f'"{found.group("expr")}"')
        scenario_number, index = map(int, expr.rsplit("#", 1)[1].split("."))
        answers[scenario_number][index] = _answer(found.group("rest"))
    return answers


def _answer(report: str) -> Answer:
    if report.startswith("err:"):
        return None if "runtime error" in report else "error"
    got = report.split("        got: ", 1)[1].strip()
    found: dict[str, str] = {}
    for name, body, value in _SAMPLE.findall(got):
        pairs = {key: json.loads(f'"{text}"') for key, text in _PAIR.findall(body)}
        if name:
            pairs[METRIC_NAME] = name
        found[labels_text(Labels(pairs))] = value
    assert found, report
    return found


def labels_text(labels: Labels) -> str:
    return json.dumps(dict(labels), sort_keys=True)


def ask_rundrill(
    scenario: Scenario, dialect: Dialect = Dialect.PROMETHEUS_2
) -> list[dict[str, float] | str]:
    """Our answers to the same expressions."""
    store = fill(scenario)
    answers: list[dict[str, float] | str] = []
    for expr, at in scenario.expressions:
        try:
            vector = compile_expression(expr, dialect).evaluate(Moment(store, at, dialect=dialect))
            answers.append({labels_text(labels): value for labels, value in vector})
        except EvaluationError:
            answers.append("error")
        except ValueError as error:
            answers.append(str(error))
    return answers


def fill(scenario: Scenario) -> SampleStore:
    store = SampleStore(10**12)
    for text, values in scenario.series.items():
        name, _, body = text.partition("{")
        labels = Labels({METRIC_NAME: name, **dict(_PAIR.findall(body))})
        for index, value in enumerate(values):
            at = index * scenario.interval_ms
            if value == "stale":
                store.end([store.series(labels)], at)
            elif value != "_":
                store.append(labels, at, float(value))
    return store


def same_number(a: float, b: float) -> bool:
    if a != a or b != b:
        return a != a and b != b
    return a == b or abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1e-3)


@dataclass(slots=True)
class Compared:
    """How much was compared: samples of both sides, and answers that are empty or an error."""

    samples: int = 0
    empty: int = 0
    errors: int = 0
    expressions: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        return (
            f"{len(self.expressions)} expressions, {self.samples} samples compared; besides"
            f" {self.empty} answers without any, {self.errors} errors"
        )

    def add(self, scenario: Scenario, answers: Sequence[Answer]) -> None:
        for (expr, _), answer in zip(scenario.expressions, answers, strict=True):
            if answer is None:
                continue
            self.expressions.add(expr)
            self.errors += isinstance(answer, str)
            self.empty += answer == {}
            self.samples += len(answer) if isinstance(answer, dict) else 0


def store_answers(scenarios: Sequence[Scenario], answered: Sequence[Sequence[Answer]]) -> None:
    """Writes the golden file, without what made promtool crash."""
    lines = []
    for scenario, answers in zip(scenarios, answered, strict=True):
        rows = [
            (expr, at, answer)
            for (expr, at), answer in zip(scenario.expressions, answers, strict=True)
            if answer is not None
        ]
        series = {name: " ".join(values) for name, values in scenario.series.items()}
        written = {"interval_ms": scenario.interval_ms, "series": series, "answers": rows}
        lines.append(json.dumps(written))
    GOLDEN.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def stored_answers() -> list[tuple[Scenario, list[Answer]]]:
    """What promtool answered when the golden file was written."""
    found: list[tuple[Scenario, list[Answer]]] = []
    for one in json.loads(GOLDEN.read_text()):
        series = {name: text.split() for name, text in one["series"].items()}
        asked = [(expr, at) for expr, at, _ in one["answers"]]
        scenario = Scenario(one["interval_ms"], series, asked)
        found.append((scenario, [answer for _, _, answer in one["answers"]]))
    return found


def differences(scenario: Scenario, theirs: Sequence[Answer]) -> list[str]:
    """One sentence for each expression that was not answered alike."""
    found: list[str] = []
    for (expr, at), ours, answer in zip(
        scenario.expressions, ask_rundrill(scenario), theirs, strict=True
    ):
        if answer is None:
            continue
        if isinstance(answer, str) or isinstance(ours, str):
            same = answer == ours
        else:
            same = ours.keys() == answer.keys() and all(
                same_number(value, float(answer[key])) for key, value in ours.items()
            )
        if not same:
            found.append(f"{expr} at {at}: promtool {answer}, rundrill {ours}")
    return found
