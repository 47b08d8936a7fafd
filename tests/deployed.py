"""A real cluster on which the payment service runs, and what kubectl says of it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from drills import TOP


@dataclass(frozen=True, slots=True)
class Deployed:
    """A real cluster on which the payment service is ready."""

    kubeconfig: Path
    context: str

    def kubectl(self, *words: str, budget_s: float = 180.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).parent / "kubectl"), *words],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
            cwd=TOP,
            text=True,
            capture_output=True,
            check=False,
            timeout=budget_s,
        )

    def allow(self, service: Path) -> None:
        """Names this context in a service.yaml."""
        with service.open("a", encoding="utf-8") as file:
            file.write(f"\ncontexts:\n  - name: {self.context}\n")

    def changes(self) -> str:
        """What differs from the shipped manifests, as kubectl itself tells it."""
        return self.kubectl("diff", "-k", "deploy/overlays/local").stdout

    def markers(self) -> list[str]:
        found = self.kubectl("get", "configmaps", "-A", "-l", "rundrill.dev/fault", "-o", "name")
        return found.stdout.split()

    def leases(self) -> list[str]:
        found = self.kubectl("get", "leases", "-n", "production", "-o", "name")
        return found.stdout.split()
