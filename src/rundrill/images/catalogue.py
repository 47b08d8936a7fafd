"""deploy/images.yaml as containers: what an image name runs. Pure but for reading the file."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rundrill.base import document
from rundrill.base.document import Node
from rundrill.errors import TargetError

_PYTHON: Final = "{python}"
_PLACE: Final = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueImage:
    """`name` is `repository:tag`; `command` begins with `python`, the container's own."""

    name: str
    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...]


def read_catalogue(path: Path) -> tuple[CatalogueImage, ...]:
    """Raises `TargetError` with the line that cannot be a container.

    What the embedded cluster fills in has no meaning in a container: `{python}` becomes `python`,
    and a variable that is `{pod_ip}` is left out, since a pod's address is its own.
    """
    return tuple(_image(entry) for entry in document.read(path, TargetError).elements())


def _image(entry: Node) -> CatalogueImage:
    env = entry.find("env")
    image = CatalogueImage(
        name=f"{entry.get('image').text}:{_tag(entry)}",
        command=tuple(_command(entry.get("command"))),
        env=()
        if env is None
        else tuple((key, _plain(value)) for key, value in env.items() if value.text != "{pod_ip}"),
    )
    entry.find("stop_signal")  # a container's is its image's
    entry.close()
    return image


def _tag(entry: Node) -> str:
    tag = entry.find("tag")
    return "latest" if tag is None else tag.text


def _command(node: Node) -> list[str]:
    words = node.elements()
    if not words:
        raise node.fail("`command` is empty", f"write [{_PYTHON}, -m, MODULE]")
    first, *others = words
    if first.text != _PYTHON:
        raise first.fail(
            f"no image is built for the program {first.text!r}", f"only for {_PYTHON} -m ..."
        )
    return ["python", *(_plain(other) for other in others)]


def _plain(node: Node) -> str:
    if found := _PLACE.search(node.text):
        raise node.fail(
            f"{found[0]} has a value on the embedded cluster alone",
            "give the value to the container in its manifest, as env or args",
        )
    return node.text
