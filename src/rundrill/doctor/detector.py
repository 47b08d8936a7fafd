"""A Prometheus that is to detect, and the Alertmanagers that it sends to."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rundrill.base.clock import Clock
from rundrill.detection import RuleSet
from rundrill.detection.prometheus.api import Api, NoAnswerError, RefusedError
from rundrill.detectors import DetectorChoice, require_usable
from rundrill.doctor.check import Check
from rundrill.doctor.clocks import FAILED_S, WARNED_S
from rundrill.errors import RundrillError

GROUP: Final = "Prometheus"
_FIX: Final = "see that it runs, and that this machine reaches it; docs/detection.md"


def checks(
    choice: DetectorChoice, rules: RuleSet | None, *, clock: Clock, wall: Callable[[], float]
) -> Iterator[Check]:
    """Nothing unless a Prometheus that runs already was named. Its rules are compared as they are,
    at compression 1."""
    if choice.url is None:
        return
    try:
        api = Api(choice.url)
        version = api.version()
    except (NoAnswerError, RefusedError) as error:
        yield Check(group=GROUP, name="server", state="failed", seen=str(error), fix=_FIX)
        for name in ("rules", "Alertmanagers", "clock"):
            yield Check(
                group=GROUP,
                name=name,
                state="not known",
                seen="not asked: the server does not answer",
                fix="mend that first",
            )
        return
    yield Check(group=GROUP, name="server", state="ok", seen=f"{version} at {choice.url}")
    yield _rules(choice, rules, clock)
    try:
        yield judge_alertmanagers(api.alertmanagers())
        yield judge_clock(api.clock_offset(wall))
    except (NoAnswerError, RefusedError) as error:
        yield Check(group=GROUP, name="answers", state="not known", seen=str(error), fix=_FIX)


def judge_alertmanagers(urls: Sequence[str]) -> Check:
    if urls:
        return Check(
            group=GROUP, name="Alertmanagers", state="ok", seen=f"it sends to {', '.join(urls)}"
        )
    return Check(
        group=GROUP,
        name="Alertmanagers",
        state="warning",
        seen="it sends alerts to nobody",
        fix="`alerting:` in its configuration, if --notifier alertmanager:URL is to be used",
    )


def judge_clock(offset_s: float) -> Check:
    apart = abs(offset_s)
    seen = f"ahead of this machine by {offset_s:+.2f} s"
    if apart <= WARNED_S:
        return Check(group=GROUP, name="clock", state="ok", seen=seen)
    return Check(
        group=GROUP,
        name="clock",
        state="failed" if apart > FAILED_S else "warning",
        seen=seen,
        fix="set one of the clocks (chrony, NTP)",
    )


def _rules(choice: DetectorChoice, rules: RuleSet | None, clock: Clock) -> Check:
    if rules is None:
        return Check(
            group=GROUP,
            name="rules",
            state="not known",
            seen="not tried: no experiment was named, so no rules",
            fix="name experiments: rundrill doctor experiments/*.yaml",
        )
    try:
        require_usable(choice, rules, compression=1.0, clock=clock)
    except RundrillError as error:
        fix = error.fix or _FIX
        return Check(group=GROUP, name="rules", state="failed", seen=error.problem, fix=fix)
    return Check(group=GROUP, name="rules", state="ok", seen=f"those of {rules.path}")
