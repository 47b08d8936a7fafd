"""Statements to things: dependencies, dashboards, checklists, post-incident items, review dates."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from rundrill.claims import ChecklistItem, Dashboard, Dependency, PostIncidentItem, ReviewDate, Term
from rundrill.runbook.meaning import Meaning, words_of
from rundrill.runbook.names import in_brackets, people
from rundrill.runbook.statements import Statement
from rundrill.runbook.terms import terms_in
from rundrill.runbook.wordset import has_any, word_set

_STATE = re.compile(
    r"\s(?:connectivity|availability|status|health|reachability|reachable|available|latency|access"
    r"|is|are|accepts?|answers?|responds?|can|must|has|up|down|for|which|that|written|used|via|behind"
    r"|through|provides|runs|holds|stores|with|since|of|connections?)\b.*|[:(,;|].*|\s[\u2013\u2014-]\s.*|\s->.*",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"(?:the|a|an|our|both|all|external|check|verify|is|are)\s", re.IGNORECASE)
_GONE = re.compile(
    r"\b(?:gone|no\slonger|not\sany\smore|removed|retired|deprecated)\b", re.IGNORECASE
)
_NEEDS = re.compile(
    r"\b(?P<no>not\s|n't\s)?(?:needs?|depends?\son|relies\son|rely\son|uses?|requires?|talks?\sto|calls?)\s",
    re.IGNORECASE,
)
_KINDS: Final = word_set(
    "database databases db cache payment gateway gateways external queue message broker storage"
    " auth"
    " authentication service services provider providers api apis third party parties dns cdn the"
    " email sms search bus cloud internal upstream downstream object data store"
)
"""Words that say what kind of thing it is, and not which."""
_BOARD = re.compile(
    r"grafana|datadog|kibana|dashboard|newrelic|sentry|cloudwatch|splunk|honeycomb|prometheus",
    re.IGNORECASE,
)
_REVIEW = re.compile(
    r"\b(?P<next>next[\s_-](?:check|look|read|review(?:[\s_-](?:date|due))?)|valid\suntil"
    r"|review[\s_-](?:again|by|due|date|on)|due[\s_-]for[\s_-]review|(?:to\sbe\s)?reviewed\sby|expires)\b"
    r"|\b(?:last[\s_-])?(?P<last>review(?:ed|s)?(?:[\s_-]on)?|updated|read\sthrough)\b"
    r"|\b(?P<checked>last[\s_-](?:review|check(?:ed)?))\b",
    re.IGNORECASE,
)
_DATED: Final = ("review", "updated", "valid", "expires", "next", "last", "read")
"""Without any of these the whole pattern need not be tried."""
_MONTHS: Final = [
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
]
_MONTH: Final = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DATES: Final = (
    re.compile(r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)"),
    re.compile(rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\.?\s{_MONTH},?\s(?P<y>\d{{4}})", re.IGNORECASE),
    re.compile(rf"{_MONTH}\s(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s(?P<y>\d{{4}})", re.IGNORECASE),
)


def read_dependencies(statement: Statement) -> Iterator[Dependency]:
    """The names in an item, a row or a sentence of a section about dependencies."""
    if statement.section.meaning is not Meaning.DEPENDENCIES or statement.form == "heading":
        return
    if statement.above is not None or _GONE.search(statement.text):
        return
    if statement.form == "paragraph":
        yield from _in_sentences(statement.text)
        return
    text = statement.cells[0].plain if statement.cells else statement.text
    label, _ = statement.label
    name = _thing(text)
    inner = [name for name in people(in_brackets(text)) if name[:1].isupper()]
    if inner and not statement.cells and not label and set(words_of(name)) <= _KINDS:
        yield from (Dependency(name=re.sub(r"\s[\d.]+$", "", one)) for one in inner)
    elif name and len(name.split()) <= 6:
        yield Dependency(name=name)


def _in_sentences(text: str) -> Iterator[Dependency]:
    """ "The run needs the warehouse (PostgreSQL), the rate service, and the SFTP gate"."""
    for sentence in re.split(r"[.;]\s", re.sub(r"\([^()]*\)", "", text)):
        needs = _NEEDS.search(sentence)
        if needs is None and "," not in sentence:
            continue
        if needs is not None and needs["no"]:
            continue
        for part in re.split(r",\s(?:and\s)?|\sand\s", sentence[needs.end() if needs else 0 :]):
            name = _thing(part)
            if name and len(name.split()) <= 4:
                yield Dependency(name=name)


def _thing(text: str) -> str:
    """The name that a text begins with, without its article and what it is said to be."""
    name = _STATE.sub("", text, count=1).strip(" .*`")
    while (article := _ARTICLE.match(name)) is not None:
        name = name[article.end() :]
    return name


def read_dashboards(statement: Statement) -> Iterator[tuple[int, Dashboard]]:
    """The items and rows of a section about dashboards, and links to dashboards anywhere."""
    links = [span for span in statement.source.spans if span.href]
    if statement.section.meaning is Meaning.DASHBOARDS and statement.form in ("item", "row"):
        url = links[0].href if links else _url(statement.text)
        first = statement.cells[0].plain if statement.cells else statement.text
        name = re.split(r"\s[\u2013\u2014-]\s|:?\s?(?=https?://)|\s\(", first, maxsplit=1)[0].strip(
            " :`<>"
        )
        if links and not statement.cells and links[0].text in statement.text:
            name = links[0].text if not statement.label[0] else name
        if name or url:
            yield statement.line, Dashboard(name=name or str(url), url=url)
        return
    for span in links:
        if _BOARD.search(f"{span.text} {span.href}") and span.text.strip():
            yield span.line, Dashboard(name=span.text, url=span.href)


def _url(text: str) -> str | None:
    found = re.search(r"https?://[^\s)>]+", text)
    return None if found is None else found[0]


def read_item(
    statement: Statement, *, term: Term | None
) -> ChecklistItem | PostIncidentItem | None:
    """An item to tick off, or what is to be done when it is over."""
    text = statement.text
    if statement.form == "row" and statement.cells:
        text = statement.cells[0].plain
    if not text or statement.form in ("heading", "paragraph"):
        return None
    if statement.section.meaning is Meaning.POST_INCIDENT:
        own = terms_in(statement.text)
        return PostIncidentItem(text=text, term=own[0].term if own else term)
    return ChecklistItem(text=text, done=statement.task == "done") if statement.task else None


def read_reviews(text: str) -> Iterator[tuple[int, ReviewDate]]:
    """ "Next review: 2026-05-03" with where it stands in the text."""
    if not has_any(text, _DATED):
        return
    names = list(_REVIEW.finditer(text[:2000]))
    for at, found in enumerate(names):
        end = names[at + 1].start() if at + 1 < len(names) else found.end() + 60
        rest = text[found.end() : end]
        stated = date_in(rest)
        upcoming = found["next"] is not None
        labelled = re.match(r"[\s*_]*(?:on|date)?\s?[:=|]", rest)
        if stated is not None or (upcoming and labelled):
            yield found.start(), ReviewDate(date=stated, text=rest.strip(" :*|."), next=upcoming)


def date_in(text: str) -> str | None:
    """The first date in `text`, as ISO writes it; None when there is none."""
    for pattern in _DATES:
        found = pattern.search(text)
        if found is None:
            continue
        groups = found.groupdict()
        month = int(groups["m"]) if groups.get("m") else _MONTHS.index(groups["month"].lower()) + 1
        try:
            return date(int(groups["y"]), month, int(groups["d"])).isoformat()
        except ValueError:
            continue
    return None
