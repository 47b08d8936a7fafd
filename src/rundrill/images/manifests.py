"""Which images manifests name, by what `kubectl kustomize` makes of them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from rundrill.errors import TargetError

_BUDGET_S: Final = 60.0


def named_images(manifests: Path, kubectl: Path) -> frozenset[str]:
    """The images of all containers in a kustomization's folder. Raises `TargetError`."""
    try:
        done = subprocess.run(
            [str(kubectl), "kustomize", str(manifests)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_BUDGET_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TargetError(f"the manifests cannot be built: {error}", path=manifests) from error
    if done.returncode != 0:
        told = done.stderr.decode("utf-8", "replace").strip()
        raise TargetError(f"the manifests cannot be built: {told[-1000:]}", path=manifests)
    return frozenset(
        image for item in yaml.safe_load_all(done.stdout) for image in _images_of(item)
    )


def _images_of(item: Any) -> Iterator[str]:
    if isinstance(item, dict):
        for key, value in item.items():
            if key in ("containers", "initContainers") and isinstance(value, list):
                yield from (
                    str(one["image"]) for one in value if isinstance(one, dict) and "image" in one
                )
            else:
                yield from _images_of(value)
    elif isinstance(item, list):
        for one in item:
            yield from _images_of(one)
