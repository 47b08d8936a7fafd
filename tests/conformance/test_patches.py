"""Random patches give the same object as on a real cluster."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from golden import GOLDEN
from hypothesis import HealthCheck, given, settings
from patches import BASES, CASES, discard, for_1_20, is_of_later_releases, outcome, path_of, prepare
from transcript import Cluster
from wire import Wire

RECORDED = GOLDEN / "patches.jsonl"
AGREEMENT = 0.995
RECORDED_CASES = 1200
_QUICK = {
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
}


@pytest.fixture(scope="module")
def wire(local: Cluster) -> Iterator[Wire]:
    yield from _wire(local)


@pytest.fixture(scope="module")
def real(cluster: Cluster) -> Iterator[Wire]:
    if cluster.is_ours:
        pytest.skip("there is no other cluster to compare with: --kubeconfig")
    yield from _wire(cluster)


def _wire(cluster: Cluster) -> Iterator[Wire]:
    wire = Wire(cluster.kubeconfig)
    try:
        prepare(wire)
        yield wire
    finally:
        discard(wire)
        wire.close()


def test_random_patches_give_what_the_other_cluster_makes_of_them(
    real: Wire, wire: Wire, request: pytest.FixtureRequest
) -> None:
    accepted, wrong, lenient = 0, [], []
    recorded: dict[str, Any] = {}
    drawn: Counter[str] = Counter()
    stored = {base: real.request("GET", path_of(base))[1] for base in BASES}

    @settings(max_examples=3000, derandomize=True, **_QUICK)
    @given(CASES)
    def compare(case: tuple[str, str, Any]) -> None:
        nonlocal accepted
        base, kind, patch = case
        if is_of_later_releases(kind, patch):
            drawn["left out"] += 1
            return
        sent = for_1_20(stored[base], kind, patch)
        drawn[f"{kind}, rewritten" if sent != patch else kind] += 1
        theirs = outcome(real, base, kind, sent)
        ours = outcome(wire, base, kind, patch)
        if theirs != 500:
            recorded[json.dumps([base, kind, patch])] = theirs
        if not isinstance(theirs, int):
            accepted += 1
            if ours != theirs:
                wrong.append((case, theirs, ours))
        elif not isinstance(ours, int):
            lenient.append((case, theirs, ours))

    compare()
    if request.config.getoption("--update-golden", default=False):
        _record(recorded)
    print("drawn:", dict(drawn))
    print(f"{accepted} accepted, {len(wrong)} differ; {len(lenient)} accepted here alone")
    assert accepted > 500
    assert len(wrong) <= accepted * (1 - AGREEMENT), wrong[:5]
    assert len(lenient) <= accepted * (1 - AGREEMENT), lenient[:5]


def test_recorded_patches_give_what_a_real_cluster_made_of_them(wire: Wire) -> None:
    triples = [json.loads(line) for line in RECORDED.read_text().splitlines()]
    assert len(triples) == RECORDED_CASES
    wrong = [
        (triple, ours)
        for triple in triples
        if not _agree(
            ours := outcome(wire, triple["object"], triple["type"], triple["patch"]),
            triple["result"],
        )
    ]
    assert not wrong, json.dumps(wrong[:3], indent=1)


def _agree(ours: Any, theirs: Any) -> bool:
    """Refusals need not have the same code: several rules may be broken at once."""
    return isinstance(ours, int) if isinstance(theirs, int) else ours == theirs


def _record(recorded: dict[str, Any]) -> None:
    """Of those refused, one for every four accepted."""
    lines, refused = [], 0
    for key, result in recorded.items():
        if isinstance(result, int):
            refused += 1
            if refused * 4 > len(lines):
                continue
        base, kind, patch = json.loads(key)
        triple = {"object": base, "type": kind, "patch": patch, "result": result}
        lines.append(json.dumps(triple, separators=(",", ":"), sort_keys=True))
        if len(lines) == RECORDED_CASES:
            break
    RECORDED.write_text("\n".join(lines) + "\n")
