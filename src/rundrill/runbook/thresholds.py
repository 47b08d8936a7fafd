"""Statements to `Threshold`: which number is stated about what."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from rundrill.claims import Comparator, Threshold, Unit
from rundrill.runbook.alerts import RULE_NAME
from rundrill.runbook.durations import duration_of, unit_s
from rundrill.runbook.meaning import Meaning, words_of
from rundrill.runbook.quantities import Comparison, comparisons, quantity, window_of
from rundrill.runbook.statements import MAX_TEXT, Cell, Statement, label_of
from rundrill.runbook.subjects import metric_of, statistic_of, words_about
from rundrill.runbook.text import Span, Text
from rundrill.runbook.wordset import word_set

Role = Literal["steady-state", "alert", "severity", "other"]

_STEADY_WORDS = re.compile(
    r"\b(?:should|normal(?:ly)?|expected|baseline|healthy|typical(?:ly)?|steady|usual(?:ly)?)\b",
    re.IGNORECASE,
)
_PROMISE = re.compile(
    r"\b(?:respond\w*|response(?!\stimes?)|mitigat\w*|restor\w*|fix\w*|workaround|rto|ack\w*|escalat\w*|notif\w*|updat\w*|resol\w*|page|call"
    r"|inform|tell|announce|reply|sla|eta|m?tt[ar]|declare|schedule|done|every|after)\b",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"\W*(?:response|ack\w*|reaction|first\sresponse|sla)\b", re.IGNORECASE)
_NAMES: Final = word_set("metric metrics signal measure indicator sli check what measured")
_UNIT_OF = re.compile(
    r"[(\[](%|percent|ms|s|secs?|seconds|mins?|minutes|h|hours|[KMGT]i?B|req/s|rps)[)\]]",
    re.IGNORECASE,
)
_SYMPTOM = re.compile(r"\b(?:symptoms?|signs?|triggers?|conditions?|indicators?)\b", re.IGNORECASE)
_MUST_IN = re.compile(r"\b(?:must|should|shall|has\sto|have\sto)\s.*\bin\W*$", re.IGNORECASE)
_TAKES = re.compile(
    r"\b(?:waits?|sleep|retry|retries|takes?|took|taken|needs?|allow|give|timeout|keep|scale|start|run"
    r"|finish|complete|back|within|follows?|lasts?)\b",
    re.IGNORECASE,
)
_COUNTED_END = re.compile(
    r"\b(?:times|after|in|for|on|per|is|are|was|were|has|have|over|within|during|at|or|and|but|when|if|to"
    r"|since|while|the)\b|[.,;:()]",
    re.IGNORECASE,
)
_SHARE_END = re.compile(r"[.;:()]|,\s|\b(?:and|or|but|for|when|if|while)\b", re.IGNORECASE)
_RATED: Final = {
    "req": "requests",
    "": "throughput",
    "rps": "requests",
    "qps": "queries",
    "tps": "transactions",
    "rpm": "requests",
}
_TIMED: Final = word_set("latency time duration lag delay wait age")
_REQUESTS: Final = frozenset({"requests", "queries", "transactions", "payments", "calls"})
_MUST_BE = re.compile(
    r"\b(?:must|should|shall|needs?\sto|has\sto|have\sto)\s(?:be|stay|remain|have|show|keep)\W*$",
    re.IGNORECASE,
)
_FALLS = re.compile(
    r"\b(?:must|should|has\sto|shall|needs?\sto|will)\s(?:\w+\s){0,2}$|\b(?:falls?|drops?|returns?"
    r"|recovers?|back|be)\s(?:to\s)?$",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\b(?:if|when|whenever|once|until|unless|while|should|must|fires?|alert|alarm|means?|trigger\w*"
    r"|threshold|page[sd]?|expect\w*|normal\w*|healthy|symptoms?|stays?|remains?|slo|target|limit)\b",
    re.IGNORECASE,
)
_RATIOS: Final = word_set("ratio rate utilisation utilization availability fraction share")
MEASURES: Final = word_set(
    "age availability backlog bandwidth budget bytes connections consumers count cpu delay depth"
    " disk duration entries error errors eviction evictions failure failures files handles heap"
    " hits inodes jobs keys lag latency length limit load memory messages misses occupancy offset"
    " partitions pods pool queries queue ram rate ratio replicas requests restart restarts"
    " saturation sessions size skew slots space staleness success swap temperature threads"
    " throttling throughput time timeouts traffic uptime usage use used utilisation utilization"
    " volume waiting writes p50 p90 p95 p99 percentile percent 5xx 4xx qps rps nodes"
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SENTENCE = re.compile(r"(?<!i\.e)(?<!e\.g)[.;!?]\s")
_PRONOUN = re.compile(r"\b(?:it|this|that|they|these)\b", re.IGNORECASE)
_HIDDEN: Final = "\ufffc"
_LOOSE: Final = frozenset({"~", "==", "<=", ">="})
_NORMAL: Final = word_set(
    "normal healthy baseline target expected steady ok good objective slo usual green goal typical"
)
_AIMS: Final = word_set("target objective slo goal limit max maximum")
_ALARM: Final = word_set(
    "alert warning warn critical page pages trigger alarm threshold red yellow amber orange bad"
    " degraded limit crit unhealthy investigate danger"
)
_WINDOW: Final = word_set("for duration window period within over sustained lasting")
_TIMES: Final = word_set(
    "response respond ack acknowledge acknowledgement sla reaction update updates escalation"
    " escalate after deadline due resolve resolution frequency time cadence communication notify"
    " who eta comms restore"
)
_PLAIN: Final = (
    _NORMAL
    | _ALARM
    | word_set(
        "condition conditions value definition description when example examples criteria metric signal"
        " measure indicator impact fires meaning what level severity name symptom symptoms max min"
        " maximum minimum current number range bound upper lower"
    )
)
_HIGH_IS_GOOD: Final = word_set("success availability uptime hit free available remaining headroom")


@dataclass(frozen=True, slots=True)
class _Part:
    """A text in which numbers are looked for, with what is known of them already."""

    text: Text
    subject: str = ""
    name: str = ""
    """The row's name as it is written, and its column's."""
    said: str = ""
    """What the cell states, with the row's name before it."""
    statistic: str | None = None
    around: str = ""
    """What the list or the section is about."""
    named: bool = False
    """The row has the name of an alert, which is no subject while its condition names one."""
    window_s: float | None = None
    implied: Comparator | None = None
    role: Role | None = None


