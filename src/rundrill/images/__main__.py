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
    base = build.add_mutually_exclusive_group()
    base.add_argument(
        "--base", metavar="IMAGE", help="an image with Python, instead of Docker Hub's"
    )
    base.add_argument(
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
        for name in _build(options):
            print(name)  # noqa: T201 - this is the program's output
    except RundrillError as error:
        print(f"rundrill.images: {error}", file=sys.stderr)  # noqa: T201 - the same
        return 2
    return 0


def _build(options: argparse.Namespace) -> list[str]:
    builder = Builder(
        Sources(root=options.root),
        docker=Docker(),
        say=_say,
        base=options.base or options.local_base,
        local=options.local_base is not None,
    )
    built = [*builder.build_service(), builder.build_load()]
    if options.local_base is not None:
        manifests = options.manifests or options.root / "deploy" / "overlays" / "real"
        wanted = named_images(manifests, Path(sys.executable).with_name("kubectl"))
        built += builder.build_stand_ins(wanted - {image.name for image in builder.catalogue})
    return built


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress


if __name__ == "__main__":
    sys.exit(main())
