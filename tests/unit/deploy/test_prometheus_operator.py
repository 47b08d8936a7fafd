"""The Prometheus Operator gets the rules of the drills: one file is made from the other.

`pytest tests/unit/deploy --update-golden` writes it anew.
"""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from rundrill.responder import find_kubectl

ROOT = Path(__file__).parents[3]
ALERTS = ROOT / "runbooks" / "payment-service" / "alerts.yml"
RULE = ROOT / "deploy" / "components" / "prometheus-operator" / "prometheus-rule.yaml"
HEAD = """\
# Made from runbooks/payment-service/alerts.yml, where each rule says why it is as it is:
# `pytest tests/unit/deploy --update-golden` writes it, and without that option compares it.
"""


class _Dumper(yaml.SafeDumper):
    """Texts of several lines stay readable."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def rule() -> dict[str, Any]:
    """The object: a rules file of Prometheus is its spec as it stands."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "payment-service",
            "namespace": "production",
            "labels": {"app": "payment-service"},
        },
        "spec": yaml.safe_load(ALERTS.read_text(encoding="utf-8")),
    }


def test_its_rules_are_those_of_the_drills(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        text = yaml.dump(rule(), Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
        RULE.write_text(HEAD + text, encoding="utf-8")
    assert yaml.safe_load(RULE.read_text(encoding="utf-8")) == rule()
    # What the operator's own schema has in a rule.
    known = {"alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"}
    assert {key for group in rule()["spec"]["groups"] for one in group["rules"] for key in one} <= (
        known
    )


def test_it_scrapes_the_service_under_the_job_of_the_drills() -> None:
    done = subprocess.run(
        [
            str(find_kubectl()), "kustomize",
            str(ROOT / "deploy" / "overlays" / "real-prometheus-operator"),
        ],
        capture_output=True,
        check=True,
    )  # fmt: skip
    objects = list(yaml.safe_load_all(done.stdout))
    (monitor,) = [item for item in objects if item["kind"] == "ServiceMonitor"]
    (endpoint,) = monitor["spec"]["endpoints"]
    matched = [
        item
        for item in objects
        if item["kind"] == "Service"
        and item["metadata"]["namespace"] == monitor["metadata"]["namespace"]
        and monitor["spec"]["selector"]["matchLabels"].items() <= item["metadata"]["labels"].items()
        and endpoint["port"] in [port["name"] for port in item["spec"]["ports"]]
    ]
    (service,) = matched  # one, or each pod would be scraped twice
    service_file = yaml.safe_load(
        (ROOT / "runbooks" / "payment-service" / "service.yaml").read_text(encoding="utf-8")
    )
    (scrape,) = service_file["scrape"]
    assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == scrape["job"]
    (workload,) = [
        item
        for item in objects
        if item["kind"] == "Deployment" and item["metadata"]["name"] == scrape["job"]
    ]
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports[service["spec"]["ports"][0]["targetPort"]] == scrape["port"]
