"""The control of a drill: opens it before the experiment and closes it after, whatever happened."""

from typing import Any

from rundrill import experiment


def before_experiment_control(
    context: dict[str, Any],  # noqa: ARG001 - Chaos Toolkit passes it by name
    experiment_file: str = "",
    **_: Any,
) -> None:
    """Starts the load and the detection. `experiment_file` is the path of this very file."""
    experiment.open_session(experiment_file)


def after_experiment_control(
    context: dict[str, Any],  # noqa: ARG001
    state: dict[str, Any],
    **_: Any,
) -> None:
    """Undoes what is still to be undone, stops everything, writes the report.

    `state` is the journal. Its exit code follows the verdict, also where the hypothesis after the
    method was left out by an option.
    """
    if not experiment.close_session():
        state["deviated"], state["status"] = True, "failed"
