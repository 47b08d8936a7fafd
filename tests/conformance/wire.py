"""The API server behind a kubeconfig, spoken to without kubectl: many requests in little time."""

import base64
import http.client
import json
import ssl
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

PATCH_TYPES = {
    "strategic": "application/strategic-merge-patch+json",
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
}


class Wire:
    """One connection. Understands tokens and client certificates that stand in the file."""

    def __init__(self, kubeconfig: Path) -> None:
        document = yaml.safe_load(kubeconfig.read_text())
        cluster = document["clusters"][0]["cluster"]
        user = document["users"][0]["user"]
        context = ssl.create_default_context(cadata=_pem(cluster["certificate-authority-data"]))
        if "client-certificate-data" in user:
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:
                pem.write(_pem(user["client-certificate-data"]) + _pem(user["client-key-data"]))
                pem.flush()
                context.load_cert_chain(pem.name)
        self._headers = {"Accept": "application/json"}
        if "token" in user:
            self._headers["Authorization"] = f"Bearer {user['token']}"
        address = urlsplit(cluster["server"])
        self._connection = http.client.HTTPSConnection(
            address.hostname or "", address.port, context=context, timeout=30
        )

    def close(self) -> None:
        self._connection.close()

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> tuple[int, Any]:
        self._connection.request(
            method,
            path,
            None if body is None else json.dumps(body),
            {**self._headers, "Content-Type": content_type},
        )
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())


def _pem(data: str) -> str:
    return base64.b64decode(data).decode()
