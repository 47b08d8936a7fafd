"""Markdown to a small tree of blocks, each with its source line. The only module that knows
markdown-it's tokens."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from itertools import takewhile

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.backticks import backtick
from markdown_it.rules_inline.link import link
from markdown_it.token import Token

from rundrill.runbook.text import Mark, Span, Text

_LETTERED = re.compile(r"^([ ]{0,12})([a-iA-I])([.)][ ]+)(?=\S)", re.MULTILINE)
MAX_ITEM = 200
"""Lines of an item that are looked through for code."""
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s")
_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
MAX_TEXT = 10_000
"""A longer paragraph is prose in which nobody would look for a claim."""
PLAIN = frozenset({"text", "txt", "plaintext", "plain", "none"})
"""The languages of a block that holds no code."""
MAX_NESTING = 40
"""Deeper levels are not read. It bounds recursion and keeps reading linear in the text."""

_TAG = re.compile(
    r"</?(?:a|abbr|b|code|em|i|img|kbd|p|small|span|strong|sub|sup|u)\b[^>]*>", re.IGNORECASE
)
_SUMMARY = re.compile(
    r"<summary\b[^>]{0,200}>((?:(?!</summary>).){1,200})</summary>", re.IGNORECASE | re.DOTALL
)
_UNFOLDS = re.compile(r"</details\s{0,9}>", re.IGNORECASE)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\n[\w-]+[ \t]*:.*\n(?:(?!---|#{1,6} ).*\n){0,200}?---[ \t]*(?:\n|\Z)"
)


@dataclass(frozen=True, slots=True)
class Heading:
    """`folded`: the summary of a block that can be opened (`<details>`), up to its end."""

    line: int
    level: int
    text: Text
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    line: int
    text: Text


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """`line` is the line of the first element of `lines`; `opened` that of the fence above it."""

    line: int
    opened: int | None
    language: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    line: int
    blocks: tuple["Block", ...]

    @property
    def text(self) -> Text:
        """Its own words: the first paragraph, or nothing."""
        first = self.blocks[0] if self.blocks else None
        return first.text if isinstance(first, Paragraph) else Text(self.line, ())


@dataclass(frozen=True, slots=True)
class ItemList:
    line: int
    ordered: bool
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Table:
    line: int
    header: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]


@dataclass(frozen=True, slots=True)
class Quote:
    line: int
    blocks: tuple["Block", ...]


@dataclass(frozen=True, slots=True)
class Markup:
    """A block of HTML, as it is written, or a rule."""

    line: int
    lines: tuple[str, ...]

    @property
    def unfolds(self) -> int:
        """How many `<details>` end here."""
        return sum(len(_UNFOLDS.findall(line)) for line in self.lines)


Content = Paragraph | CodeBlock | ItemList | Table | Quote | Markup
"""What stands under a heading."""
Block = Heading | Content


def read_blocks(text: str) -> tuple[Block, ...]:
    """The document's blocks in order. Any text is read; nothing is raised."""
    tokens = _reader().parse(_with_letters_counted(_without_front_matter(text)))
    return tuple(_with_summaries(_blocks(_Cursor(tokens), end=None)))


def _with_summaries(blocks: Iterable[Block]) -> Iterator[Block]:
    """The blocks with a heading for each `<summary>`, one level below those around it."""
    level = 1
    outer: list[int] = []
    for block in blocks:
        yield block
        if isinstance(block, Heading):
            level = block.level
        elif isinstance(block, Markup):
            content = "\n".join(block.lines)[:MAX_TEXT]
            for found in _SUMMARY.finditer(content):
                title = " ".join(unescape(re.sub(r"<[^>]*>", "", found[1])).split())
                if not any(char.isalnum() for char in title):
                    continue
                line = block.line + content.count("\n", 0, found.start())
                outer.append(level)
                level = min(level + 1, 6)
                yield Heading(line, level, Text(line, (Span(line, title),)), folded=True)
            for _ in range(min(block.unfolds, len(outer))):
                level = outer.pop()


def walk(blocks: Iterable[Block]) -> Iterator[Block]:
    """All blocks in document order, those inside list items and quotations included."""
    for block in blocks:
        yield block
        if isinstance(block, ItemList):
            for item in block.items:
                yield from walk(item.blocks)
        elif isinstance(block, Quote):
            yield from walk(block.blocks)


def front_matter(text: str) -> list[str]:
    """The lines of the block of settings that some documents begin with, its rules included."""
    found = _FRONT_MATTER.match(normal(text))
    return [] if found is None else found[0].splitlines()


def normal(text: str) -> str:
    """The text with one kind of line break, as Markdown counts lines."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING}).enable("table")
    reader.inline.ruler.at("backticks", _backtick_with_offset)
    reader.inline.ruler.at("link", _link_of_short)
    return reader


def _backtick_with_offset(state: StateInline, silent: bool) -> bool:
    """The library's rule; it also notes where a code span begins, since only blocks have lines."""
    offset, count = state.pos, len(state.tokens)
    matched = backtick(state, silent)
    if len(state.tokens) > count and state.tokens[-1].type == "code_inline":
        state.tokens[-1].meta["offset"] = offset
    return matched


def _link_of_short(state: StateInline, silent: bool) -> bool:
    """The library's rule, which looks far ahead for each bracket, where nobody wrote that many."""
    return len(state.src) <= MAX_TEXT and link(state, silent)


def _without_front_matter(text: str) -> str:
    """Blank lines in its place, so that every line keeps its number."""
    text = normal(text)
    found = _FRONT_MATTER.match(text)
    return text if found is None else "\n" * found[0].count("\n") + text[found.end() :]


