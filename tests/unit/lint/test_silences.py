"""A comment silences a rule on its line, with a reason; in code blocks, tables and alert rules."""

import pytest
from unit.lint.shop import RULES, RUNBOOK, changed, lint, only, told

ENDLESS = "kubectl logs -f deployment/shop -n shop"
LOGS = "kubectl logs deployment/shop -n shop --tail=100"
COMMENT = "<!-- rundrill: ignore command-never-ends: whoever follows it stops it -->"


def test_on_the_line_itself() -> None:
    text = changed("2027-03-01", "[later] <!-- rundrill: ignore review-missing: see the wiki -->")
    result = lint(text)
    assert told(result) == []
    assert [(one.finding.rule, one.reason) for one in result.silenced] == [
        ("review-missing", "see the wiki")
    ]


def test_above_a_code_block_it_speaks_of_the_whole_block() -> None:
    text = changed(LOGS, ENDLESS, changed("```bash\n", f"{COMMENT}\n\n```bash\n"))
    assert told(lint(text)) == []


def test_alone_above_a_line_it_speaks_of_that_line_only() -> None:
    comment = "<!-- rundrill: ignore alert-without-number: to come -->"
    text = changed("- Error rate >5%", f"- Slow\n{comment}\n- Error rate >5%\n- Odd")
    found = {rule for rule, _ in told(lint(text))}
    assert {"alert-without-number", "silence-unused"} <= found


def test_without_a_reason_it_silences_nothing() -> None:
    comment = "<!-- rundrill: ignore command-never-ends: -->"
    text = changed(LOGS, ENDLESS, changed("```bash\n", f"{comment}\n```bash\n"))
    found = {rule for rule, _ in told(lint(text))}
    assert found == {"command-never-ends", "silence-without-reason"}


def test_a_rule_that_does_not_exist_is_named_with_the_nearest() -> None:
    text = changed("# Shop runbook", "# Shop runbook\n\n" + COMMENT.replace("ends", "end"))
    (finding,) = only(lint(text), "silence-unused")
    assert "command-never-ends" in finding.fix


def test_several_rules_on_one_line_have_a_comment_each() -> None:
    text = changed(
        "- **Shop lead**: +00 555 0100",
        "- **Shop lead**: [number] <!-- rundrill: ignore contact-missing: he is in the room -->"
        " <!-- rundrill: ignore schedule-missing: none -->",
    )
    assert {rule for rule, _ in told(lint(text))} == {"silence-unused"}


def test_inside_a_code_block_it_is_no_comment_of_ours() -> None:
    text = changed(LOGS, f"{LOGS}\n# {COMMENT}")
    assert told(lint(text)) == []


@pytest.mark.parametrize(
    "comment",
    [
        "      # rundrill: ignore rule-without-claim: a test\n      - alert: ShopDisk\n",
        "      - alert: ShopDisk # rundrill: ignore rule-without-claim: a test\n",
    ],
)
def test_in_the_alert_rules_it_stands_behind_a_hash(comment: str) -> None:
    result = lint(RUNBOOK, rules=f"{RULES}{comment}        expr: disk > 0.9\n")
    assert told(result) == []
    assert len(result.silenced) == 1


@pytest.mark.parametrize("first", ["{}\n# Shop runbook", "# Shop runbook {}"])
def test_what_is_found_of_the_whole_document_is_silenced_on_its_first_line(first: str) -> None:
    comment = "<!-- rundrill: ignore review-missing: the wiki says when -->"
    text = changed("# Shop runbook", first.format(comment))
    text = changed("**Next review**: 2027-03-01\n", "", text)
    assert told(lint(text)) == []
