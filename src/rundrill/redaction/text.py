"""Secrets in text, by what they look like and by what stands before them. Pure, and linear.

Names, ids, hashes, digests and addresses stay: a report is evidence. So nothing is hidden for being
long or random; it has the shape of a known kind of secret, or a name that says so.
"""

import base64
import binascii
import re
from typing import Final

from rundrill.redaction.names import WORD, names_an_object
from rundrill.redaction.programs import in_programs
from rundrill.redaction.value import value_span

MARK: Final = "[redacted]"

_PEM: Final = re.compile(
    r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)[\w+/=\s\\:,.|-]*?"
    r"(-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|(?![\w+/=\s\\:,.|-]))"
)
_PEM_PACKED: Final = re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]+")
"""The same in base64; a certificate begins so, too, and is no secret."""
_JWT: Final = re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*){0,3}")
_SHAPES: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:gh[pousr]_\w{30,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[a-z]-[\w-]{10,}"
    r"|(?:sk|rk)_(?:live|test)_\w{10,}|whsec_\w{16,}|AIza[\w-]{30,}|ya29\.[\w-]{20,}|npm_\w{30,}"
    r"|hv[sb]\.[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|AGE-SECRET-KEY-\w{20,}|dckr_pat_[\w-]{20,}"
    r"|(?<=hooks\.slack\.com/services/)[\w/-]{20,})"
)
_URL: Final = re.compile(
    r"(://[^\s/?#\"'<>:@\x1f]{0,128}:)"
    r"(?:[^\s/?#\"'<>\x1f]{1,512}@|(?!\d{1,5}[/?#])[^\s\"'<>\x1f@]{1,512}@)"
)
_URL_TOKEN: Final = re.compile(r"(https?://)(?=[^\s/@]{0,200}\d)[\w.~%-]{16,256}@", re.IGNORECASE)
_DSN: Final = re.compile(r"(?<![\w.-])([\w.-]{1,64}:)[^\s\"'@]{1,256}(@(?:tcp|unix)\()")
_HEADER: Final = re.compile(
    r"\b((?:proxy-)?authorization|x-api-key|x-auth-token|x-vault-token|(?:set-)?cookie)"
    r"(\\*[\"']?[ \t]*[:=][ \t]*(?:\[[ \t]*)?\\*[\"']?)([^\r\n\x1f\"'\\]+)",
    re.IGNORECASE,
)
_SCHEME: Final = re.compile(r"(bearer|basic|token|apikey)[ \t]+", re.IGNORECASE)
_OF_PARTS: Final = re.compile(
    r"\b((?:proxy-)?authorization\\*[\"']?[ \t]*[:=][ \t]*\\*[\"']?"
    r"(?:digest|aws4-[\w-]{1,40}|oauth|negotiate|ntlm|sharedkey)[ \t]+)"
    r"(?:[^\r\n\x1f\"'\\]|\\.|\"[^\"\r\n]{0,200}\"(?=[,\s]|\Z))+",
    re.IGNORECASE,
)
_BEARER: Final = re.compile(
    r"\b(bearer[ \t\x1f]+)(?=[\w.~+/=-]{0,200}\d)[\w.~+/=-]{8,}", re.IGNORECASE
)
_KEY: Final = re.compile(rf"(?P<word>{WORD})(?:\\*[\"'])?[ \t]*(?:[:=]|=>)[ \t]*", re.IGNORECASE)
_TAIL: Final = re.compile(r"[\w.-]{0,64}\Z")
_FLAG: Final = re.compile(
    rf"(?<![\w-])--?(?:[a-z][a-z.-]{{0,40}}?[.-])?(?:{WORD})[ \t\x1f]+(?![-|;&])", re.IGNORECASE
)
_PAIR: Final = re.compile(
    rf"\b(?:name|path|key)\\*[\"']?[ \t]*[:=][ \t]*\\*[\"']?[\w./-]{{0,100}}?(?:{WORD})"
    r"\\*[\"']?[ \t]*"
    r",?\s{0,80}\\*[\"']?value\\*[\"']?[ \t]*[:=][ \t]*",
    re.IGNORECASE,
)
"""An entry of a pod's `env`, or of a JSON patch: the name is beside the value."""
_PLACE: Final = re.compile(
    rf"(?:\.|\[\d{{1,4}} )[\w.-]{{0,100}}?(?:{WORD})(?:\]\.value)? was (?=['\"])", re.IGNORECASE
)
"""How a difference of two snapshots is told."""
_IS: Final = re.compile(r", is (?=['\"])")
_LITERAL: Final = re.compile(r"(--from-literal[= \x1f][\w.-]{1,100}=)", re.IGNORECASE)
_OF_SECRET: Final = re.compile(r"kind\\*[\"']?[ \t]*:[ \t]*\\*[\"']?Secret\b(?!\w)")
_JSON_DATA: Final = re.compile(r"((\\*)\"(?:data|stringData)\\*\"\s{0,20}:\s{0,20})\{[^{}]*\}?")
_DOCUMENT: Final = "\n---\n"
_YAML_DATA: Final = re.compile(r"^([ ]*)(?:data|stringData):[ ]*$", re.MULTILINE)


