"""Loopback addresses: a 127.A.0.0/16 for each cluster, and who has which address in it.

Linux answers on the whole of 127.0.0.0/8. macOS and the BSDs need an alias for each address
(`ifconfig lo0 alias 127.A.x.y`), which takes root: untested there, and all of it is in this module.

    127.A.0.1           the API server and the node; bound for as long as the cluster lives
    127.A.1 - 63.*      pods
    127.A.64 - 127.*    Services (clusterIP)
    127.A.128 - 255.*   edges: one for each (pod, Service) pair
"""

import errno
import random
import socket
from collections.abc import Hashable
from typing import Final

from localcluster.errors import InputError

LOCK_PORT: Final = 6443
_TRIES: Final = 64
# 127.0 is everyone's; 127.1 to 127.9 are where people put things by hand.
_SECOND_OCTETS: Final = range(10, 255)


class AddressRange:
    """The addresses 127.A.first.1 to 127.A.last.254, each lent to one owner."""

    def __init__(self, second: int, first: int, last: int) -> None:
        self._prefix = f"127.{second}."
        self._first = first
        self._size = (last - first + 1) * 254
        self._next = 0
        self._by_owner: dict[Hashable, str] = {}
        self._used: set[str] = set()

    def take(self, owner: Hashable) -> str:
        """The owner's address, a new one when it has none yet.

        An address that was given back is used again as late as possible, so that a late packet
        meets nobody. Raises `RuntimeError` when all are taken.
        """
        held = self._by_owner.get(owner)
        if held is not None:
            return held
        for _ in range(self._size):
            third, fourth = divmod(self._next, 254)
            self._next = (self._next + 1) % self._size
            address = f"{self._prefix}{self._first + third}.{fourth + 1}"
            if address not in self._used:
                self._used.add(address)
                self._by_owner[owner] = address
                return address
        raise RuntimeError(f"no free address left in {self._prefix}{self._first}.0")

    def reserve(self, owner: Hashable, address: str) -> bool:
        """Lends this very address; False when another has it or it is not in the range."""
        if self._by_owner.get(owner) == address:
            return True
        if address in self._used or address not in self:
            return False
        self._used.add(address)
        self._by_owner[owner] = address
        return True

    def release(self, owner: Hashable) -> None:
        address = self._by_owner.pop(owner, None)
        if address is not None:
            self._used.discard(address)

    def __contains__(self, address: str) -> bool:
        if not address.startswith(self._prefix):
            return False
        third, _, fourth = address.removeprefix(self._prefix).partition(".")
        if not (third.isdecimal() and fourth.isdecimal()):
            return False
        last = self._first + self._size // 254
        return self._first <= int(third) < last and 1 <= int(fourth) <= 254


class Block:
    """One cluster's 127.A.0.0/16, held by the sockets that are bound in it."""

    def __init__(self, second: int, lock: socket.socket, api: socket.socket) -> None:
        self.second = second
        self.api_socket = api
        self._lock = lock
        self.pods = AddressRange(second, 1, 63)
        self.services = AddressRange(second, 64, 127)
        self.edges = AddressRange(second, 128, 255)

    @property
    def node_address(self) -> str:
        return f"127.{self.second}.0.1"

    @property
    def api_port(self) -> int:
        return int(self.api_socket.getsockname()[1])

    def close(self) -> None:
        self._lock.close()
        self.api_socket.close()


def take_block(port: int | None = None) -> Block:
    """Finds a /16 that no other cluster holds; `port` is the API's, LOCK_PORT when None.

    Raises `InputError` when the port is taken everywhere or loopback addresses cannot be bound.
    """
    wanted = LOCK_PORT if port is None else port
    problem: OSError | None = None
    for second in random.sample(_SECOND_OCTETS, _TRIES):
        address = f"127.{second}.0.1"
        try:
            lock = _bound(address, LOCK_PORT)
        except OSError as error:
            problem = error
            if error.errno == errno.EADDRINUSE:
                continue
            raise _unusable(address, error) from error
        try:
            api = lock if wanted == LOCK_PORT else _bound(address, wanted)
        except OSError as error:
            lock.close()
            problem = error
            if error.errno == errno.EADDRINUSE:
                continue
            raise InputError(
                f"cannot listen on port {wanted}: {error.strerror}",
                place="--port",
                fix="name a port above 1023, or leave --port out",
            ) from error
        return Block(second, lock, api)
    raise InputError(
        f"port {wanted} is taken on {_TRIES} loopback addresses tried"
        f" ({problem.strerror if problem else 'no address'})",
        place="--port",
        fix="something listens on that port on every address (0.0.0.0): stop it, or give --port",
    )


def _bound(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Lets a new cluster have the address while old connections are in TIME_WAIT; two
        # sockets that listen still exclude each other.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(128)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _unusable(address: str, error: OSError) -> InputError:
    return InputError(
        f"cannot use the loopback address {address}: {error.strerror}",
        fix="on macOS add aliases: sudo ifconfig lo0 alias ADDRESS; on Linux bring up lo",
    )
