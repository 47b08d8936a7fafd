"""All files of the folder, and what nobody could begin."""

from collections.abc import Mapping
from dataclasses import dataclass

from rundrill.claims import Procedure
from rundrill.lint.nature import failure_modes
from rundrill.starter.bindings import bindings_yaml
from rundrill.starter.experiments import experiment_yaml
from rundrill.starter.facts import Facts
from rundrill.starter.matches import match
from rundrill.starter.rules import alerts_yaml
from rundrill.starter.service import images_yaml, service_yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """`files` maps paths inside the folder to texts; no known fault makes the `unmatched`."""

    files: Mapping[str, str]
    unmatched: tuple[Procedure, ...]


def starter(facts: Facts) -> Starter:
    files = {
        "service.yaml": service_yaml(facts),
        "images.yaml": images_yaml(facts),
        "bindings.yaml": bindings_yaml(facts),
        "alerts.yml": alerts_yaml(facts),
    }
    unmatched = []
    for procedure in failure_modes(facts.runbook):
        found = match(procedure)
        if found is None:
            unmatched.append(procedure)
        else:
            files[f"experiments/{procedure.id}.yaml"] = experiment_yaml(procedure, found, facts)
    return Starter(files=files, unmatched=tuple(unmatched))
