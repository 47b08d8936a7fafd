"""What can check a claim: a drill, the linter, a drill with people, or nothing."""

from rundrill.claims import (
    AlertClaim,
    ClaimValue,
    Command,
    Contact,
    Dashboard,
    Dependency,
    Placeholder,
    ProcedureStep,
    ResponseTime,
    ReviewDate,
    Severity,
    TestClass,
    Threshold,
)


def test_class(value: ClaimValue) -> TestClass:
    """A drill carries out commands, watches numbers and alerts, and takes times.

    What only people do needs people; what only has to be there, the linter finds.
    """
    match value:
        case Command() | Threshold() | AlertClaim() | Dependency():
            return "drill"
        case Severity():
            return "drill" if value.thresholds else "human"
        case ResponseTime():
            return "human" if value.term.seconds is None else "drill"
        case ProcedureStep():
            timed = value.step.duration_s is not None
            return "drill" if value.step.commands or timed else "human"
        case Placeholder() | Contact() | ReviewDate() | Dashboard():
            return "lint"
        case _:
            return "human"
