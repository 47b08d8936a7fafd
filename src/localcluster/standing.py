"""What `status` tells of a running cluster: its state directory, and what its API answers."""

import base64
import contextlib
import http.client
import json
import ssl
import urllib.parse
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import yaml

from localcluster.state import Server, StateDir

_ANSWER_LIMIT_S: Final = 5.0


def standing(state: StateDir) -> Mapping[str, Any]:
    """`status` is `ready`, `starting`, `not answering` or `not running`; only the last stands
    alone, with `left_over` True when a killed server left something for `down` to end.

    `pods` counts them by phase; `uptime_s` are seconds.
    """
    server = state.server()
    if server is None or not server.alive:
        return {"status": "not running", "left_over": state.journal.exists()}
    pods = _pods(state, server) if server.ready else None
    word = "starting" if not server.ready else "ready" if pods is not None else "not answering"
    return {
        "status": word,
        "pid": server.pid,
        "address": server.address,
        "url": server.url,
        "kubeconfig": str(state.kubeconfig),
        "uptime_s": round(server.up_s, 1),
        "compress": server.compress,
        "memory_limits": server.memory,
        "warning": server.warning,
        "pods": pods,
    }


def text(facts: Mapping[str, Any]) -> str:
    """The same for people: one fact a line."""
    if facts["status"] == "not running":
        left = " (a killed server left something: run down)" if facts["left_over"] else ""
        return f"not running{left}\n"
    rows = {
        "status": facts["status"],
        "address": facts["url"] or "none yet",
        "process": f"{facts['pid']}, up for {_duration(facts['uptime_s'])}",
        "compression": f"{facts['compress']:g}",
        "memory limits": facts["memory_limits"] or "not known yet",
        "pods": "unknown" if facts["pods"] is None else _counted(facts["pods"]),
        "kubeconfig": facts["kubeconfig"],
        **({"warning": facts["warning"]} if facts["warning"] else {}),
    }
    return "".join(f"{name + ':':15}{value}\n" for name, value in rows.items())


def _counted(pods: Mapping[str, int]) -> str:
    phases = ", ".join(f"{count} {phase}" for phase, count in sorted(pods.items()))
    return f"{sum(pods.values())} ({phases})" if pods else "0"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    shown = f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
    return shown if hours or minutes else f"{rest} s"


def _pods(state: StateDir, server: Server) -> Mapping[str, int] | None:
    """None when the API does not answer in time."""
    with contextlib.suppress(OSError, ValueError, KeyError, http.client.HTTPException):
        config = yaml.safe_load(state.kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        where = urllib.parse.urlsplit(server.url)
        connection = http.client.HTTPSConnection(
            where.hostname or "",
            where.port,
            timeout=_ANSWER_LIMIT_S,
            context=ssl.create_default_context(cadata=authority),
        )
        with contextlib.closing(connection):
            headers = {"Authorization": f"Bearer {user['token']}"}
            connection.request("GET", "/api/v1/pods", headers=headers)
            answer = connection.getresponse()
            if answer.status == http.client.OK:
                items = json.loads(answer.read())["items"]
                return Counter((pod.get("status") or {}).get("phase", "Pending") for pod in items)
    return None
