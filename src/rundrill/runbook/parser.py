"""Text to `Runbook`: joins what the readers of each kind of claim found."""

import hashlib

from rundrill.errors import RunbookError
from rundrill.model import Command, Runbook
from rundrill.runbook import commands
from rundrill.runbook.claims import read_alerts, read_steady_state
from rundrill.runbook.markdown import Heading, read_blocks
from rundrill.runbook.meaning import clean_title
from rundrill.runbook.outline import outline
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
    procedures = read_procedures(sections, commands.learn_programs(blocks))
    if not procedures:
        raise RunbookError(
            "the runbook holds no procedure",
            path=path,
            line=1,
            fix="under a heading, list its steps (`1. Roll back: ...`) or its commands in a"
            " ```sh block",
        )
    return Runbook(
        path=path,
        sha256=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        title=next(
            (clean_title(block.text.plain) for block in blocks if isinstance(block, Heading)), ""
        ),
        severities=read_severities(sections),
        procedures=procedures,
        steady_state=read_steady_state(sections),
        alerts=read_alerts(sections),
    )


def read_commands(text: str) -> tuple[Command, ...]:
    """Every command of the document with its line, those outside procedures included."""
    blocks = read_blocks(text)
    return tuple(
        found.command for found in commands.in_blocks(blocks, commands.learn_programs(blocks))
    )
