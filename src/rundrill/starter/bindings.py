"""bindings.yaml: what is measured, which rule stands for which alert, what fills placeholders."""

from collections.abc import Iterator

from rundrill.claims import Placeholder, Step
from rundrill.lint.calls import calls_of
from rundrill.starter import measures
from rundrill.starter.facts import TODO, Facts
from rundrill.starter.rules import rule_names
from rundrill.starter.text import comment, scalar, snake


def bindings_yaml(facts: Facts) -> str:
    return "\n".join(_lines(facts)) + "\n"


def _lines(facts: Facts) -> Iterator[str]:
    yield comment(f"What {facts.paths.runbook_name} leaves open. Begun by `rundrill init`: decide")
    yield comment("what is marked TODO; `rundrill run` refuses to start before that.")
    yield ""
    yield from _metrics(facts)
    yield from _alerts(facts)
    yield from _placeholders(facts)
    yield from _steps(facts)


def _metrics(facts: Facts) -> Iterator[str]:
    if not facts.runbook.steady_state:
        yield comment("TODO: the runbook states no steady state, and no drill can run without one.")
        yield comment('Add lines to it such as "Error rate: should be <1%".')
        yield "metrics: {}"
        yield ""
        return
    yield comment("Subject of a steady-state claim -> PromQL in base units (ratio, seconds,")
    yield comment("requests a minute). Without data a bound never holds.")
    yield "metrics:"
    for subject in dict.fromkeys(one.metric for one in facts.runbook.steady_state):
        stated = next(one for one in facts.runbook.steady_state if one.metric == subject)
        yield comment(f"line {stated.line}: {stated.text}", 2)
        expr = measures.LOAD.get(subject) or measures.of_pods(subject, facts)
        if expr is None:
            yield comment("TODO: the PromQL that measures it", 2)
            expr = f"{TODO}_{snake(subject)}"
        yield f"  {scalar(subject)}: >-"
        yield f"    {expr}"
    yield ""


def _alerts(facts: Facts) -> Iterator[str]:
    names = rule_names(facts)
    if names:
        yield comment("Alert claim -> name of the rule in alerts.yml.")
        yield "alerts:"
        for claim_id, name in names.items():
            yield f"  {scalar(claim_id)}: {name}"
        yield ""


def _placeholders(facts: Facts) -> Iterator[str]:
    names = dict.fromkeys(
        value.name for _, value in facts.runbook.having(Placeholder) if value.in_command
    )
    if not names:
        return
    yield comment("Placeholder, as the runbook writes it -> a literal, or a pod to look for.")
    yield "placeholders:"
    for name in names:
        if "pod" in name.lower():
            yield f"  {scalar(name)}:"
            yield (
                f"    pod: {{namespace: {scalar(facts.namespace)},"
                f" selector: {scalar(facts.selector)}, prefer: not-ready}}"
            )
        else:
            yield comment("TODO: the value", 2)
            yield f"  {scalar(name)}: {TODO}"
    yield ""


def _steps(facts: Facts) -> Iterator[str]:
    """Commented out: a step that nobody binds is skipped, and the report says so."""
    manual = [
        (f"{procedure.id}#{step.number}", step)
        for procedure in facts.runbook.procedures
        for step in procedure.steps
        if not step.commands and not step.duration_s
    ]
    if manual:
        yield comment("Manual step of the runbook -> the commands that do it. TODO: those that you")
        yield comment("want drills to carry out; the others stay for people.")
        yield comment("steps:")
        for name, step in manual:
            yield comment(f"  {name}: # line {step.line}: {step.text}").replace("# ", "#   ", 1)
            yield "#     commands: [kubectl ...]"
        yield ""
    edits = [
        (f"{procedure.id}#{step.number}", step)
        for procedure in facts.runbook.procedures
        for step in procedure.steps
        if _edits(step)
    ]
    if edits:
        yield comment(
            "Step with `kubectl edit` -> what is changed in the editor. TODO: the change."
        )
        yield comment("edits:")
        for name, step in edits:
            yield f"#   {name}: # line {step.line}"
            yield '#     set: {/data/KEY: "value"}'
        yield ""


def _edits(step: Step) -> bool:
    return any(
        call.invocation is not None and call.invocation.verb == "edit"
        for command in step.commands
        for call in calls_of(command)
    )
