"""What a heading is about, found by its words and not by its exact text."""

import re
from enum import Enum, auto

from rundrill.runbook.wordset import word_set

_WORD = re.compile(r"[^\W_]+")
_LEADING = re.compile(r"(?:\d+[.)]\s+|\d+(?:\.\d+)+[.)]?\s+|[^\w(\[`<$]+){1,4}")


class Meaning(Enum):
    """What the content of a section is taken for."""

    SEVERITY = auto()
    ALERTS = auto()
    PROCEDURE = auto()
    STEADY_STATE = auto()
    BACKGROUND = auto()
    """Read by people only: contacts, communication, dashboards, prevention, symptoms."""
    REFERENCE = auto()
    """Commands to look up, in no order."""
    UNKNOWN = auto()


def _phrases(text: str) -> tuple[str, ...]:
    """Phrases of whole words, as `meaning_of` looks for them."""
    return tuple(f" {phrase} " for phrase in text.split("|"))


_PLACES: tuple[tuple[Meaning, tuple[str, ...]], ...] = (
    (
        Meaning.SEVERITY,
        _phrases(
            "severity|severities|sev levels|priority levels|incident levels|incident priority"
            "|priority definitions|incident classification|impact levels"
        ),
    ),
    (
        Meaning.ALERTS,
        _phrases(
            "alerts|alarms|alerting rules|alert rules|alert thresholds|alert conditions"
            "|alarm thresholds|alerting thresholds|paging conditions"
        ),
    ),
    # A failure mode's own words come before those of the places it may be named after:
    # "Status page outage" is something to mend.
    (
        Meaning.PROCEDURE,
        _phrases(
            "failure|failures|failing|failed|issue|issues|problem|problems|outage|outages|down"
            "|crash|crashing|crashloop|crashloopbackoff|oom|oomkilled|unavailable|unreachable"
            "|stuck|timeout|timeouts|exhausted|exhaustion|saturation|degraded|leak|slow|backlog"
            "|errors"
        ),
    ),
    (
        Meaning.REFERENCE,
        _phrases(
            "useful commands|command reference|commands reference|quick reference|cheat sheet"
            "|cheatsheet|reference|references|appendix|handy commands|common commands"
        ),
    ),
    (
        Meaning.BACKGROUND,
        _phrases(
            "post incident|postmortem|post mortem|after incident|follow up|retrospective"
            "|lessons learned|lessons|contacts|contact|on call|rotation|dashboards|dashboard"
            "|prevention|preventive|hardening|communication|communications|stakeholder"
            "|stakeholders|declaration|notification protocol|status page|table of contents"
            "|contents|toc|changelog|revision history|document history|glossary|symptom|symptoms"
            "|impact|background|overview|summary|links|escalation|escalations|escalation path"
            "|dependencies|architecture|root cause|causes|possible causes|ownership"
        ),
    ),
    (
        Meaning.PROCEDURE,
        _phrases(
            "procedure|procedures|recovery|rollback|restore|restart|reload|scaling|failover"
            "|mitigation|remediation|troubleshooting|playbook|playbooks|steps|resolution|fix"
            "|fixes|solutions|solution|how to|triage|assessment|diagnosis|diagnostics"
            "|investigation|verification|verify|scenario|scenarios|health check|checklist"
        ),
    ),
    (
        Meaning.STEADY_STATE,
        _phrases(
            "steady state|normal|healthy|baseline|baselines|expected values|golden signals"
            "|service level|slo|slos|sli|slis|metrics|key indicators|vital signs"
        ),
    ),
)
_STRUCTURE = word_set(
    "step steps diagnosis diagnose diagnostic diagnostics investigation investigate mitigation"
    " mitigate resolution resolve remediation remediate fix quick solution verification verify"
    " validate validation actions action immediate procedure troubleshooting triage recovery"
    " response what to do check checks confirm and the how instructions commands"
)
_LEVEL = re.compile(
    r"\W*(?:(?P<kind>severity|priority|sev|level|p|s)[\s-]?(?P<number>\d)(?![\w.%])"
    r"|(?P<name>critical|high|medium|moderate|low|major|minor|informational|urgent|emergency)"
    r"\b(?=\s*(?:$|[:(\u2013\u2014-]|severity|priority)))",
    re.IGNORECASE,
)
_STEP_HEADING = re.compile(r"^\W*step\s+\d", re.IGNORECASE)


def words_of(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.lower()))


def meaning_of(title: str) -> Meaning:
    """What a heading with this title announces; UNKNOWN when no word of it tells."""
    words = f" {' '.join(words_of(title))} "
    for meaning, phrases in _PLACES:
        if any(phrase in words for phrase in phrases):
            return meaning
    return Meaning.UNKNOWN


def match_level(text: str) -> re.Match[str] | None:
    """The severity level a text begins with: groups `kind` and `number`, or `name`."""
    return _LEVEL.match(text)


def is_structure(title: str) -> bool:
    """A heading that divides a procedure ("Diagnosis", "Step 2: ...") and names none itself."""
    words = words_of(title)
    return bool(words) and (bool(_STEP_HEADING.match(title)) or set(words) <= _STRUCTURE)


def clean_title(text: str) -> str:
    """A heading without numbering, emoji and trailing colon."""
    found = _LEADING.match(text)
    return text[found.end() if found else 0 :].rstrip(" :#")


def slug(text: str) -> str:
    """Stable id: lower-case words joined by hyphens."""
    return "-".join(words_of(text))


class Ids:
    """Hands out ids that differ: the second "restart" is "restart-2"."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._last: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        name, number = wanted, self._last.get(wanted, 1)
        while name in self._taken:
            number += 1
            name = f"{wanted}-{number}"
        self._last[wanted] = number
        self._taken.add(name)
        return name
