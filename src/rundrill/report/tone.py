"""How a verdict looks: what broke as accepted looks like neither a pass nor a surprise."""

from typing import Final, Literal

from rundrill.model import Outcome, Verdict

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


def tone(verdict: Verdict) -> Tone:
    """The class of its colours and its sign; arms answer a question, so they are plain."""
    if verdict.acceptance == "accepted":
        return "accepted"
    if verdict.acceptance == "unexpectedly-held":
        return "broken"
    return _TONES[verdict.outcome]
