"""Whatever the runbook says, what is written is YAML that says it."""

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rundrill.detection.rules import parse_rules
from rundrill.errors import RundrillError
from rundrill.resources import Resource, Resources
from rundrill.runbook import parse
from rundrill.starter import Paths, find_facts, starter
from rundrill.starter.text import camel, comment, scalar

RESOURCES = Resources(
    source="deploy",
    objects=(
        Resource(
            kind="Deployment",
            namespace="shop",
            name="shop",
            pod_labels={"app": "shop"},
            containers=("web",),
            images=("registry:5000/shop", "x@sha256:0"),
        ),
    ),
)
PATHS = Paths(
    runbook="../../my runbook: 1.md",
    runbook_name="my runbook: 1.md",
    manifests="../../deploy",
    locustfile="../../load/locustfile.py",
    experiments="runbooks/shop/experiments",
)
WORDS = st.text(
    alphabet=st.sampled_from("abc AZ09 :#'\"{}[]<>&*!|%@`\\-_,.?=/~\u00fc\u2264\U0001f6a8\t"),
    max_size=40,
)


@example(".5")
@example(".inf")
@example("NO")
@example("2026-01-01")
@example("../deploy")
@example("1e3")
@given(st.text(max_size=60))
def test_a_scalar_is_read_as_the_text_that_it_was(text: str) -> None:
    printable = "".join(char for char in text if char.isprintable())
    assert yaml.safe_load(f"key: {scalar(printable)}") == {"key": printable}
    assert yaml.safe_load(f"key: [{scalar(printable)}]") == {"key": [printable]}


@given(st.text(max_size=60))
def test_a_comment_is_one_line(text: str) -> None:
    printable = "".join(char for char in text if char.isprintable() or char in "\n\t")
    assert yaml.safe_load(f"{comment(printable)}\na: 1") == {"a": 1}


@given(st.text(max_size=20))
def test_the_name_of_a_rule_begins_with_a_letter(text: str) -> None:
    assert camel(text, "x")[0].isalpha()


@settings(deadline=None)  # how fast it is on a busy machine is not the question
@given(st.lists(WORDS, min_size=1, max_size=6), WORDS, WORDS)
def test_any_runbook_makes_files_that_load(alerts: list[str], title: str, manual: str) -> None:
    lines = "\n".join(f"- {text} > 5%" for text in alerts)
    text = (
        "# Shop\n\n## Normal\n- error rate: < 1%\n- odd thing: < 7\n\n## Problems\n\n"
        f"### {title} crash\n1. {manual}\n2. `kubectl edit cm <{title[:3]}pod>`\n\n"
        f"## Alerts\n{lines}\n- {manual}\n"
    )
    runbook = parse(text, "shop.md")
    made = starter(find_facts(runbook, RESOURCES, PATHS, "shop"))
    for name, written in made.files.items():
        yaml.safe_load(written)
        if name == "alerts.yml":
            try:
                rules = parse_rules(written, name)
            except RundrillError as error:  # the test's own message would hide the place
                raise AssertionError(f"{error}\n{written}") from error
            assert len(rules.alerts) == len(runbook.alerts)
