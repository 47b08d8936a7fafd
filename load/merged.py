"""The metrics of several workers as one page: what one process would have shown.

Counters, histograms and what is in flight are summed; of ages and lateness the greatest counts.
"""

import http.client
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

import gevent
from prometheus_client.utils import floatToGoString

from load.metrics import Metrics

GREATEST: Final = frozenset({"load_oldest_in_flight_seconds", "load_dispatch_lateness_seconds"})
FETCH_S: Final = 1.5
"""Less than a scrape waits; a worker that is slower makes the scrape fail."""


def merge(pages: Sequence[str]) -> str:
    """One page of several of the same metrics. Raises `ValueError` when they differ in them."""
    try:
        merged = [
            lines[0] if lines[0].startswith("#") else _merge_samples(lines)
            for lines in zip(*(page.splitlines() for page in pages), strict=True)
        ]
    except ValueError as error:
        raise ValueError(f"the pages of the workers differ: {error}") from error
    return "\n".join(merged) + "\n"


def _merge_samples(lines: Sequence[str]) -> str:
    names, values = zip(*(line.rsplit(" ", 1) for line in lines), strict=True)
    if len(set(names)) != 1:
        raise ValueError(f"{names[0]} and {names[1]} are in one line")
    numbers = [float(value) for value in values]
    number = max(numbers) if names[0] in GREATEST else sum(numbers)
    return f"{names[0]} {floatToGoString(number)}"  # type: ignore[no-untyped-call]


class MergedMetrics:
    """The page of all workers, read at the time of the scrape."""

    content_type: Final = Metrics.content_type

    def __init__(self) -> None:
        self.workers: Sequence[str] = ()
        """Addresses of their pages; none before all are known."""

    def exposition(self) -> bytes:
        """Raises `OSError` where a worker does not answer: a page without it would be wrong."""
        if not self.workers:
            raise OSError("not all workers are there yet")
        reading = [gevent.spawn(_fetch, url) for url in self.workers]
        gevent.joinall(reading, timeout=FETCH_S)
        return merge([*_answers(reading)]).encode()


def _answers(reading: Iterable["gevent.Greenlet[..., str | None]"]) -> Iterable[str]:
    for number, one in enumerate(reading, start=1):
        page = one.value
        if page is None:
            one.kill(block=False)
            raise OSError(f"worker {number} does not answer")
        yield page


def _fetch(url: str) -> str | None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=FETCH_S)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
