"""The evidence of a crash loop, as the node tells it."""

from collections.abc import Sequence
from typing import Final

from rundrill.target.cluster import Pod

RESTARTS: Final = 1
"""One restart proves that the container really ran and ended, not that it never started."""


def crash_looping(pods: Sequence[Pod], container: str) -> str | None:
    """The first pod whose container crash-loops; None when there is none."""
    for pod in pods:
        reason = pod.waiting.get(container)
        if reason == "CrashLoopBackOff" and pod.restarts >= RESTARTS:
            code = pod.last_exit_codes.get(container)
            return (
                f"pod {pod.name} is in {reason} after {pod.restarts} restarts,"
                f" last exit code {code}"
            )
    return None


def described(pods: Sequence[Pod], container: str) -> str:
    """What the pods do instead."""
    return "; ".join(
        f"pod {pod.name}: {'ready' if pod.ready else 'not ready'}, {pod.restarts} restarts,"
        f" waiting: {pod.waiting.get(container, 'no')}"
        for pod in pods
    )
