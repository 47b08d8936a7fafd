"""Runbook, bindings, experiment and service file to `Plan`. No clock, no cluster.

All input is checked here and in `rundrill.runbook`; nothing later validates again.
"""

from rundrill.plan.build import build_plan
from rundrill.plan.compression import choose_compression
from rundrill.plan.experiment_file import ExperimentFile, read_experiment
from rundrill.plan.service_file import DEFAULT_SERVICE, ServiceFile, read_service
from rundrill.plan.undecided import Undecided, require_decided, undecided

__all__ = [
    "DEFAULT_SERVICE",
    "ExperimentFile",
    "ServiceFile",
    "Undecided",
    "build_plan",
    "choose_compression",
    "read_experiment",
    "read_service",
    "require_decided",
    "undecided",
]
