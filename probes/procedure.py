"""The runbook's own steps."""

from rundrill import experiment


def follow() -> bool:
    """Carries out the procedure's commands, literally."""
    return experiment.drill().respond()
