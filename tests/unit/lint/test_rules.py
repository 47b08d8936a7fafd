"""Each rule finds what it is for, at its line, and nothing in a runbook with which all is well."""

import re
from dataclasses import replace
from datetime import date

import pytest
from unit.lint.shop import EXPERIMENTS, RESOURCES, RULES, RUNBOOK, changed, lint, only, root, told

from rundrill.lint import RULES as KNOWN
from rundrill.lint import Material, check, kinds_named
from rundrill.resources import Resource
from rundrill.runbook import parse

ROLLED_BACK = "2. Go back: `kubectl rollout undo deployment/shop -n shop`"
VERIFIED = "3. Verify that it is complete: `kubectl rollout status deployment/shop -n shop`"
LOGS = "kubectl logs deployment/shop -n shop --tail=100"

EXAMPLES: dict[str, tuple[str, str, str]] = {
    # rule: (what stands there, what is written instead, what the line of the finding holds)
    "placeholder-unfilled": ("# Shop runbook", "# Shop runbook\n\nTODO", "TODO"),
    "placeholder-in-command": (LOGS, "kubectl logs <pod> -n shop", "<pod>"),
    "contact-missing": ("+00 555 0100", "[number]", "[number]"),
    "schedule-missing": ("+00 555 0100", "see the schedule", "schedule"),
    "dashboard-without-link": (
        "[Shop overview](https://grafana.example/d/shop)",
        "**Grafana**: Shop overview",
        "Grafana",
    ),
    "review-missing": ("2027-03-01", "[a year later]", "Next review"),
    "review-overdue": ("2027-03-01", "2026-11-30", "2026-11-30"),
    "command-needs-human": (LOGS, "kubectl edit deployment shop -n shop", "edit"),
    "command-needs-terminal": (LOGS, 'kubectl exec -it db-0 -n shop -- psql -c "SELECT 1"', "psql"),
    "command-never-ends": (LOGS, "kubectl logs -f deployment/shop -n shop", "logs -f"),
    "command-refused": (LOGS, LOGS.replace("--tail", "--tial"), "--tial"),
    "resource-missing": (LOGS, LOGS.replace("deployment/shop", "deployment/shopp"), "shopp"),
    "procedure-without-remedy": (
        f"{ROLLED_BACK}\n{VERIFIED}",
        "2. See the pods: `kubectl get pods -n shop`",
        "### Pods crash loop",
    ),
    "remedy-without-verification": (f"\n{VERIFIED}", "", "Go back"),
    "destructive-without-guard": (
        ROLLED_BACK,
        "2. Restart: `kubectl delete pods -n shop -l app=shop`",
        "delete pods",
    ),
    "alert-looser-than-severity": ("- Error rate >5%", "- Error rate >8%", "- Error rate >8%"),
    "steady-state-above-alert": ("should be <500ms", "should be <3 seconds", "<3 seconds"),
    "symptom-differs-from-alert": (
        "**Symptoms**: restart count >3 in 10 minutes",
        "**Symptoms**: error rate >9%",
        "**Symptoms**",
    ),
    "two-numbers": (
        LOGS,
        "\n".join(f"kubectl scale deployment/shop --replicas={n} -n shop" for n in (3, 4)),
        "--replicas=4",
    ),
    "alert-without-number": ("- Response time >2 seconds", "- Slow responses", "- Slow responses"),
    "severity-without-response-time": ("- **Response time**: 30 minutes\n", "", "### P1"),
    "deadline-after-response-time": ("within 20 minutes (", "within 40 minutes (", "40 minutes"),
    "alert-without-rule": (
        "- Response time >2 seconds",
        "- Response time >2 seconds\n- Disk usage >90%",
        "Disk usage",
    ),
    "rule-differs": ("- Response time >2 seconds", "- Response time >3 seconds", ">3 seconds"),
    "failure-mode-without-experiment": ("### Pods crash loop", "### Pods are stuck", "stuck"),
    "silence-without-reason": (
        "# Shop runbook",
        "# Shop runbook\n\n<!-- rundrill: ignore contact-missing -->",
        "rundrill: ignore",
    ),
    "silence-unused": (
        "# Shop runbook",
        "# Shop runbook\n\n<!-- rundrill: ignore contact-missing: all are there -->",
        "rundrill: ignore",
    ),
}
"""`rule-without-claim` is about the rules and has a test of its own."""


