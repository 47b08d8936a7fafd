"""One keep-alive connection to an API server, as its kubeconfig says. The same for any cluster.

Plain `http.client`: what is timed is the server and the loopback, and no decoding of answers.
"""

import base64
import contextlib
import http.client
import json
import ssl
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

STRATEGIC: Final = "application/strategic-merge-patch+json"
_TIMEOUT_S: Final = 120.0


class ApiFailure(Exception):  # noqa: N818 - the name of what came back
    """An answer that is not a success; `code` is its HTTP status."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text[:300]}")
        self.code = code


class Credentials:
    """A kubeconfig's current context, read once."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        name = config["current-context"]
        context = _named(config["contexts"], name)["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        where = urllib.parse.urlsplit(cluster["server"])
        self.host, self.port = where.hostname or "", where.port or 443
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.context = ssl.create_default_context(cadata=authority)
        self.headers = {"Accept": "application/json"}
        if "token" in user:
            self.headers["Authorization"] = f"Bearer {user['token']}"
        if "client-certificate-data" in user:
            with tempfile.NamedTemporaryFile() as pair:
                for part in ("client-certificate-data", "client-key-data"):
                    pair.write(base64.b64decode(user[part]))
                pair.flush()
                self.context.load_cert_chain(pair.name)


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


class Connection:
    """Raises `ApiFailure` for answers of 400 and above, `OSError` when nobody answers."""

    def __init__(self, credentials: Credentials) -> None:
        self._headers = credentials.headers
        self._http = http.client.HTTPSConnection(
            credentials.host, credentials.port, timeout=_TIMEOUT_S, context=credentials.context
        )

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content: str = "application/json",
        accept: str = "",
    ) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        return self._send(method, path, data, self._headers_for(data, content, accept))

    def timed(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content: str = "application/json",
        accept: str = "",
    ) -> float:
        """Milliseconds from the request to the last byte of the answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers_for(data, content, accept)
        began = time.perf_counter()
        self._send(method, path, data, headers)
        return (time.perf_counter() - began) * 1000

    def json(self, method: str, path: str, body: Any = None, **more: str) -> Any:
        return json.loads(self.request(method, path, body, **more))

    @contextlib.contextmanager
    def watch(self, path: str) -> Iterator[Iterator[dict[str, Any]]]:
        """Events as they come; this connection is used up. `path` has its query already."""
        self._http.request("GET", path, headers=self._headers)
        answer = self._http.getresponse()
        if answer.status >= 400:
            raise ApiFailure(answer.status, answer.read().decode(errors="replace"))
        try:
            yield (json.loads(line) for line in iter(answer.readline, b""))
        finally:
            self.close()

    def close(self) -> None:
        self._http.close()

    def _headers_for(self, data: bytes | None, content: str, accept: str) -> dict[str, str]:
        headers = dict(self._headers)
        if accept:
            headers["Accept"] = accept
        if data is not None:
            headers["Content-Type"] = content
        return headers

    def _send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> bytes:
        self._http.request(method, path, body=data, headers=headers)
        answer = self._http.getresponse()
        raw = answer.read()
        if answer.status >= 400:
            raise ApiFailure(answer.status, raw.decode(errors="replace"))
        return raw
