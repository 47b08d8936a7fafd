"""Invalid objects are refused as a real 1.20.2 refused them: recorded answers to a dry run."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

InCluster = Callable[[Callable[[Any], Awaitable[None]]], None]
RECORDED: Final = Path(__file__).parents[3] / "golden/conformance/invalid.jsonl"

# Where the code differs: for a Secret of this type the API server looks at an annotation.
_OTHER_CODE: Final = {("secrets", "kubernetes.io/service-account-token")}
# Fields that later releases name otherwise, or where one of two sentences is told here.
_MOST_OTHER_FIELDS: Final = 12
_MOST_OTHER_WORDS: Final = 28


def test_each_is_refused_with_the_same_code_and_nearly_all_with_the_same_causes(
    in_cluster: InCluster,
) -> None:
    cases = [json.loads(line) for line in RECORDED.read_text().splitlines()]
    assert len(cases) >= 60
    other: Counter[str] = Counter()

    async def scenario(cluster: Any) -> None:
        for case in cases:
            code, answer = await cluster.ask("POST", f"{case['path']}?dryRun=All", case["object"])
            kind = (case["path"].rsplit("/", 1)[1], case["object"].get("type"))
            if kind in _OTHER_CODE:
                continue
            assert code == case["code"], (case, answer)
            if code < 400:
                continue
            assert answer["reason"] == case["reason"], case
            causes = {
                (cause["field"], cause["message"])
                for cause in answer.get("details", {}).get("causes", [])
            }
            expected = {(field, message) for field, message in case["causes"]}
            other["fields"] += {field for field, _ in causes} != {field for field, _ in expected}
            other["words"] += causes != expected

    in_cluster(scenario)
    assert other["fields"] <= _MOST_OTHER_FIELDS, other
    assert other["words"] <= _MOST_OTHER_WORDS, other
