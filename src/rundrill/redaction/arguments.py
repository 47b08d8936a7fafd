"""Commands whose whole output is a secret, with no name beside it that a pattern could know."""

import re
from collections.abc import Sequence
from typing import Final

from rundrill.redaction.names import is_secret

_SECRETS: Final = re.compile(r"(?:.*,)?secrets?(?:\.v1)?(?:[,/].*)?", re.IGNORECASE)
_SHOWN: Final = ("wide", "name", "")
"""Output of `kubectl get` that holds names only."""
_FILE: Final = re.compile(
    r"(?:secret|credential|passw|token|\.pgpass|\.netrc|\.my\.cnf|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|\.kube/config|\.docker/config|\.aws/|\.pem\b|\.key\b|/environ\b)",
    re.IGNORECASE,
)
_READERS: Final = frozenset(
    "cat head tail less more base64 xxd od strings grep awk sed cut tr cp tar".split()  # noqa: SIM905
)
_VARIABLE: Final = re.compile(r"\$\{?(\w+)")


def prints_a_secret(argv: Sequence[str]) -> bool:
    """Whether a command's output may be a bare secret: then all of it is hidden."""
    words = [word for word in argv if word]
    if not words:
        return False
    if "--" in words:
        return _shows(words[words.index("--") + 1 :])
    plain = [word for word in words[1:] if not word.startswith("-")]
    if "get" in plain and any(_SECRETS.fullmatch(word) for word in plain):
        return _output(words) not in _SHOWN
    if "token" in plain and "create" in plain:
        return True
    return "config" in plain and "view" in plain and "--raw" in words


def _output(words: Sequence[str]) -> str:
    """What `-o` says, without what follows `=`; empty without one."""
    for number, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag in ("-o", "--output"):
            told = value if equals else next(iter(words[number + 1 :]), "")
            return told.partition("=")[0]
        if word.startswith("-o") and not word.startswith("--"):
            return word[2:].lstrip("=").partition("=")[0]
        if flag == "--template":
            return "go-template"
    return ""


def _shows(words: Sequence[str]) -> bool:
    """A command in a container: reads it a file of secrets, or tells it one variable?"""
    text = " ".join(words)
    inner = re.split(r"[\s;|&'\"()]+", text)
    programs = {word.rpartition("/")[2] for word in inner}
    if programs & _READERS and _FILE.search(text):
        return True
    if "printenv" in programs and any(is_secret(word) for word in inner):
        return True
    return any(is_secret(name) for name in _VARIABLE.findall(text)) and "echo" in programs | {""}