def read_thresholds(
    statement: Statement, *, level: str | None, known_level: bool
) -> Iterator[tuple[int, int, Threshold]]:
    """Every threshold that a statement gives, and where in its text it stands.

    `level` is the severity it belongs to.
    """
    role = _role(statement, known_level=known_level)
    for part in _parts(statement):
        plain = part.text.plain
        if len(plain) > MAX_TEXT:
            continue
        found = comparisons(plain, cell=bool(statement.cells))
        if not found and part.implied is not None:
            implied = _implied(part)
            found = [] if implied is None else [implied]
        begin, last = 0, ""
        for one in found:
            before = plain[begin : one.start]
            sentences = _SENTENCE.split(before)
            before = sentences[-1]
            if _PRONOUN.search(before) and not words_about(before):
                before = f"{' '.join(sentences[-2:-1])} {before}"
            carried = last if begin and len(sentences) == 1 else ""
            subject = _subject(before, plain[one.end :], one, part, carried)
            begin = one.window_end
            if not subject or not _states(statement, one, plain, subject, part.role or role):
                continue
            last = subject
            unit, value = _as_ratio(one, subject, before)
            due = _due_within(plain, one)
            yield (
                one.start,
                one.end if due else one.window_end,
                Threshold(
                    line=part.text.line_at(one.start),
                    section=statement.section.title,
                    text=part.said or statement.text,
                    subject=subject,
                    metric="throughput" if subject in _REQUESTS else metric_of(subject),
                    comparator=one.comparator,
                    value=value,
                    unit=unit,
                    window_s=(None if due else one.window_s)
                    or part.window_s
                    or window_of(before)
                    or _rate_of(part, one),
                    statistic=statistic_of(before) or part.statistic,
                    role=_normal_role(part.role or role, _SENTENCE.split(plain[: one.end])[-1]),
                    severity=level,
                ),
            )


def _subject(before: str, after: str, one: Comparison, part: _Part, last: str) -> str:
    """What the number is about, in the text's own words.

    "Lag above 5,000 messages" is about the lag; "more than 2% of the queries fail" says it after
    the number. A second number in a sentence is still about the first's subject.
    """
    ahead = words_about(before)
    beside = re.split(r"[,;(]|\s(?:and|or)\s", before)[-1]
    if (
        ":" not in beside
        and not part.subject
        and not words_about(beside)
        and set(words_about("", after[:40]).split()[:3]) & MEASURES
    ):
        return words_about("", _COUNTED_END.split(after.strip(), maxsplit=1)[0])
    if ahead and set(re.split(r"[\s_]", ahead)) & MEASURES:
        return ahead
    if part.subject and not (part.named and one.unit != "s"):
        return part.subject
    if not ahead and one.unit == "s" and statistic_of(before) in ("p50", "p90", "p95", "p99"):
        return last if set(last.split()) & _TIMED else "latency"
    if last and not ahead:
        return last
    behind = _behind(after, one)
    if not behind and not ahead and not part.subject:
        return part.around or words_about("", after)
    return behind or ahead or part.subject


