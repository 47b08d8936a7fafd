"""The DNS names of Services in a text, replaced by addresses. Pure: no sockets, no registry.

There is no DNS here, and on loopback nobody can see who is calling. So each pod's environment
and configuration get, in place of the name, an address that only this pod knows.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_LABEL: Final = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_NAME: Final = re.compile(
    rf"(?<![-.\w])(?:(?P<host>{_LABEL})\.)?(?P<service>{_LABEL})\.(?P<namespace>{_LABEL})"
    r"\.svc(?:\.cluster\.local\.?)?(?![-\w])(?!\.\w)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A Service, or one pod behind a headless Service when `host` is its name."""

    namespace: str
    service: str
    host: str = ""


def rewrite(text: str, address_of: Callable[[Destination], str]) -> str:
    """`http://auth.gateways.svc.cluster.local:8080/` to `http://127.9.128.3:8080/`."""

    def replace(match: re.Match[str]) -> str:
        return address_of(
            Destination(
                namespace=match["namespace"], service=match["service"], host=match["host"] or ""
            )
        )

    return _NAME.sub(replace, text)
