"""A preview for people: each drill on one screen, then what all of them must be allowed to do."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from rundrill.base.units import seconds
from rundrill.model import Plan, PodQuery
from rundrill.permissions import Need, merged
from rundrill.preview.drill import Preview, Previewed

_WHO: Final = 3
"""Of those who need a permission; JSON names all."""
_STEP: Final = 30
_VERBS: Final = 30


def as_text(previews: Sequence[Preview]) -> str:
    lines: list[str] = []
    for preview in previews:
        lines += [*_drill(preview), ""]
    return "\n".join([*lines, *_permissions(previews)]) + "\n"


def _drill(preview: Preview) -> Iterator[str]:
    plan, windows = preview.plan, preview.plan.windows
    yield f"{plan.experiment_path}: {plan.title}"
    if preview.refusal is not None:
        yield f"  WILL NOT START: {preview.refusal.problem}"
    yield f"  fault      {plan.fault}: {_values(plan.fault_parameters)}"
    tolerated = ", ".join(plan.tolerated_alerts) or "no other"
    yield f"  alerts     {', '.join(plan.expected_alerts)} must fire; {tolerated} may"
    yield (
        f"  windows    baseline {seconds(windows.baseline_s)}; the fault lands within"
        f" {seconds(windows.land_budget_s)}, the alert fires within"
        f" {seconds(windows.detect_budget_s)}, recovered within"
        f" {seconds(windows.recover_budget_s)} of it; then watched for {seconds(windows.soak_s)}"
    )
    yield f"             (compression {plan.compression:g}: {plan.compression_reason})"
    yield f"  load       {plan.load.rate_per_min:g} requests a minute"
    yield (
        f"  may touch  namespaces {', '.join(plan.blast_radius.namespaces)};"
        f" kubectl {', '.join(plan.blast_radius.verbs) or 'nothing'}"
    )
    if plan.accepted:
        known = ", ".join(f"{item.promise} until {item.review}" for item in plan.accepted)
        yield f"  accepted   may break: {known}"
    yield f"  procedure  {plan.runbook_path}, line by line, severity {plan.severity}"
    for one in preview.procedure:
        yield from _previewed(plan, one)


def _previewed(plan: Plan, one: Previewed) -> Iterator[str]:
    step, command = one.step, one.command
    head = f"  {one.line:>5}  {f'{step.procedure}#{step.number}':<{_STEP}} {one.fate:<11} "
    margin = " " * len(head)
    text = step.text if command is None else command.text
    yield head + text.replace("\n", f"\n{margin}")
    if one.why:
        yield f"{margin}^ {one.why}"
    if command is None or one.fate in ("refused", "not reached"):
        return
    if command.bound:
        yield f"{margin}^ not the runbook's words: the bindings say so"
    for name in command.placeholders:
        yield f"{margin}^ {name} is {_bound(plan.placeholders.get(name))}"
    if step.edit is not None:
        for pointer, value in step.edit.set.items():
            yield f"{margin}^ sets {pointer} to {json.dumps(value)}"
        for pointer in step.edit.remove:
            yield f"{margin}^ removes {pointer}"


def _bound(value: str | PodQuery | None) -> str:
    if not isinstance(value, PodQuery):
        return repr(value)
    which = "a pod that is not ready, if there is one," if value.prefer == "not-ready" else "a pod"
    return f"{which} of {value.selector} in {value.namespace}"


def _values(parameters: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items())


def _permissions(previews: Sequence[Preview]) -> Iterator[str]:
    needs = merged(preview.needs for preview in previews)
    yield f"permissions: {len(needs.needs)}, asked for before anything is started"
    for namespace in dict.fromkeys(need.access.namespace for need in needs.needs):
        yield f"  {f'in {namespace}' if namespace else 'in the whole cluster'}"
        here = [need for need in needs.needs if need.access.namespace == namespace]
        for (verbs, who), resources in _rows(here).items():
            yield f"    {verbs:<{_VERBS}} {', '.join(resources)}  ({who})"
    for one in needs.unknown:
        yield f"  not known, so not asked for: {one.command} ({one.who}): {one.why}"


def _rows(needs: Iterable[Need]) -> Mapping[tuple[str, str], list[str]]:
    """Verbs and who needs them, to the resources of which that is so."""
    by_resource: dict[str, list[Need]] = {}
    for need in needs:
        by_resource.setdefault(need.access.what, []).append(need)
    rows: dict[tuple[str, str], list[str]] = {}
    for what, those in by_resource.items():
        verbs = " ".join(need.access.verb for need in those)
        rows.setdefault((verbs, _who(those)), []).append(what)
    return rows


def _who(needs: Iterable[Need]) -> str:
    every = list(dict.fromkeys(_short(who) for need in needs for who in need.who))
    more = f" and {len(every) - _WHO} more" if len(every) > _WHO else ""
    return ", ".join(every[:_WHO]) + more


def _short(who: str) -> str:
    """ "rollback-procedure#2 (runbook.md:66)" is "line 66" here; the drills above name it."""
    name, bracket, place = who.rpartition(" (")
    if not bracket:
        return who
    line = f"line {place.rstrip(')').rpartition(':')[2]}"
    return f"undo of {line}" if name.startswith("undo of ") else line