def redact(text: str) -> str:
    """`text` without what looks like a secret; the same text when nothing does.

    Argument lists may be joined by "\\x1f" (a unit separator), which no value reaches across.
    """
    if len(text) < 6:
        return text
    text = _PEM.sub(MARK, text)
    text = _PEM_PACKED.sub(lambda found: MARK if _is_private(found[0]) else found[0], text)
    if _OF_SECRET.search(text) is not None:
        text = _DOCUMENT.join(map(_without_data, text.split(_DOCUMENT)))
    text = _OF_PARTS.sub(rf"\1{MARK}", text)
    text = _HEADER.sub(_header, text)
    text = _BEARER.sub(rf"\1{MARK}", text)
    text = _JWT.sub(MARK, text)
    text = _SHAPES.sub(MARK, text)
    if "@" in text:
        text = _URL.sub(rf"\1{MARK}@", text)
        text = _URL_TOKEN.sub(rf"\1{MARK}@", text)
        if "@tcp(" in text or "@unix(" in text:
            text = _DSN.sub(rf"\1{MARK}\2", text)
    text = in_programs(text, MARK)
    text = _after(_PAIR, text)
    text = _after(_FLAG, text)
    text = _after(_KEY, text)
    if " was " in text:
        text = _after(_PLACE, text, again=_IS)
    if "from-literal" in text and re.search(r"create[\s\x1f]+secret", text):
        text = _after(_LITERAL, text)
    return text


def _after(name: re.Pattern[str], text: str, *, again: re.Pattern[str] | None = None) -> str:
    """Hides the value that follows each `name`, and the one that then follows `again`."""
    parts: list[str] = []
    done = 0
    for found in name.finditer(text):
        if found.start() < done or found.end() >= len(text):
            continue
        if name is _KEY and not _counts(text, found):
            continue
        begin, end = value_span(text, found.end(), found.start())
        if begin == end:
            continue
        parts += [text[done:begin], MARK]
        done = end
        then = again.match(text, end + 1) if again is not None else None
        if then is not None:
            begin, end = value_span(text, then.end(), then.start())
            parts += [text[done:begin], MARK if begin != end else ""]
            done = end
    return "".join([*parts, text[done:]]) if parts else text


def _counts(text: str, found: re.Match[str]) -> bool:
    """Not the name of a Secret object, and not where the shell is (`PWD=/root`)."""
    if text[found.end()] == "/" and found["word"].lower() == "pwd":
        return False
    before = _TAIL.search(text, max(0, found.start() - 64), found.end("word"))
    return before is None or not names_an_object(before[0])


def _header(found: re.Match[str]) -> str:
    name, mark, value = found.groups()
    if MARK in found[0]:
        return found[0]
    if "cookie" in name.lower():
        return f"{name}{mark}{MARK}"
    scheme = _SCHEME.match(value)
    rest = value[scheme.end() :] if scheme is not None else value
    token = re.match(r"[^\s,;\]]+", rest)
    # "authorization: denied" is a word about it, and no token.
    if token is None or (scheme is None and token[0].isalpha()):
        return found[0]
    return f"{name}{mark}{scheme[0] if scheme else ''}{MARK}{rest[token.end() :]}"


def _is_private(packed: str) -> bool:
    try:
        return b"PRIVATE KEY" in base64.b64decode(packed[:64] + "=" * (-len(packed[:64]) % 4))
    except (binascii.Error, ValueError):
        return True


def _without_data(text: str) -> str:
    """A document without the data of all its objects, if one of them is a Secret."""
    if _OF_SECRET.search(text) is None:
        return text
    return _yaml_data(_JSON_DATA.sub(rf'\1\2"{MARK}\2"', text))


def _yaml_data(text: str) -> str:
    """Hides every value below `data:` and `stringData:`."""
    out: list[str] = []
    margin: int | None = None
    for line in text.split("\n"):
        head = _YAML_DATA.match(line)
        inside = margin is not None and (not line.strip() or _indent(line) > margin)
        if inside:
            key, colon, _ = line.partition(":")
            out.append(f"{key}: {MARK}" if colon else ("" if not line.strip() else MARK))
            continue
        margin = len(head[1]) if head is not None else None
        out.append(line)
    return "\n".join(out)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
