"""Lines of a code block to whole commands: continuations, quotes, heredocs, loops, prompts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_PROMPT = re.compile(
    r"\s*PS(?:\s[A-Za-z]:[\w\\ .~-]{0,60})?>\s+(?=\S)"
    r"|\s*(?:\([\w.-]{1,20}\)\s?)?(?:\[[\w.@:~/ -]{1,40}\]"
    r"|(?:[\w.@:~/-]{0,40}\s?)?)[$%\u276f\u279c]\s+(?=\S)"
)
_PROMPTS = re.compile("[$%\u276f\u279c#>]")
_ROOT_PROMPT = re.compile(
    r"\s*(?:\[?[\w.-]{1,30}@[\w.-]{1,30}[\w.:~/ -]{0,30}\]?\s?|[a-z][\w.-]{0,30}(?=#))?#\s+(?=\S)"
)
_ROOT_AT_HOST = re.compile(
    r"\s*(?:\[[\w.-]{1,30}@[\w.-]{1,40}[\w.:~/ -]{0,40}\]\s?"
    r"|[\w.-]{1,30}@[\w.-]{1,40}(?::[\w.~/-]{0,40})?)#\s+(?=\S)"
)
"""A prompt and no comment, wherever it stands."""
MAX_LOOP = 100
"""Lines of a loop; a longer one is read line by line."""
_OPENS = re.compile(
    r"(?:^|[;&|]\s*|\b(?:do|then|else)\s)\s*(?:for|while|until|select|if|case)\b(?!\()"
)
_CLOSES = re.compile(r"(?:^|[;&|]\s*|\s)(?:done|fi|esac)\b")
_POWERSHELL = re.compile(r"(?:\$\w+\s?=\s?)?[A-Z][a-z]+-[A-Z]\w+\s")
"""Any verb, also where the answer is kept: `@{` at the end of the line says the rest. What stands
alone must be one of the verbs that there are (`commands`)."""
_HEREDOC = re.compile(r"(?<!<)<<-?\s?(['\"]?)([A-Za-z_]\w*)\1(?!\w)")


@dataclass(frozen=True, slots=True)
class ShellLine:
    """One command with the line it begins on and the comment above it."""

    line: int
    last_line: int
    text: str
    comment: str
    prompted: bool


def read_shell(lines: Sequence[str], *, first_line: int, root: bool = False) -> Iterator[ShellLine]:
    """The commands of a block whose first line is `first_line`. Blank lines are left out.

    `root` takes `# ` for a prompt and not for a comment.
    """
    at = 0
    comment = ""
    # A quote that nothing below closes is an apostrophe; looked for only once for each kind.
    unclosed: set[str] = set()
    last = {line.strip(): number for number, line in enumerate(lines)}
    closes = max((at for at, line in enumerate(lines) if _closes(line)), default=-1)
    while at < len(lines):
        start = at
        text, prompted = _without_prompt(lines[at], root=root)
        at += 1
        if not text or text.startswith("#"):
            comment = text.lstrip("# ").strip() if text else ""
            continue
        text, at = _with_continuations(text, lines, at)
        text, at = _with_next_of_pipe(text, lines, at)
        text, at = _with_quotes(text, lines, at, unclosed)
        text, at = _with_heredoc(text, lines, at, last)
        text, at = _with_table(text, lines, at)
        if closes >= at:
            text, at = _with_loop(text, lines, at)
        text = without_comment(text).strip()
        yield ShellLine(first_line + start, first_line + at - 1, text, comment, prompted)
        comment = ""


def strip_prompt(text: str) -> str:
    """`$ kubectl get pods` without its prompt."""
    return _without_prompt(text)[0]


def without_comment(text: str) -> str:
    """`text` up to a `#` that begins a word outside quotes."""
    if "#" not in text:
        return text
    quote = ""
    previous = " "
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote and previous != "\\" else quote
        elif char in "'\"" and previous != "\\":
            quote = char
        elif char == "#" and previous.isspace():
            return text[:at]
        previous = char
    return text


def _without_prompt(line: str, *, root: bool = False) -> tuple[str, bool]:
    found = _PROMPTS.search(line) and (_PROMPT.match(line) or _ROOT_AT_HOST.match(line))
    if found is None and root:
        found = _ROOT_PROMPT.match(line)
    return (line.strip(), False) if found is None else (line[found.end() :].strip(), True)


def _continues(text: str) -> bool:
    return text.endswith("\\") and not text.endswith("\\\\")


def _with_next_of_pipe(text: str, lines: Sequence[str], at: int) -> tuple[str, int]:
    """What a pipe or "&&" at the end of a line leads to; a row of a table begins with a bar."""
    parts = [text]
    while parts[-1].endswith(("|", "&&")) and text[0] != "|" and at < len(lines):
        if not lines[at].strip():
            break
        more, at = _with_continuations(lines[at].strip(), lines, at + 1)
        parts.append(more)
    return "\n".join(parts), at


def _with_continuations(text: str, lines: Sequence[str], at: int) -> tuple[str, int]:
    parts = [text]
    while _continues(parts[-1]) and at < len(lines):
        parts[-1] = parts[-1][:-1].rstrip()
        # Some write `> ` where the shell shows its second prompt.
        parts.append(lines[at].strip().removeprefix("> "))
        at += 1
    parts[-1] = parts[-1].removesuffix("\\").rstrip() if _continues(parts[-1]) else parts[-1]
    return " ".join(part for part in parts if part), at


def _closes(line: str) -> bool:
    return ("done" in line or "fi" in line or "esac" in line) and _CLOSES.search(line) is not None


def _with_loop(text: str, lines: Sequence[str], at: int) -> tuple[str, int]:
    """Goes on to the line that ends a loop or a condition, when one does."""
    depth = len(_OPENS.findall(text)) - len(_CLOSES.findall(text))
    if depth <= 0:
        return text, at
    parts = [text]
    for end in range(at, min(len(lines), at + MAX_LOOP)):
        line = lines[end].strip()
        parts.append(line)
        depth += len(_OPENS.findall(line)) - len(_CLOSES.findall(line))
        if depth <= 0:
            return "\n".join(part for part in parts if part), end + 1
    return text, at


def _with_table(text: str, lines: Sequence[str], at: int) -> tuple[str, int]:
    """Goes on to the line that closes PowerShell's `@{` or `@(`, and over its trailing `|`."""
    if not text.endswith(("@{", "@(", "{")) or _POWERSHELL.match(text) is None:
        return text, at
    depth = _depth(text)
    for end in range(at, min(len(lines), at + MAX_LOOP)):
        depth += _depth(lines[end])
        if depth <= 0:
            return "\n".join([text, *(line.strip() for line in lines[at : end + 1])]), end + 1
    return text, at


