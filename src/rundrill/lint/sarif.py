"""A result as SARIF 2.1.0 (OASIS), for code scanning and editors."""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import metadata, version
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from rundrill.lint.check import Result
from rundrill.lint.finding import LintFinding, Rule

VERSION: Final = "2.1.0"
SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


def to_sarif(result: Result, rules: Mapping[str, Rule]) -> str:
    """One run. What a comment silences is there, as suppressed, with its reason."""
    index = {name: at for at, name in enumerate(rules)}
    docs = published_docs()
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "rundrill",
                "semanticVersion": version("rundrill"),
                "rules": [_rule(rule, docs) for rule in rules.values()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "toolConfigurationNotifications": [
                    {
                        "level": "note",
                        "message": {"text": f"not checked: {why}"},
                        "associatedRule": {"id": name, "index": index[name]},
                    }
                    for name, why in result.not_checked.items()
                ],
            }
        ],
        "results": [_result(one, index) for one in result.findings]
        + [
            {
                **_result(one.finding, index),
                "suppressions": [{"kind": "inSource", "justification": one.reason}],
            }
            for one in result.silenced
        ],
    }
    log = {"$schema": SCHEMA, "version": VERSION, "runs": [run]}
    return json.dumps(log, ensure_ascii=False, indent=2) + "\n"


def published_docs() -> str | None:
    """Where the docs can be read, of the package's own URLs; None while none is named.

    A rule's `helpUri` is an absolute URI (3.49.12), so a path in the project would be no valid one.
    """
    named = (one.partition(",") for one in metadata("rundrill").get_all("Project-URL") or ())
    urls = (url.strip() for name, _, url in named if name.strip().lower() == "documentation")
    return next((url.rstrip("/") for url in urls), None)


def _rule(rule: Rule, docs: str | None) -> dict[str, Any]:
    page = {} if docs is None else {"helpUri": f"{docs}/lint.md#{rule.id}"}
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.id.split("-")),
        "shortDescription": {"text": rule.summary},
        "defaultConfiguration": {"level": rule.level},
        "help": {"text": f"{rule.summary} See docs/lint.md#{rule.id}."},
        **page,
    }


def _result(one: LintFinding, index: Mapping[str, int]) -> dict[str, Any]:
    return {
        "ruleId": one.rule,
        "ruleIndex": index[one.rule],
        "level": one.level,
        "message": {"text": f"{one.message}. Fix: {one.fix}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(one.path)},
                    "region": {"startLine": one.line, "startColumn": one.column},
                }
            }
        ],
        "partialFingerprints": {"rundrill/v1": _fingerprint(one)},
    }


def _fingerprint(one: LintFinding) -> str:
    """The same after edits elsewhere: of the claim where there is one, else of the words."""
    told = one.claim or one.message
    return hashlib.sha256(f"{one.rule}\n{told}".encode()).hexdigest()[:32]


def _uri(path: str) -> str:
    """A relative path stays relative to wherever the log is read; an absolute one is a file."""
    pure = PurePath(path)
    return pure.as_uri() if pure.is_absolute() else quote(pure.as_posix())
