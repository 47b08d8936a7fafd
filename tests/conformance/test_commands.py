"""Every command of the runbook, and those around it, answers as a real cluster did."""

from collections.abc import Sequence

import pytest
from chance import BY_CHANCE
from clients import find_kubectls
from differences import Difference, compare, load_differences
from golden import read_golden, recorded_releases
from players import Transcripts
from scenario import Scenario, load_scenarios
from transcript import Cluster, Kubectl

SCENARIOS = load_scenarios()
CLIENTS = find_kubectls()
DIFFERENCES = load_differences()
USED: set[Difference] = set()
ATTEMPTS = 3
"""A real cluster is not ours to mend, and it has moments: an Event more, a line that a slower
watch prints. What was recorded is wrong when it says otherwise each time. Ours gets one."""


@pytest.mark.parametrize(
    ("client", "scenario", "number"),
    [
        pytest.param(client, scenario, number, id=f"{client.release}-{scenario.name}-{number:02d}")
        for client in CLIENTS
        for scenario in SCENARIOS
        for number in range(len(scenario.commands))
    ],
)
def test_a_command_answers_as_a_real_cluster_did(
    transcripts: Transcripts,
    cluster: Cluster,
    client: Kubectl,
    scenario: Scenario,
    number: int,
    request: pytest.FixtureRequest,
) -> None:
    is_recording = request.config.getoption("--update-golden", default=False)
    if client.release not in recorded_releases() and not is_recording:
        pytest.skip(f"nothing was recorded with kubectl {client.release}: {client.path}")
    golden = read_golden(scenario.name, client.release)
    commands = [record["command"] for record in golden]
    assert commands == [step.run for step in scenario.commands], (
        f"{scenario.name} has changed since it was recorded: "
        "pytest tests/conformance --kubeconfig realkube --update-golden"
    )
    case = f"{scenario.name}: {golden[number]['command']}"
    attempts = 1 if cluster.is_ours or is_recording else ATTEMPTS
    for attempt in range(attempts):
        try:
            here = transcripts.of(client, scenario, attempt=attempt)[number]
        except AssertionError as error:
            unknown = [str(error)]
        else:
            unknown = _unknown(case, compare(golden[number], here), cluster)
        if not unknown:
            break
        told = f"{case}\n(- as recorded, + this time)\n" + "\n".join(unknown)
        if attempt + 1 < attempts:
            BY_CHANCE.append(told)
    assert not unknown, told


def _unknown(case: str, lines: Sequence[str], cluster: Cluster) -> list[str]:
    """Those that no documented difference covers."""
    unknown = []
    for line in lines:
        rows = [row for row in DIFFERENCES if cluster.is_ours and row.covers(case, line)]
        USED.update(rows)
        if not rows:
            unknown.append(line)
    return unknown


def test_every_documented_difference_is_still_one(
    cluster: Cluster, request: pytest.FixtureRequest
) -> None:
    if not cluster.is_ours:
        pytest.skip("the list is that of the embedded cluster")
    played = {
        (item.callspec.params["client"].release, item.callspec.params["scenario"].name)
        for item in request.session.items
        if item.originalname == test_a_command_answers_as_a_real_cluster_did.__name__
    }
    wanted = {(each, scenario.name) for each in recorded_releases() for scenario in SCENARIOS}
    if not wanted <= played:
        pytest.skip("some rows are of a scenario or a kubectl that did not take part")
    unused = [f"{row.case}: {row.why}" for row in DIFFERENCES if row not in USED]
    assert not unused, "rows that cover nothing:\n" + "\n".join(unused)