def test_nothing_is_wrong_with_the_runbook_that_all_examples_begin_with() -> None:
    result = lint()
    assert told(result) == []
    assert result.not_checked == {}


def test_every_rule_has_an_example() -> None:
    # Neither is about the runbook: the one is below, the other is told of files (test_command).
    assert {*EXAMPLES, "rule-without-claim", "value-undecided"} == set(KNOWN)


@pytest.mark.parametrize("rule", EXAMPLES)
def test_a_rule_finds_its_example_at_its_line_and_once(rule: str) -> None:
    old, new, at = EXAMPLES[rule]
    text = changed(old, new)
    result = lint(text)
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if at in line]
    assert [one.line for one in only(result, rule)] == lines[-1:]


def test_a_rule_that_the_runbook_does_not_mention_is_told_in_the_rules() -> None:
    rules = RULES + "      - alert: ShopDiskFull\n        expr: disk > 0.9\n"
    (finding,) = only(lint(rules=rules), "rule-without-claim")
    assert (finding.path, finding.line) == ("alerts.yml", len(rules.splitlines()) - 1)
    assert rules.splitlines()[finding.line - 1][finding.column - 1 :] == "ShopDiskFull"


def test_every_rule_has_a_section_in_the_docs_and_no_section_is_of_no_rule() -> None:
    text = (root() / "docs" / "lint.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### `?([a-z-]+)`?$", text, re.MULTILINE)) == set(KNOWN)


def test_the_docs_say_the_level_of_each_rule() -> None:
    text = (root() / "docs" / "lint.md").read_text(encoding="utf-8")
    for rule in KNOWN.values():
        section = text.partition(f"### {rule.id}\n")[2].partition("\n###")[0]
        assert f"*{rule.level}*" in section, rule.id


@pytest.mark.parametrize(
    "line",
    [
        "kubectl logs deployment/shop -n shop | tail -n 5",
        "kubectl get pods -n shop -l 'app in (shop)'",
        "kubectl exec db-0 -n shop -- psql -Atc 'select 1'",
        "echo 'select 1' | kubectl exec -i db-0 -n shop -- psql",
        "timeout 60 kubectl logs -f deployment/shop -n shop",
        "kubectl get pods -n shop -o custom-columns=NAME:.metadata.name > /tmp/pods",
        "kubectl --kubeconfig other get svc nothing -n nowhere",
        "kubectl logs deployment/shop -c shop -n shop",
        "kubectl logs deployment/shop -c istio-proxy -n shop",
        "kubectl exec db-0 -c postgres -n shop -- true",
        "kubectl set image deployment/shop shop=x:2 -n shop",
        "for pod in a b; do kubectl get pods -n shop; done",
    ],
)
def test_commands_with_which_nothing_is_wrong(line: str) -> None:
    assert told(lint(changed(LOGS, line))) == []


def test_kubectl_itself_says_what_it_does_not_accept() -> None:
    text = changed(LOGS, "kubectl rollout undoo deployment/shop -n shop")
    (finding,) = only(lint(text), "command-refused")
    assert "undoo" in finding.message
    assert text.splitlines()[finding.line - 1][finding.column - 1 :].startswith("kubectl")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("kubectl get pods -n shopp", "has no namespace `shopp`"),
        ("kubectl get svc shop-metrics", "in namespace `shop`, not in `default`"),
        ("kubectl logs db-1 -n shop", "has no pod `db-1`"),
        ("kubectl get pods -n shop -l app=shopp", "no pod with `app=shopp`"),
        ("kubectl scale sts db2 --replicas=2 -n shop", "no StatefulSet `db2`"),
        ("kubectl port-forward svc/shop-metric 8080:80 -n shop", "no Service `shop-metric`"),
        ("kubectl exec deploy/shop2 -n shop -- true", "no Deployment `shop2`"),
        ("kubectl set image deployment/shop3 shop=x:1 -n shop", "no Deployment `shop3`"),
        ("kubectl set image deployment/shop web=x:1 -n shop", "has no container `web`"),
        ("kubectl logs deploy/shop -c proxy -n shop", "has no container `proxy`"),
        ("kubectl exec db-0 -c sidecar -n shop -- true", "has no container `sidecar`"),
        ("kubectl cp shop/db-1:/tmp/dump dump", "has no pod `db-1`"),
        ("kubectl describe namespace shopp", "no namespace `shopp`"),
    ],
)
def test_what_the_manifests_do_not_have(command: str, message: str) -> None:
    findings = only(lint(changed(LOGS, command)), "resource-missing")
    assert [message in one.message for one in findings] == [True]


