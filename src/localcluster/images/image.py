"""An image as this cluster runs it, and the surroundings that it is started in."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

MountPaths = Mapping[str, Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a container lives. `mounts` maps each mountPath to the folder it stands for.

    `volume` is a folder that outlives the pod: that of its StatefulSet ordinal, or the pod's own.
    """

    pod_ip: str
    ports: Mapping[str, int]
    env: Mapping[str, str]
    mounts: MountPaths
    volume: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One program to run to its end before the container starts; input goes to its stdin."""

    argv: tuple[str, ...]
    input: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start a container: first the steps, in order, then the command."""

    argv: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    become: Callable[[], None] | None = None


class ImageProblem(Exception):  # noqa: N818 - the container's failure, shown in its log
    """The image refuses these surroundings, as an entrypoint script would: exit code 1."""


class Image(Protocol):
    """`tag` None fits every tag."""

    @property
    def name(self) -> str: ...
    @property
    def tag(self) -> str | None: ...
    @property
    def stop_signal(self) -> int: ...

    def env(self, pod_ip: str, ports: Mapping[str, int]) -> Mapping[str, str]:
        """The image's own environment, over which the manifest's goes; raises `ImageProblem`."""
        ...

    def launch(self, surroundings: Surroundings, command: list[str], args: list[str]) -> Launch:
        """`command` replaces the image's own, `args` its arguments; raises `ImageProblem`."""
        ...

    def exec_env(self, surroundings: Surroundings) -> Mapping[str, str]:
        """What commands executed in a running container find besides its environment."""
        ...

    def discard(self, surroundings: Surroundings) -> None:
        """Frees what a killed container leaves outside of its folders."""
        ...


STOP: Final = signal.SIGTERM.value
