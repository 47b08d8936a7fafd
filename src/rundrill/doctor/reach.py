"""Whether the load, which runs on this machine, reaches the service at its address."""

import socket
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

from rundrill.doctor.check import NONSENSE, Check, nonsense
from rundrill.errors import RundrillError
from rundrill.target.cluster import ClusterError

GROUP: Final = "load"
NAME: Final = "address"
BUDGET_S: Final = 5.0


def checks(address: Callable[[], str], *, now: Callable[[], float]) -> Iterator[Check]:
    """`address` gives the URL, as a drill would get it."""
    try:
        url = address()
    except ClusterError as error:
        yield Check(
            group=GROUP,
            name=NAME,
            state="failed" if error.code == 404 else "not known",
            seen=str(error),
            fix="deploy the service, or correct `load` in service.yaml",
        )
        return
    except NONSENSE as error:
        yield Check(
            group=GROUP,
            name=NAME,
            state="not known",
            seen=nonsense(error),
            fix="see `kubectl get service`, of the one that `load` names in service.yaml",
        )
        return
    except RundrillError as error:
        yield Check(
            group=GROUP,
            name=NAME,
            state="failed",
            seen=error.problem,
            fix=error.fix or "name an address that can be reached from here",
        )
        return
    place = urlsplit(url)
    began = now()
    try:
        socket.create_connection((place.hostname or "", place.port or 80), BUDGET_S).close()
    except OSError as error:
        yield judge(url, None, str(error))
    else:
        yield judge(url, now() - began, "")


def judge(url: str, took_s: float | None, problem: str) -> Check:
    """`took_s` is None when nobody answered."""
    if took_s is not None:
        seen = f"{url} answers within {took_s * 1000:.1f} ms"
        return Check(group=GROUP, name=NAME, state="ok", seen=seen)
    return Check(
        group=GROUP,
        name=NAME,
        state="failed",
        seen=f"{url} cannot be reached from here: {problem}",
        fix="run rundrill where ClusterIPs are, or name an address that it can reach (a NodePort,"
        " a load balancer)",
    )
