"""The limit of open files: a running container takes four of them, a Service port one."""

import contextlib
import errno
import os
import resource
from typing import Final

_ENOUGH: Final = 1024
_WANTED: Final = 65536
_OWN: Final = 16
# Kept free for connections: a cluster that nobody can reach any more cannot be mended.
_FOR_CONNECTIONS: Final = 32
_OF_A_CONTAINER: Final = 4


def raise_limit() -> int:
    """Raises this process's own limit as far as it may be raised; returns what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(hard, _WANTED)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _WANTED if soft == resource.RLIM_INFINITY else soft
    # macOS says that there is no limit and then refuses large ones.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def warning(limit: int) -> str:
    """How far a low limit reaches, and what to do about it; empty when it is not low."""
    if limit >= _ENOUGH:
        return ""
    containers = max(0, limit - _OWN - _FOR_CONNECTIONS) // _OF_A_CONTAINER
    return (
        f"only {limit} files may be open (ulimit -Hn), enough for about {containers} containers;"
        " those beyond cannot start: raise the limit before `up`"
    )


def check_room(newest: int, what: str) -> None:
    """Raises `OSError` when the newest descriptor is among the last, which are for connections."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit != resource.RLIM_INFINITY and newest >= limit - _FOR_CONNECTIONS:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), what)
