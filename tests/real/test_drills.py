"""The four default drills on a real cluster end as on the embedded one, and leave it as it was."""

import sys

from days import DAYS
from deployed import Deployed
from drills import Drill

from rundrill.model import Outcome
from rundrill.report import read_game_day

DAY = DAYS["the default game day"]
ALONE = "crash-loop"
"""Its alert wants four restarts in its window, and the kubelet's back-off is real: at x5 the
window is 120 s, and the fourth restart comes after some 95."""


LINGERING = "line 72 did not end within 60 s"
"""`kubectl delete pods` waits for the objects to go, and 1.20's kubelet keeps one for 5 s to a
minute: then the runbook's command itself takes too long there, which the drill rightly tells."""
ATTEMPTS = 2
"""In CI other drills run beside these, on a machine of two cores: one that is not held is run once
more, since that customers met slow answers then may be the machine's doing."""


def run(deployed: Deployed, drill: Drill, compression: str, *names: str) -> int:
    assert deployed.changes() == ""
    code = drill.run(
        *(sys.executable, "-m", "rundrill", "run", "--target", f"context:{deployed.context}"),
        *("--compress", compression),
        *(f"experiments/{name}.yaml" for name in names),
        budget_s=1200,
    )
    assert deployed.changes() == ""
    assert deployed.markers() == []
    assert drill.left_running() == []
    assert drill.left_on_disk() == []
    return code


def test_the_crash_loop_is_held(deployed: Deployed, real_drill: Drill) -> None:
    for _ in range(ATTEMPTS):
        code = run(deployed, real_drill, "5", ALONE)
        verdict = real_drill.verdict
        if code == 0:
            break
    assert (code, verdict.outcome) == (0, Outcome.HELD), verdict.reason
    assert DAY[ALONE][1] in verdict.reason
    states = {promise.id: promise.state for promise in verdict.promises}
    assert (states["undone"], states["money"]) == ("held", "held")


def test_the_other_three_end_as_on_the_embedded_cluster(
    deployed: Deployed, real_drill: Drill
) -> None:
    others = {name: told for name, told in DAY.items() if name != ALONE}
    code = run(deployed, real_drill, "20", *others)
    entries = {entry.name: entry for entry in read_game_day(real_drill.run_folder)}
    for name, (answer, reason) in others.items():
        told = entries[name]
        lingered = name == "memory-leak" and any(LINGERING in one for one in told.sentences)
        if lingered:
            code = 0
        wanted = "broken, not as accepted" if lingered else answer
        assert told.answer == wanted, (name, *told.sentences)
        assert reason in told.sentences[0]
        states = {} if told.verdict is None else {p.id: p.state for p in told.verdict.promises}
        assert (states.get("undone"), states.get("money")) == ("held", "held"), name
    assert code == 0
