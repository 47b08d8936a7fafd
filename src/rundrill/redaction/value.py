"""How far the value after a secret's name reaches, in whatever notation it stands. Linear."""

import re
from typing import Final

_LINE: Final = re.compile(r"[^\n\r\x1f]*")
_BLOCK: Final = re.compile(r"[|>][+-]?\d?[+-]?[ \t]*(?=\n)")
_KEEP: Final = re.compile(
    r"(?:true|false|null|none|nil|yes|no|\d{1,3}|\*+|x{3,}|\[\w+\]"
    r"|<[^>\n]{0,200}>(?:[ \t]+Optional:[ \t]+\w+)?|\$\([^)\n]{0,200}\)|\$\{[^}\n]{0,200}\}"
    r"|(?-i:\$[A-Z_]+)|\{\{[^}\n]{0,200}\}\}"
    r"|(?-i:[a-z][a-z0-9-]{2,60}/[A-Z][A-Z_]{3,60})|)(?=\Z|[\s\x1f\"',;&)}\]\\])",
    re.IGNORECASE,
)
"""No secret: a switch, a mark that something was hidden already, a reference to where it is."""
_END: Final = r"(?:\Z|[\s\x1f\"'{}\[\],)]|[\w.-]{1,40}[=:])"
_BARE: Final = re.compile(rf"(?:[^\s\x1f\"',;&)}}\]\\]|[\"',;&)}}\]](?!{_END})|\\(?![nrt\"'\\]))+")
_QUOTED: Final = {
    '"': re.compile(r'(?:[^"\\\n\x1f]|\\.)*'),
    "'": re.compile(r"(?:[^'\n\x1f]|'')*"),
}
_ESCAPED: Final = re.compile(r"(?:[^\"'\\\n\x1f]|\\+(?![\\\"']))*")
_LEADS: Final = re.compile(r"[\s-]*(?:export\s+|env\s+)?[\"']?[\w.\-/]*\Z")
_LEAD_LIMIT: Final = 200


def value_span(text: str, at: int, name_at: int | None = None) -> tuple[int, int]:
    """Begin and end of the value at `at`; empty when none is to hide.

    `name_at` is where its name begins. Without one it is a word among others.
    """
    opening = re.compile(r"\\*[\"']").match(text, at)
    if opening is not None:
        begin = opening.end()
        body = _ESCAPED if len(opening[0]) > 1 else _QUOTED[opening[0]]
        found = body.match(text, begin)
        assert found is not None
        if _KEEP.fullmatch(found[0]):
            return begin, begin
        return begin, found.end()
    keep = _KEEP.match(text, at)
    if keep is not None:
        return at, at
    if text[at] in "{[" and text[at - 1] != "=":
        return at, at  # a mapping or a list: its own names tell
    block = _BLOCK.match(text, at)
    if block is not None and name_at is not None:
        return at, _block_end(text, block.end(), name_at)
    bare = _BARE.match(text, at)
    if bare is None:
        return at, at
    if name_at is not None and _leads_its_line(text, name_at):
        line = _LINE.match(text, at)
        assert line is not None
        # `PGPASSWORD=x psql -h db` goes on with a command; a password of several words does not.
        if " -" not in line[0] and not _closes(line[0]):
            return at, line.end()
    return at, bare.end()


def _closes(line: str) -> bool:
    """A line of JSON, or of a flow mapping, goes on after the value."""
    return line.rstrip().endswith(("}", "]", '"', "',", '",', "},", "'"))


def _leads_its_line(text: str, name_at: int) -> bool:
    limit = max(0, name_at - _LEAD_LIMIT)  # of a line that may be all of the text
    begin = max(text.rfind(mark, limit, name_at) for mark in "\n\x1f") + 1
    if begin == 0 and limit > 0:
        return False
    return _LEADS.match(text, begin, name_at) is not None


def _block_end(text: str, at: int, name_at: int) -> int:
    """The end of a YAML block: as long as lines are further in than that of its name."""
    begin = text.rfind("\n", 0, name_at) + 1
    margin = _margin(text[begin:name_at])
    end = at
    while end < len(text) and text[end] == "\n":
        line_end = text.find("\n", end + 1)
        line_end = len(text) if line_end < 0 else line_end
        line = text[end + 1 : line_end]
        if line.strip() and _margin(line) <= margin:
            break
        end = line_end
    return end


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
