"""A claim in one line of words: its kind and what was read."""

from rundrill.base.units import quantity, seconds
from rundrill.claims import (
    AlertClaim,
    ChecklistItem,
    Claim,
    Command,
    Contact,
    Dashboard,
    Deadline,
    Dependency,
    Escalation,
    Placeholder,
    PostIncidentItem,
    ResponseTime,
    ReviewDate,
    Severity,
    Stakeholder,
    Template,
    Term,
    Threshold,
)


def words_of(claim: Claim) -> str:
    """ "threshold: error rate > 5 % in 5 min"."""
    return f"{claim.kind}: {_read(claim)}"


def _read(claim: Claim) -> str:  # noqa: C901, PLR0912 - one line for each kind
    value = claim.value
    match value:
        case Command(text=text):
            return text.replace("\n", " \u23ce ")
        case Placeholder(name=name):
            return name
        case Threshold():
            return _threshold(value)
        case Severity(id=id_, name=name):
            return id_ if name == id_ else f"{id_} ({name})"
        case ResponseTime(severity=severity, term=term):
            return f"{severity} {_term(term)}"
        case Escalation(severity=severity, to=to, term=term):
            return _joined(severity, to and f"to {to}", _term(term))
        case Deadline(subject=subject, term=term, every=every):
            return _joined("every" if every else None, _term(term), subject and f"for {subject!r}")
        case AlertClaim(id=id_, subject=subject):
            return f"{subject} [{id_}]"
        case Stakeholder(severity=severity, name=name):
            return _joined(severity, name)
        case Dependency(name=name) | Dashboard(name=name):
            return name
        case Contact(name=name, reach=reach):
            return f"{name}: {reach}"
        case ReviewDate(date=date, text=text, next=due):
            return f"{'next' if due else 'last'} {date or text or 'not stated'}"
        case Template(lines=lines):
            return f"{len(lines)} lines to send"
        case ChecklistItem(text=text):
            return text
        case PostIncidentItem(text=text, term=term):
            return _joined(text, _term(term) and f"({_term(term)})")
        case _:  # a step
            return f"{value.procedure}#{value.step.number}"


def _threshold(value: Threshold) -> str:
    window = None if value.window_s is None else f"in {seconds(value.window_s)}"
    unit = " bytes" if value.unit == "bytes" else ""
    number = f"{value.comparator} {quantity(value.value, value.unit)}{unit}"
    return _joined(value.statistic, value.subject, number, window)


def _term(term: Term | None) -> str:
    if term is None:
        return ""
    if term.seconds is None:
        return term.when or ""
    return "at once" if term.seconds == 0 else seconds(term.seconds)


def _joined(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)
