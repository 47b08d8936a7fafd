"""The cluster in memory of `model_cluster.py` behind a socket, for a process of its own."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml
from model_cluster import ModelCluster, World

from rundrill.target.cluster import ClusterError


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cluster: ModelCluster

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        try:
            code = 200
            text = self.cluster._request(
                self.command, self.path, body=body, content=self.headers.get("Content-Type")
            )
        except ClusterError as error:
            code, text = error.code or 500, json.dumps({"message": str(error)})
        data = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - its own names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
        """Nobody reads it."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed in the middle is what these tests are about."""


@contextmanager
def served(world: World, kubeconfig: Path) -> Iterator[None]:
    """Until the end, `kubeconfig` leads to `world`."""
    handler = type("Handler", (_Handler,), {"cluster": ModelCluster(world)})
    with _Server(("127.0.0.1", 0), handler) as server:
        host, port = server.server_address[:2]
        kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "model",
                    "contexts": [{"name": "model", "context": {"cluster": "model", "user": "me"}}],
                    "clusters": [{"name": "model", "cluster": {"server": f"http://{host}:{port}"}}],
                    "users": [{"name": "me", "user": {}}],
                }
            ),
            encoding="utf-8",
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
