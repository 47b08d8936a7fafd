"""Everything the rules may look at, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from rundrill.claims import Runbook
from rundrill.detection import RuleSet
from rundrill.model import Bindings
from rundrill.plan import Undecided
from rundrill.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Drilled:
    """One experiment: which procedures of which runbook it follows."""

    path: str
    runbook: str
    """The resolved path."""
    procedures: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """The path of a file, and the text of the line in it that is meant."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """None says that nobody asked for it, so the rules that need it say nothing.

    `kubectl` maps the words after `kubectl` to what the installed kubectl has against them, or
    None. `rules_lines` are the source lines of the alert rules, for the silences there. `undecided`
    is what is open in the files that were given, and in those they name.
    """

    runbook: Runbook
    runbook_file: str
    """The resolved path, to tell the experiments of this runbook."""
    today: date
    bindings: Bindings | None = None
    rules: RuleSet | None = None
    rules_lines: Sequence[str] = ()
    resources: Resources | None = None
    kubectl: Mapping[tuple[str, ...], str | None] | None = None
    experiments: Sequence[Drilled] | None = None
    undecided: Sequence[Undecided] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    """Why something that was asked for is not there (`kubectl`: "there is no kubectl")."""

    def line_text(self, line: int) -> str:
        """Of the runbook; empty when there is no such line."""
        lines = self.runbook.lines
        return lines[line - 1].text if 0 < line <= len(lines) else ""

    def rules_line(self, line: int) -> SourceLine:
        """Of the alert rules, which must be there."""
        assert self.rules is not None
        known = 0 < line <= len(self.rules_lines)
        return SourceLine(path=self.rules.path, text=self.rules_lines[line - 1] if known else "")
