"""Several drills, one outcome: the worst of them."""

from collections.abc import Sequence

from rundrill.model import GameDayOutcome, GameDayWord, Outcome, Verdict

INVALID = Outcome.INVALID.exit_code
_WORST = (Outcome.ABORTED.exit_code, Outcome.BROKEN.exit_code, INVALID)
"""Aborted: somebody cut the day short, so the list of what is broken is not whole. Broken before
invalid: what was contradicted stays so, whatever else could not be learned."""


def game_day_outcome(drills: Sequence[tuple[str, Verdict | None]]) -> GameDayOutcome:
    """The outcome of drills by name, None for one that was not run: that never passes.

    Exit codes are those of a drill: 4 aborted, 1 broken (also past its review date, or held where
    it was said to break), 3 invalid or not run, 0 when every drill held or broke as accepted.
    """
    codes = [INVALID if verdict is None else verdict.exit_code for _, verdict in drills]
    if not codes:
        return GameDayOutcome(outcome="invalid", exit_code=INVALID, reason="there was no drill")
    code = next((worst for worst in _WORST if worst in codes), 0)
    verdicts = [verdict for _, verdict in drills]
    told = "; ".join(f"{count} {word}" for word, count in _counts(verdicts))
    return GameDayOutcome(outcome=_word(code, verdicts), exit_code=code, reason=told)


def _word(code: int, verdicts: Sequence[Verdict | None]) -> GameDayWord:
    outcomes = {verdict.outcome for verdict in verdicts if verdict is not None}
    match code:
        case 4:
            return "aborted"
        case 3:
            return "invalid"
        case 1:
            return "noisy" if Outcome.NOISY in outcomes else "broken"
    if any(verdict is not None and verdict.acceptance == "accepted" for verdict in verdicts):
        return "accepted"
    return "silent" if Outcome.SILENT in outcomes else "held"


def headline(verdict: Verdict) -> str:
    """The outcome in words, with what acceptance makes of it: nothing accepted reads as a pass."""
    word = {
        Outcome.HEALED: "healed by itself",
        Outcome.UNHEALED: "did not heal",
        Outcome.NOISY: "not silent",
    }.get(verdict.outcome, verdict.outcome.value)
    return {
        "accepted": f"{word}, accepted",
        "otherwise": f"{word}, not as accepted",
        "expired": f"{word}, acceptance expired",
        "unexpectedly-held": f"{word}, unexpectedly",
    }.get(verdict.acceptance, word)


def _counts(verdicts: Sequence[Verdict | None]) -> list[tuple[str, int]]:
    words = ["not run" if verdict is None else headline(verdict) for verdict in verdicts]
    return [(word, words.count(word)) for word in dict.fromkeys(words)]
