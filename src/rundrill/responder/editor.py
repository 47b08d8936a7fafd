"""The editor of `kubectl edit`: makes the changes that the bindings name, in kubectl's own file.

Runs as a program of its own: `python editor.py FILE`, with the changes as JSON in
$RUNDRILL_EDIT: {"set": {"/data/LOG_LEVEL": "info"}, "remove": ["/data/OLD"]}. The pointers are
those of RFC 6901. Ends with 1 and one line when the object is not as the binding expects; kubectl
then changes nothing.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

VARIABLE: Final = "RUNDRILL_EDIT"


class EditError(Exception):
    """The object has no such place; the message names the pointer."""


def edit(item: Any, changes: Mapping[str, Any]) -> None:
    """Makes the changes in place. Raises `EditError` when a pointer leads nowhere."""
    for pointer, value in changes.get("set", {}).items():
        parent, last = _find(item, pointer)
        if isinstance(parent, list):
            parent[_index(parent, last, pointer)] = value
        else:
            parent[last] = value
    for pointer in changes.get("remove", []):
        parent, last = _find(item, pointer)
        if isinstance(parent, list):
            del parent[_index(parent, last, pointer)]
        elif last in parent:
            del parent[last]
        else:
            raise EditError(f"{pointer} is not there")


def _find(item: Any, pointer: str) -> tuple[Any, str]:
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    for part in parents:
        if isinstance(item, list):
            item = item[_index(item, part, pointer)]
        elif isinstance(item, dict) and part in item:
            item = item[part]
        else:
            raise EditError(f"{pointer} leads nowhere: there is no {part}")
    if not isinstance(item, dict | list):
        raise EditError(f"{pointer} leads into a plain value")
    return item, last


def _index(items: list[Any], part: str, pointer: str) -> int:
    if not part.isdigit() or int(part) >= len(items):
        raise EditError(f"{pointer} leads nowhere: the list has {len(items)} items")
    return int(part)


def main() -> int:
    """Edits the file that kubectl names."""
    path = Path(sys.argv[1])
    try:
        item = yaml.safe_load(path.read_text(encoding="utf-8"))
        edit(item, json.loads(os.environ[VARIABLE]))
    except EditError as problem:
        sys.stderr.write(f"the bound edit does not fit: {problem}\n")
        return 1
    path.write_text(yaml.safe_dump(item, sort_keys=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
