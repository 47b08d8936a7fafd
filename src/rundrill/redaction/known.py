"""Values that this run knows to be secret: then they are hidden wherever they stand, in any coding.

Of its kubeconfig and of its environment. A short one could be any word (a password `production`
would spoil the whole report), so it is hidden only where it stands alone, and not at all below six
characters: there only patterns help.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

from rundrill.redaction.names import is_secret

_SHORTEST: Final = 6
_ANYWHERE: Final = 12
"""From this length on, also in the middle of a word."""
_CUT: Final = "\n[cut here: "
"""What follows an output that was too long, and may have been cut in a secret."""
_USER_FIELDS: Final = ("token", "password", "client-key-data")


class Known:
    """A set of secret values. It tells none of them, not even in a traceback."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        found = {value.strip() for value in values}
        self._values = tuple(
            sorted((one for one in found if len(one) >= _SHORTEST), key=len, reverse=True)
        )
        forms = {
            form: None for value in self._values for form in _forms(value) if len(form) >= _SHORTEST
        }
        ordered = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_pattern, ordered))) if ordered else None

    def __repr__(self) -> str:
        return f"{len(self._values)} known values"

    def __len__(self) -> int:
        return len(self._values)

    def hide(self, text: str, mark: str) -> str:
        """`text` without the values, and without the beginning of one where it was cut."""
        if self._pattern is None:
            return text
        text = self._pattern.sub(lambda _: mark, text)
        head, cut, tail = text.rpartition(_CUT)
        if not cut:
            return text
        for value in self._values:
            for length in range(min(len(value), len(head)), _SHORTEST - 1, -1):
                if head.endswith(value[:length]):
                    return f"{head[:-length]}{mark}{cut}{tail}"
        return text


def of_kubeconfig(config: object) -> list[str]:
    """The credentials in a kubeconfig, as YAML or JSON made of it; of all its users."""
    values: list[str] = []
    users = config.get("users") if isinstance(config, Mapping) else None
    for entry in users if isinstance(users, list) else []:
        user = entry.get("user") if isinstance(entry, Mapping) else None
        if not isinstance(user, Mapping):
            continue
        values += [str(user[field]) for field in _USER_FIELDS if user.get(field)]
        if user.get("username") and user.get("password"):
            pair = f"{user['username']}:{user['password']}"
            values.append(base64.b64encode(pair.encode()).decode())
        values += _of_plugin(user)
    return values


def of_names(values: Mapping[str, object]) -> list[str]:
    """What is held by variables, or put for placeholders, that are called like a secret."""
    return [
        value
        for name, value in values.items()
        if isinstance(value, str) and is_secret(name) and value and not value.startswith("/")
    ]


def _of_plugin(user: Mapping[str, Any]) -> list[str]:
    values: list[str] = []
    provider = user.get("auth-provider")
    config = provider.get("config") if isinstance(provider, Mapping) else None
    if isinstance(config, Mapping):
        values += [str(value) for name, value in config.items() if is_secret(str(name))]
    plugin = user.get("exec")
    variables = plugin.get("env") if isinstance(plugin, Mapping) else None
    for one in variables if isinstance(variables, list) else []:
        if isinstance(one, Mapping) and is_secret(str(one.get("name"))):
            values.append(str(one.get("value") or ""))
    return values


def _forms(value: str) -> Iterable[str]:
    """How it may be written: as it is, in JSON, in a URL, in a Secret's `data`."""
    yield value
    yield json.dumps(value)[1:-1]
    yield quote(value, safe="")
    yield quote_plus(value)
    yield base64.b64encode(value.encode("utf-8", "surrogatepass")).decode().rstrip("=")
    yield base64.b64encode(f"{value}\n".encode("utf-8", "surrogatepass")).decode().rstrip("=")


def _pattern(form: str) -> str:
    escaped = re.escape(form)
    return escaped if len(form) >= _ANYWHERE else rf"(?<!\w){escaped}(?!\w)"
