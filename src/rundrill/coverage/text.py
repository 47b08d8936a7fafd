"""Coverage as text: the sum, a line for each section, and what is broken."""

from collections import Counter
from collections.abc import Iterator, Sequence

from rundrill.claims import Claim, Dependency
from rundrill.coverage.measure import Coverage, Tally
from rundrill.report.text import one_line

_WIDTH = 36


def to_text(coverage: Coverage) -> str:
    return "\n".join(_lines(coverage)) + "\n"


def summary(tally: Tally) -> str:
    """ "34 of 71 testable claims exercised (48 %): 31 held, 3 broken"."""
    return (
        f"{tally.exercised} of {tally.testable} testable claims exercised ({tally.percent:.0f} %):"
        f" {tally.held} held, {tally.broken} broken"
    )


def notes(coverage: Coverage) -> Iterator[str]:
    """What a reader must know of the runs beside the numbers."""
    silent = [run for run in coverage.runs if not run.taught]
    replaced = len(coverage.runs) - len(silent) - len(coverage.counted)
    if replaced:
        yield f"{replaced} older run{_s(replaced)} of the same experiments replaced by newer ones"
    answers = Counter(run.answer for run in silent)
    for answer, count in answers.items():
        names = [run.name for run in silent if run.answer == answer]
        say = "says" if count == 1 else "say"
        yield f"{_some(names)} {say} nothing of the runbook: {answer}"
    versions = Counter(run.plan.runbook_sha256 for run in coverage.other_versions)
    for digest in versions:
        names = [one.name for one in coverage.other_versions if one.plan.runbook_sha256 == digest]
        yield (
            f"{_some(names)} followed another version of the runbook"
            f" ({digest[:8]}, now {coverage.runbook.sha256[:8]}):"
            " claims were matched by id, and those that changed do not count"
        )


def _some(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(names) - 2
    return ", ".join(names[:2]) + (f" and {more} more" if more > 0 else "")


def named(claim: Claim) -> str:
    """Its kind; a dependency by its name, since a line may state several."""
    if isinstance(claim.value, Dependency):
        return f"dependency {claim.value.name}"
    return claim.kind.replace("-", " ")


def lines_as_ranges(lines: Sequence[int]) -> str:
    """ "12-14, 19"."""
    parts: list[list[int]] = []
    for line in lines:
        if parts and line == parts[-1][1] + 1:
            parts[-1][1] = line
        else:
            parts.append([line, line])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in parts)


def _lines(coverage: Coverage) -> Iterator[str]:
    yield f"{coverage.runbook.path}: {summary(coverage.total)}"
    runs = len(coverage.counted)
    yield f"from {runs} run{_s(runs)}: {', '.join(run.name for run in coverage.counted) or 'none'}"
    yield from notes(coverage)
    yield ""
    yield f"{'section':{_WIDTH}} testable exercised held broken  lines not exercised"
    for title, tally in coverage.sections.items():
        if tally.testable:
            yield _row(title, tally)
    yield _row("in all", coverage.total, lines=False)
    broken = [one for one in coverage.claims if one.state == "broken"]
    if broken:
        yield ""
    for one in broken:
        word = "broken, accepted" if one.accepted else "broken"
        text = one_line(one.claim.text, 80)
        yield f"{coverage.runbook.path}:{one.claim.line}: {word}: {named(one.claim)} `{text}`"
        for evidence in one.evidence:
            if evidence.state == "broken":
                yield f"  {evidence.run.name}: {evidence.sentence}"


def _row(title: str, tally: Tally, *, lines: bool = True) -> str:
    name = one_line(title, _WIDTH)
    row = f"{name:{_WIDTH}} {tally.testable:8} {tally.exercised:9} {tally.held:4} {tally.broken:6}"
    return f"{row}  {lines_as_ranges(tally.missing)}".rstrip() if lines else row


def _s(count: int) -> str:
    return "" if count == 1 else "s"
