"""postStart and preStop: one attempt each, in the kubelet's words."""

import asyncio
from collections.abc import Mapping
from typing import Any

from localcluster.runtime.probes import Prober


class HookError(Exception):
    """Its text is what the container's status shows."""


async def run(
    hook: Mapping[str, Any],
    prober: Prober,
    *,
    limit_s: float | None,
    compress: float,
    container: str,
    pod: str,
) -> None:
    """Raises `HookError`. `limit_s` is None for a hook without a limit of its own (postStart).

    `pod` is its name, namespace and uid as the kubelet prints them. A `sleep` is a timer of the
    kubelet's own, so it is divided by `compress`; programs and requests take what they take.
    """
    try:
        async with asyncio.timeout(limit_s):
            problem = await _attempt(hook, prober, compress)
    except TimeoutError:
        problem = "context deadline exceeded"
    if problem is None:
        return
    kind, shown = _described(hook)
    raise HookError(
        f'{kind} lifecycle hook ({shown}) for Container "{container}" in Pod "{pod}" failed'
        f" - error: {problem}"
    )


async def _attempt(hook: Mapping[str, Any], prober: Prober, compress: float) -> str | None:
    if pause := hook.get("sleep"):
        await asyncio.sleep(float(pause.get("seconds") or 0) / compress)
        return None
    if command := hook.get("exec"):
        return await prober.run_hook(command.get("command") or ())
    if http := hook.get("httpGet"):
        # Any answer will do: the kubelet does not look at its status.
        return await prober.request(http)
    return "invalid handler: neither exec, httpGet nor sleep"


def _described(hook: Mapping[str, Any]) -> tuple[str, str]:
    if command := hook.get("exec"):
        return "Exec", f"[{' '.join(command.get('command') or ())}]"
    if http := hook.get("httpGet"):
        return "HTTP", str(http.get("path") or "/").lstrip("/")
    return "Sleep" if "sleep" in hook else "Unknown", ""
