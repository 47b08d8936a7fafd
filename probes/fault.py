"""The cause: made, proven, undone."""

from rundrill import experiment


def inject() -> bool:
    """Makes the fault and waits until it has proven that it landed."""
    return experiment.drill().inject()


def undo() -> bool:
    """Undoes the fault; harmless when that was done before."""
    return experiment.drill().undo()
