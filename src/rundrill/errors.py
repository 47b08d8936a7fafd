"""One root for everything a user can mend.

    RundrillError            exit code 2 unless the class says otherwise
    ├── RunbookError         the runbook cannot be read, or lacks what a plan asks of it
    ├── BindingError         bindings.yaml
    ├── RulesError           the alert rules
    ├── RoutingError         the Alertmanager and its configuration
    ├── DetectionError       the Prometheus that is to evaluate them
    ├── ExperimentError      the experiment file
    ├── TargetError          the cluster, its kubeconfig, kubectl
    └── MachineError         this machine: disk, ports, missing programs

A message is place + problem + fix. A broken drill is data (events, a verdict), never an
exception; a bug stays a traceback.
"""

from pathlib import Path


class RundrillError(Exception):
    """Place, problem and fix, printed as one message of at most three lines."""

    def __init__(
        self,
        problem: str,
        *,
        path: Path | str | None = None,
        line: int | None = None,
        column: int | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path
        self.line = line
        self.column = column
        self.fix = fix

    def __str__(self) -> str:
        place = "" if self.path is None else str(self.path)
        for number in (self.line, self.column):
            if number is not None:
                place += f":{number}"
        head = f"{place}: {self.problem}" if place else self.problem
        return head if self.fix is None else f"{head}\n  fix: {self.fix}"


class RunbookError(RundrillError):
    """The runbook cannot be read, or lacks what was asked of it."""


class BindingError(RundrillError):
    """bindings.yaml is wrong or incomplete."""


class RulesError(RundrillError):
    """The alert rules are wrong, or use PromQL that is not supported."""


class RoutingError(RundrillError):
    """The Alertmanager configuration is wrong or not supported, or a real one is of no use."""


class DetectionError(RundrillError):
    """The Prometheus that is to detect is not there, is none, or has other rules."""


class ExperimentError(RundrillError):
    """The experiment file is wrong."""


class TargetError(RundrillError):
    """The cluster cannot be reached, started or used."""


class MachineError(RundrillError):
    """This machine lacks something: disk space, a free port, a program."""