def _behind(after: str, one: Comparison) -> str:
    """The words after a number, where they say what is counted."""
    if one.unit == "req/min":
        return _RATED.get(one.noun[:3], one.noun)
    ends = _COUNTED_END if one.unit == "count" else _SHARE_END
    said = ends.split(after.strip(), maxsplit=1)[0]
    words = words_about("", said)
    if one.unit in ("ratio", "bytes"):
        counted = re.match(r"\s?(?:of|are|is)\s", after) is not None
        return words if counted or set(words.split()[:1]) & MEASURES else ""
    return (
        words
        if one.unit == "count" and not one.sign and re.match(r"\s?[a-z]", after, re.IGNORECASE)
        else ""
    )


def _due_within(text: str, one: Comparison) -> bool:
    """ "Must fall below 0.5% within 10 minutes" says by when, not over how long."""
    after = text[one.end : one.window_end]
    return "within" in after and _FALLS.search(text[: one.start]) is not None


def _as_ratio(one: Comparison, subject: str, before: str) -> tuple[Unit, float]:
    """ "error ratio > 0.02" is a ratio, and so is "`Use%` at 90"."""
    if one.unit == "count":
        if one.value <= 1 and set(re.split(r"[\s_]", subject)) & _RATIOS and one.value != 0:
            return "ratio", one.value
        if before.rstrip(" `)*|:").removesuffix(" at").rstrip(" `)").endswith("%"):
            return "ratio", one.value / 100
    return one.unit, one.value


def _rate_of(part: _Part, one: Comparison) -> float | None:
    """A row about "errors per minute" counts in windows of a minute."""
    if one.unit != "count":
        return None
    found = re.search(
        r"\bper\s(second|minute|hour|day)\b|/\s?(min|s|h)\b", part.name, re.IGNORECASE
    )
    return None if found is None else unit_s(found[1] or found[2])


def _normal_role(role: Role, text: str) -> Role:
    return "steady-state" if role == "other" and _STEADY_WORDS.search(text) else role


def _role(statement: Statement, *, known_level: bool) -> Role:
    if known_level:
        return "severity"
    meaning = statement.section.meaning
    if meaning is Meaning.STEADY_STATE:
        return "steady-state"
    return "alert" if meaning is Meaning.ALERTS else "other"


def _states(statement: Statement, one: Comparison, text: str, subject: str, role: Role) -> bool:
    """Whether a comparison states something about the service, and is no time or amount to do."""
    if not subject:
        return False
    words = set(subject.split()) | set(words_of(subject.replace("_", " ")))
    measured = bool(words & MEASURES)
    clause = re.split(r"[.;,]\s|\sor\s|\sand\s", text[: one.start])[-1][-80:]
    if one.unit == "s" and _PROMISE.search(clause) and (not measured or one.value >= 60):
        return False
    if (
        one.unit == "s"
        and one.value >= 60
        and role == "severity"
        and _ANSWER.match(label_of(statement.prose)[0])
    ):
        return False
    if one.unit == "s" and not measured and _PROMISE.match(text[one.end :].strip()):
        return False  # "<15m ack"
    if one.unit == "s" and clause.rstrip().endswith(" for"):
        return False  # how long a state lasts before it counts
    if one.between and role == "other" and not _STEADY_WORDS.search(text):
        return False
    if one.unit == "s" and _MUST_IN.search(clause):
        return False  # "must finish in less than 20 minutes" is a deadline
    loose = one.comparator in _LOOSE
    if one.unit == "s" and loose and not one.sign and _TAKES.search(clause):
        return False
    if role == "alert" or _is_symptom(statement):
        return one.comparator != "~" or measured or one.unit == "req/min"
    if role == "steady-state":
        return measured or one.sign or one.unit != "count" or not loose
    if one.unit == "ratio" or _MUST_BE.search(clause):
        return True
    if one.comparator == "==":
        return False
    if one.window_s is not None and one.comparator != "~":
        return True
    if one.sign:
        return measured or one.unit != "count" or statement.form == "row" or bool(words)
    if loose:
        return measured and (role == "severity" or bool(_CONDITION.search(text)))
    return measured or one.unit != "count" or role == "severity" or bool(_CONDITION.search(text))


def _name_cell(cells: Sequence[Cell]) -> Cell:
    """The cell that names the row: that of its column, or the first with words."""
    named = (cell for cell in cells if cell.words & _NAMES and words_about(cell.plain))
    worded = (cell for cell in cells if words_about(cell.plain) or cell.level)
    return next(named, None) or next(worded, cells[0])


def _with_unit(cell: Cell, unit: str) -> Text:
    """A bare number with the unit of its row, or of its column: "Latency (ms)"."""
    found = _UNIT_OF.search(cell.head)
    unit = found[1] if found is not None else unit
    if not unit or not cell.plain[-1:].isdigit():
        return cell.text
    return Text(cell.text.line, (*cell.text.spans, Span(cell.text.line, f" {unit}")))


