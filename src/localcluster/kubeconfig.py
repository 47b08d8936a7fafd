"""The kubeconfig: the only thing that anybody needs to know of a cluster."""

import base64
import os
from pathlib import Path

import yaml


def write(path: Path, *, server: str, certificate: str, token: str) -> None:
    """Readable by its owner alone, and never half written; raises `OSError`."""
    name = "localcluster"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": server,
                    "certificate-authority-data": base64.b64encode(certificate.encode()).decode(),
                },
            }
        ],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    fresh = path.with_name(path.name + ".new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(fd, 0o600)  # also when somebody had left a file of this name
    with os.fdopen(fd, "w") as file:
        yaml.safe_dump(document, file, sort_keys=False)
    fresh.replace(path)