def test_a_live_cluster_has_the_pods_themselves() -> None:
    live = replace(
        RESOURCES,
        live=True,
        objects=(
            *RESOURCES.objects,
            Resource(kind="Pod", namespace="shop", name="shop-abc", labels={"app": "shop"}),
        ),
    )
    assert told(lint(resources=live)) == []


def test_a_destructive_step_with_a_condition_is_guarded() -> None:
    text = changed(
        ROLLED_BACK,
        "2. Only when nobody is served anyway: `kubectl delete pods -n shop -l app=shop`",
    )
    assert only(lint(text), "destructive-without-guard") == []


def test_a_success_rate_is_compared_as_an_error_rate() -> None:
    text = changed("- Error rate >5%", "- Success rate <92%")
    (finding,) = only(lint(text), "alert-looser-than-severity")
    assert "P1" in finding.message


def test_a_rule_in_percent_says_the_same_as_a_ratio() -> None:
    assert only(lint(rules=RULES.replace("> 0.05", "* 100 > 5")), "rule-differs") == []


def test_a_rule_over_another_time_differs() -> None:
    rules = RULES.replace("[10m]", "[15m]")
    (finding,) = only(lint(rules=rules), "rule-differs")
    assert "10 minutes" in finding.message
    assert "15 minutes" in finding.message


GAUGE = """\
      - alert: ShopMemoryHigh
        expr: shop_memory_ratio > 0.85
        for: {}
"""


@pytest.mark.parametrize(
    ("waits", "said"), [("1m", "fires after 1 minute"), ("0s", "fires at once"), ("10m", "")]
)
def test_a_gauge_waits_as_long_as_the_runbook_says(waits: str, said: str) -> None:
    """It looks back over nothing: the time is in its `for:`."""
    text = changed("- Error rate >5%", "- Memory above 85% for 10 minutes\n- Error rate >5%")
    found = only(lint(text, rules=RULES + GAUGE.format(waits)), "rule-differs")
    assert [said in one.message for one in found] == ([True] if said else [])
    for one in found:
        assert text.splitlines()[one.line - 1][one.column - 1 :] == "10 minutes"


def test_what_is_recorded_elsewhere_may_have_the_window() -> None:
    text = changed("- Error rate >5%", "- Memory above 85% for 10 minutes\n- Error rate >5%")
    rules = RULES + GAUGE.format("1m").replace("shop_memory_ratio", "shop:memory:max10m")
    assert only(lint(text, rules=rules), "rule-differs") == []


def test_the_number_of_a_row_is_nobody_to_call() -> None:
    table = "## Escalation\n\n| Step | After | Whom |\n|---|---|---|\n| 1 | 5 min | Shop lead |\n"
    text = changed("## Communication", f"{table}| 2 | 30 min | Night owl |\n\n## Communication")
    (finding,) = only(lint(text), "contact-missing")
    assert finding.message.startswith("Night owl is to be told")


@pytest.mark.parametrize(
    ("steps", "named", "line"),
    [
        (f"{ROLLED_BACK}\n3. Make a ticket", "step 2", "Go back"),
        (ROLLED_BACK.replace("2.", "7.2."), "step 7.2", "Go back"),
    ],
)
def test_the_remedy_is_named_as_the_document_names_it(steps: str, named: str, line: str) -> None:
    text = changed(f"{ROLLED_BACK}\n{VERIFIED}", steps)
    text = text.replace("1. See the releases", "7.1. See the releases") if "7." in named else text
    for finding in only(lint(text), "remedy-without-verification"):
        assert f"whether {named} worked" in finding.message
        assert line in text.splitlines()[finding.line - 1]


