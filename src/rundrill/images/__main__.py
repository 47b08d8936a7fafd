"""`python -m rundrill.images build`: the images of a real cluster, into this machine's Docker."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rundrill.errors import RundrillError
from rundrill.images.build import Builder, Sources
from rundrill.images.docker import Docker
from rundrill.images.manifests import named_images


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 2 with one message."""
    parser = argparse.ArgumentParser(prog="python -m rundrill.images", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build all images that the manifests name")
    build.add_argument(
        "--local-base",
        metavar="IMAGE",
        help="an image of this machine with Python, PostgreSQL and Redis: builds all from it,"
        " without a registry and without a package index inside the build",
    )
    build.add_argument("--root", type=Path, default=Path(), help="a checkout (default: here)")
    build.add_argument(
        "--manifests", type=Path, help="whose images are meant (default: deploy/overlays/real)"
    )
    options = parser.parse_args(arguments)
    try:
        for name in _build(options.root, options.manifests, options.local_base):
            print(name)  # noqa: T201 - this is the program's output
    except RundrillError as error:
        print(f"rundrill.images: {error}", file=sys.stderr)  # noqa: T201 - the same
        return 2
    return 0


def _build(root: Path, manifests: Path | None, local_base: str | None) -> list[str]:
    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress

    builder = Builder(Sources(root=root), docker=Docker(), say=say, local_base=local_base)
    built = [*builder.build_service(), builder.build_load()]
    if local_base is not None:
        kubectl = Path(sys.executable).with_name("kubectl")
        wanted = named_images(manifests or root / "deploy" / "overlays" / "real", kubectl)
        built += builder.build_stand_ins(wanted - {image.name for image in builder.catalogue})
    return built


if __name__ == "__main__":
    sys.exit(main())