def _depth(line: str) -> int:
    return sum(line.count(char) for char in "{(") - sum(line.count(char) for char in "})")


def _with_quotes(text: str, lines: Sequence[str], at: int, unclosed: set[str]) -> tuple[str, int]:
    """Goes on over the lines of a quoted text."""
    quote = _open_quote(text, "")
    if not quote or quote in unclosed:
        return text, at
    parts = [text]
    for end in range(at, len(lines)):
        parts.append(lines[end])
        quote = _open_quote(lines[end], quote)
        if not quote:
            return "\n".join(parts), end + 1
    unclosed.add(_open_quote(text, ""))
    return text, at


def _open_quote(text: str, quote: str) -> str:
    """The quote that is open after `text`, given the one open before it."""
    if "'" not in text and '"' not in text:
        return quote
    previous = " "
    for char in text:
        if quote:
            quote = "" if char == quote and (previous != "\\" or quote == "'") else quote
        elif char in "'\"" and previous != "\\":
            quote = char
        elif char == "#" and previous.isspace():
            return ""
        previous = "" if previous == "\\" and char == "\\" else char
    return quote


def _with_heredoc(
    text: str, lines: Sequence[str], at: int, last: Mapping[str, int]
) -> tuple[str, int]:
    """Goes on to the line that ends a heredoc; `last` says where each line stands last."""
    found = _HEREDOC.search(text) if "<<" in text else None
    if found is None or last.get(found[2], -1) < at:
        return text, at
    end = next(number for number in range(at, len(lines)) if lines[number].strip() == found[2])
    return "\n".join([text, *lines[at : end + 1]]), end + 1
