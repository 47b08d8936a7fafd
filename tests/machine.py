"""How much of this machine others took while a test ran: a verdict about time is theirs as well."""

import resource
import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Moment:
    """Seconds: of the clock, of CPU by all, and of CPU by us and what we have waited for."""

    at: float
    busy: float
    ours: float


def moment() -> Moment:
    times = psutil.cpu_times()
    idle = times.idle + times.iowait
    # guest time is part of user time already; what the host takes away is not ours either.
    busy = sum(times) - idle - times.guest - times.guest_nice
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return Moment(
        at=time.monotonic(), busy=busy, ours=sum(one.ru_utime + one.ru_stime for one in used)
    )


def taken_by_others(since: Moment) -> float:
    """The share of the whole machine, from 0 to 1, up to now. What we started must have ended."""
    now = moment()
    elapsed = (now.at - since.at) * (psutil.cpu_count() or 1)
    return max(0.0, (now.busy - since.busy) - (now.ours - since.ours)) / elapsed
