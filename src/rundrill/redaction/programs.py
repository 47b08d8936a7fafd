"""Programs that take a password by a short flag: `mysql -psecret`, `redis-cli -a secret`.

`-p` alone says nothing: it is a port for psql, a patch for kubectl, a pod's last life in its logs.
"""

import re
from collections.abc import Mapping
from typing import Final

from rundrill.redaction.value import value_span

_Flags = tuple[tuple[str, ...], tuple[str, ...]]
"""Flags with the value attached, and those with it as the next word."""
_MYSQL: Final[_Flags] = (("-p",), ())  # `-p NAME` asks, and NAME is the database
_MONGO: Final[_Flags] = (("-p",), ("-p",))
_USER: Final[_Flags] = (("-u",), ("-u", "--user", "-U", "--proxy-user"))
_PROGRAMS: Final[Mapping[str, _Flags]] = {
    **dict.fromkeys(("mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump"), _MYSQL),
    **dict.fromkeys(("mongo", "mongosh", "mongodump", "mongorestore", "sshpass"), _MONGO),
    "curl": _USER,
    "redis-cli": ((), ("-a",)),
    "ldapsearch": (("-w",), ("-w",)),
    "sqlcmd": (("-P",), ("-P",)),
}
_ALL: Final = re.compile(
    rf"(?<![\w-])(?:(?P<name>{'|'.join(sorted(_PROGRAMS, key=len, reverse=True))})"
    r"|(?P<login>(?:docker|podman|nerdctl|helm\s+registry|oras|crane)\s+(?:auth\s+)?login))"
    r"(?=[ \t\x1f])"
)
_COMMAND: Final = re.compile(r"[^\n|;&]{0,2000}")
_WORD: Final = re.compile(r"(?:[^ \t\x1f\"']|\"[^\"]*\"|'[^']*')+")


def in_programs(text: str, mark: str) -> str:
    """Hides what the known programs are given as a password."""
    parts: list[str] = []
    done = seen = 0
    for program in _ALL.finditer(text):
        if program.start() < seen:
            continue  # a word of the command before
        attached, apart = _MONGO if program["name"] is None else _PROGRAMS[program["name"]]
        command = _COMMAND.match(text, program.end())
        assert command is not None
        seen = command.end()
        takes, name = False, program["name"]
        for word in _WORD.finditer(text, program.end(), command.end()):
            begin = word.start()
            inner = word[0].rpartition("/")[2]
            if inner in _PROGRAMS and not takes:  # the first was a pod of that name
                (attached, apart), name = _PROGRAMS[inner], inner
                continue
            if not takes:
                takes = word[0] in apart
                if takes or not word[0].startswith(attached or ("\0",)):
                    continue
                flag = next(flag for flag in attached if word[0].startswith(flag))
                if len(word[0]) == len(flag):
                    continue
                begin += len(flag)
            takes = False
            if name == "curl":
                colon = text.find(":", begin, word.end())
                if colon < 0:
                    continue
                begin = colon + 1
            begin, end = value_span(text, begin)
            if begin != end:
                parts += [text[done:begin], mark]
                done = end
    return "".join([*parts, text[done:]]) if parts else text
