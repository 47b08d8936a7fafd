"""What a real Alertmanager holds, read over its API: a real one, and answers it once gave."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from rundrill.detection.notify import AlertmanagerApi, RemoteAlert
from rundrill.errors import RoutingError
from tests.unit.detection.notify.real import alertmanager, needs_alertmanager, rfc3339

# Recorded from Alertmanager 0.25.
ANSWER: list[dict[str, Any]] = [
    {
        "annotations": {},
        "endsAt": "2026-12-01T00:02:19.816Z",
        "fingerprint": "4f000a279caba656",
        "receivers": [{"name": "on-call"}, {"name": "chat"}],
        "startsAt": "2026-11-30T23:02:19.816Z",
        "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
        "updatedAt": "2026-11-30T23:02:19.831Z",
        "labels": {"alertname": "Down", "severity": "critical"},
    },
]
CONFIG = """\
route:
  receiver: tickets
  routes:
    - {matchers: ['severity="critical"'], receiver: on-call, continue: true}
    - {matchers: ['alertname="Down"'], receiver: chat}
receivers: [{name: on-call}, {name: chat}, {name: tickets}]
inhibit_rules:
  - {source_matchers: ['alertname="Down"'], target_matchers: ['alertname="Slow"']}
"""


@pytest.fixture
def answers() -> Iterator[list[bytes]]:
    """The body of the next answer, and after the first the url that it is given at."""
    said = [json.dumps(ANSWER).encode()]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/prefix/api/v2/alerts" else 404)
            self.end_headers()
            self.wfile.write(said[0])

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    said.append(f"http://127.0.0.1:{server.server_port}".encode())
    yield said
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_an_alertmanager_said_is_read(answers: list[bytes]) -> None:
    api = AlertmanagerApi(f"{answers[1].decode()}/prefix/")
    assert api.alerts() == (
        RemoteAlert(
            labels={"alertname": "Down", "severity": "critical"},
            receivers=("on-call", "chat"),
            state="active",
        ),
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"5", b'{"a": 1}', b"[{}]", b"[5]",
     json.dumps(ANSWER).replace('"active"', '"asleep"').encode()],
)  # fmt: skip
def test_an_answer_that_is_none_is_one_message(answers: list[bytes], body: bytes) -> None:
    answers[0] = body
    with pytest.raises(RoutingError, match="not an Alertmanager's answer"):
        AlertmanagerApi(f"{answers[1].decode()}/prefix").alerts()


def test_a_wrong_address_is_one_message(answers: list[bytes]) -> None:
    with pytest.raises(RoutingError, match="does not answer: HTTP Error 404"):
        AlertmanagerApi(answers[1].decode()).alerts()
    with pytest.raises(RoutingError, match="does not answer"):
        AlertmanagerApi("http://127.0.0.1:1").alerts()
    for url in ("alertmanager:9093", "file:///etc/passwd", "http://", ""):
        with pytest.raises(RoutingError, match="not the address of an Alertmanager"):
            AlertmanagerApi(url)


@needs_alertmanager
def test_a_real_alertmanager_says_which_alerts_are_active_for_whom(tmp_path: Path) -> None:
    wall = time.time()  # noqa: TID251 - what is told to another program
    with alertmanager(CONFIG, tmp_path) as real:
        real.post(
            [
                {"labels": labels, "startsAt": rfc3339(wall), "endsAt": rfc3339(wall + 60)}
                for labels in (
                    {"alertname": "Down", "severity": "critical"},
                    {"alertname": "Slow", "severity": "warning"},
                )
            ]
        )
        found = {alert.labels["alertname"]: alert for alert in _settled(real.url)}
    assert found["Down"].receivers == ("on-call", "chat")
    assert found["Down"].state == "active"
    assert found["Slow"].receivers == ("tickets",)
    assert found["Slow"].state == "suppressed"
    assert found["Slow"].inhibited_by == ("4f000a279caba656",)


def _settled(url: str) -> tuple[RemoteAlert, ...]:
    """It takes a moment until both have come to their groups."""
    deadline = time.monotonic() + 10.0
    while True:
        found = AlertmanagerApi(url).alerts()
        if len(found) == 2 and any(alert.state == "suppressed" for alert in found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)  # noqa: TID251 - a real process is waited for
