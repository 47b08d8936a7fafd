"""The HTTP API of one Prometheus: asked, bounded, and read into our types."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from rundrill.base.web import MOST_BYTES, opener, shown_if_unusable
from rundrill.detection.prometheus import answers
from rundrill.detection.prometheus.answers import RawSeries, SeenRule, SeenTarget
from rundrill.detection.promql import Vector
from rundrill.errors import DetectionError

TIMEOUT_S: Final = 2.0
_ATTEMPTS: Final = 5

T = TypeVar("T")


class NoAnswerError(Exception):
    """Prometheus did not answer, or what answered is none. The message says why."""


class RefusedError(Exception):
    """Prometheus answered that it cannot do what was asked, in its own words."""


class Api:
    """One Prometheus at `url` (`http://host:port`, a path prefix may follow).

    Every method raises `NoAnswerError`, those that take an expression `RefusedError` too. Raises
    `DetectionError` for what is no such URL.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        shown = shown_if_unusable(url)
        if shown is not None:
            raise DetectionError(
                f"{shown!r} is no URL of a Prometheus",
                fix="give it as http://host:port, without a user; a path prefix may follow",
            )
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._opener = opener(url)

    def version(self) -> str:
        """Such as `2.42.0`."""
        return self._ask("/api/v1/status/buildinfo", None, answers.version)

    def rules(self) -> list[SeenRule]:
        """Every rule, in the order of its files."""
        return self._ask("/api/v1/rules", None, answers.rules)

    def targets(self) -> list[SeenTarget]:
        """Every target that is to be scraped."""
        return self._ask("/api/v1/targets?state=active", None, answers.targets)

    def alertmanagers(self) -> list[str]:
        """The addresses that firing alerts are sent to, each with its path."""
        return self._ask("/api/v1/alertmanagers", None, answers.alertmanagers)

    def query(self, expr: str) -> Vector:
        """The expression now, by Prometheus's clock. A scalar is one element without labels."""
        return self._ask("/api/v1/query", {"query": expr}, answers.vector)

    def samples(self, selector: str) -> list[RawSeries]:
        """The samples of a range selector that ends now, each with its own time."""
        return self._ask("/api/v1/query", {"query": selector}, answers.raw_series)

    def formatted(self, expr: str) -> str:
        """The expression as Prometheus writes it: two that mean the same are then equal."""
        return self._ask("/api/v1/format_query", {"query": expr}, answers.text)

    def clock_offset(self, now: Callable[[], float]) -> float:
        """Prometheus's Unix time minus `now`, from the quickest of some answers.

        Wrong by at most half the time that answer took.
        """
        best: tuple[float, float] | None = None
        for _ in range(_ATTEMPTS):
            before = now()
            told = self._ask("/api/v1/query", {"query": "time()"}, answers.clock)
            after = now()
            if best is None or after - before < best[0]:
                best = after - before, told - (before + after) / 2
        assert best is not None
        return best[1]

    # ------------------------------------------------------------ inside

    def _ask(self, path: str, form: Mapping[str, str] | None, read: Callable[[Any], T]) -> T:
        body = self._body(path, form)
        try:
            told = json.loads(body)
            status = told["status"]
            if status == "success":
                return read(told["data"])
            problem = str(told["error"])
        except (ValueError, LookupError, TypeError) as error:
            shown = " ".join(body[:60].decode("utf-8", "replace").split())
            raise NoAnswerError(
                f"{self.url} does not answer as a Prometheus does ({error!r}): {shown}"
            ) from None
        raise RefusedError(problem)

    def _body(self, path: str, form: Mapping[str, str] | None) -> bytes:
        data = None if form is None else urlencode(form).encode()
        request = urllib.request.Request(self.url + path, data)  # noqa: S310 - checked above
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                found: bytes = answer.read(MOST_BYTES)
        except urllib.error.HTTPError as refusal:
            with refusal:
                found = refusal.read(MOST_BYTES)
            # A refusal of Prometheus itself is JSON; of what stands before it, it is not.
            if not found.lstrip().startswith(b"{"):
                raise NoAnswerError(
                    f"{self.url}{path.partition('?')[0]} answers {refusal.code} {refusal.reason}"
                ) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise NoAnswerError(f"{self.url} does not answer: {reason}") from None
        return found
