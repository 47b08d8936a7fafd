"""Which known fault makes a failure mode, and which of the alerts it is to be seen by."""

import re
from dataclasses import dataclass
from typing import Final

from rundrill.claims import Procedure


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """`words` are looked for in the title and the steps; the first match in order counts.

    `alerts` are subjects of alerts, best first; `hits` are words in the name of what it acts on.
    """

    fault: str
    words: str
    alerts: tuple[str, ...]
    hits: tuple[str, ...] = ()


_DATABASE: Final = ("postgres", "mysql", "mariadb", "mongo", "database", "db")
_GATEWAY: Final = r"payment gateways?|vendor|provider|external|third.party|upstream|stripe|paypal"
MATCHES: Final[tuple[Match, ...]] = (
    Match(fault="memory-leak", words=r"memory|oom\w*|heap|leak", alerts=("memory usage",)),
    Match(
        fault="pool-exhausted",
        words=r"pool (?:is |was )?(?:exhaust\w+|full|saturat\w+)|too many connections",
        alerts=("database", "error rate", "success rate"),
        hits=_DATABASE,
    ),
    Match(
        fault="database-slow",
        words=r"(?:slow|latency|lock\w*)\b.{0,30}\b(?:database|postgres\w*|quer\w+)"
        r"|(?:database|postgres\w*|quer\w+)\b.{0,30}\b(?:slow|latency|lock\w*)",
        alerts=("response time", "database"),
        hits=_DATABASE,
    ),
    Match(
        fault="database-down",
        words=r"database|postgres\w*|mysql|mariadb|\bdb\b",
        alerts=("database", "error rate", "success rate"),
        hits=_DATABASE,
    ),
    Match(
        fault="cache-down",
        words=r"cache|redis|valkey|memcached",
        alerts=("cache", "response time", "error rate"),
        hits=("redis", "valkey", "memcached", "cache"),
    ),
    Match(
        fault="auth-down",
        words=r"auth\w*|login|identity|sso",
        alerts=("auth", "error rate", "success rate"),
        hits=("auth", "identity", "sso", "login"),
    ),
    Match(
        fault="gateway-timeout",
        words=rf"(?:{_GATEWAY})\b.{{0,40}}\btime[ -]?outs?",
        alerts=("error rate", "success rate", "response time"),
        hits=("gateway", "stripe", "paypal", "vendor"),
    ),
    Match(
        fault="gateway-errors",
        words=_GATEWAY,
        alerts=("error rate", "success rate"),
        hits=("gateway", "stripe", "paypal", "vendor"),
    ),
    Match(fault="cpu-pressure", words=r"cpu|throttl\w+", alerts=("cpu usage", "response time")),
    Match(
        fault="traffic-surge",
        words=r"traffic|surge|spike|overload\w*|too many requests|high load",
        alerts=("throughput", "response time", "cpu usage"),
    ),
    Match(
        fault="bad-config",
        words=r"config\w*|setting|environment variable",
        alerts=("restart count", "error rate"),
    ),
    Match(
        fault="bad-release",
        words=r"crash\w*|restart\w*|rollback|(?:bad|fail\w*) (?:release|deploy\w*)",
        alerts=("restart count", "error rate", "success rate"),
    ),
    Match(
        fault="pods-killed",
        words=r"pods? (?:\w+ )?(?:missing|down|gone|killed|evicted)|unavailable|not ready",
        alerts=("restart count", "error rate", "success rate"),
    ),
)
"""In order: what is more particular comes first. The title counts before the steps."""


def match(procedure: Procedure) -> Match | None:
    """By the title; what the title does not tell, the first steps do not either."""
    for one in MATCHES:
        if re.search(rf"\b(?:{one.words})\b", procedure.title, re.IGNORECASE):
            return one
    return None
