"""One line of the doctor."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rundrill.target.cluster import ClusterError

NONSENSE: Final = (ValueError, LookupError, TypeError, AttributeError)
"""What reading another server's JSON ends with, where it is no answer to what was asked."""

State = Literal["ok", "warning", "failed", "not known"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`seen` is what was found, with its figure; `fix` is there unless it is ok."""

    group: str
    name: str
    state: State
    seen: str
    fix: str = ""

    def __post_init__(self) -> None:
        if self.state != "ok" and not self.fix:
            raise ValueError(f"{self.group}, {self.name}: what is not ok says what to do")


def attempted(
    group: str, name: str, ask: Callable[[], Iterable[Check]], *, fix: str
) -> Sequence[Check]:
    """What `ask` gives; *not known* where the cluster refuses, is silent or makes no sense."""
    try:
        return list(ask())
    except ClusterError as error:
        refused = "this account may not ask: " if error.code == 403 else ""
        seen = f"{refused}{error}"
    except NONSENSE as error:
        seen = nonsense(error)
    return [Check(group=group, name=name, state="not known", seen=seen, fix=fix)]


def nonsense(error: Exception) -> str:
    """What is said of an error of `NONSENSE`."""
    return f"an answer that makes no sense: {error!r}"
