"""Scenarios played side by side, each once a session and kubectl; their commands are tests."""

import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from golden import write_golden
from scenario import Scenario
from transcript import Cluster, Kubectl

_AT_ONCE = 4
Records = list[dict[str, Any]]


class Transcripts:
    """Starts to play at the first question, and everything that was wanted."""

    def __init__(
        self, cluster: Cluster, wanted: Sequence[tuple[Kubectl, Scenario]], *, update: bool
    ) -> None:
        self._cluster = cluster
        self._update = update
        self._answers: dict[tuple[str, str], Future[Records]] = {
            (client.release, scenario.name): Future() for client, scenario in wanted
        }
        self._wanted = list(wanted)
        self._driver = threading.Thread(target=self._drive)
        self._again: dict[tuple[str, str, int], Future[Records]] = {}
        self._is_over = False

    def of(self, client: Kubectl, scenario: Scenario, *, attempt: int = 0) -> Records:
        """Of the first time it was played, or of another (`attempt`): then nothing else plays.

        Raises `AssertionError` when the scenario broke off.
        """
        if self._driver.ident is None:
            self._driver.start()
        answer = self._answers[client.release, scenario.name]
        if attempt:
            self._driver.join()
            key = (client.release, scenario.name, attempt)
            is_new = key not in self._again
            answer = self._again.setdefault(key, Future())
            if is_new:
                self._play(client, scenario, answer)
        try:
            return answer.result()
        except (AssertionError, subprocess.TimeoutExpired, CancelledError) as error:
            raise AssertionError(f"{scenario.name} broke off: {error}") from None

    def close(self) -> None:
        self._is_over = True
        if self._driver.ident is not None:
            self._driver.join()

    def _drive(self) -> None:
        """One kubectl after the other, for they use the same namespaces."""
        by_release: dict[str, list[tuple[Kubectl, Scenario]]] = {}
        for client, scenario in self._wanted:
            by_release.setdefault(client.release, []).append((client, scenario))
        for pairs in by_release.values():
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                for client, scenario in pairs:
                    if not scenario.alone:
                        pool.submit(self._play, client, scenario, self._answer(client, scenario))
            for client, scenario in pairs:
                if scenario.alone:
                    self._play(client, scenario, self._answer(client, scenario))

    def _answer(self, client: Kubectl, scenario: Scenario) -> Future[Records]:
        return self._answers[client.release, scenario.name]

    def _play(self, client: Kubectl, scenario: Scenario, answer: Future[Records]) -> None:
        if self._is_over:
            answer.cancel()
            return
        try:
            records = replace(self._cluster, client=client).play(scenario)
            if self._update:
                write_golden(scenario.name, client.release, records)
            answer.set_result(records)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the waiting test tells it
            answer.set_exception(error)
