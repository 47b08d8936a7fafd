"""Other people's servers: whether an address is one, and how it is asked."""

import urllib.request
from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of an answer: more is read of none."""


def shown_if_unusable(url: str) -> str | None:
    """None for http(s) with a host and without a user; else the address, without its password."""
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.hostname and not parts.username:
        return None
    return url if "@" not in url else f"{parts.scheme}://...@{parts.hostname}"


def opener(url: str) -> urllib.request.OpenerDirector:
    """Asks this address. A proxy of the environment is for other machines, not for loopback."""
    proxies: dict[str, str] | None = {} if urlsplit(url).hostname in LOOPBACK else None
    return urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
