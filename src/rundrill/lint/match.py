"""Which rule stands for which alert of the runbook."""

import re
from collections.abc import Mapping
from typing import Final

from rundrill.claims import AlertClaim, Runbook
from rundrill.detection import AlertRule, RuleSet
from rundrill.model import Bindings
from rundrill.runbook.wordset import word_set

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_SAME: Final[Mapping[str, str]] = {
    "errors": "error", "failure": "error", "failures": "error", "failing": "error",
    "failed": "error", "fail": "error", "restarts": "restart", "restarting": "restart",
    "crashloop": "restart", "crashlooping": "restart", "latency": "response", "slow": "response",
    "connections": "connection", "connect": "connection", "ram": "memory", "oom": "memory",
    "pods": "pod", "payments": "payment", "db": "database", "postgres": "database",
    "postgresql": "database", "queues": "queue", "rates": "rate", "ratio": "rate",
}  # fmt: skip
_SAYS_LITTLE: Final = word_set(
    "the a an of in is are usage count number high low over time rate to"
)
_ENOUGH: Final = 0.5


def rules_of(
    runbook: Runbook, rules: RuleSet, bindings: Bindings | None
) -> Mapping[str, AlertRule | None]:
    """Claim id to its rule: as the bindings say, else by a claim's words in a rule's.

    The closest pair is taken first, and a rule stands for one claim.
    """
    found: dict[str, AlertRule | None] = {claim.id: None for claim in runbook.alerts}
    bound = {} if bindings is None else bindings.alerts
    for claim_id, name in bound.items():
        if claim_id in found:
            found[claim_id] = rules.alerts.get(name)
    taken = {rule.name for rule in found.values() if rule is not None}
    pairs = sorted(
        (
            (-_likeness(claim, rule), at, number)
            for at, claim in enumerate(runbook.alerts)
            if claim.id not in bound
            for number, rule in enumerate(rules.alerts.values())
        ),
    )
    by_number = list(rules.alerts.values())
    for likeness, at, number in pairs:
        claim, rule = runbook.alerts[at], by_number[number]
        if -likeness < _ENOUGH or found[claim.id] is not None or rule.name in taken:
            continue
        found[claim.id] = rule
        taken.add(rule.name)
    return found


def _likeness(claim: AlertClaim, rule: AlertRule) -> float:
    """The share of the claim's telling words that the rule has; its name counts first."""
    stated = rule.annotations.get("claim", "")
    if stated and _words(stated) == _words(claim.text):
        return 2.0
    wanted = _words(claim.subject or claim.text)
    if not wanted:
        return 0.0
    name = _words(rule.name)
    also = name | _words(rule.annotations.get("summary", "")) | _words(stated)
    return (len(wanted & name) + 0.5 * len(wanted & (also - name))) / len(wanted)


def _words(text: str) -> set[str]:
    words = {word.lower() for word in _HUMP.split(text) if word and not word.isdigit()}
    return {_SAME.get(word, word) for word in words} - _SAYS_LITTLE
