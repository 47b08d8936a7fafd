"""An image of the catalogue: a command line with places for the pod's address and ports."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from localcluster.images.image import STOP, ImageProblem, Launch, Surroundings

PLACE: Final = re.compile(r"\{(python|pod_ip|port(?::[a-z0-9-]+)?)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandImage:
    """`{python}`, `{pod_ip}`, `{port}` (the first) and `{port:NAME}` are filled in."""

    name: str
    tag: str | None
    command: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    stop_signal: int = STOP

    def env(self, pod_ip: str, ports: Mapping[str, int]) -> Mapping[str, str]:
        return {key: _fill(value, pod_ip, ports) for key, value in self.variables.items()}

    def launch(self, surroundings: Surroundings, command: list[str], args: list[str]) -> Launch:
        near = surroundings
        argv = command or [_fill(part, near.pod_ip, near.ports) for part in self.command]
        return Launch(argv=(*argv, *args))

    def exec_env(self, surroundings: Surroundings) -> Mapping[str, str]:  # noqa: ARG002 - has none
        return {}

    def discard(self, surroundings: Surroundings) -> None:
        """Leaves nothing outside of its folders."""


def _fill(text: str, pod_ip: str, ports: Mapping[str, int]) -> str:
    def value(match: re.Match[str]) -> str:
        place, _, port_name = match[1].partition(":")
        if place == "python":
            return sys.executable
        if place == "pod_ip":
            return pod_ip
        number = ports.get(port_name) if port_name else next(iter(ports.values()), None)
        if number is None:
            raise ImageProblem(f"the image needs {match[0]}, but the container has no such port")
        return str(number)

    return PLACE.sub(value, text)
