"""Which factor makes a drill's stated windows fit into the time a person waits for it."""

FACTORS = (1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 20.0)
MACHINE_S = 45.0
"""Starting the cluster, the rollout and the undo: measured on 2 cores; it does not shrink."""


def choose_compression(stated_s: float, wall_s: float) -> tuple[float, str]:
    """The smallest factor for which `stated_s` of windows take at most `wall_s` of wall time.

    Gives the factor and the sentence for the report. Above the largest factor a one-minute
    range of an alert rule holds fewer than three scrapes of a second, so it stays there.
    """
    for factor in FACTORS:
        if stated_s / factor + MACHINE_S <= wall_s:
            break
    why = (
        f"{stated_s / 60:g} min of windows that the runbook and the experiment state"
        f" take {stated_s / factor:.0f} s"
    )
    return factor, why
