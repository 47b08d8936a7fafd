"""A command in a container of a pod, as `kubectl exec` runs it: without a terminal, no input."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from kubernetes.client import Configuration
from kubernetes.stream.ws_client import ERROR_CHANNEL, websocket_call


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """`exit_code` is None when the command did not end in time, or could not be started."""

    exit_code: int | None
    stdout: str
    stderr: str


def execute(
    configuration: Configuration,
    url: str,
    argv: Sequence[str],
    *,
    container: str | None,
    headers: Mapping[str, str],
    timeout_s: float,
) -> Executed:
    """Runs `argv` behind `url` (of the pod's `exec`). Raises `OSError` and `ApiException`.

    The transport's own helper is called, since the client's `stream` swaps the request method
    of the client for a while, and others use it meanwhile.
    """
    query = [("command", part) for part in argv] + [("stdout", "true"), ("stderr", "true")]
    if container is not None:
        query.append(("container", container))
    client: Any = websocket_call(  # type: ignore[no-untyped-call] # the library left it untyped
        configuration,
        "GET",
        url,
        query_params=query,
        headers={name.lower(): value for name, value in headers.items()},
        _preload_content=False,
        capture_all=False,
    )
    with contextlib.ExitStack() as stack:
        # After the server's goodbye the client's own `close` leaves the socket open.
        stack.callback(client.sock.shutdown)
        stack.callback(client.close)
        client.run_forever(timeout=timeout_s)
        if client.is_open():
            return Executed(exit_code=None, stdout="", stderr=f"no end within {timeout_s:g} s")
        stdout, stderr = client.read_stdout(timeout=0), client.read_stderr(timeout=0)
        code, message = _end(client.read_channel(ERROR_CHANNEL))
    return Executed(exit_code=code, stdout=stdout or "", stderr=stderr or message)


def _end(text: str) -> tuple[int | None, str]:
    """The exit code that the last message tells, and its words."""
    try:
        end = yaml.safe_load(text)
        if end["status"] == "Success":
            return 0, ""
        causes = (end.get("details") or {}).get("causes") or []
        codes = [int(c["message"]) for c in causes if c.get("reason") == "ExitCode"]
        return (codes[0] if codes else None), str(end.get("message", ""))
    except (yaml.YAMLError, KeyError, TypeError, ValueError):
        return None, f"the end was not told: {text[:200]}"
