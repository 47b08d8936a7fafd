"""A preview for programs, as JSON."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rundrill.model import PodQuery
from rundrill.permissions import Need, Needs, merged
from rundrill.preview.drill import Preview, Previewed

VERSION: Final = 1
"""Of the form below; it changes when a program that reads it would have to."""


def as_json(previews: Sequence[Preview]) -> str:
    """`permissions` are those of all drills together; each drill tells its own as well."""
    form = {
        "version": VERSION,
        "drills": [_drill(preview) for preview in previews],
        **_needs(merged(preview.needs for preview in previews)),
    }
    return json.dumps(form, indent=2, ensure_ascii=True) + "\n"


def _drill(preview: Preview) -> dict[str, Any]:
    plan = preview.plan
    return {
        "experiment": plan.experiment_path,
        "title": plan.title,
        "starts": preview.refusal is None,
        "refusal": None if preview.refusal is None else str(preview.refusal),
        "runbook": plan.runbook_path,
        "severity": plan.severity,
        "compression": plan.compression,
        "compression_reason": plan.compression_reason,
        "fault": {"name": plan.fault, "parameters": dict(plan.fault_parameters)},
        "alerts": {"expected": plan.expected_alerts, "tolerated": plan.tolerated_alerts},
        "load": dataclasses.asdict(plan.load),
        "windows": dataclasses.asdict(plan.windows),
        "blast_radius": dataclasses.asdict(plan.blast_radius),
        "accepted": [dataclasses.asdict(item) for item in plan.accepted],
        "procedure": [_previewed(one) for one in preview.procedure],
        "placeholders": {
            name: dataclasses.asdict(bound) if isinstance(bound, PodQuery) else bound
            for name, bound in plan.placeholders.items()
        },
        **_needs(preview.needs),
    }


def _previewed(one: Previewed) -> dict[str, Any]:
    step, command = one.step, one.command
    edit = step.edit
    return {
        "procedure": step.procedure,
        "number": step.number,
        "line": one.line,
        "kind": step.kind,
        "text": step.text,
        "command": None if command is None else command.text,
        "bound": command is not None and command.bound,
        "edit": None if edit is None else {"set": dict(edit.set), "remove": edit.remove},
        "fate": one.fate,
        "why": one.why,
    }


def _needs(needs: Needs) -> dict[str, Any]:
    return {
        "permissions": list(_permissions(needs.needs)),
        "unknown": [dataclasses.asdict(one) for one in needs.unknown],
    }


def _permissions(needs: Iterable[Need]) -> Iterable[dict[str, Any]]:
    for need in needs:
        access = need.access
        yield {
            "namespace": access.namespace or None,
            "group": access.group,
            "resource": access.resource,
            "verb": access.verb,
            "who": need.who,
        }
