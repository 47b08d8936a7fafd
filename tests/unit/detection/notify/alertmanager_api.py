"""Something that answers as an Alertmanager does, and a webhook message of one."""

import json
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# As 0.25 writes what it runs on, which is not as it was written.
CONFIG = """\
global:
  resolve_timeout: 5m
route:
  receiver: tickets
  continue: false
  routes:
  - receiver: on-call
    matchers:
    - severity="critical"
    continue: true
    group_wait: 7s
  group_wait: 1s
receivers:
- name: tickets
  slack_configs:
  - send_resolved: false
    api_url: <secret>
- name: on-call
  webhook_configs:
  - send_resolved: true
    http_config:
      follow_redirects: true
    url: OURS
    max_alerts: 0
templates: []
"""


def alert(name: str, state: str = "active", **status: list[str]) -> dict[str, Any]:
    return {
        "labels": {"alertname": name},
        "receivers": [{"name": "on-call"}],
        "startsAt": "2026-11-30T23:02:19.816Z",
        "status": {"inhibitedBy": [], "silencedBy": [], "state": state, **status},
    }


@dataclass
class FakeAlertmanager:
    """Its answers are attributes to set."""

    config: str = CONFIG
    cluster: str = "disabled"
    alerts: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, path: str) -> Any:
        if path == "/api/v2/alerts":
            return self.alerts
        assert path == "/api/v2/status", path
        return {
            "cluster": {"status": self.cluster, "peers": []},
            "config": {"original": self.config},
            "versionInfo": {"version": "0.25.0"},
        }


@contextmanager
def serving(fake: FakeAlertmanager) -> Iterator[str]:
    """Its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(fake.answer(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def post(port: int, name: str) -> None:
    """What an Alertmanager posts."""
    told = {"status": "firing", "labels": {"alertname": name}, "startsAt": "2026-11-30T23:02:19Z"}
    body = {
        "version": "4", "receiver": "on-call", "groupKey": "{}:{}", "status": "firing",
        "alerts": [told],
    }  # fmt: skip
    url = f"http://127.0.0.1:{port}/"
    with urllib.request.urlopen(url, json.dumps(body).encode(), timeout=5) as answer:
        assert answer.status == 200