def test_a_remedy_without_a_number_is_named_by_its_words() -> None:
    undo = "```bash\nkubectl rollout undo deployment/shop -n shop\n```"
    text = changed(f"{ROLLED_BACK}\n{VERIFIED}", f"\nGo back:\n\n{undo}")
    text = re.sub(r"\n1\. See the releases.*\n", "\n", text)
    (finding,) = only(lint(text), "remedy-without-verification")
    assert re.search(r"whether `[^`]+` worked", finding.message)


def test_an_alert_that_is_a_heading_has_its_number_in_what_it_means() -> None:
    alert = "# ShopErrorBudgetBurn\n\n## Meaning\n\n{}\n\n## Impact\n\nUp to 30 customers\n"
    for meaning, count in (("More than 2% of the answers fail.", 0), ("Too many fail.", 1)):
        result = lint(alert.format(meaning))
        assert len(only(result, "alert-without-number")) == count


@pytest.mark.parametrize(
    ("term", "late"),
    [("Next business day", True), ("immediately", False)],
)
def test_a_day_of_the_calendar_may_be_later_than_the_response_time(term: str, late: bool) -> None:
    text = changed("within 20 minutes (", f"{term} (")
    found = only(lint(text), "deadline-after-response-time")
    assert [text.splitlines()[one.line - 1][one.column - 1 :] for one in found] == (
        [f"{term} (Shop lead)"] if late else []
    )


@pytest.mark.parametrize(
    ("rule", "number"),
    [
        ("alert-looser-than-severity", ">8%"),
        ("steady-state-above-alert", "<3 seconds"),
        ("symptom-differs-from-alert", ">9%"),
        ("rule-differs", ">3 seconds"),
    ],
)
def test_a_message_names_the_number_it_means_and_points_to_it(rule: str, number: str) -> None:
    old, new, _ = EXAMPLES[rule]
    text = changed(old, new)
    (finding,) = only(lint(text), rule)
    assert number in finding.message
    assert text.splitlines()[finding.line - 1][finding.column - 1 :].startswith(number)


def test_an_experiment_of_another_runbook_proves_nothing_here() -> None:
    other = tuple(replace(one, runbook="/other.md") for one in EXPERIMENTS)
    assert len(only(lint(experiments=other), "failure-mode-without-experiment")) == 1


def test_a_review_is_not_overdue_on_its_day() -> None:
    assert only(lint(today=date(2027, 3, 1)), "review-overdue") == []
    assert len(only(lint(today=date(2027, 3, 2)), "review-overdue")) == 1


def test_two_times_for_telling_one_person_are_a_contradiction() -> None:
    text = changed("Head of Shop within 1 hour", "Shop lead within 25 minutes")
    (finding,) = only(lint(text), "two-numbers")
    assert "Shop lead" in finding.message


def test_what_was_not_asked_for_is_told_as_not_checked() -> None:
    result = check(
        Material(
            runbook=parse(RUNBOOK, "shop.md"),
            runbook_file="/shop.md",
            today=date(2026, 12, 1),
            missing={"kubectl": "there is no kubectl"},
        )
    )
    assert result.not_checked["command-refused"] == "there is no kubectl"
    assert set(result.not_checked) == {rule.id for rule in KNOWN.values() if rule.needs}


def test_a_cluster_is_asked_for_the_kinds_that_commands_name() -> None:
    text = changed(LOGS, "kubectl get svc,cm/shop -n shop; kubectl describe sts db -n shop")
    kinds = kinds_named(parse(text, "shop.md"))
    assert kinds == {"Pod", "Deployment", "Service", "StatefulSet", "ConfigMap"}


def test_a_rule_may_name_its_claim_and_a_binding_its_rule() -> None:
    rules = RULES.replace("ShopErrorRateHigh", "Budget")
    assert len(only(lint(rules=rules), "alert-without-rule")) == 1
    stated = rules.replace(
        "requests_total[5m]) > 0.05",
        'requests_total[5m]) > 0.05\n        annotations: {claim: "Error rate >5%"}',
    )
    assert only(lint(rules=stated), "alert-without-rule") == []
