"""Sentences to `Threshold`: which number is stated about what."""

import re
from collections.abc import Iterator

from rundrill.claims import Threshold
from rundrill.runbook.quantities import comparisons
from rundrill.runbook.wordset import word_set

_WORD = re.compile(r"[a-z0-9][a-z0-9_./-]*", re.IGNORECASE)
_CLAUSE = re.compile(r"[:(;|]|[.,]\s|\s(?:and|or|but|when|if|while)\s", re.IGNORECASE)
_SUBJECTS: tuple[tuple[str, tuple[frozenset[str], ...]], ...] = (
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
    (
        "response time",
        (
            frozenset({"response", "time"}),
            frozenset({"latency"}),
            frozenset({"p50"}),
            frozenset({"p90"}),
            frozenset({"p95"}),
            frozenset({"p99"}),
        ),
    ),
    ("throughput", (frozenset({"throughput"}), frozenset({"request", "rate"}))),
    ("memory usage", (frozenset({"memory"}), frozenset({"ram"}))),
    ("cpu usage", (frozenset({"cpu"}),)),
    ("disk usage", (frozenset({"disk"}),)),
    ("restart count", (frozenset({"restart"}),)),
)
_FILLER = word_set(
    "a an the is are be been being was should must may can will shall stay stays remain remains"
    " keep kept normal normally usual usually typical typically expected current currently high"
    " higher low lower slow slower elevated increased average mean total of for at by with in on"
    " any than it its their value baseline target threshold goes rises drops falls"
)
_SINGULAR = {"rates": "rate", "times": "time", "errors": "error", "failures": "failure",
             "restarts": "restart", "latencies": "latency", "requests": "request"}  # fmt: skip
MAX_TEXT = 2000
"""A longer line is prose nobody would call a threshold."""


def read_thresholds(text: str, *, line: int, section: str) -> Iterator[Threshold]:
    """Every threshold that `text`, one line or item of the runbook, states."""
    if len(text) > MAX_TEXT:
        return
    begin = 0
    for found in comparisons(text):
        yield Threshold(
            line=line,
            section=section,
            text=text,
            subject=subject_of(text[begin : found.start], text[found.end :]),
            comparator=found.comparator,
            value=found.value,
            unit=found.unit,
            window_s=found.window_s,
        )
        begin = found.window_end


def subject_of(before: str, after: str = "") -> str:
    """What a number is about: the words before it, nearest first, else those after it.

    The usual subjects have one spelling each ("error rate", "response time", "throughput",
    "memory usage", "cpu usage", "success rate", "restart count", "disk usage"); any other
    keeps its own words in lower case.
    """
    clauses = [words for part in reversed(_CLAUSE.split(before)) if (words := _words(part))]
    clauses.append(_words(_CLAUSE.split(after.lstrip(" ):"), maxsplit=1)[0]))
    for words in clauses:
        for subject, variants in _SUBJECTS:
            if any(variant <= set(words) for variant in variants):
                return subject
    return next((" ".join(words) for words in clauses if words), "")


def _words(text: str) -> list[str]:
    return [
        _SINGULAR.get(word, word)
        for word in (found.lower().strip("./-") for found in _WORD.findall(text))
        if word and word not in _FILLER
    ]
