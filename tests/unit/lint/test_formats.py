"""Every format tells every finding; SARIF keeps to what its schema and specification ask for."""

import json
import re
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from unit.lint.shop import RUNBOOK, TODAY, changed, lint

from rundrill.lint import RULES, Material, Result, check
from rundrill.lint.formats import FORMATS
from rundrill.runbook import parse

SCHEMA = Path(__file__).with_name("sarif-2.1.0-subset.json")


@pytest.fixture(scope="module")
def result() -> Result:
    text = changed("+00 555 0100", "[100 %, or :none]")
    text = changed("2027-03-01", "[x] <!-- rundrill: ignore review-missing: see the wiki -->", text)
    return lint(changed("- Response time >2 seconds", "- Slow\n- Disk >90%", text))


def test_text_gives_place_level_rule_and_fix(result: Result) -> None:
    lines = FORMATS["text"](result).splitlines()
    one = result.findings[0]
    assert f"shop.md:{one.line}:{one.column}: {one.level}: {one.message} [{one.rule}]" in lines
    assert lines[-1].endswith("(1 silenced)")


def test_every_format_tells_every_finding(result: Result) -> None:
    assert len(result.findings) > 2
    for form, write in FORMATS.items():
        text = write(result)
        for one in result.findings:
            assert one.rule in text, form


def test_json_says_what_was_not_checked_and_what_is_silenced(result: Result) -> None:
    body = json.loads(FORMATS["json"](result))
    assert body["schema"] == "rundrill.lint/1"
    assert len(body["findings"]) == len(result.findings)
    assert body["silenced"][0]["reason"] == "see the wiki"


def test_github_is_told_what_was_not_checked() -> None:
    lines = FORMATS["github"](
        check(Material(runbook=parse(RUNBOOK, "shop.md"), runbook_file="/shop.md", today=TODAY))
    ).splitlines()
    told = [line for line in lines if line.startswith("::notice title=not checked::")]
    assert "::notice title=not checked::command-refused: kubectl was not asked" in told
    assert len(told) == 4


def test_github_escapes_as_its_own_toolkit(result: Result) -> None:
    lines = FORMATS["github"](result).splitlines()
    assert len(lines) == len(result.findings)
    pattern = re.compile(
        r"::(error|warning|notice) file=[^,:\s]+,line=\d+,col=\d+,title=[^,:]+::[^\r\n]+"
    )
    assert all(pattern.fullmatch(line) for line in lines)
    assert "Disk >90%25" in "".join(lines)
    assert not re.search(r"%(?!25|0D|0A|3A|2C)", "".join(lines))


def test_sarif_validates(result: Result) -> None:
    log = json.loads(FORMATS["sarif"](result))
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(log, schema, cls=jsonschema.Draft7Validator)


def test_a_rule_of_sarif_has_its_page_where_the_package_says_where_that_is(
    result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rules(*urls: str) -> list[dict[str, Any]]:
        said = Message()
        for url in urls:
            said["Project-URL"] = url
        monkeypatch.setattr("rundrill.lint.sarif.metadata", lambda _: said)
        log = json.loads(FORMATS["sarif"](result))
        schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
        jsonschema.validate(log, schema, cls=jsonschema.Draft7Validator)
        found: list[dict[str, Any]] = log["runs"][0]["tool"]["driver"]["rules"]
        return found

    docs = "https://drills.example/docs"
    for rule in rules("Source, https://drills.example", f"Documentation, {docs}/"):
        assert rule["helpUri"] == f"{docs}/lint.md#{rule['id']}"
    assert all("helpUri" not in rule for rule in rules())


def test_sarif_refers_to_its_own_rules_and_says_where(result: Result) -> None:
    (run,) = json.loads(FORMATS["sarif"](result))["runs"]
    rules: list[dict[str, Any]] = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    for one in run["results"]:
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
        place = one["locations"][0]["physicalLocation"]
        assert unquote(place["artifactLocation"]["uri"]) in ("shop.md", "alerts.yml")
    prints = [one["partialFingerprints"]["rundrill/v1"] for one in run["results"]]
    assert len(set(prints)) == len(prints)
    suppressed = [one for one in run["results"] if "suppressions" in one]
    assert [one["suppressions"][0]["kind"] for one in suppressed] == ["inSource"]


def test_the_fingerprint_of_a_claim_survives_an_edit_above_it() -> None:
    def prints(text: str) -> list[str]:
        (run,) = json.loads(FORMATS["sarif"](lint(text)))["runs"]
        return [one["partialFingerprints"]["rundrill/v1"] for one in run["results"]]

    text = changed("- Response time >2 seconds", "- Slow responses")
    assert prints(text) == prints(changed("# Shop runbook", "# Shop runbook\n\nHello.", text))
