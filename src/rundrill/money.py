"""The money check's own look at the world: the audit command, and the books of the gateways.

Books are in the memory of whoever keeps them: a pod that was replaced or restarted since the load
began has lost some, and then what is missing in them says nothing.
"""

import json
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from rundrill import audit
from rundrill.audit import Books, Charge, Row
from rundrill.base.clock import Clock
from rundrill.base.wait import WaitTimeoutError, until
from rundrill.errors import RundrillError
from rundrill.events import MoneyChecked
from rundrill.plan import ServiceFile
from rundrill.plan.service_file import ChargeBook
from rundrill.responder import environment
from rundrill.target.cluster import Cluster, ClusterError

AUDIT_BUDGET_S: Final = 60.0
SETTLE_BUDGET_S: Final = 40.0
"""How long the service may take, after the undo, for what it had to leave open: its retries are
half a minute apart at most."""
LOOK_EVERY_S: Final = 1.0


class GatewayBooks:
    """The charges of every gateway of one service, through the API server's pod proxy."""

    def __init__(self, cluster: Cluster, books: Sequence[ChargeBook]) -> None:
        self._cluster = cluster
        self._books = books
        self._keepers: dict[str, Mapping[str, int]] = {}

    def open(self) -> None:
        """Remembers who keeps them: before the load begins. Raises `ClusterError`."""
        self._keepers = {book.gateway: self._pods(book) for book in self._books}

    def read(self) -> Books | None:
        """All of them; None where none are kept. Raises `ClusterError` and `ValueError`."""
        if not self._books:
            return None
        charges: list[Charge] = []
        incomplete = []
        for book in self._books:
            pods = self._pods(book)
            if pods != self._keepers.get(book.gateway):
                incomplete.append(f"{book.gateway}: its pods restarted or were replaced")
            for pod in pods:
                charges += _charges(book, self._cluster.get_text(_path(book, pod)))
        return Books(charges=charges, incomplete=incomplete)

    def _pods(self, book: ChargeBook) -> Mapping[str, int]:
        """Pod to restarts."""
        found = self._cluster.pods(book.namespace, book.selector)
        return {pod.name: pod.restarts for pod in found if not pod.terminating}


class MoneyCheck:
    """One service's money, on one target."""

    def __init__(
        self,
        *,
        service: ServiceFile,
        books: GatewayBooks,
        kubectl: Path,
        kubeconfig: Path,
        scratch: Path,
        clock: Clock,
    ) -> None:
        self._command = shlex.split(service.audit)
        if self._command and self._command[0] == "kubectl":
            self._command[0] = str(kubectl)
        self._environment = environment(os.environ, kubeconfig=kubeconfig, cache=scratch)
        self._books = books
        self._clock = clock

    def check(self, *, at: float, acknowledged: Mapping[str, str]) -> MoneyChecked:
        """Compares, after what is open was given its time. What fails is told, never raised."""
        try:
            return self._check(at=at, acknowledged=acknowledged)
        except (
            OSError, ValueError, RundrillError, ClusterError, subprocess.SubprocessError
        ) as error:  # fmt: skip
            told = getattr(error, "stderr", None) or str(error)
            if isinstance(told, bytes):  # of a command that was stopped at its limit
                told = told.decode("utf-8", "replace")
            return audit.unchecked(at=at, acknowledged=len(acknowledged), error=told)

    def _check(self, *, at: float, acknowledged: Mapping[str, str]) -> MoneyChecked:
        before, books, after = self._look()
        # Only these: under a load that goes on, others are on their way at any moment.
        left = audit.unsettled(after, books)
        seen = [(before, books, after, left)]

        def settled() -> bool:
            before, books, after, left = seen[0]
            if left:
                before, books, after = self._look()
                seen[0] = before, books, after, left & audit.unsettled(after, books)
            return not seen[0][3]

        if left:
            self._clock.sleep(LOOK_EVERY_S)
        with suppress(WaitTimeoutError):  # what is left open is told
            until(
                settled,
                what="open payments to be settled",
                budget_s=SETTLE_BUDGET_S,
                every_s=LOOK_EVERY_S,
                clock=self._clock,
            )
        before, books, after, left = seen[0]
        return audit.judge(
            at=at,
            acknowledged=acknowledged,
            before=before,
            after=after,
            books=books,
            unsettled=left,
        )

    def _look(self) -> tuple[Sequence[Row], Books | None, Sequence[Row]]:
        before = audit.rows(self._listing())
        books = self._books.read()
        return before, books, before if books is None else audit.rows(self._listing())

    def _listing(self) -> str:
        done = subprocess.run(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=AUDIT_BUDGET_S,
            start_new_session=True,  # a second Ctrl-C is not for it
            check=True,
        )
        return done.stdout


def _path(book: ChargeBook, pod: str) -> str:
    return (
        f"/api/v1/namespaces/{book.namespace}/pods/{pod}:{book.port}/proxy/{book.path.lstrip('/')}"
    )


def _charges(book: ChargeBook, text: str) -> list[Charge]:
    """Raises `ValueError` when the answer is not a ledger."""
    try:
        return [
            Charge(
                gateway=book.gateway,
                key=str(item["idempotency_key"]),
                amount=int(item["amount_minor"]),
                currency=str(item["currency"]),
            )
            for item in json.loads(text)["charges"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"the books of {book.gateway} cannot be read: {error!r}") from error
