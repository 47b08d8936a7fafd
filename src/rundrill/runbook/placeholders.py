"""What is left to be filled in: `<pod-name>`, `$VAR`, `{{ name }}`, `[name]`, `YOUR_NAME`."""

import re
from collections.abc import Iterable
from typing import Final

_ANGLE: Final = r"<[A-Za-z][\w.-]*(?:[ /][\w./-]+){0,5}>"
_BRACES: Final = r"\{\{[ ]?[A-Za-z_][\w-]*[ ]?\}\}"
_YOURS: Final = r"(?<![\w$/-])(?:YOUR|MY|CHANGE|REPLACE|INSERT)_[A-Z0-9_]*[A-Z0-9](?!\w)"
_SQUARE: Final = (
    r"(?<![\w\]}.*$@\[-])\[(?:(?:id|ip|ns|db)|[A-Za-z][A-Za-z0-9_]{2,}"
    r"(?:[ _-][A-Za-z0-9_]+){0,5})\](?![\w(\[*?-])"
)
"""A name of two letters may be a class of characters, unless it is a usual one."""
_IN_COMMAND = re.compile(
    rf"{_ANGLE}|\$\{{[A-Za-z_]\w*\}}|\$[A-Za-z_]\w*|{_BRACES}|{_YOURS}|{_SQUARE}"
    r"|(?<![\w$%@{\"'.,])\{[a-z][a-z0-9_-]*\}"
)
_IN_PROSE = re.compile(
    rf"{_ANGLE}|\{{\{{[ ]?[A-Za-z_][\w. -]{{0,40}}?[ ]?\}}\}}|{_YOURS}"
    r"|(?<![\w\]!\\])\[(?!\^|[ xX]?\])[A-Za-z0-9][^\[\]\n]{1,60}\](?![(\[:])"
    r"|(?<!\w)@(?:username|name|user|handle|person|you|someone)(?!\w)"
)
_MARKS = frozenset("<$[{")
_OPENS = re.compile(r"[<{[@_]")
"""One of these is in all that is left to be filled in of a text."""
_TEMPLATE_WORDS = frozenset({"end", "else", "break", "continue", "none", "<none>", "<nil>"})
_CLASS = re.compile(r"\[\w-\w(?:\w-\w)*\]")
_ENVIRONMENT: Final = frozenset(
    {"HOME", "USER", "PATH", "PWD", "SHELL", "HOSTNAME", "EDITOR", "RANDOM", "UID", "OLDPWD"}
)
_SETS = re.compile(
    r"(?:^|[;&|(]\s*|\b(?:export|local|declare|readonly|env|do|then)\s+|\s)([A-Za-z_]\w*)="
    r"|\b(?:for|select)\s+([A-Za-z_]\w*)\s+in\b|\bread\s+(?:-\w+\s+)*([A-Za-z_]\w*)",
    re.MULTILINE,
)


def find_placeholders(text: str) -> list[tuple[int, int]]:
    """Where they stand in a command, in order, as [start, end).

    A `$VAR` in single quotes or after a backslash is not one: a shell leaves it alone, too.
    """
    if _MARKS.isdisjoint(text) and "_" not in text:
        return []
    inert = _inert(text)
    return [
        found.span()
        for found in _IN_COMMAND.finditer(text)
        if not (found[0][0] in "$[{" and found[0][1] != "{" and found.start() in inert)
        and not (found[0].startswith("${") and found.start() in inert)
        and found[0].strip("{} ") not in _TEMPLATE_WORDS
        and not _CLASS.fullmatch(found[0])
    ]


def names(text: str) -> tuple[str, ...]:
    """Each placeholder of a command once, as it is written, in order."""
    return tuple(dict.fromkeys(text[start:end] for start, end in find_placeholders(text)))


def find_in_prose(text: str) -> list[tuple[int, str]]:
    """What a text or a message leaves to be filled in, each with where it stands."""
    if _OPENS.search(text) is None:
        return []
    return [
        (found.start(), found[0])
        for found in _IN_PROSE.finditer(text)
        if found[0] not in _TEMPLATE_WORDS
    ]


def variables_set(commands: Iterable[str]) -> frozenset[str]:
    """The shell variables that the commands set themselves, and those that are always there."""
    found = {
        name for command in commands for groups in _SETS.findall(command) for name in groups if name
    }
    return _ENVIRONMENT | found


def is_set(placeholder: str, variables: frozenset[str]) -> bool:
    """Whether it is a variable that needs no filling in."""
    return placeholder.startswith("$") and placeholder.strip("${}") in variables


def _inert(text: str) -> set[int]:
    """The positions of what a shell would not expand: it is quoted or escaped."""
    inert: set[int] = set()
    quote = ""
    skip = False
    for at, char in enumerate(text):
        if skip:
            skip = False
            if char in "$[{":
                inert.add(at)
        elif char == "\\" and quote != "'":
            skip = True
        elif char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        elif char in "$[{" and quote == "'":
            inert.add(at)
    return inert
