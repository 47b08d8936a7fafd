"""What a heading is about, found by its words and not by its exact text."""

import re
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from rundrill.runbook.wordset import KEPT, word_set

_WORD = re.compile(r"[^\W_]+")
_LEADING = re.compile(r"(?:\d+[.)]\s+|\d+(?:\.\d+)+[.)]?\s+|[^\w(\[`<$]+){1,4}")


class Meaning(Enum):
    """What the content of a section is taken for."""

    SEVERITY = auto()
    ALERTS = auto()
    PROCEDURE = auto()
    STEADY_STATE = auto()
    DEPENDENCIES = auto()
    DASHBOARDS = auto()
    CONTACTS = auto()
    ESCALATION = auto()
    COMMUNICATION = auto()
    POST_INCIDENT = auto()
    BACKGROUND = auto()
    """Read by people only: architecture, prevention, symptoms."""
    REFERENCE = auto()
    """Commands to look up, in no order."""
    UNKNOWN = auto()


PEOPLE: Final = frozenset({Meaning.CONTACTS, Meaning.ESCALATION, Meaning.COMMUNICATION})
NO_NUMBERS: Final = PEOPLE | {
    Meaning.BACKGROUND, Meaning.REFERENCE, Meaning.POST_INCIDENT, Meaning.DASHBOARDS,
    Meaning.DEPENDENCIES,
}  # fmt: skip
"""Where "Metrics" and the like announce no steady state."""
NO_PROCEDURES: Final = NO_NUMBERS | {Meaning.SEVERITY}


def _phrases(text: str) -> tuple[str, ...]:
    """Phrases of whole words, as `meaning_of` looks for them."""
    return tuple(text.split("|"))


