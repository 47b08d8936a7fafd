"""Every command of the runbook, and those around it, answers as a real cluster did."""

import pytest
from differences import Difference, compare, load_differences
from transcript import Cluster, Scenario, load_scenarios, read_golden

SCENARIOS = load_scenarios()
DIFFERENCES = load_differences()
USED: set[Difference] = set()


@pytest.mark.parametrize(
    ("scenario", "number"),
    [
        pytest.param(scenario, number, id=f"{scenario.name}-{number:02d}")
        for scenario in SCENARIOS
        for number in range(len(scenario.commands))
    ],
)
def test_a_command_answers_as_a_real_cluster_did(
    transcripts, cluster: Cluster, scenario: Scenario, number: int
) -> None:
    here = transcripts.of(scenario)[number]
    golden = read_golden(scenario.name)
    commands = [record["command"] for record in golden]
    assert commands == [step.run for step in scenario.commands], (
        f"{scenario.name} has changed since it was recorded: "
        "pytest tests/conformance --kubeconfig realkube --update-golden"
    )
    case = f"{scenario.name}: {here['command']}"
    unknown = []
    for line in compare(golden[number], here):
        rows = [row for row in DIFFERENCES if cluster.is_ours and row.covers(case, line)]
        USED.update(rows)
        if not rows:
            unknown.append(line)
    assert not unknown, f"{case}\n(- the real cluster, + this one)\n" + "\n".join(unknown)


def test_every_documented_difference_is_still_one(transcripts, cluster: Cluster) -> None:
    if not cluster.is_ours:
        pytest.skip("the list is that of the embedded cluster")
    for scenario in SCENARIOS:
        for real, here in zip(read_golden(scenario.name), transcripts.of(scenario), strict=True):
            case = f"{scenario.name}: {here['command']}"
            for line in compare(real, here):
                USED.update(row for row in DIFFERENCES if row.covers(case, line))
    assert [row for row in DIFFERENCES if row not in USED] == []