def _is_symptom(statement: Statement) -> bool:
    """A line under "Symptoms:" or behind that label, or one that says when to do something."""
    label, _ = statement.label
    around = f"{statement.section.title} {statement.lead[-60:]} {label}"
    return statement.form in ("item", "paragraph") and _SYMPTOM.search(around) is not None


def _parts(statement: Statement) -> Iterator[_Part]:
    if not statement.cells:
        yield _Part(
            _without_rule(statement.prose),
            implied=_implied_of(statement),
            around=_around(statement),
        )
        return
    windows = [cell for cell in statement.cells[1:] if _WINDOW & cell.words]
    window_s = next((duration_of(cell.plain) for cell in windows), None)
    first = _name_cell(statement.cells)
    unit = next((cell.plain for cell in statement.cells if cell.words == {"unit"}), "")
    name = "" if first.level else words_about(first.plain) or first.plain
    rule = RULE_NAME.match(first.plain) is not None
    falling = _falls(statement.cells[1:])
    for cell in statement.cells:
        if cell in windows or (
            _TIMES & cell.words and not _ALARM & cell.words and cell is not first
        ):
            continue
        yield _Part(
            cell.text if cell is first else _with_unit(cell, unit),
            subject=_subject_of_cell(cell, name, first),
            name=f"{first.plain} {cell.head}",
            said=cell.plain if cell is first else f"{first.plain}: {cell.plain}",
            statistic=statistic_of(first.plain) or statistic_of(cell.head),
            named=rule,
            window_s=window_s,
            implied=_implied_by(cell, name, falling) if cell is not first else None,
            role=_role_of(cell) if cell is not first else None,
        )


def _around(statement: Statement) -> str:
    """The subject of a line that names none: that of the item above it, or of the heading."""
    above = statement.above
    while above is not None:
        if above.level is None and len(above.text.split()) <= 8:
            words = words_about(above.text.rstrip(" :"))
            if words:
                return words
        above = above.above
    title = words_about(_HUMP.sub(" ", statement.section.title))
    return title if set(title.split()) & MEASURES else ""


def _without_rule(text: Text) -> Text:
    """The name of an alert at the beginning is not what its number is about."""
    rule = RULE_NAME.match(text.plain)
    if rule is None or not text.spans:
        return text
    hidden = _HIDDEN * len(rule[1])
    name = rule[1]
    return Text(
        text.line, tuple(replace(one, text=one.text.replace(name, hidden, 1)) for one in text.spans)
    )


def _subject_of_cell(cell: Cell, name: str, first: Cell) -> str:
    if cell is first:
        return ""
    own = cell.words - _PLAIN
    return words_about(cell.head) if own and (not name or own & MEASURES) else name


def _role_of(cell: Cell) -> Role | None:
    if cell.words & _NORMAL:
        return "steady-state"
    return "alert" if cell.words & _ALARM else None


def _falls(cells: Sequence[Cell]) -> bool:
    """Whether the numbers fall from warning to critical: then less is worse."""
    read = [quantity(cell.plain) for cell in cells if cell.words & _ALARM]
    values = [one[0] for one in read if one is not None]
    return len(values) > 1 and values[0] > values[-1]


def _implied_by(cell: Cell, name: str, falling: bool) -> Comparator | None:
    """What "85%" means under "Critical" or "Normal"."""
    good = falling or bool(set(words_of(name)) & _HIGH_IS_GOOD)
    if cell.words & _ALARM:
        return "<" if good else ">"
    if cell.words & _AIMS:
        return ">=" if good else "<="
    return "~" if cell.words & _NORMAL else None


def _implied_of(statement: Statement) -> Comparator | None:
    """What "CPU: 85%" means in a list of alerts or of what is normal."""
    label, rest = statement.label
    if not label or len(words_of(rest)) > 6:
        return None
    if statement.section.meaning is Meaning.STEADY_STATE:
        return ">=" if set(words_of(label)) & _HIGH_IS_GOOD else "~"
    if statement.section.meaning is Meaning.ALERTS and statement.form == "item":
        return "<" if set(words_of(label)) & _HIGH_IS_GOOD else ">"
    return None


def _implied(part: _Part) -> Comparison | None:
    """The number that a label or a column's heading compares with."""
    plain = part.text.plain
    at = 0
    if part.subject == "" and ":" in plain:
        at = plain.index(":") + 1
    read = quantity(plain[at:])
    if read is None or part.implied is None:
        return None
    value, unit, rest = read
    end = len(plain) - len(rest)
    if unit == "count" and part.subject == "":
        return None
    return Comparison(at, end, end, part.implied, value, unit, None, sign=True)
