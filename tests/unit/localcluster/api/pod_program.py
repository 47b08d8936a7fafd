"""What listens on a pod's port in the tests: does what the first line asks it to do."""

import contextlib
import hashlib
import io
import socket
import struct
import threading
from collections.abc import Iterator


def _converse(connection: socket.socket) -> None:
    with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
        match lines.readline().split():
            case [b"hello"]:
                connection.sendall(b"hello from the pod\n")
            case [b"echo"]:
                while data := lines.read1(65536):
                    connection.sendall(data)
            case [b"digest"]:  # answers only when the client has no more to send
                connection.sendall(_digest(lines).encode() + b"\n")
            case [b"send", size]:
                connection.sendall(b"x" * int(size))
            case [b"reset"]:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _digest(lines: io.BufferedReader) -> str:
    found = hashlib.sha256()
    while data := lines.read1(65536):
        found.update(data)
    return found.hexdigest()


@contextlib.contextmanager
def pod_program() -> Iterator[int]:
    """Serves on 127.0.0.1 until the end of the block; the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        threads: list[threading.Thread] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                thread = threading.Thread(target=_converse, args=(connection,), daemon=True)
                thread.start()
                threads.append(thread)

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join(10)
            for thread in threads:
                thread.join(10)
