"""The kubectl calls in a command of the runbook, as words. No shell is asked."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rundrill.claims import Command
from rundrill.runbook.kubectl import Invocation, read_invocation

OPEN: Final = "\ufffc"
"""Stands in a word for what is not known: a placeholder, a substitution."""
_PUNCTUATION: Final = "();<>|&\n"
_BEFORE: Final = frozenset(
    {"sudo", "xargs", "watch", "time", "nohup", "env", "timeout", "exec", "do", "then", "if",
     "while", "until", "else", "!", "{"}
)  # fmt: skip
_SUBSTITUTION = re.compile(r"`[^`\n]*`|\$\{[^}\n]*\}|\$[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One simple command: `words` without the programs that only lead to it (`sudo`, `watch`)."""

    words: tuple[str, ...]
    before: tuple[str, ...] = ()
    fed: bool = False
    """Whether its input comes from a pipe, a file or a heredoc."""

    @property
    def program(self) -> str:
        return self.words[0].rpartition("/")[2]

    @property
    def kubectl(self) -> tuple[str, ...] | None:
        """The words after `kubectl`; None for any other program."""
        return self.words[1:] if self.program == "kubectl" else None

    @property
    def invocation(self) -> Invocation | None:
        return None if self.kubectl is None else read_invocation(self.kubectl)


@lru_cache(maxsize=4096)
def calls_of(command: Command) -> tuple[Call, ...]:
    """The simple commands of a pipeline or list, in order; none of a text nobody can split."""
    return tuple(_calls(command))


def _calls(command: Command) -> Iterator[Call]:
    text = command.text
    if "<<" in text:  # the lines of a heredoc are data
        text = text.partition("\n")[0]
    for name in sorted(command.placeholders, key=len, reverse=True):
        text = text.replace(name, OPEN)
    text = _SUBSTITUTION.sub(OPEN, text)
    lexer = shlex.shlex(text, posix=True, punctuation_chars=_PUNCTUATION)
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:  # an unclosed quote
        return
    for simple, fed in _simple(words):
        at = 0
        while at < len(simple) and _leads(simple, at):
            at += 1
        if at < len(simple):
            yield Call(words=tuple(simple[at:]), before=tuple(simple[:at]), fed=fed)


def _leads(words: list[str], at: int) -> bool:
    word = words[at]
    if word in _BEFORE or re.match(r"[A-Za-z_]\w*=", word):
        return True
    return at > 0 and (word.startswith("-") or re.fullmatch(r"[\d.]+[smh]?", word) is not None)


def _simple(words: list[str]) -> Iterator[tuple[list[str], bool]]:
    """Splits at `|`, `;`, `&&`; leaves out redirections; `$(` makes an open word.

    With each comes whether something is fed into it.
    """
    current: list[str] = []
    nested: list[tuple[list[str], bool]] = []
    skip = fed = False
    for word in words:
        if not word or word.strip(_PUNCTUATION):
            if not skip:
                current.append(word)
            skip = False
        elif "<" in word or ">" in word:
            skip, fed = True, fed or "<" in word
            if current and current[-1].isdigit():
                current.pop()
        elif word.startswith("(") and current and current[-1].endswith("$"):
            current[-1] = current[-1][:-1] + OPEN
            nested.append((current, fed))
            current, fed, skip = [], False, False
        else:
            if current:
                yield current, fed
            skip = False
            current, fed = [], word in ("|", "|&")
            if word.startswith(")") and nested:
                current, fed = nested.pop()
    for left, was_fed in [(current, fed), *reversed(nested)]:
        if left:
            yield left, was_fed
