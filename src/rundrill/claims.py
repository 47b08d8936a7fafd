"""What a runbook states: the frozen values that reading a document gives.

A `Claim` is one checkable statement with its place. Its `value` says what was read, and the class
of the value is the kind of the claim. `Runbook` also keeps every line of the document with what
it was taken for, so that nothing is left out unseen. Durations are seconds as the runbook states
them, never compressed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeVar

Comparator = Literal["<", "<=", ">", ">=", "~", "=="]
Unit = Literal["ratio", "s", "req/min", "bytes", "count"]
"""Base units: 5 % is 0.05 "ratio", 2 minutes are 120 "s", 1 MiB is 1048576 "bytes"."""

ClaimKind = Literal[
    "command", "placeholder", "threshold", "severity", "response-time", "escalation", "deadline",
    "alert", "stakeholder", "dependency", "dashboard", "contact", "review-date", "template",
    "checklist", "step", "post-incident",
]  # fmt: skip
TestClass = Literal["drill", "lint", "human", "none"]
"""What can check a claim: a drill by itself, the linter, a drill with people, or nothing."""

# ---------------------------------------------------------------- the values, one for each kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of the runbook, literally: nothing is filled in here."""

    kind: ClassVar[ClaimKind] = "command"
    line: int
    text: str
    placeholders: tuple[str, ...] = ()
    bound: bool = False
    """Not the runbook's: an author bound it to a manual step; `line` is the step's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """What the reader has to fill in, as it is written: `<pod-name>`, `[Brief description]`."""

    kind: ClassVar[ClaimKind] = "placeholder"
    name: str
    in_command: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A number the runbook states: `subject comparator value unit [in window]`.

    `subject` are its own words, in lower case and without fillers; `metric` is one spelling of the
    usual subjects ("error rate"), else the same words. `value` is in the base unit of `unit`.
    """

    kind: ClassVar[ClaimKind] = "threshold"
    line: int
    section: str
    text: str
    subject: str
    metric: str
    comparator: Comparator
    value: float
    unit: Unit
    window_s: float | None = None
    statistic: str | None = None
    """ "p95", "mean", "max", where it is stated."""
    role: Literal["steady-state", "alert", "severity", "other"] = "other"
    severity: str | None = None
    """The level that the number belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Severity:
    """A severity level. `response_time_s` is None where the runbook states none."""

    kind: ClassVar[ClaimKind] = "severity"
    id: str
    name: str
    line: int
    conditions: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    response_time_s: float | None
    response_line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A time by which something is due: seconds, or words of the calendar, never both.

    "Immediately" is 0 seconds; "next business day" has `seconds` None and says so in `when`.
    """

    seconds: float | None
    when: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseTime:
    kind: ClassVar[ClaimKind] = "response-time"
    severity: str
    term: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """Whom to tell, and when. Without a term the runbook states none."""

    kind: ClassVar[ClaimKind] = "escalation"
    severity: str | None
    to: str
    term: Term | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """ "Update within 5 minutes", or with `every` "every 30 minutes"."""

    kind: ClassVar[ClaimKind] = "deadline"
    subject: str
    severity: str | None
    term: Term
    every: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertClaim:
    """An alert the runbook names, with its number where it states one.

    `id` is made of what the alert is about and not of its number; bindings.yaml uses it.
    """

    kind: ClassVar[ClaimKind] = "alert"
    id: str
    line: int
    text: str
    subject: str
    threshold: Threshold | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stakeholder:
    """Who is told of an incident of this severity."""

    kind: ClassVar[ClaimKind] = "stakeholder"
    severity: str | None
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    kind: ClassVar[ClaimKind] = "dependency"
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    kind: ClassVar[ClaimKind] = "dashboard"
    name: str
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """`reach` is how to reach them, as written: a number, a channel, or a placeholder."""

    kind: ClassVar[ClaimKind] = "contact"
    name: str
    reach: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDate:
    """`date` is an ISO date; None where the runbook leaves it open (`text` says how)."""

    kind: ClassVar[ClaimKind] = "review-date"
    date: str | None
    text: str
    next: bool
    """When the next review is due; else when the document was last looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A message to send, line by line."""

    kind: ClassVar[ClaimKind] = "template"
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecklistItem:
    kind: ClassVar[ClaimKind] = "checklist"
    text: str
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PostIncidentItem:
    """What is to be done after the incident, and how soon."""

    kind: ClassVar[ClaimKind] = "post-incident"
    text: str
    term: Term | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One ordered step; *manual* when it holds no command."""

    number: int
    line: int
    text: str
    commands: tuple[Command, ...] = ()
    duration_s: float | None = None
    """A stated time, such as "Monitor for 15 minutes"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """The ordered steps under one failure mode or standard recovery.

    `id` is its title as a slug, with that of the section above where two have the same.
    """

    id: str
    title: str
    section: str
    line: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureStep:
    """A step as a claim: which procedure it belongs to."""

    kind: ClassVar[ClaimKind] = "step"
    procedure: str
    """The procedure's id."""
    title: str
    step: Step


ClaimValue = (
    Command
    | Placeholder
    | Threshold
    | Severity
    | ResponseTime
    | Escalation
    | Deadline
    | AlertClaim
    | Stakeholder
    | Dependency
    | Dashboard
    | Contact
    | ReviewDate
    | Template
    | ChecklistItem
    | ProcedureStep
    | PostIncidentItem
)

_V = TypeVar("_V", bound=ClaimValue)

# ---------------------------------------------------------------- the document


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One checkable statement of the runbook.

    `id` is `kind:section/section/what`: it depends on the headings above the claim and on its own
    words, so it survives edits anywhere else. `section` are the titles of those headings.
    """

    id: str
    line: int
    section: tuple[str, ...]
    text: str
    test: TestClass
    value: ClaimValue

    @property
    def kind(self) -> ClaimKind:
        return self.value.kind


Reading = Literal["blank", "heading", "claim", "prose", "markup", "data", "warning", "unknown"]
"""What a line was taken for.

`prose`: words that state nothing to check. `markup`: fences, rules, HTML, front matter. `data`:
the content of a code block that is no command, such as output or YAML. `warning`: a command that
nobody is to run ("Never run ..."), and which is none of a procedure. `unknown`: it looks as if
it stated something, and was not understood.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One source line, without its line break. `claims` are the ids of those that it holds."""

    number: int
    text: str
    reading: Reading
    claims: tuple[str, ...] = ()
    level: int = 0
    """Of a heading: 1 to 6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """What was read from one Markdown document.

    `claims` are in the order of their lines; the other fields are views of the same values. Joined
    with line breaks, `lines` are the document.
    """

    path: str
    sha256: str
    title: str
    claims: tuple[Claim, ...]
    lines: tuple[Line, ...]
    severities: tuple[Severity, ...]
    procedures: tuple[Procedure, ...]
    protocols: tuple[Procedure, ...]
    """Numbered steps that tell people: declaring an incident, escalating it."""
    steady_state: tuple[Threshold, ...]
    alerts: tuple[AlertClaim, ...]

    @property
    def not_understood(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.reading == "unknown")

    def having(self, kind: type[_V]) -> Iterator[tuple[Claim, _V]]:
        """The claims whose value is of this class, each with its value."""
        for claim in self.claims:
            if isinstance(claim.value, kind):
                yield claim, claim.value
