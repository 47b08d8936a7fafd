"""An experiment for each failure mode that a known fault makes."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from rundrill.claims import Procedure
from rundrill.faults import FAULTS
from rundrill.plan.build import FaultParameter
from rundrill.resources import Resource
from rundrill.starter.facts import (
    TODO,
    Facts,
    commands_of,
    config_map,
    monitoring_step,
    selector_of,
)
from rundrill.starter.matches import Match
from rundrill.starter.rules import own_name, rule_names
from rundrill.starter.text import comment, listed, scalar

_SHORT: Final = 3
"""Words of so few letters count only whole: `db` is not meant in `dbus`."""
_PHASES = """\
steady-state-hypothesis:
  title: The service keeps the runbook's steady state
  probes:
    - type: probe
      name: the steady state holds
      tolerance: true
      provider: {type: python, module: probes.steady_state, func: holds}

method:
  - type: action
    name: make the fault
    provider: {type: python, module: probes.fault, func: inject}
  - type: probe
    name: the alert fires
    provider: {type: python, module: probes.detection, func: alert_fires}
  - type: action
    name: follow the runbook
    provider: {type: python, module: probes.procedure, func: follow}
  - type: probe
    name: the service recovers in time
    provider: {type: python, module: probes.recovery, func: recovers}
  - type: probe
    name: it stays fixed
    provider: {type: python, module: probes.recovery, func: stays_recovered}

rollbacks:
  - type: action
    name: undo the fault
    provider: {type: python, module: probes.fault, func: undo}
