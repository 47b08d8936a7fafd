"""Image names to images: the built-in ones, and those that `--images FILE` adds."""

import re
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from localcluster.errors import InputError
from localcluster.images.command import PLACE, CommandImage
from localcluster.images.image import STOP, Image
from localcluster.images.postgres import PostgresImage
from localcluster.images.valkey import ValkeyImage

_BRACES: Final = re.compile(r"\{[^{}]*\}")
_KEYS: Final = frozenset({"image", "tag", "command", "env", "stop_signal"})
_EXAMPLE: Final = 'for example {image: team/app, tag: "1.2", command: ["{python}", "-m", "app"]}'

BUILT_IN: Final[tuple[Image, ...]] = (
    PostgresImage(name="postgres"),
    ValkeyImage(name="valkey"),
    ValkeyImage(name="valkey/valkey"),
    ValkeyImage(name="redis"),
)


class Catalogue:
    """An exact tag is looked for first, then an entry without one. Later entries win."""

    def __init__(self, images: Iterable[Image] = ()) -> None:
        self._images = {(image.name, image.tag): image for image in [*BUILT_IN, *images]}

    def find(self, reference: str) -> Image | None:
        """`docker.io/library/postgres:18`, `team/app`, `team/app@sha256:...`; None when unknown."""
        name, tag = parse_reference(reference)
        return self._images.get((name, tag)) or self._images.get((name, None))

    def __iter__(self) -> Any:
        return iter(self._images.values())


def parse_reference(reference: str) -> tuple[str, str]:
    """Repository and tag: Docker Hub's own prefixes are dropped, the tag is `latest` if absent."""
    name = reference.partition("@")[0]
    head, colon, tail = name.rpartition(":")
    tag = "latest"
    # A colon before a slash belongs to a registry's port.
    if colon and "/" not in tail:
        name, tag = head, tail
    for prefix in ("docker.io/library/", "docker.io/", "library/"):
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    return name, tag


def load(paths: Sequence[Path]) -> Catalogue:
    """Raises `InputError` with the file and the entry that is wrong."""
    images: list[Image] = []
    for path in paths:
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise InputError(
                f"cannot read the images file: {reason}", place=path, fix="check --images"
            ) from error
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
            problem = getattr(error, "problem", None) or "cannot be read"
            raise InputError(f"not YAML: {problem}", place=place, fix=_EXAMPLE) from error
        if not isinstance(document, list):
            raise InputError("must be a list of images", place=path, fix=_EXAMPLE)
        images += [_image(entry, f"{path}: entry {n}") for n, entry in enumerate(document, 1)]
    return Catalogue(images)


def _image(entry: Any, place: str) -> CommandImage:
    if not isinstance(entry, dict) or not isinstance(entry.get("image"), str):
        raise InputError("needs an `image` name", place=place, fix=_EXAMPLE)
    if unknown := sorted(str(key) for key in entry.keys() - _KEYS):
        raise InputError(
            f"unknown key {unknown[0]}", place=place, fix=f"use {', '.join(sorted(_KEYS))}"
        )
    name = entry["image"]
    if "@" in name or ":" in name.rpartition("/")[2]:
        raise InputError(f"{name!r} has a tag in it", place=place, fix="put the tag under `tag`")
    tag = entry.get("tag")
    if tag is not None and not isinstance(tag, str):
        raise InputError(
            f"tag {tag} is a number to YAML", place=place, fix=f'put it in quotes: tag: "{tag}"'
        )
    command = entry.get("command")
    if not isinstance(command, list) or not command:
        raise InputError("needs a `command`, a list of texts", place=place, fix=_EXAMPLE)
    env = entry.get("env") or {}
    if not isinstance(env, dict):
        raise InputError("`env` must be a mapping", place=place, fix="env: {NAME: value}")
    return CommandImage(
        name=parse_reference(name)[0],
        tag=tag,
        command=tuple(_text(part, place) for part in command),
        variables={str(key): _text(value, place) for key, value in env.items()},
        stop_signal=_stop_signal(entry.get("stop_signal"), place),
    )


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str | int | float):
        raise InputError(f"{value!r} is not a text", place=place, fix=_EXAMPLE)
    text = str(value)
    for braces in _BRACES.findall(text):
        if not PLACE.fullmatch(braces):
            raise InputError(
                f"{braces} is not known",
                place=place,
                fix="use {python}, {pod_ip}, {port} or {port:NAME}",
            )
    return text


def _stop_signal(name: Any, place: str) -> int:
    if name is None:
        return STOP
    try:
        return signal.Signals[str(name)].value
    except KeyError:
        raise InputError(
            f"stop_signal {name} is unknown", place=place, fix="use a name such as SIGINT"
        ) from None
