"""What a command leaves to be filled in: `<pod-name>`, `$VAR`, `${VAR}`, `{{ name }}`."""

import re

_PLACEHOLDER = re.compile(
    r"<[A-Za-z][\w.-]*(?: [\w.-]+){0,5}>"
    r"|\$\{[A-Za-z_]\w*\}"
    r"|\$[A-Za-z_]\w*"
    r"|\{\{[ ]?[A-Za-z_][\w-]*[ ]?\}\}"
)
_TEMPLATE_WORDS = frozenset({"end", "else", "break", "continue"})


def find_placeholders(text: str) -> list[tuple[int, int]]:
    """Where they stand in `text`, in order, as [start, end).

    A `$VAR` in single quotes or after a backslash is not one: a shell leaves it alone, too.
    """
    inert = _inert(text)
    return [
        found.span()
        for found in _PLACEHOLDER.finditer(text)
        if not (found[0].startswith("$") and found.start() in inert)
        and found[0].strip("{} ") not in _TEMPLATE_WORDS
    ]


def names(text: str) -> tuple[str, ...]:
    """Each placeholder once, as it is written, in order."""
    return tuple(dict.fromkeys(text[start:end] for start, end in find_placeholders(text)))


def _inert(text: str) -> set[int]:
    """The positions of dollar signs that a shell would not expand."""
    inert: set[int] = set()
    quote = ""
    skip = False
    for at, char in enumerate(text):
        if skip:
            skip = False
            if char == "$":
                inert.add(at)
        elif char == "\\" and quote != "'":
            skip = True
        elif char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        elif char == "$" and quote == "'":
            inert.add(at)
    return inert
