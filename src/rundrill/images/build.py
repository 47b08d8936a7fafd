"""Builds all images that the manifests and the faults name."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rundrill.errors import MachineError, TargetError
from rundrill.images import wheels
from rundrill.images.catalogue import CatalogueImage, read_catalogue
from rundrill.images.docker import STAND_IN, Docker

SERVICE: Final = "rundrill/service:build"
"""What all images of the catalogue are made from."""
LOAD: Final = "rundrill/load:1.0.0"
STAND_INS: Final = {"postgres": "postgres", "valkey/valkey": "valkey"}
"""Repository to the folder of its stand-in."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where images come from: `root` is a checkout of this project."""

    root: Path

    @property
    def container(self) -> Path:
        return self.root / "deploy" / "container"

    @property
    def catalogue(self) -> Path:
        return self.root / "deploy" / "images.yaml"

    def require(self) -> None:
        """Raises `TargetError` unless there is something to build."""
        for path in (self.container / "service" / "Dockerfile", self.catalogue):
            if not path.is_file():
                raise TargetError(
                    "there is nothing to build images from",
                    path=path,
                    fix="run this in a checkout of rundrill; for a service of your own, bring its"
                    " images to the cluster and use --target context:NAME",
                )


class Builder:
    """`base` is the image that Python comes from, Docker Hub's when None. `local` says that it is
    on this machine and that all is made from it: no registry, no package index inside the build.
    """

    def __init__(
        self,
        sources: Sources,
        *,
        docker: Docker,
        say: Say,
        base: str | None = None,
        local: bool = False,
    ) -> None:
        sources.require()
        self._sources = sources
        self._docker = docker
        self._say = say
        self._base = base
        self._local_base = base if local else None
        self._catalogue = read_catalogue(sources.catalogue)

    @property
    def catalogue(self) -> Sequence[CatalogueImage]:
        return self._catalogue

    def build_service(self) -> Sequence[str]:
        """The catalogue's images; gives their names. Raises `MachineError`."""
        self._require_base()
        self._python_image("service", SERVICE, package=Path("src") / "payments")
        for image in self._catalogue:
            self._say(f"building {image.name}")
            with tempfile.TemporaryDirectory(prefix="rundrill-image-") as scratch:
                context = Path(scratch)
                (context / "Dockerfile").write_text(derived(image), encoding="utf-8")
                self._docker.build(
                    image.name, context=context, offline=True, fix=f"build {SERVICE} first"
                )
        return [image.name for image in self._catalogue]

    def build_load(self) -> str:
        """The load's image; gives its name. Raises `MachineError`."""
        self._require_base()
        self._python_image("load", LOAD, package=Path("load"))
        return LOAD

    def build_stand_ins(self, foreign: Iterable[str]) -> Sequence[str]:
        """An image of the local base under each of these names, of which none is overwritten.

        Gives their names. Raises `MachineError`.
        """
        assert self._local_base is not None, "a stand-in is made from a local base"
        self._require_base()
        built = []
        for image in sorted(foreign):
            folder = STAND_INS.get(repository(image))
            if folder is None:
                raise MachineError(
                    "there is no stand-in for this image",
                    path=image,
                    fix=f"there is one for {', '.join(sorted(STAND_INS))}; bring the image to this"
                    " Docker by `docker load`",
                )
            if self._docker.has(image) and not self._docker.is_stand_in(image):
                self._say(f"{image} is here already")
                continue
            self._say(f"building a stand-in for {image}")
            self._docker.build(
                image,
                context=self._sources.container / folder,
                arguments={"BASE_IMAGE": self._local_base},
                labels=[f"{STAND_IN}={image}"],
                offline=True,
                fix=f"the base must have its server installed: {self._local_base}",
            )
            built.append(image)
        return built

    def _require_base(self) -> None:
        self._docker.require_answer()
        if self._local_base is not None and not self._docker.has(self._local_base):
            raise MachineError(
                "there is no such image in this machine's Docker",
                path=self._local_base,
                fix="a local base must be here already: see `docker image ls`",
            )

    def _python_image(self, folder: str, image: str, *, package: Path) -> None:
        """`package` as an image of its own, in a build folder that holds all it needs."""
        with tempfile.TemporaryDirectory(prefix="rundrill-image-") as scratch:
            context = Path(scratch) / "context"
            shutil.copytree(self._sources.container / folder, context)
            shutil.copytree(
                self._sources.root / package,
                context / package.name,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
            arguments = {} if self._base is None else {"BASE_IMAGE": self._base}
            if self._local_base is not None:
                arguments["PIP_OPTIONS"] = "--no-index --find-links /build/wheels"
                python = wheels.python_of(self._docker, self._local_base)
                told = ".".join(map(str, python.version))
                self._say(f"downloading wheels for the {folder}, for Python {told}")
                wheels.download(context / "requirements.txt", context / "wheels", python)
            self._say(f"building {image}")
            self._docker.build(
                image,
                context=context,
                arguments=arguments,
                offline=self._local_base is not None,
                fix="see that Docker reaches its registry and pip its index, or build on an image"
                " that is here: python -m rundrill.images build --local-base IMAGE"
                if self._local_base is None
                else f"build it by hand to see more: {self._sources.container / folder}",
            )


def derived(image: CatalogueImage) -> str:
    """The Dockerfile of one name of the catalogue. Values are quoted as Docker reads them."""
    lines = [f"FROM {SERVICE}"]
    lines += [f"ENV {key}={_quoted(value)}" for key, value in image.env]
    lines.append(f"CMD {json.dumps(list(image.command))}")
    return "\n".join(lines) + "\n"


def repository(image: str) -> str:
    """`postgres` of `docker.io/library/postgres:18`."""
    name = image.partition("@")[0]
    head, colon, tail = name.rpartition(":")
    if colon and "/" not in tail:
        name = head
    return name.removeprefix("docker.io/").removeprefix("library/")


def _quoted(value: str) -> str:
    """In double quotes Docker knows an escaped quote, an escaped $ and an escaped backslash."""
    for special in ("\\", '"', "$"):
        value = value.replace(special, f"\\{special}")
    return f'"{value}"'