"""


def experiment_yaml(procedure: Procedure, match: Match, facts: Facts) -> str:
    return "\n".join(_lines(procedure, match, facts)) + "\n"


def _lines(procedure: Procedure, match: Match, facts: Facts) -> Iterator[str]:
    path = f"{facts.paths.experiments}/{procedure.id}.yaml"
    yield comment(f"A drill of `{procedure.title}` (line {procedure.line} of the runbook), begun")
    yield comment("by `rundrill init`: decide what is marked TODO, then")
    yield comment(f"`rundrill run {path}`.")
    yield "version: 1.0.0"
    yield f"title: {scalar(procedure.title)}"
    yield "description: >"
    yield f"  The fault {match.fault} is made under load; the runbook must bring the service"
    yield "  back in time."
    yield f"tags: {listed([facts.name, procedure.id])}"
    yield ""
    yield "controls:"
    yield "  - name: rundrill"
    yield "    provider:"
    yield "      type: python"
    yield "      module: probes.session"
    yield "      arguments:"
    yield f"        experiment_file: {scalar(path)}"
    yield ""
    yield _PHASES
    yield "extensions:"
    yield "  - name: rundrill"
    yield "    service: ../service.yaml"
    yield f"    runbook: {scalar(facts.paths.runbook)}"
    yield "    bindings: ../bindings.yaml"
    yield "    rules: ../alerts.yml"
    yield from _severity(facts)
    yield from _procedure(procedure, facts)
    values = _values(match, facts)
    yield from _fault(match, values)
    yield from _alerts(procedure, match, facts)
    yield "    load:"
    yield f"      rate_per_min: {facts.rate_per_min:g}"
    yield "      max_in_flight: 500"
    yield comment("TODO: the kinds of requests that your load knows, and their shares", 6)
    yield "      mix: {card: 0.45, wallet: 0.25, read: 0.30}"
    yield "    windows:"
    yield "      baseline: 5m # divided by the compression, like every window of the runbook"
    yield "      land: 30s # machine work: never divided"
    yield from _blast_radius(procedure, values, facts)


def _severity(facts: Facts) -> Iterator[str]:
    """The second of several, where customers are served in part: the usual impact of one fault."""
    timed = [one for one in facts.runbook.severities if one.response_time_s is not None]
    if not timed:
        yield comment("TODO: the runbook states no severity with a response time: add one to it", 4)
        yield f"    severity: {TODO}"
        return
    chosen = timed[min(1, len(timed) - 1)]
    yield comment(f"TODO: is it this one? There are {', '.join(one.id for one in timed)}.", 4)
    yield f"    severity: {scalar(chosen.id)}"


def _procedure(procedure: Procedure, facts: Facts) -> Iterator[str]:
    more = monitoring_step(facts.runbook, procedure)
    watched = more is not None or any(step.duration_s for step in procedure.steps)
    if not watched:
        yield comment(
            "TODO: no step of the runbook says how long to watch after the fix, and a drill needs"
            " that: add one (Monitor for 15 minutes)",
            4,
        )
    yield f"    procedure: {listed([procedure.id, *([more] if more else [])])}"


def _fault(match: Match, values: Mapping[str, object]) -> Iterator[str]:
    yield "    fault:"
    yield f"      name: {match.fault}"
    for parameter in FAULTS[match.fault].PARAMETERS:
        if parameter.default is not None:
            continue
        value = values.get(parameter.name)
        if value in (None, TODO):
            yield comment(f"TODO: {parameter.help}{_range(parameter)}", 6)
            value = TODO
        yield f"      {parameter.name}: {scalar(value)}"


def _range(parameter: FaultParameter) -> str:
    unit = f" in {parameter.unit}" if parameter.unit else ""
    return f" (a {parameter.kind}{unit})" if parameter.kind != "text" else ""


def _alerts(procedure: Procedure, match: Match, facts: Facts) -> Iterator[str]:
    names = rule_names(facts)
    yield "    alerts:"
    chosen = _expected(procedure, match, facts)
    if chosen is None:
        yield comment("TODO: the rule of alerts.yml that must fire", 6)
        yield f"      expected: [{next(iter(names.values()), TODO)}]"
    else:
        yield f"      expected: [{names[chosen]}]"
    yield comment("TODO: the rules that may fire, too", 6)
    yield "      tolerated: []"


def _expected(procedure: Procedure, match: Match, facts: Facts) -> str | None:
    """The alert that the procedure names, else the one about what the fault takes away, else the
    one whose subject comes first among those by which the fault is seen."""
    own = _text_of(procedure, facts)
    for alert in facts.runbook.alerts:
        name = own_name(alert)
        if name is not None and re.search(rf"\b{name}\b", own):
            return alert.id
    for alert in facts.runbook.alerts:
        words = set(re.findall(r"[a-z0-9]+", f"{alert.id} {alert.text}".lower()))
        if any(
            word == hit or (len(hit) > _SHORT and word.startswith(hit))
            for word in words
            for hit in match.hits
        ):
            return alert.id
    for wanted in match.alerts:
        for alert in facts.runbook.alerts:
            metric = "" if alert.threshold is None else alert.threshold.metric
            if metric == wanted or wanted in alert.subject or wanted in alert.text.lower():
                return alert.id
    return None


def _text_of(procedure: Procedure, facts: Facts) -> str:
    """What stands below its heading, up to the next one."""
    lines = facts.runbook.lines[procedure.line :]
    end = next((at for at, line in enumerate(lines) if line.level), len(lines))
    return "\n".join(line.text for line in lines[:end])


def _blast_radius(
    procedure: Procedure, values: Mapping[str, object], facts: Facts
) -> Iterator[str]:
    verbs, namespaces = commands_of(procedure)
    own = values.get("namespace")
    namespaces |= {facts.namespace} if own in (None, TODO) else {facts.namespace, str(own)}
    yield "    blast-radius: # everything declared in these namespaces is compared after the undo"
    yield f"      namespaces: {listed(sorted(namespaces))}"
    yield f"      verbs: {listed(sorted(verbs or {'get'}))}"


def _values(match: Match, facts: Facts) -> Mapping[str, object]:
    """What is known of the fault's parameters; it acts on the service unless it `hits` another."""
    target: Resource | None = facts.service
    if match.hits:
        target = facts.workload(("StatefulSet", "Deployment"), match.hits)
    front = facts.front.name if facts.front else facts.name
    url = f"http://{front}.{facts.namespace}.svc.cluster.local:{facts.port}"
    values: dict[str, object] = {
        "service-namespace": facts.namespace,
        "service-selector": facts.selector,
        "metrics-port": facts.metrics_port,
        "configmap": config_map(facts),
        "usual": facts.rate_per_min,
        "times": 3,
        "pods": 1,
        "interval": "10s",
    }
    if not match.hits:
        values["url"] = url
    if target is not None:
        values |= {
            "namespace": target.namespace,
            "deployment": target.name,
            "statefulset": target.name,
            "container": next(iter(target.containers), TODO),
            "selector": selector_of(target),
            "port": next(iter(target.ports), TODO),
            "pod": f"{target.name}-0",
        }
    return values
