"""Keeps the Lease of the day, beside the watchdog's loop: an API server may take seconds."""

import threading

from rundrill.base.clock import Clock
from rundrill.target import lease
from rundrill.target.cluster import Cluster, ClusterError


class Renewal:
    """Renews until it is stopped. `trouble` says why nobody is kept away any more."""

    def __init__(self, cluster: Cluster, namespace: str, holder: str, clock: Clock) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._holder = holder
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self.trouble: str | None = None

    def start(self) -> None:
        """Renews once, which shows that the cluster can be reached. Raises what `renew` does."""
        self._renew()
        self._thread.start()

    def release(self) -> None:
        """Ends the thread and gives the Lease back. Raises `ClusterError`."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        lease.release(self._cluster, self._namespace, holder=self._holder)

    def _renew(self) -> None:
        lease.renew(self._cluster, self._namespace, holder=self._holder)

    def _run(self) -> None:
        renewed = self._clock.now()
        while not self._stop.wait(lease.RENEW_EVERY_S):
            try:
                self._renew()
                renewed, self.trouble = self._clock.now(), None
            except lease.HeldError as error:
                self.trouble = f"another game day took the cluster: {error}"
            except ClusterError as error:
                if self._clock.now() - renewed > lease.LASTS_S:
                    self.trouble = f"the lease could not be renewed for {lease.LASTS_S} s: {error}"
            except Exception as error:  # noqa: BLE001 - a watchdog that cannot go on says so
                self.trouble = f"the lease is not renewed any more: {error!r}"
