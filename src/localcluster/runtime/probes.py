"""Liveness, readiness and startup probes: one attempt, and the kubelet's loop around it."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from localcluster.runtime import grpc_health
from localcluster.runtime.http_get import http_get
from localcluster.runtime.refusals import exec_refused

_SHOWN_OUTPUT: Final = 1024
_MOST_REDIRECTS: Final = 10
# A kubelet hears of a started container a little later; an earlier probe would only ever fail.
_FIRST_AFTER_S: Final = 0.5

# argv and a limit in seconds to exit code and output; raises `TimeoutError` and `OSError`.
Execute = Callable[[Sequence[str], float | None], Awaitable[tuple[int, str]]]


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


class ProbeError(Exception):
    """The probe itself could not be made. Its result is thrown away, as the kubelet does."""


class Prober:
    """Attempts probes and hooks against one container of one pod."""

    def __init__(self, pod_ip: str, ports: Mapping[str, int], execute: Execute) -> None:
        self._pod_ip = pod_ip
        self._ports = ports
        self._execute = execute

    async def attempt(self, probe: Mapping[str, Any], timeout_s: float) -> str | None:
        """None when it succeeded, else what went wrong, in the kubelet's words.

        Raises `ProbeError`.
        """
        if http := probe.get("httpGet"):
            return await self._http(http, timeout_s)
        if tcp := probe.get("tcpSocket"):
            return await self._tcp(tcp, timeout_s)
        if grpc := probe.get("grpc"):
            port, service = self._port(grpc["port"]), grpc.get("service") or ""
            return await grpc_health.check(self._pod_ip, port, service, timeout_s)
        return await self._exec((probe.get("exec") or {}).get("command") or (), timeout_s)

    async def run_hook(self, command: Sequence[str]) -> str | None:
        """A hook's command, for as long as it takes; what went wrong, if anything."""
        try:
            code, output = await self._execute(command, None)
        except OSError as error:
            return _exec_error(command, error)
        if code == 0:
            return None
        return f"command '{' '.join(command)}' exited with {code}: , message: {_quoted(output)}"

    async def request(self, http: Mapping[str, Any]) -> str | None:
        """A hook's request: any answer will do."""
        try:
            port = self._port(http.get("port") or 80)
        except ProbeError as error:
            return str(error)
        url = _url(http, http.get("host") or self._pod_ip, port)
        try:
            await http_get(url, http.get("httpHeaders") or (), "kube-lifecycle/1.37")
        except OSError as error:
            return _http_error(url, error)
        except ValueError:
            return f'Get "{url}": EOF'
        return None

    def _port(self, port: int | str) -> int:
        if isinstance(port, str) and not port.isdecimal():
            if port not in self._ports:
                raise ProbeError(f'strconv.Atoi: parsing "{port}": invalid syntax')
            return self._ports[port]
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
        first = url = _url(http, http.get("host") or self._pod_ip, self._port(http["port"]))
        try:
            async with asyncio.timeout(timeout_s):
                for _ in range(_MOST_REDIRECTS):
                    code, location = await http_get(
                        url, http.get("httpHeaders") or (), "kube-probe/1.37"
                    )
                    target = urljoin(url, location) if 300 <= code < 400 and location else ""
                    # Another host's answer would say nothing about this container.
                    if not target or urlsplit(target).hostname != urlsplit(first).hostname:
                        good = 200 <= code < 400
                        return None if good else f"HTTP probe failed with statuscode: {code}"
                    url = target
        except TimeoutError:
            waited = "(Client.Timeout exceeded while awaiting headers)"
            return f'Get "{url}": context deadline exceeded {waited}'
        except OSError as error:
            return _http_error(url, error)
        except ValueError:
            return f'Get "{url}": EOF'
        return f'Get "{url}": stopped after {_MOST_REDIRECTS} redirects'

    async def _exec(self, command: Sequence[str], timeout_s: float) -> str | None:
        try:
            code, output = await self._execute(command, timeout_s)
        except TimeoutError:
            return f'command timed out: "{" ".join(command)}" timed out after {timeout_s:g}s'
        except OSError as error:
            raise ProbeError(_exec_error(command, error)) from error
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
        try:
            problem = await prober.attempt(probe, timing.timeout_s)
        except ProbeError as error:
            on_failure(f"errored and resulted in unknown state: {error}")
        else:
            if problem is None:
                good, bad = good + 1, 0
                if good >= timing.successes:
                    on_result(True)
            else:
                good, bad = 0, bad + 1
                on_failure(f"failed: {problem}")
                if bad >= timing.failures:
                    on_result(False)
        due = max(due + timing.period_s, loop.time())
        await asyncio.sleep(due - loop.time())


def _url(http: Mapping[str, Any], host: str, port: int) -> str:
    scheme = (http.get("scheme") or "HTTP").lower()
    return f"{scheme}://{host}:{port}/{(http.get('path') or '/').lstrip('/')}"


def _http_error(url: str, error: OSError) -> str:
    where = urlsplit(url)
    return f'Get "{url}": dial tcp {where.hostname}:{where.port}: connect: {_reason(error)}'


def _exec_error(command: Sequence[str], error: OSError) -> str:
    program = command[0] if command else ""
    refused = exec_refused(program, error, secrets.token_hex(32))
    return f"rpc error: code = Unknown desc = {refused}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _reason(error: OSError) -> str:
    # asyncio puts its own text around the system's.
    known = {111: "connection refused", 61: "connection refused", 104: "connection reset by peer"}
    return known.get(error.errno or 0) or error.strerror or str(error)
