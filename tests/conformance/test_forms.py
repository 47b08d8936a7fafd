"""No promised form of a command is without a scenario, and the runbook's are among them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from scenario import Step, load_scenarios
from test_runbook_document import commands

PLAYED = [step for scenario in load_scenarios() for step in scenario.commands]
FORMS = yaml.safe_load((Path(__file__).parent / "forms.yaml").read_text())


@pytest.mark.parametrize("form", [form for forms in FORMS.values() for form in forms], ids=str)
def test_a_promised_form_of_a_command_is_played(form: str | dict[str, Any]) -> None:
    wanted = {"run": form} if isinstance(form, str) else form
    assert any(_has(step, wanted.get("in", {})) for step in PLAYED if _is(step, wanted["run"]))


def _is(step: Step, pattern: str) -> bool:
    return re.match(pattern, step.run) is not None


def _has(step: Step, wanted: dict[str, Any]) -> bool:
    given = {**wanted}
    if given.get("keys") is not None:
        given["keys"] = tuple(tuple(pair) for pair in given["keys"])
    return all(getattr(step, key) == value for key, value in given.items())


# Those that need the project's own images are played in `test_runbook_document.py` alone, and so
# with a real program behind them: the database, the metrics' port, the log that goes on.
ONLY_DEPLOYED = (
    "kubectl describe pod <pod-name>",
    "kubectl exec -it deployment/payment-service -n production -- curl",
    "kubectl exec -it postgresql-0",
    "kubectl get pods -n database",
    "kubectl logs -f",
    "kubectl port-forward",
    "kubectl scale deployment payment-service --replicas=5",
    "kubectl scale deployment payment-service --replicas=8",
)


def test_the_runbooks_commands_are_compared_with_a_real_cluster_letter_by_letter() -> None:
    played = {step.run.replace("'", "") for step in PLAYED}
    missing = [
        command
        for command in commands()
        if command.replace("'", "") not in played and not command.startswith(ONLY_DEPLOYED)
    ]
    assert missing == []
