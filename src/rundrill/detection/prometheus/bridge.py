"""Our scrape targets as one page that Prometheus can scrape: they are functions, not addresses.

One page with all labels in it (`honor_labels`), not one address for each target: Prometheus
learns of a new target up to ten seconds late (its discovery and its scrape manager both wait five),
which no configuration shortens (prometheus/prometheus#6913). Of a drill whose minute lasts four
seconds that would be the larger part. So what a target is labelled with, and `up`, is made here by
the embedded detector's own rules; everything from the text on is Prometheus's.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from rundrill.base.clock import Clock
from rundrill.detection.exposition import ExpositionError, samples, series_labels
from rundrill.detection.labels import METRIC_NAME, Labels
from rundrill.detection.scrape import ScrapeFailure, Scraper, ScrapeTarget, with_target

TARGETS_SHARE: Final = 0.2
"""Of an interval, for the list of targets; the one of before is taken when it does not come."""
SCRAPE_SHARE: Final = 0.6
"""Of an interval, for the targets; the rest is for the page, which must come within one."""
_LINES_KEPT: Final = 65_536

Targets = Callable[[], Sequence[ScrapeTarget]]


class Bridge:
    """Serves `/metrics` on a free loopback port. Each scrape of it scrapes every target.

    `failure` is set when the list of targets cannot be used, or by a bug; the page is then refused.
    """

    def __init__(self, targets: Targets, *, interval_s: float, clock: Clock) -> None:
        self._targets = targets
        self._clock = clock
        self._scraper = Scraper(timeout_s=SCRAPE_SHARE * interval_s, clock=clock)
        self._roster_budget_s = TARGETS_SHARE * interval_s
        self._roster: Sequence[ScrapeTarget] | None = None
        self._asking: threading.Thread | None = None
        self._series: dict[tuple[Labels, str], str] = {}
        self._failing: frozenset[tuple[str, str]] = frozenset()
        self._failures: deque[ScrapeFailure] = deque()
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self.pages = 0
        """How many were given."""
        self.failure: BaseException | None = None

    def start(self) -> str:
        """Gives `host:port`."""
        bridge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                page = bridge.page()
                body = b"no targets\n" if page is None else page.encode()
                self.send_response(503 if page is None else 200)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """A drill's output is not the place for every scrape."""

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        threading.Thread(
            target=self._server.serve_forever, name="scrape bridge", daemon=True
        ).start()
        return "{}:{}".format(*self._server.server_address[:2])

    def stop(self) -> None:
        """Harmless to repeat."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def take_failures(self) -> list[ScrapeFailure]:
        """Failures since the last call; a target's failure is told once, when it begins."""
        found: list[ScrapeFailure] = []
        while self._failures:
            found.append(self._failures.popleft())
        return found

    def page(self) -> str | None:
        """Every target scraped now, in the text format; None while there is no list of them."""
        with self._lock:  # two scrapes at once would tell one failure twice
            try:
                return self._page()
            except BaseException as error:  # noqa: BLE001 - a bug is told, not a page that is missing
                self.failure = error
                return None

    # ------------------------------------------------------------ inside

    def _page(self) -> str | None:
        now = self._clock.now()
        targets = self._known_targets()
        if targets is None:
            return None
        answers = self._scraper.scrape(targets)
        lines: list[str] = []
        failing: set[tuple[str, str]] = set()
        for target in targets:
            found, error = self._read(target, answers[target.key])
            lines += found
            if error is None:
                continue
            failing.add(target.key)
            # One that a newer list has no more was only late to be known as gone.
            gone = all(target.key != one.key for one in self._roster or ())
            if target.key not in self._failing and not gone:
                failure = ScrapeFailure(
                    at=now, job=target.job, instance=target.instance, error=error
                )
                self._failures.append(failure)
        self._failing = frozenset(failing)
        self.pages += 1
        return "".join(f"{line}\n" for line in lines)

    def _known_targets(self) -> Sequence[ScrapeTarget] | None:
        if self._asking is None or not self._asking.is_alive():
            self._asking = threading.Thread(target=self._ask, name="scrape targets", daemon=True)
            self._asking.start()
        self._asking.join(self._roster_budget_s)
        return None if self.failure is not None else self._roster

    def _ask(self) -> None:
        try:
            found = tuple(self._targets())
            if len({target.key for target in found}) != len(found):
                raise ValueError("two scrape targets have the same job and instance")  # noqa: TRY301
            self._roster = found
        except BaseException as error:  # noqa: BLE001 - the detector looks at it; never silent
            self.failure = error

    def _read(self, target: ScrapeTarget, answer: str | Exception) -> tuple[list[str], str | None]:
        """The target's lines with its labels, and why its scrape failed, if it did."""
        own = Labels({**target.labels, "job": target.job, "instance": target.instance})
        up = series_text(own.updated({METRIC_NAME: "up"}))
        if isinstance(answer, Exception):
            return [f"{up} 0"], f"{type(answer).__name__}: {answer}"
        try:
            lines = list(self._labelled(answer, own))
        except ExpositionError as error:
            return [f"{up} 0"], f"not the text format: {error}"
        return [*lines, f"{up} 1"], None

    def _labelled(self, text: str, own: Labels) -> Iterator[str]:
        seen: set[str] = set()
        if len(self._series) > _LINES_KEPT:
            self._series.clear()
        for line, value, _ in samples(text):
            series = self._series.get((own, line))
            if series is None:
                series = series_text(with_target(series_labels(line), own))
                self._series[own, line] = series
            if series in seen:
                raise ExpositionError(f"the series {line} is there twice")
            seen.add(series)
            yield f"{series} {value!r}"


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        """Prometheus that goes away in the middle of a page is seen by whoever asks it."""


def series_text(labels: Labels) -> str:
    """A series in the text format."""
    body = ",".join(
        f'{name}="{_escaped(value)}"' for name, value in labels.items() if name != METRIC_NAME
    )
    return f"{labels.value(METRIC_NAME)}{{{body}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
