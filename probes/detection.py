"""The alert that the runbook promises."""

from rundrill import experiment


def alert_fires() -> bool:
    """Waits until the expected alerts fire, for as long as the runbook gives them."""
    return experiment.drill().detect()
