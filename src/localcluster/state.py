"""The state directory: the one place where a cluster has files, and who holds it."""

import contextlib
import dataclasses
import errno
import fcntl
import json
import logging
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcluster import journal
from localcluster.errors import InputError
from localcluster.images.postgres import remove_shared_memory

_LOG: Final = logging.getLogger(__name__)
_FILES: Final = (
    "kubeconfig",
    "kubeconfig.new",
    "server.json",
    "server.json.new",
    "journal",
    "journal.new",
    "space",
)
_FOLDERS: Final = ("pods", "volumes", "tls")
# Whoever has this file is ours; without it nothing in the directory is touched.
_LOCK: Final = "lock.localcluster"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server, as its state directory tells it. `ready` once its API answers.

    `url` is the API's, `memory` says in words what enforces memory limits, `warning` what of the
    machine will not do, `began_s` is the machine's monotonic clock at the start.
    """

    pid: int
    start: str
    address: str
    ready: bool
    url: str = ""
    memory: str = ""
    warning: str = ""
    compress: float = 1.0
    began_s: float = 0.0

    @classmethod
    def here(cls, compress: float) -> "Server":
        """This process, which has no address yet."""
        pid = os.getpid()
        mark = journal.start_mark(pid) or ""
        now = time.monotonic()
        return cls(pid=pid, start=mark, address="", ready=False, compress=compress, began_s=now)

    @property
    def up_s(self) -> float:
        return time.monotonic() - self.began_s

    @property
    def alive(self) -> bool:
        return journal.start_mark(self.pid) == self.start


class StateDir:
    """Paths below one directory. Nothing is created before `claim`."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock_fd = -1

    @property
    def kubeconfig(self) -> Path:
        return self.path / "kubeconfig"

    @property
    def journal(self) -> Path:
        return self.path / "journal"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def pods(self) -> Path:
        return self.path / "pods"

    @property
    def volumes(self) -> Path:
        return self.path / "volumes"

    @property
    def tls(self) -> Path:
        return self.path / "tls"

    @property
    def is_ours(self) -> bool:
        return (self.path / _LOCK).exists()

    def make(self) -> None:
        """Creates the directory; raises `InputError` when it cannot be written or is not ours."""
        fresh = not self.is_ours
        if fresh:
            foreign = [name for name in (*_FOLDERS, *_FILES) if (self.path / name).exists()]
            if foreign:
                raise InputError(
                    f"has a {foreign[0]!r} that no cluster made, which would be overwritten",
                    place=self.path,
                    fix="name an empty or a new directory with --state",
                )
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self.path / _LOCK).touch()
            # An empty file says nothing about a full disk.
            space = self.path / "space"
            space.write_bytes(b" " * 65536)
            space.unlink()
        except OSError as error:
            if fresh:
                self.clear()
            raise self.unusable(error) from error

    def unusable(self, error: OSError) -> InputError:
        if error.errno == errno.ENOSPC:
            return InputError(
                "the disk is full",
                place=self.path,
                fix="free some space, or name a directory on another disk with --state",
            )
        return InputError(
            f"cannot write to the state directory: {error.strerror}",
            place=self.path,
            fix="name a directory that you may write to with --state",
        )

    def claim(self, *, wait_s: float = 0.0) -> None:
        """Holds the directory until `release` or the end of this process and of those that were
        given `lock_fd`; raises `InputError` when another has it for longer than `wait_s`."""
        deadline = time.monotonic() + wait_s
        while not self._try_to_claim():
            if time.monotonic() >= deadline:
                raise InputError(
                    "a cluster is already running in this state directory",
                    place=self.path,
                    fix=f"use it, or end it with: localcluster down --state {self.path}",
                )
            time.sleep(0.02)  # noqa: TID251 - no event loop runs here

    def _try_to_claim(self) -> bool:
        lock = self.path / _LOCK
        while True:
            fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # A server that was ending may have removed the file that we opened.
                if lock.stat().st_ino == os.fstat(fd).st_ino:
                    self._lock_fd = fd
                    return True
            except FileNotFoundError:
                pass
            except BlockingIOError:
                os.close(fd)
                return False
            except OSError as error:
                os.close(fd)
                raise self.unusable(error) from error
            os.close(fd)

    @property
    def lost(self) -> bool:
        """Whether somebody removed the directory, and perhaps made another, under its holder."""
        if self._lock_fd < 0:
            return False
        try:
            return not os.path.samestat((self.path / _LOCK).stat(), os.fstat(self._lock_fd))
        except OSError:
            return True

    @property
    def lock_fd(self) -> int:
        """Whoever inherits it holds the directory as well."""
        return self._lock_fd

    def take_over(self, lock_fd: int) -> None:
        """Holds the directory by a descriptor that was inherited from who claimed it."""
        os.set_inheritable(lock_fd, False)
        self._lock_fd = lock_fd

    def release(self) -> None:
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def write_server(self, server: Server) -> None:
        data = dataclasses.asdict(server)
        fresh = self.path / "server.json.new"
        fresh.write_text(json.dumps(data))
        fresh.replace(self.path / "server.json")

    def server(self) -> Server | None:
        """What the last server wrote; None when there was none or it makes no sense.

        Raises `PermissionError` when it is another user's.
        """
        try:
            data = json.loads((self.path / "server.json").read_text())
            return Server(
                pid=int(data["pid"]),
                start=str(data["start"]),
                address=str(data["address"]),
                ready=bool(data["ready"]),
                url=str(data["url"]),
                memory=str(data["memory"]),
                warning=str(data["warning"]),
                compress=float(data["compress"]),
                began_s=float(data["began_s"]),
            )
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            return None

    def reap(self) -> None:
        """Ends what a dead server left and removes its files; raises `InputError`."""
        if not self.is_ours:
            return
        try:
            for entry in journal.reap(self.journal):
                _LOG.warning("ended a leftover process: %s (%s)", entry.pid, entry.role)
        except TimeoutError as error:
            raise InputError(
                str(error), place=self.journal, fix="end them by hand, then try again"
            ) from error
        self.clear_leftovers()

    def clear_leftovers(self) -> None:
        """Removes what a server made here but for its log and the lock, which may be held."""
        if not self.is_ours:
            return
        for folder in (self.pods, self.volumes):
            for data in folder.rglob("postmaster.pid"):
                remove_shared_memory(data.parent)
        for name in _FOLDERS:
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in _FILES:
            (self.path / name).unlink(missing_ok=True)

    def clear_after_loss(self) -> None:
        """Removes the empty folders that pods made anew where nobody holds the directory now."""
        if not self.is_ours:
            for name in _FOLDERS:
                with contextlib.suppress(OSError):
                    (self.path / name).rmdir()
            with contextlib.suppress(OSError):
                self.path.rmdir()

    def clear(self) -> None:
        """Removes all of that, and the directory too when nothing else is in it."""
        if not self.is_ours:
            return
        self.clear_leftovers()
        self.log.unlink(missing_ok=True)
        (self.path / _LOCK).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()
