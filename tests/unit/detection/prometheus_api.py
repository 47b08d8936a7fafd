"""Something that answers as a Prometheus does, by hand, on a clock of its own."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.unit.detection.fakes import FakeClock

AHEAD_S = 1_700_000_000.25
"""Prometheus's Unix time is the tests' clock and this."""


def rfc3339(at: float) -> str:
    """With nanoseconds, in the zone of a Prometheus that is not in UTC."""
    whole = datetime(1970, 1, 1, 5, 30, tzinfo=UTC) + timedelta(seconds=at)
    return f"{whole:%Y-%m-%dT%H:%M:%S.%f}123+05:30"


@dataclass
class FakePrometheus:
    """Its answers are attributes to set; times in them are readings of `clock`."""

    clock: FakeClock
    rules: list[dict[str, Any]] = field(default_factory=list)
    alerts: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    """(alert, state) to the times of the samples of `ALERTS`."""
    targets: list[dict[str, Any]] = field(default_factory=list)
    vector: list[tuple[dict[str, str], str]] = field(default_factory=list)
    alertmanagers: list[str] = field(default_factory=list)
    refusal: str | None = None
    raw: tuple[int, bytes] | None = None
    """Instead of any answer."""
    hang: threading.Event | None = None
    interval_s: float = 1.0
    asked: list[tuple[str, str]] = field(default_factory=list)

    def rule(self, name: str, query: str, **other: Any) -> dict[str, Any]:
        rule = {
            "state": "inactive", "name": name, "query": query, "duration": 0, "labels": {},
            "keepFiringFor": 0, "annotations": {}, "alerts": [], "health": "ok",
            "evaluationTime": 0.001, "lastEvaluation": self.clock.at, "type": "alerting",
        } | other  # fmt: skip
        if rule["type"] == "recording":
            for key in ("state", "duration", "keepFiringFor", "annotations", "alerts"):
                del rule[key]
        self.rules.append(rule)
        return rule

    def answer(self, path: str, query: str) -> Any:
        self.asked.append((path, query))
        if path == "/api/v1/status/buildinfo":
            return {"version": "2.42.0"}
        if path == "/api/v1/format_query":
            return " ".join(query.split())
        if path == "/api/v1/rules":
            rules = [
                {
                    **rule,
                    "lastEvaluation": self._time(rule["lastEvaluation"]),
                    **(
                        {"alerts": [
                            {**a, "activeAt": self._time(a["activeAt"])} for a in rule["alerts"]
                        ]}
                        if "alerts" in rule
                        else {}
                    ),
                }
                for rule in self.rules
            ]  # fmt: skip
            return {"groups": [{"name": "g", "interval": self.interval_s, "rules": rules}]}
        if path == "/api/v1/targets":
            return {"activeTargets": self.targets, "droppedTargets": []}
        if path == "/api/v1/alertmanagers":
            return {"activeAlertmanagers": [{"url": url} for url in self.alertmanagers]}
        assert path == "/api/v1/query", path
        if query == "time()":
            return {"resultType": "scalar", "result": [1, str(self.clock.at + AHEAD_S)]}
        if query.startswith("ALERTS{"):
            series = [
                {
                    "metric": {"__name__": "ALERTS", "alertname": name, "alertstate": state},
                    "values": [[round(at + AHEAD_S, 3), "1"] for at in times],
                }
                for (name, state), times in self.alerts.items()
            ]
            return {"resultType": "matrix", "result": series}
        result = [{"metric": m, "value": [1, value]} for m, value in self.vector]
        return {"resultType": "vector", "result": result}

    def _time(self, at: float | str) -> str:
        return at if isinstance(at, str) else rfc3339(at + AHEAD_S)


@contextmanager
def serving(fake: FakePrometheus) -> Iterator[str]:
    """Its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            form = parse_qs(self.rfile.read(size).decode())
            if fake.hang is not None:
                fake.hang.wait(30)
            if fake.raw is not None:
                code, body = fake.raw
            elif fake.refusal is not None and "query" in form:
                code = 422
                told = {"status": "error", "errorType": "execution", "error": fake.refusal}
                body = json.dumps(told).encode()
            else:
                data = fake.answer(self.path.partition("?")[0], form.get("query", [""])[0])
                code, body = 200, json.dumps({"status": "success", "data": data}).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        if fake.hang is not None:
            fake.hang.set()
        server.shutdown()
        server.server_close()
        thread.join()
