"""What a procedure is for, and what a step does in it."""

import re
from collections.abc import Mapping
from typing import Final, Literal

from rundrill.claims import Procedure, ProcedureStep, Runbook, Step
from rundrill.runbook.bans import WARNS
from rundrill.runbook.classify import command_kind, step_kind
from rundrill.runbook.meaning import Meaning, meaning_of, words_of
from rundrill.runbook.wordset import word_set

_NOT_TO_MEND: Final = frozenset(
    {Meaning.CONTACTS, Meaning.ESCALATION, Meaning.COMMUNICATION, Meaning.POST_INCIDENT,
     Meaning.BACKGROUND, Meaning.REFERENCE}
)  # fmt: skip

Does = Literal["look", "remedy", "verify", "tell"]

_FAILURE: Final = word_set(
    "failure failures failing failed issue issues problem problems outage outages down crash"
    " crashing crashes crashloop crashloopbackoff oom oomkilled unavailable unreachable stuck"
    " timeout timeouts exhausted exhaustion saturation degraded leak slow backlog errors full"
    " expired lag corrupt corrupted scenario scenarios high"
)
_LOOKING_TITLE: Final = word_set(
    "assessment triage diagnosis diagnostics checklist verification investigation inspection"
    " checks monitoring classification tell"
)
_LOOK: Final = word_set(
    "check see look review inspect identify find read compare examine determine investigate assess"
    " analyze analyse understand gather collect note record open search list show get is are does"
    " what which who whether why decide test try query current count measure grep view"
)
_VERIFY: Final = word_set("verify confirm ensure validate monitor watch observe wait prove")
_TELL: Final = word_set(
    "contact notify escalate call page tell inform post announce ask email message report alert"
    " engage involve declare communicate hand"
)
_CAUSE = re.compile(
    r"\b(?:limits?|quotas?|history|deployments?|changes?|commits?|settings?|config\w*|leaks?"
    r"|polic(?:y|ies)|credentials?|certificates?|causes?|why|which|who|whether (?:its|there|a|any)"
    r"|releases?|versions?|recent\w*|latest|suspicious|details?|status pages?|rate limits?)\b",
    re.IGNORECASE,
)
"""Who looks at these looks for what went wrong, not for whether it is over."""
_MENDING = re.compile(
    r"vacuum|pg_drop|drop_|terminate|promote|reindex|\brestart\b|\breload\b|\bkill\b|--fix\b|unlink"
    r"|\breset\b",
    re.IGNORECASE,
)
"""In a program that usually only looks: what mends all the same."""
_STATE = re.compile(
    r"\A[^:]*\b(?:works?|answers?|(?:is|are) (?:up|back|green)|(?:should|must) (?:be|have|carry)"
    r"|green again|has joined)\b|\Agreen again",
    re.IGNORECASE,
)
"""A step that is no order but says how things are to be: "login works"."""
_CONDITION = re.compile(
    r"\A\W*(?:if|when|once|after|unless|where|as soon as)\b[^,:]*[,:]\s*", re.IGNORECASE
)
_ADVERB = re.compile(
    r"\A\W*(?:then|next|finally|first|also|now|immediately|quickly|please)\b,?\s*", re.IGNORECASE
)


def failure_modes(runbook: Runbook) -> tuple[Procedure, ...]:
    """Those that say what to do about something that went wrong."""
    titles = _titles(runbook)
    return tuple(one for one in runbook.procedures if _is_failure(one, titles[one.id]))


def mending(runbook: Runbook) -> tuple[Procedure, ...]:
    """Those that are there to mend something: the failure modes and the standard recoveries."""
    titles = _titles(runbook)
    return tuple(
        one
        for one in runbook.procedures
        if _is_failure(one, titles[one.id]) or _is_recovery(one, titles[one.id])
    )


def _titles(runbook: Runbook) -> Mapping[str, tuple[str, ...]]:
    """Of each procedure the headings above its steps, its own included."""
    found: dict[str, tuple[str, ...]] = {
        one.id: (one.section, one.title) for one in runbook.procedures
    }
    for claim, value in runbook.having(ProcedureStep):
        if value.step.number == 1:
            found[value.procedure] = claim.section
    return found


def _is_failure(procedure: Procedure, titles: tuple[str, ...]) -> bool:
    own = set(words_of(procedure.title))
    if own & _LOOKING_TITLE and not own & _FAILURE:
        return False
    meanings = {meaning_of(title) for title in titles}
    if meanings & _NOT_TO_MEND:
        return False
    return any(set(words_of(title)) & _FAILURE for title in titles)


def _is_recovery(procedure: Procedure, titles: tuple[str, ...]) -> bool:
    own = set(words_of(procedure.title))
    meanings = {meaning_of(title) for title in titles}
    return (
        not meanings & _NOT_TO_MEND and not own & _LOOKING_TITLE and Meaning.PROCEDURE in meanings
    )


def does(step: Step) -> Does:
    """What a step is for, by its commands, and by its first verb where it has none."""
    if step.commands:
        kind = step_kind(step)
        # What an unknown program does is told by the words in front of it.
        known = any("kubectl" in one.text for one in step.commands)
        if not known and step.text and by_words(step.text) == "verify":
            return "verify"
        if kind == "remedy" or any(_MENDING.search(one.text) for one in step.commands):
            return "remedy"
        return "verify" if kind == "verification" or _checks(step) else "look"
    if step.duration_s is not None:
        return "verify"
    return by_words(step.text)


def by_words(text: str) -> Does:
    """What somebody does who follows these words."""
    while (shorter := _ADVERB.sub("", _CONDITION.sub("", text))) != text:
        text = shorter
    if WARNS.match(text):
        return "look"
    words = words_of(text)
    first = words[0] if words else ""
    if first in _VERIFY or words[:2] == ("make", "sure"):
        # "Verify API credentials" looks for the cause; "verify the payments" does not.
        waits = first in ("monitor", "watch", "observe", "wait")
        return "verify" if waits or _CAUSE.search(text) is None else "look"
    if first in _LOOK:
        checks = first in ("check", "see", "test", "look")
        return "verify" if checks and _CAUSE.search(text) is None else "look"
    if first in _TELL:
        return "tell"
    return "verify" if _STATE.search(text) else "remedy"


def _checks(step: Step) -> bool:
    """Whether looking after a remedy may show that it worked: the state, not the history."""
    if any(command_kind(one.text) == "verification" for one in step.commands):
        return True
    return _CAUSE.search(step.text) is None