_PLACES: tuple[tuple[Meaning, tuple[str, ...]], ...] = (
    (
        Meaning.ESCALATION,
        _phrases("you are stuck|no progress|when stuck|out of ideas|getting nowhere|beyond you"),
    ),
    (
        Meaning.POST_INCIDENT,
        _phrases(
            "post incident|postmortem|postmortems|post mortem|after incident|after the incident"
            "|retrospective|lessons learned|lessons|post incident review|incident review"
            "|after the storm|after action|once it is over|when it is over|it is over|afterwards"
            "|closing the incident|close out"
            "|wrap up|wrapping up|aftermath|the dust|once fixed|once resolved|after recovery"
            "|follow up"
            "|followup|follow ups|debrief|after every incident|when all is well|after the fact"
        ),
    ),
    (
        Meaning.SEVERITY,
        _phrases(
            "severity|severities|sev levels|priority levels|incident levels|incident priority"
            "|priority definitions|priorities|incident classification|impact levels"
            "|classification|how bad|how urgent|urgency|how serious|how severe|we grade|grades"
            "|grading|incident grades|we rate|we rank|we classify|colour codes|color codes"
            "|colour code|color code|how loud|how big is it|alarm levels"
        ),
    ),
    (
        Meaning.ALERTS,
        _phrases(
            "alerts|alarms|alerting rules|alert rules|alert thresholds|alert conditions|alerting"
            "|alarm thresholds|alerting thresholds|paging conditions|pages you|what pages|detection"
            "|how you know|how we know|how it is noticed|alert reference|alarm reference"
            "|alert catalogue|alarm catalogue|alert catalog|alert list"
            "|alarm list|alert table|monitoring limits"
        ),
    ),
    # A failure mode's own words come before those of the places it may be named after:
    # "Status page outage" is something to mend.
    (
        Meaning.PROCEDURE,
        _phrases(
            "failure|failures|failing|failed|issue|issues|problem|problems|outage|outages|down"
            "|crash|crashing|crashes|crashloop|crashloopbackoff|oom|oomkilled|unavailable"
            "|unreachable|stuck|timeout|timeouts|exhausted|exhaustion|saturation|degraded|leak"
            "|slow|backlog|errors|full|expired|gone|lag|missing|corrupt|corrupted"
        ),
    ),
    (
        Meaning.REFERENCE,
        _phrases(
            "useful commands|command reference|commands reference|quick reference|cheat sheet"
            "|cheatsheet|reference|references|appendix|handy commands|common commands|useful"
            " queries"
        ),
    ),
    (
        Meaning.DASHBOARDS,
        _phrases("dashboards|dashboard|grafana|graphs|observability links|monitoring links"),
    ),
    (
        Meaning.ESCALATION,
        _phrases(
            "escalation|escalations|escalate|escalating|escalation path|escalation policy"
            "|gets a call|gets called|is called|to call next"
            "|call chain|chain of|next in line|getting help|need help|more help|for help|help"
            " needed"
            "|who next|ladder|second line|calling in"
        ),
    ),
    (
        Meaning.CONTACTS,
        _phrases(
            "contacts|contact|on call|oncall|rotation|phone numbers|phone list|phone|phones|phone"
            " book|reach us|hotline|hotlines|numbers to call"
            "|who can help|people to call|reachable|how to reach"
            "|responders|who to call|whom to call|who to ask|ownership|owners"
        ),
    ),
    (
        Meaning.COMMUNICATION,
        _phrases(
            "communication|communications|communicating|stakeholder|stakeholders|declaration"
            "|declaring|notification|notifications|notification protocol|status page|status updates"
            "|telling others|talking|talking to people|who hears"
            "|keep people informed|announcements|announcement|templates|template|comms"
            "|notify|informing|telling|texts|wording|gets told|we tell|to tell|is told|be told"
            "|tell whom|keeping people informed|updates"
        ),
    ),
    (
        Meaning.DEPENDENCIES,
        _phrases(
            "dependencies|dependency|depends on|depends|upstream|downstream|external services"
            "|upstreams|integrations|relies on|third parties|what it needs|we need|it needs"
            "|leaning on"
            "|runs on|built on|stands on|external systems|talks to|neighbours|neighbors|leans on"
            "|needs"
            "|surroundings|relies upon|third party"
        ),
    ),
    (
        Meaning.BACKGROUND,
        _phrases(
            "prevention|preventive|hardening|table of contents"
            "|contents|toc|changelog|revision history|document history|glossary|symptom|symptoms"
            "|impact|background|overview|summary|links|architecture|root cause|causes"
            "|possible causes|history"
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
            "|service level|slo|slos|sli|slis|metrics|key indicators|vital signs|objectives"
            "|what good looks like|good looks like|green looks like|healthy looks like"
            "|looks like this|want to see|what we promise|service levels"
            "|health figures|key figures|health indicators|thresholds"
        ),
    ),
)
_RANKS: Final = {
    phrase: rank for rank, (_, phrases) in reversed(tuple(enumerate(_PLACES))) for phrase in phrases
}
"""Each phrase with the first place that has it."""
_FIRST: Final = frozenset(phrase.split()[0] for phrase in _RANKS)
_LONGEST: Final = max(len(phrase.split()) for phrase in _RANKS)
_EXACT: Final = {
    "levels": Meaning.SEVERITY,
    "esc": Meaning.ESCALATION,
    "who": Meaning.CONTACTS,
    "people": Meaning.CONTACTS,
    "numbers": Meaning.STEADY_STATE,
    "limits": Meaning.STEADY_STATE,
    "tolerances": Meaning.STEADY_STATE,
    "pages": Meaning.ALERTS,
    "triggers": Meaning.ALERTS,
    "monitors": Meaning.ALERTS,
    "boards": Meaning.DASHBOARDS,
}
"""Words that tell only when they stand alone."""
_STRUCTURE = word_set(
    "step steps diagnosis diagnose diagnostic diagnostics investigation investigate mitigation"
    " mitigate resolution resolve remediation remediate fix quick solution verification verify"
    " validate validation actions action immediate procedure troubleshooting triage recovery"
    " response what to do check checks confirm and the how instructions commands"
)
_IMPERATIVES = word_set(
    "acknowledge add announce apply ask assess assign back block bring call cancel capture change"
    " chase check clean clear close collect compare confirm connect contact create cut debug"
    " decrease delete deploy describe determine disable drain dump edit enable ensure escalate"
    " evaluate examine execute fail failover fetch find fix flush follow force free get go identify"
    " increase inform inspect investigate isolate kill lift list log look lower make mark measure"
    " monitor move notify observe open page pause perform ping post promote pull purge raise read"
    " reboot recover redeploy redirect reduce reload remove repair replace report reset resize"
    " restart restore resume retry revert review roll rollback rotate route run scale search see"
    " send set shift shut start stop submit switch tail take telephone tell terminate test throttle"
    " trace trigger try turn undo update upgrade upscale use validate verify view wait warm watch"
    " write"
)
_STEP_HEADING = re.compile(r"^\W*step\s+\d", re.IGNORECASE)


@lru_cache(maxsize=KEPT)
def words_of(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.lower()))


@lru_cache(maxsize=KEPT)
def meaning_of(title: str) -> Meaning:
    """What a heading with this title announces; UNKNOWN when no word of it tells."""
    exact = _EXACT.get(title.lower().strip())
    if exact is not None:
        return exact
    words = words_of(title)
    found = [
        _RANKS[phrase]
        for at, word in enumerate(words)
        if word in _FIRST
        for length in range(1, min(_LONGEST, len(words) - at) + 1)
        if (phrase := " ".join(words[at : at + length])) in _RANKS
    ]
    rank = min(found, default=None)
    return Meaning.UNKNOWN if rank is None else _PLACES[rank][0]


def is_step_heading(title: str) -> bool:
    """ "Step 2: drain the node"."""
    return _STEP_HEADING.match(title) is not None


def is_structure(title: str) -> bool:
    """A heading that divides a procedure ("Diagnosis", "Step 2: ...") and names none itself."""
    words = words_of(title)
    return bool(words) and (bool(_STEP_HEADING.match(title)) or set(words) <= _STRUCTURE)


def is_imperative(text: str) -> bool:
    """Whether a text begins with a verb that tells to do something."""
    first = _WORD.search(text)
    return first is not None and first[0].lower() in _IMPERATIVES


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
