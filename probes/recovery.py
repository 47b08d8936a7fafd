"""The service is back, and stays."""

from rundrill import experiment


def recovers() -> bool:
    """Waits until the steady state holds again and the alerts have resolved."""
    return experiment.drill().recover()


def stays_recovered() -> bool:
    """Watches the service for the runbook's monitoring window."""
    return experiment.drill().soak()