def _with_letters_counted(text: str) -> str:
    """ "a. Look" to "1. Look": CommonMark has no lists by letters, and reads what is indented
    below them as code. Nothing moves. Code fences stay as they are."""
    if _LETTERED.search(text) is None:
        return text
    lines = text.split("\n")
    fence = ""
    blank = True
    due = ""
    for at, line in enumerate(lines):
        if found := _FENCE.match(line):
            if not fence:
                fence = found[1]
            elif found[1].startswith(fence):
                fence = ""
        letter = None if fence else _LETTERED.match(line)
        # A list begins behind a blank line with its first letter, and goes on with the next.
        if (
            letter is not None
            and letter[2].lower() in ("a" if blank else "", due)
            and (not _holds_code(lines, at, letter.end(3)))
        ):
            number = ord(letter[2].lower()) - ord("a") + 1
            due = chr(ord("a") + number)
            lines[at] = f"{letter[1]}{number}{line[letter.end(2) :]}"
        blank = not line.strip()
    return "\n".join(lines)


def _holds_code(lines: Sequence[str], at: int, offset: int) -> bool:
    """Whether what is indented below line `at` is code now and would be text of an item."""
    for line in lines[at + 1 : at + 1 + MAX_ITEM]:
        indent = len(line) - len(line.lstrip(" "))
        if line.strip() and (indent == 0 or _LETTERED.match(line)):
            return False
        if line.strip() and indent >= 4 and offset < indent < offset + 4:
            return not _ITEM.match(line)
    return False


class _Cursor:
    """Walks the flat token list."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._next = 0

    def __iter__(self) -> Iterator[Token]:
        while self._next < len(self._tokens):
            self._next += 1
            yield self._tokens[self._next - 1]

    def until(self, end: str) -> Iterator[Token]:
        return takewhile(lambda token: token.type != end, self)


def _line(token: Token) -> int:
    return 1 if token.map is None else token.map[0] + 1


def _blocks(cursor: _Cursor, end: str | None) -> Iterator[Block]:
    for token in cursor if end is None else cursor.until(end):
        match token.type:
            case "heading_open":
                yield Heading(_line(token), int(token.tag[1:]), _text(cursor, "heading_close"))
            case "paragraph_open":
                yield Paragraph(_line(token), _text(cursor, "paragraph_close"))
            case "fence":
                yield _code_block(token, _line(token) + 1, _line(token))
            case "code_block":
                yield _code_block(token, _line(token), None)
            case "bullet_list_open" | "ordered_list_open":
                kind = token.type.removesuffix("_open")
                yield ItemList(
                    _line(token), kind == "ordered_list", _items(cursor, f"{kind}_close")
                )
            case "table_open":
                yield _table(cursor, _line(token))
            case "blockquote_open":
                yield Quote(_line(token), tuple(_blocks(cursor, "blockquote_close")))
            case _:  # HTML, rules
                yield Markup(_line(token), tuple(token.content.rstrip("\n").split("\n")))


def _items(cursor: _Cursor, end: str) -> tuple[Item, ...]:
    return tuple(
        Item(_line(token), tuple(_blocks(cursor, "list_item_close"))) for token in cursor.until(end)
    )


def _code_block(token: Token, line: int, opened: int | None) -> CodeBlock:
    words = token.info.split()
    return CodeBlock(
        line,
        opened,
        words[0].lower().strip("{.}") if words else "",
        tuple(token.content.removesuffix("\n").split("\n")),
    )


def _table(cursor: _Cursor, line: int) -> Table:
    rows: list[tuple[Text, ...]] = []
    cells: list[Text] = []
    for token in cursor.until("table_close"):
        if token.type in ("th_open", "td_open"):
            cells.append(_text(cursor, token.type.replace("open", "close")))
        elif token.type == "tr_close":
            rows.append(tuple(cells))
            cells = []
    return Table(line, rows[0], tuple(rows[1:]))


def _text(cursor: _Cursor, end: str) -> Text:
    line = 1
    spans: list[Span] = []
    for token in cursor.until(end):
        line = _line(token)
        spans += _spans(token, line)
    return Text(line, tuple(spans))


def _spans(inline: Token, line: int) -> Iterator[Span]:
    starts: list[int] = []
    now = line
    strong = weak = 0
    href = ""
    for token in inline.children or ():
        match token.type:
            case "code_inline":
                starts = starts or _starts(inline.content)
                now = line + bisect_right(starts, token.meta["offset"]) - 1
                yield Span(now, token.content, "code", href)
            case "softbreak" | "hardbreak":
                now += 1
                yield Span(now, " ", "break" if token.type == "hardbreak" else "")
            case "html_inline":
                yield Span(now, _BREAK.sub(" ", _TAG.sub("", _visible(token.content))))
            case "link_open":
                href = str(token.attrs.get("href", ""))
            case "link_close":
                href = ""
            case "strong_open" | "strong_close":
                strong += token.nesting
            case "em_open" | "em_close":
                weak += token.nesting
            case _ if token.content:
                mark: Mark = "strong" if strong else "em" if weak else ""
                yield Span(now, token.content, mark, href)


def _starts(text: str) -> list[int]:
    """Where its lines begin."""
    return [0, *(found.end() for found in re.finditer("\n", text))]


def _visible(html: str) -> str:
    """`<pod-name>` in prose looks like a tag and is meant to be read; a comment is not."""
    return "" if html.startswith(("<!--", "<?", "<!")) else html
