"""What a drill works with, as the engine asks for it; `session` brings the real ones."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rundrill.events import LoadStopped
from rundrill.faults import Fault
from rundrill.load import Delivered
from rundrill.model import PlannedStep
from rundrill.observer import Observer
from rundrill.restore import Objects
from rundrill.undo import UndoEntry, UndoJournal


class Load(Protocol):
    """What the engine asks of the load."""

    @property
    def alive(self) -> bool: ...
    def delivered(self, start: float, end: float) -> Delivered: ...
    def stop(self) -> LoadStopped: ...


class Responder(Protocol):
    """Who follows the procedure."""

    def follow(self, steps: Sequence[PlannedStep], *, recovered: Callable[[], bool]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What a drill works with.

    `instruments` gives what stopped each of them, None while well; `unseen` the metrics that each
    alert needs and that nothing has told so far. `claim` keeps others out of the blast radius and
    gives from when until when, as ISO 8601; `mark` says in the cluster itself which fault is in
    it, `unmark` that it is gone. Each may raise `ClusterError`: after `claim` did nothing is
    claimed. `notified` gives the alerts of which somebody was told since a time of the drill; None
    when nobody is notified. `why_untold` gives what is known of such as nobody was told of.
    `stop_asked` gives why the drill may not go on, None while it may.
    """

    cluster: Objects
    fault: Fault
    responder: Responder
    observer: Observer
    load: Load
    instruments: Callable[[], Mapping[str, BaseException | None]]
    unseen: Callable[[], Mapping[str, frozenset[str]]]
    journal: UndoJournal
    claim: Callable[[], tuple[str, str]]
    mark: Callable[[UndoEntry], None]
    unmark: Callable[[], None]
    notified: Callable[[float], frozenset[str]] | None = None
    why_untold: Callable[[Collection[str]], str] = lambda _alerts: ""
    stop_asked: Callable[[], str | None] = lambda: None
