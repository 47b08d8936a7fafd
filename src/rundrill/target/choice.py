"""`--target`: where drills are run."""

import argparse
from dataclasses import dataclass
from typing import Literal

_CONTEXT = "context:"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetChoice:
    """`context` names one of the kubeconfig; it is empty for the others."""

    kind: Literal["local", "kind", "context"]
    context: str = ""

    @property
    def name(self) -> str:
        """As it was written, and as the report tells it."""
        return f"{_CONTEXT}{self.context}" if self.kind == "context" else self.kind

    @property
    def is_ours(self) -> bool:
        """Whether the cluster's own timers can be divided: only those of the embedded one."""
        return self.kind == "local"


LOCAL = TargetChoice(kind="local")


def add_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--target",
        type=_target,
        default=LOCAL,
        metavar="local|kind|context:NAME",
        help="the embedded cluster (default), a kind cluster, or a context of your kubeconfig"
        " that service.yaml names",
    )


def _target(text: str) -> TargetChoice:
    if text == "local":
        return LOCAL
    if text == "kind":
        return TargetChoice(kind="kind")
    name = text.removeprefix(_CONTEXT)
    if name == text or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is none of local, kind and context:NAME")
    return TargetChoice(kind="context", context=name)
