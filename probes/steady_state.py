"""Does the service keep the runbook's steady state?"""

from rundrill import experiment


def holds() -> bool:
    """Before the method: the baseline. After it: everything the drill promises, the undo too.

    Raises when it does not hold: Chaos Toolkit ends with exit code 0 on an unmet hypothesis
    before the method, and a drill that proved nothing must not.
    """
    return experiment.require_steady_state()
