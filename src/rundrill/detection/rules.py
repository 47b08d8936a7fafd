"""A Prometheus rules file to a frozen RuleSet. Every mistake is an error with its line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rundrill.detection.promql import Dialect, Expression, UnsupportedError, compile_expression
from rundrill.detection.promql.compression import compressed
from rundrill.detection.rules_yaml import Item, read_yaml
from rundrill.errors import RulesError

_GROUP_KEYS = ("name", "interval", "rules")
_ALERT_KEYS = ("alert", "expr", "for", "keep_firing_for", "labels", "annotations")
_RECORD_KEYS = ("record", "expr", "labels")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One alerting rule as written. Durations are seconds, not compressed."""

    name: str
    expr: str
    for_s: float
    keep_firing_for_s: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    line: int
    metrics: frozenset[str] = field(repr=False)
    """Names of scraped metrics that it needs, through recording rules; see `RuleSet`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRule:
    """One recording rule as written: `record` becomes the metric of the result."""

    record: str
    expr: str
    labels: Mapping[str, str]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleGroup:
    """Rules evaluated in order. `interval_s` is None where the group states none."""

    name: str
    interval_s: float | None
    rules: tuple[AlertRule | RecordingRule, ...]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """A rules file that was read and checked whole."""

    path: str
    groups: tuple[RuleGroup, ...]
    dialect: Dialect = Dialect.PROMETHEUS_3
    text: str = field(default="", repr=False)
    """As it was read; a recorded run keeps it."""

    @property
    def alerts(self) -> Mapping[str, AlertRule]:
        """Alerting rules by name, in the order of the file."""
        return {r.name: r for g in self.groups for r in g.rules if isinstance(r, AlertRule)}

    def error(self, problem: str, rule: AlertRule | RecordingRule, fix: str) -> RulesError:
        return RulesError(problem, path=self.path, line=rule.line, fix=fix)


def load_rules(path: Path, dialect: Dialect = Dialect.PROMETHEUS_3) -> RuleSet:
    """Reads a rules file. Raises `RulesError` with path, line, problem and fix."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise RulesError(
            f"the alert rules cannot be read: {why}", path=path, fix="name a readable rules file"
        ) from None
    return parse_rules(text, str(path), dialect)


def parse_rules(text: str, path: str, dialect: Dialect = Dialect.PROMETHEUS_3) -> RuleSet:
    """`load_rules` for a text; `path` is for messages."""
    root = read_yaml(text, path).mapping(("groups",))
    if "groups" not in root:
        raise RulesError("no `groups`", path=path, line=1, fix="a rules file begins with `groups:`")
    reader = _Reader(dialect)
    groups = tuple(reader.group(item) for item in root["groups"].sequence())
    return RuleSet(path=path, groups=groups, dialect=dialect, text=text)


def compile_rule(rule: AlertRule | RecordingRule, rules: RuleSet, compression: float) -> Expression:
    """The rule's expression, every duration in it divided by `compression`."""
    return compile_expression(compressed(rule.expr, compression), rules.dialect)


class _Reader:
    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._recorded: dict[str, frozenset[str]] = {}
        self._alerts: dict[str, Item] = {}
        self._records: dict[tuple[str, frozenset[tuple[str, str]]], Item] = {}
        self._groups: dict[str, Item] = {}

    def group(self, item: Item) -> RuleGroup:
        body = item.mapping(_GROUP_KEYS)
        name = item.required(body, "name", "a group").text()
        first = self._groups.setdefault(name, item)
        if first is not item:
            raise item.error(f"group {name!r} is there twice", f"line {first.line} has it")
        rules = body["rules"].sequence() if "rules" in body else []
        return RuleGroup(
            name=name,
            interval_s=body["interval"].duration() if "interval" in body else None,
            rules=tuple(self.rule(rule) for rule in rules),
            line=item.line,
        )

    def rule(self, item: Item) -> AlertRule | RecordingRule:
        kinds = {"alert", "record"} & set(item.keys())
        if len(kinds) != 1:
            raise item.error("a rule has either `alert` or `record`", "name one of them")
        return self.alert(item) if "alert" in kinds else self.recording(item)

    def alert(self, item: Item) -> AlertRule:
        body = item.mapping(_ALERT_KEYS)
        name = body["alert"].text()
        first = self._alerts.setdefault(name, item)
        if first is not item:
            raise body["alert"].error(
                f"alert {name!r} is there twice", f"line {first.line} has it: rename one"
            )
        expression = self.expression(item, body)
        labels = body["labels"].labels() if "labels" in body else {}
        for label, value in labels.items():
            if "{{" in value:
                raise body["labels"].error(
                    f"label {label!r} is a template; labels must be plain text here",
                    "put what varies into an annotation",
                )
        return AlertRule(
            name=name,
            expr=expression.text,
            for_s=body["for"].duration() if "for" in body else 0.0,
            keep_firing_for_s=(
                body["keep_firing_for"].duration() if "keep_firing_for" in body else 0.0
            ),
            labels=labels,
            annotations=body["annotations"].labels() if "annotations" in body else {},
            line=item.line,
            metrics=self.scraped(expression.metrics),
        )

    def recording(self, item: Item) -> RecordingRule:
        body = item.mapping(_RECORD_KEYS)
        record = body["record"].metric_name()
        labels = body["labels"].labels() if "labels" in body else {}
        first = self._records.setdefault((record, frozenset(labels.items())), item)
        if first is not item:
            raise body["record"].error(
                f"{record!r} is recorded twice with the same labels", f"line {first.line} has it"
            )
        expression = self.expression(item, body)
        known = self._recorded.get(record, frozenset())
        self._recorded[record] = known | self.scraped(expression.metrics)
        return RecordingRule(record=record, expr=expression.text, labels=labels, line=item.line)

    def expression(self, item: Item, body: Mapping[str, Item]) -> Expression:
        written = item.required(body, "expr", "a rule")
        try:
            return compile_expression(written.text(), self._dialect)
        except UnsupportedError as error:
            raise written.error(
                f"{error}, in: {' '.join(written.text().split())}",
                "correct the expression, or write it without what is not supported",
            ) from None

    def scraped(self, metrics: frozenset[str]) -> frozenset[str]:
        """Names recorded by an earlier rule replaced by what that rule needs."""
        found: set[str] = set()
        for name in metrics:
            found |= self._recorded.get(name, {name})
        return frozenset(found)
