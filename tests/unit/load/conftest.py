"""A payment service of thirty lines, which hangs or fails when a test tells it to."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Service:
    """`go` cleared: every answer waits. `status` replaces the usual one."""

    def __init__(self):
        self.go = threading.Event()
        self.go.set()
        self.status = None
        self.requests = []
        self.connections = set()
        self.close_after_answer = False
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one packet an answer

            def do_GET(self):
                self.answer(200, [])

            def do_POST(self):
                self.body = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(201, {"id": f"pay_{len(service.requests)}"})

            def answer(self, status, content):
                service.requests.append((self.command, self.path, dict(self.headers)))
                service.connections.add(self.client_address)
                service.go.wait(30)
                body = json.dumps(content).encode()
                self.send_response(service.status or status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                # Without telling the client: as a server does whose patience has ended.
                self.close_connection = service.close_after_answer

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request, client_address):
                pass  # a client that went away

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self):
        self.go.set()
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def service():
    service = Service()
    yield service
    service.close()
