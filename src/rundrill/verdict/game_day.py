"""Several drills, one outcome: the worst of them. A drill with its control arm counts as one."""

from collections.abc import Sequence

from rundrill.model import GameDayOutcome, GameDayWord, Outcome, Verdict
from rundrill.verdict.arms import control_failures

INVALID = Outcome.INVALID.exit_code
_WORST = (Outcome.ABORTED.exit_code, Outcome.BROKEN.exit_code, INVALID)
"""Aborted: somebody cut the day short, so the list of what is broken is not whole. Broken before
invalid: what was contradicted stays so, whatever else could not be learned."""


def exit_code(drill: Verdict | None, control: Verdict | None = None) -> int:
    """Of a drill, None for one that was not run, with the control arm that was run beside it.

    That one was aborted or broke what it may not break counts; that it is invalid does not, since
    the drill stands without it.
    """
    codes = [INVALID if drill is None else drill.exit_code]
    if control is not None and control.outcome is Outcome.ABORTED:
        codes.append(control.exit_code)
    if control is not None and control_failures(control):
        codes.append(Outcome.BROKEN.exit_code)
    return _worst(codes)


def game_day_outcome(
    drills: Sequence[tuple[str, Verdict | None]],
    controls: Sequence[Verdict | None] = (),
) -> GameDayOutcome:
    """The outcome of drills by name, None for one that was not run: that never passes.

    Exit codes are those of a drill: 4 aborted, 1 broken (also past its review date, or held where
    it was said to break), 3 invalid or not run, 0 when every drill held or broke as accepted.
    `controls` are the drills' control arms in the same order, None for one that was not run.
    """
    if not drills:
        return GameDayOutcome(outcome="invalid", exit_code=INVALID, reason="there was no drill")
    beside = controls or [None] * len(drills)
    verdicts = [verdict for _, verdict in drills]
    pairs = [*zip(verdicts, beside, strict=True)]
    code = _worst([exit_code(verdict, control) for verdict, control in pairs])
    words = ["not run" if own is None else headline(own, control) for own, control in pairs]
    told = [f"{words.count(word)} {word}" for word in dict.fromkeys(words)]
    told += [
        f"the control arm of {name}: {problem}"
        for (name, _), control in zip(drills, beside, strict=True)
        if control is not None and (problem := control_problem(control))
    ]
    return GameDayOutcome(outcome=_word(code, verdicts), exit_code=code, reason="; ".join(told))


def control_problem(control: Verdict) -> str:
    """Why the drill beside this control arm does not end as it would alone; empty when it does."""
    aborted = [control.reason] if control.outcome is Outcome.ABORTED else []
    return "; ".join([*aborted, *control_failures(control)])


def _worst(codes: Sequence[int]) -> int:
    """A code that nobody knows is no pass: then the highest."""
    return next((worst for worst in _WORST if worst in codes), max(codes))


def _word(code: int, verdicts: Sequence[Verdict | None]) -> GameDayWord:
    outcomes = {verdict.outcome for verdict in verdicts if verdict is not None}
    match code:
        case 4:
            return "aborted"
        case 3:
            return "invalid"
        case 1:
            return "noisy" if Outcome.NOISY in outcomes else "broken"
    if code != 0:
        return "invalid"
    if any(verdict is not None and verdict.acceptance == "accepted" for verdict in verdicts):
        return "accepted"
    return "silent" if Outcome.SILENT in outcomes else "held"


def headline(verdict: Verdict, control: Verdict | None = None) -> str:
    """The outcome in words, with what acceptance and a control arm that failed make of it: neither
    reads as a pass.
    """
    word = {
        Outcome.HEALED: "healed by itself",
        Outcome.UNHEALED: "did not heal",
        Outcome.NOISY: "not silent",
    }.get(verdict.outcome, verdict.outcome.value)
    said = {
        "accepted": f"{word}, accepted",
        "otherwise": f"{word}, not as accepted",
        "expired": f"{word}, acceptance expired",
        "unexpectedly-held": f"{word}, unexpectedly",
    }.get(verdict.acceptance, word)
    failed = control is not None and control_problem(control)
    return f"{said}, control arm failed" if failed else said
