"""What secrets are called: `DB_PASSWORD`, `apiKey`, `client-key-data`; not `secretName`."""

import re
from typing import Final

WORD: Final = (
    r"(?:passw(?:or)?d|passwort|passphrase|(?<![a-z])pass|(?:user|db|_|-|\.)pwd|(?<![a-z])pwd"
    r"|(?:api|access|account|private|encryption|signing|master|shared|secret|client)[_.-]?key"
    r"|secret[_.-]?access[_.-]?key|client[_.-]key[_.-]data|docker(?:configjson|cfg)"
    r"|secret|token|credentials?|connection[_.-]?string|x-amz-(?:signature|credential)"
    r"|(?<=[?&])sig(?:nature)?|\.pgpass)"
    # Of several: `PASSWORD_OLD`, `secret2`, `password_hash`.
    r"(?:[_.-]?\d{1,3}|[_.-](?:hash|base64|b64|value|raw|old|new|live|test|dev|primary|secondary"
    r"|admin|root|prod(?:uction)?|staging))?"
)
"""A pattern without groups, to be used with IGNORECASE; often the end of a longer name."""
_NAMED: Final = re.compile(rf"{WORD}\Z", re.IGNORECASE)
_OF_NAMES: Final = re.compile(r"(?:existing|pull|tls|ca|image)[_.-]?secret\Z", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether something of that name is to be hidden: a key, a variable, a flag."""
    name = name.strip("<>${}\"' ")[-200:]
    return _NAMED.search(name) is not None and not names_an_object(name)


def names_an_object(name: str) -> bool:
    """`existingSecret: payment-db` tells which Secret, not what is in it."""
    return _OF_NAMES.search(name) is not None
