"""Liveness, readiness and startup probes: one attempt, and the kubelet's loop around it."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_LONGEST_ANSWER: Final = 64 * 1024
_SHOWN_OUTPUT: Final = 1024
# A kubelet hears of a started container a little later; an earlier probe would only ever fail.
_FIRST_AFTER_S: Final = 0.5

# argv and a limit in seconds to exit code and output; raises `TimeoutError`.
Execute = Callable[[Sequence[str], float], Awaitable[tuple[int, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """A probe's numbers with Kubernetes' defaults. They are real time: never compressed."""

    initial_delay_s: float
    period_s: float
    timeout_s: float
    successes: int
    failures: int

    @classmethod
    def of(cls, probe: Mapping[str, Any]) -> "Timing":
        return cls(
            initial_delay_s=float(probe.get("initialDelaySeconds") or 0),
            period_s=float(probe.get("periodSeconds") or 10),
            timeout_s=float(probe.get("timeoutSeconds") or 1),
            successes=int(probe.get("successThreshold") or 1),
            failures=int(probe.get("failureThreshold") or 3),
        )


class Prober:
    """Attempts probes against one container of one pod."""

    def __init__(self, pod_ip: str, ports: Mapping[str, int], execute: Execute) -> None:
        self._pod_ip = pod_ip
        self._ports = ports
        self._execute = execute

    async def attempt(self, probe: Mapping[str, Any], timeout_s: float) -> str | None:
        """None when it succeeded, else what went wrong, in the kubelet's words."""
        if http := probe.get("httpGet"):
            return await self._http(http, timeout_s)
        if tcp := probe.get("tcpSocket"):
            return await self._tcp(tcp, timeout_s)
        if command := probe.get("exec"):
            return await self._exec(command.get("command") or (), timeout_s)
        return "this kind of probe is not supported by localcluster"

    def _port(self, port: int | str) -> int:
        if isinstance(port, str) and not port.isdecimal():
            return self._ports.get(port, 0)
        return int(port)

    async def _tcp(self, tcp: Mapping[str, Any], timeout_s: float) -> str | None:
        host, port = tcp.get("host") or self._pod_ip, self._port(tcp["port"])
        try:
            async with asyncio.timeout(timeout_s):
                _, writer = await asyncio.open_connection(host, port)
        except TimeoutError:
            return f"dial tcp {host}:{port}: i/o timeout"
        except OSError as error:
            return f"dial tcp {host}:{port}: connect: {_reason(error)}"
        writer.close()
        return None

    async def _http(self, http: Mapping[str, Any], timeout_s: float) -> str | None:
        host, port = http.get("host") or self._pod_ip, self._port(http["port"])
        scheme = (http.get("scheme") or "HTTP").lower()
        path = "/" + (http.get("path") or "/").lstrip("/")
        url = f"{scheme}://{host}:{port}{path}"
        try:
            async with asyncio.timeout(timeout_s):
                code = await _status_of(host, port, path, http, secure=scheme == "https")
        except TimeoutError:
            return f'Get "{url}": context deadline exceeded'
        except OSError as error:
            return f'Get "{url}": dial tcp {host}:{port}: connect: {_reason(error)}'
        except ValueError:
            return f'Get "{url}": EOF'
        return None if 200 <= code < 400 else f"HTTP probe failed with statuscode: {code}"

    async def _exec(self, command: Sequence[str], timeout_s: float) -> str | None:
        try:
            code, output = await self._execute(command, timeout_s)
        except TimeoutError:
            return f"command timed out: {command!r} timed out after {timeout_s:g}s"
        except OSError as error:
            return f"cannot execute {command[0] if command else '(nothing)'}: {_reason(error)}"
        return None if code == 0 else output[:_SHOWN_OUTPUT]


async def watch(
    prober: Prober,
    probe: Mapping[str, Any],
    on_result: Callable[[bool], None],
    on_failure: Callable[[str], None],
) -> None:
    """Probes for ever. `on_result` hears of a result once its threshold is reached, and again
    with every attempt that confirms it; `on_failure` of every attempt that failed."""
    timing = Timing.of(probe)
    loop = asyncio.get_running_loop()
    await asyncio.sleep(max(timing.initial_delay_s, _FIRST_AFTER_S))
    due = loop.time()
    good = bad = 0
    while True:
        problem = await prober.attempt(probe, timing.timeout_s)
        if problem is None:
            good, bad = good + 1, 0
            if good >= timing.successes:
                on_result(True)
        else:
            good, bad = 0, bad + 1
            on_failure(problem)
            if bad >= timing.failures:
                on_result(False)
        due = max(due + timing.period_s, loop.time())
        await asyncio.sleep(due - loop.time())


async def _status_of(
    host: str, port: int, path: str, http: Mapping[str, Any], *, secure: bool
) -> int:
    context: ssl.SSLContext | None = None
    if secure:
        # As the kubelet does: a probe does not check the certificate.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=_LONGEST_ANSWER)
    try:
        headers = {"Host": f"{host}:{port}", "User-Agent": "kube-probe/1.37", "Accept": "*/*"}
        headers |= {each["name"]: each["value"] for each in http.get("httpHeaders") or ()}
        lines = [f"GET {path} HTTP/1.1", *(f"{key}: {value}" for key, value in headers.items())]
        writer.write(("\r\n".join([*lines, "Connection: close", "", ""])).encode())
        status = await reader.readline()
        # The rest is read so that the server does not log a connection reset for every probe.
        with contextlib.suppress(OSError):
            await reader.read(_LONGEST_ANSWER)
        return int(status.split(maxsplit=2)[1])
    except IndexError:
        raise ValueError("no status line") from None
    finally:
        writer.close()


def _reason(error: OSError) -> str:
    # asyncio puts its own text around the system's.
    known = {111: "connection refused", 61: "connection refused", 104: "connection reset by peer"}
    return known.get(error.errno or 0) or error.strerror or str(error)
