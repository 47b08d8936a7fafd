"""How a verdict looks: what broke as accepted looks like neither a pass nor a surprise."""

from typing import Final, Literal

from rundrill.model import Outcome, Verdict
from rundrill.verdict import exit_code

Tone = Literal["held", "broken", "accepted", "invalid", "aborted", "plain"]

_TONES: Final[dict[Outcome, Tone]] = {
    Outcome.HELD: "held",
    Outcome.BROKEN: "broken",
    Outcome.INVALID: "invalid",
    Outcome.ABORTED: "aborted",
    Outcome.HEALED: "plain",
    Outcome.UNHEALED: "plain",
    Outcome.SILENT: "plain",
    Outcome.NOISY: "broken",
}


def tone(verdict: Verdict, control: Verdict | None = None) -> Tone:
    """The class of its colours and its sign; arms answer a question, so they are plain.

    A control arm that fails the drill beside it takes the green from it.
    """
    if exit_code(verdict, control) != verdict.exit_code:
        return "aborted" if exit_code(verdict, control) == Outcome.ABORTED.exit_code else "broken"
    if verdict.acceptance == "accepted":
        return "accepted"
    if verdict.acceptance == "unexpectedly-held":
        return "broken"
    return _TONES[verdict.outcome]
