"""What a number is about: the words beside it, and one spelling for the usual subjects."""

import re
from functools import lru_cache
from typing import Final

from rundrill.runbook.wordset import KEPT, word_set

_WORD = re.compile(r"[^\W_][\w./-]*", re.IGNORECASE)
_CLAUSE = re.compile(
    r"[:(;|]|[.,!?]\s|\s[-\u2013\u2014]\s|\s(?:and|or|but|when|if|while|once|until|unless|because|with)\s",
    re.IGNORECASE,
)
_LATENCY: Final = (frozenset({"response", "time"}), frozenset({"latency"}), frozenset({"duration"}))
_SUBJECTS: Final[tuple[tuple[str, tuple[frozenset[str], ...]], ...]] = (
    ("success rate", (frozenset({"success", "rate"}), frozenset({"success", "ratio"}))),
    (
        "error rate",
        (
            frozenset({"error", "rate"}),
            frozenset({"failure", "rate"}),
            frozenset({"error", "ratio"}),
            frozenset({"5xx"}),
        ),
    ),
    ("throughput", (frozenset({"throughput"}), frozenset({"request", "rate"}))),
    ("memory usage", (frozenset({"memory"}), frozenset({"ram"}))),
    ("cpu usage", (frozenset({"cpu"}),)),
    ("disk usage", (frozenset({"disk"}),)),
    ("restart count", (frozenset({"restart"}),)),
)
_GENERIC: Final = word_set(
    "api apis app application checkout container customer endpoint http https latency median"
    " overall payment pod pods p50 p90 p95 p99 p999 percentile 50th 90th 95th 99th request"
    " response server service services the time times user users web duration of for to all any"
    " global transaction end average mean slow high"
)
"""Words beside "latency" that do not make it another thing than the service's response time."""
_FILLER: Final = word_set(
    "never a an the is are be been being was were should must may can will shall stay stays remain"
    " remains keep kept normal normally usual usually typical typically expected current currently"
    " high higher low lower slow slower elevated increased average mean median total of for at by"
    " with in on any than it its their value baseline target threshold goes rises drops falls we"
    " you they this that these those there has have had do does not no more less least most"
    " only just still very drop drops dropped fall falls rise climbs climb grows grow go took take"
    " takes means mean to from so then alert page fires fire trigger triggers warning critical"
    " symptoms symptom when if p50 p75 p90 p95 p99 p999 p99.9 percentile 50th 75th 90th 95th 99th"
    " 99.9th avg max min maximum minimum sustained percentage percent sits sit holds hold hovers"
    " hover shows show reads reports lies gets get becomes become looks seems turns always already"
    " usual day days now more most or and but warn crit page pages paged info ticket at least"
    " alarm alarms anything something everything back isn aren doesn don t s ll re ve"
    " above below beyond under over i.e e.g etc ms ca per minute second hour"
)
_SINGULAR: Final = {
    "rates": "rate", "times": "time", "errors": "error", "failures": "failure",
    "restarts": "restart", "latencies": "latency", "requests": "request",
}  # fmt: skip
_LEVEL = re.compile(r"(?:p|s|sev|l)-?\d")
_STATISTIC = re.compile(
    r"\bp\s?(?P<p>50|75|90|95|98|99(?:\.9{1,2})?|999)\b|\b(?P<th>\d{2}(?:\.9)?)(?:th|st)?[\s-]"
    r"(?:per)?centile|\b(?P<word>(?<!load\s)average|avg|mean|median|max(?:imum)?(?=\s[a-z]{4}))\b",
    re.IGNORECASE,
)
_MEANS: Final = {"average": "mean", "avg": "mean", "mean": "mean", "median": "p50"}


def metric_of(words: str) -> str:
    """One spelling for the usual subjects; any other keeps its own words.

    They are "error rate", "response time", "throughput", "memory usage", "cpu usage", "success
    rate", "restart count" and "disk usage".
    """
    own = set(words.split())
    for metric, variants in _SUBJECTS:
        if any(variant <= own for variant in variants):
            return metric
    if any(one <= own for one in _LATENCY) and own <= _GENERIC:
        return "response time"
    return words


def subject_of(before: str, after: str = "") -> str:
    """What a number is about: the words before it, nearest first, else those after it.

    Of the clauses, one about a usual subject comes first; it gives that subject's one spelling.
    """
    clauses = [" ".join(words) for words in clauses_of(before, after)]
    usual = next((metric for words in clauses if (metric := metric_of(words)) != words), None)
    if usual is None and statistic_of(before) is not None and not any(clauses[:1]):
        return "response time"
    return usual or next((words for words in clauses if words), "")


def words_about(before: str, after: str = "") -> str:
    """The words that name the subject, as they are written."""
    clauses = clauses_of(before, after)
    return next((" ".join(words[-6:]) for words in clauses if words), "")


@lru_cache(maxsize=KEPT)
def clauses_of(before: str, after: str = "") -> list[list[str]]:
    """The clauses that may name the subject, nearest first, as words without fillers."""
    parts = list(reversed(_CLAUSE.split(before[-300:])))
    parts.append(_CLAUSE.split(after[:120].lstrip(" ):"), maxsplit=1)[0])
    clauses = [words for part in parts if (words := _words(part))]
    if not clauses and statistic_of(before):
        return [[]]
    return clauses


def statistic_of(text: str) -> str | None:
    """ "p95", "mean" or "max" where the text names one; the last of several."""
    found = None
    for found in _STATISTIC.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    if found is None:
        return None
    if found["p"]:
        return f"p{found['p'].replace('999', '99.9') if found['p'] == '999' else found['p']}"
    if found["th"]:
        return f"p{found['th']}"
    return _MEANS.get(found["word"].lower(), "max")


def _words(text: str) -> list[str]:
    return [
        _SINGULAR.get(word, word)
        for word in (found.lower().strip("./-") for found in _WORD.findall(text))
        if word
        and word not in _FILLER
        and not _LEVEL.fullmatch(word)
        and (not word[0].isdigit() or word[1:] == "xx")
    ]
