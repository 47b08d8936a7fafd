"""Text to `Runbook`: joins what the readers of each kind of claim found."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from rundrill.claims import (
    AlertClaim,
    Command,
    Placeholder,
    Procedure,
    ProcedureStep,
    ResponseTime,
    Runbook,
    Severity,
    Term,
    Threshold,
)
from rundrill.errors import RunbookError
from rundrill.runbook import commands
from rundrill.runbook.account import account
from rundrill.runbook.claims import read_alerts, read_steady_state
from rundrill.runbook.identify import Found, identify
from rundrill.runbook.markdown import Heading, read_blocks
from rundrill.runbook.meaning import clean_title
from rundrill.runbook.outline import Section, outline
from rundrill.runbook.procedures import read_procedures
from rundrill.runbook.severities import read_severities


def parse(text: str, path: str) -> Runbook:
    """Reads a Markdown runbook; `path` is only named in the result and in messages.

    Raises `RunbookError` when the text is empty or holds no procedure, and nothing else.
    """
    if not text.strip("\ufeff \t\r\n\f\v"):
        raise RunbookError("the runbook is empty", path=path, fix="write it in Markdown")
    blocks = read_blocks(text)
    sections = outline(blocks)
    programs = commands.learn_programs(blocks)
    procedures = read_procedures(sections, programs)
    if not procedures:
        raise RunbookError(
            "the runbook holds no procedure",
            path=path,
            line=1,
            fix="under a heading, list its steps (`1. Roll back: ...`) or its commands in a"
            " ```sh block",
        )
    severities = read_severities(sections)
    steady_state = read_steady_state(sections)
    alerts = read_alerts(sections)
    claims = identify(_found(sections, programs, procedures, severities, steady_state, alerts))
    return Runbook(
        claims=claims,
        lines=account(
            text,
            claims,
            {},
            {block.line: block.level for block in blocks if isinstance(block, Heading)},
        ),
        path=path,
        sha256=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        title=next(
            (clean_title(block.text.plain) for block in blocks if isinstance(block, Heading)), ""
        ),
        severities=severities,
        procedures=procedures,
        steady_state=steady_state,
        alerts=alerts,
    )


def _found(
    sections: Sequence[Section],
    programs: frozenset[str],
    procedures: Iterable[Procedure],
    severities: Iterable[Severity],
    steady_state: Iterable[Threshold],
    alerts: Iterable[AlertClaim],
) -> Iterator[Found]:
    def at(line: int) -> Section:
        return next(section for section in reversed(sections) if section.line <= line)

    for section in sections:
        for one in commands.in_blocks(section.blocks, programs):
            command = one.command
            yield Found(
                line=command.line,
                text=command.text,
                section=section,
                key=command.text,
                test="drill",
                value=command,
            )
            for name in command.placeholders:
                yield Found(
                    line=command.line,
                    text=name,
                    section=section,
                    key=name,
                    test="lint",
                    value=Placeholder(name=name, in_command=True),
                )
    for procedure in procedures:
        for step in procedure.steps:
            yield Found(
                line=step.line,
                text=step.text,
                section=at(step.line),
                key=str(step.number),
                test="drill" if step.commands or step.duration_s else "human",
                value=ProcedureStep(procedure=procedure.id, title=procedure.title, step=step),
            )
    for severity in severities:
        yield Found(
            line=severity.line,
            text=f"{severity.id} - {severity.name}",
            section=at(severity.line),
            key=severity.id,
            test="drill",
            value=severity,
        )
        if severity.response_line is not None:
            yield Found(
                line=severity.response_line,
                text="",
                section=at(severity.response_line),
                key=severity.id,
                test="drill",
                value=ResponseTime(
                    severity=severity.id, term=Term(seconds=severity.response_time_s)
                ),
            )
        yield from (_threshold(one, at(one.line)) for one in severity.thresholds)
    yield from (_threshold(one, at(one.line)) for one in steady_state)
    for alert in alerts:
        yield Found(
            line=alert.line,
            text=alert.text,
            section=at(alert.line),
            key=alert.id,
            test="drill",
            value=alert,
        )
        if alert.threshold is not None:
            yield _threshold(alert.threshold, at(alert.line))


def _threshold(threshold: Threshold, section: Section) -> Found:
    return Found(
        line=threshold.line,
        text=threshold.text,
        section=section,
        key=threshold.subject,
        test="drill",
        value=threshold,
    )


def read_commands(text: str) -> tuple[Command, ...]:
    """Every command of the document with its line, those outside procedures included."""
    blocks = read_blocks(text)
    return tuple(
        found.command for found in commands.in_blocks(blocks, commands.learn_programs(blocks))
    )
