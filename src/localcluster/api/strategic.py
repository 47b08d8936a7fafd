"""Strategic merge patch, driven by the merge keys in the OpenAPI definitions. Pure.

The rules are those of the API server: lists with a merge key are merged entry by entry, and the
order of the result follows the patch first and the stored list second.
"""

from collections.abc import Sequence
from typing import Any, Final

from localcluster.json_copy import copy_json
from localcluster.objects import KubeObject
from localcluster.schema.definitions import Definitions, Schema
from localcluster.status import bad_request

_DIRECTIVE: Final = "$patch"
_RETAIN: Final = "$retainKeys"
_ORDER: Final = "$setElementOrder/"
_DELETE: Final = "$deleteFromPrimitiveList/"


class StrategicMerge:
    """Applies patches to objects whose schema the definitions have."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def apply(self, document: KubeObject, patch: KubeObject, schema: Schema) -> KubeObject:
        """The patched copy. 400 for directives that cannot be followed."""
        return self._map(copy_json(document), copy_json(patch), schema)

    def _map(self, original: KubeObject, patch: KubeObject, schema: Schema) -> KubeObject:
        if _DIRECTIVE in patch:
            return _directed(patch)
        _retain_keys(original, patch)
        self._ordered_lists(original, patch, schema)
        for key, value in patch.items():
            if key.startswith(_ORDER):
                continue
            if key.startswith(_DELETE):
                _delete_primitives(original, key.removeprefix(_DELETE), value)
            elif value is None:
                original.pop(key, None)
            else:
                original[key] = self._value(original.get(key), value, schema, key)
        return original

    def _value(self, original: Any, patch: Any, schema: Schema, key: str) -> Any:
        field = self._field(schema, key)
        strategies = field.get("x-kubernetes-patch-strategy", "").split(",")
        if isinstance(patch, dict):
            if "replace" in strategies:
                return _without_directives(patch)
            base = original if isinstance(original, dict) else {}
            return self._map(base, patch, self._definitions.resolve(field))
        if isinstance(patch, list) and "merge" in strategies:
            base_list = original if isinstance(original, list) else []
            return self._list(base_list, patch, field)
        return _without_directives(patch)

    def _field(self, schema: Schema, key: str) -> Schema:
        properties = schema.get("properties")
        found = properties.get(key) if properties else schema.get("additionalProperties")
        return found if isinstance(found, dict) else {}

    def _ordered_lists(self, original: KubeObject, patch: KubeObject, schema: Schema) -> None:
        """`$setElementOrder/x` and the patch's own list `x`, which is then done with."""
        for directive in [key for key in patch if key.startswith(_ORDER)]:
            key = directive.removeprefix(_ORDER)
            order = patch[directive]
            if not isinstance(order, list):
                raise bad_request(f"{directive} must be a list")
            field = self._field(schema, key)
            stored = original.get(key)
            if key in patch and patch[key] is None:
                continue
            if key not in patch and stored is None:
                continue
            stored = stored if isinstance(stored, list) else []
            _check_order(patch.get(key), order, _merge_key(field))
            merged = (
                self._value(list(stored), patch.pop(key), schema, key)
                if key in patch
                else (list(stored))
            )
            deleted = patch.pop(_DELETE + key, None)
            if isinstance(deleted, list):
                merged = [item for item in merged if item not in deleted]
            original[key] = _in_order(merged, order, stored, _merge_key(field))

    def _list(self, original: list[Any], patch: list[Any], field: Schema) -> list[Any]:
        key = _merge_key(field)
        if key is None:
            merged = list(original)
            merged += [item for item in patch if item not in merged]
            return _in_order(merged, patch, original, None)
        stored = list(original)
        kept, patch = _special_entries(stored, patch, key)
        schema = self._definitions.resolve(field.get("items", {}))
        merged = list(kept)
        for entry in patch:
            place = _place(merged, entry[key], key)
            if place is None:
                merged.append(self._map({}, entry, schema))
            else:
                merged[place] = self._map(merged[place], entry, schema)
        return _in_order(merged, patch, stored, key)


def _merge_key(field: Schema) -> str | None:
    return field.get("x-kubernetes-patch-merge-key")


def _directed(patch: KubeObject) -> KubeObject:
    match patch.pop(_DIRECTIVE):
        case "replace":
            return {key: _without_directives(value) for key, value in patch.items()}
        case "delete":
            return {}
        case other:
            raise bad_request(f"Unknown patch type found: {other}")


def _retain_keys(original: KubeObject, patch: KubeObject) -> None:
    retained = patch.pop(_RETAIN, None)
    if retained is None:
        return
    named = [key for key, value in patch.items() if value is not None and not key.startswith("$")]
    if not isinstance(retained, list) or not set(named) <= set(retained):
        raise bad_request(
            "incorrect patch format: $retainKeys must be a list that names every field of the patch"
        )
    for key in [key for key in original if key not in retained]:
        del original[key]


def _check_order(patch: Any, order: Sequence[Any], key: str | None) -> None:
    """The entries that a patch has must stand in the order it asks for; 400."""
    wanted = iter(order)
    for entry in patch or ():
        if isinstance(entry, dict) and _DIRECTIVE in entry:
            continue
        if not any(_identity(other, key) == _identity(entry, key) for other in wanted):
            raise bad_request(
                f"The order in patch list:\n{patch}\n "
                f"doesn't match $setElementOrder list:\n{order}\n"
            )


def _delete_primitives(original: KubeObject, key: str, unwanted: Any) -> None:
    if not isinstance(unwanted, list):
        raise bad_request(f"{_DELETE}{key} must be a list")
    if key in original:
        original[key] = [item for item in original[key] if item not in unwanted]


def _special_entries(
    original: list[Any], patch: list[Any], key: str
) -> tuple[list[Any], list[KubeObject]]:
    """What is left of `original` after entries with a directive, and the patch's other entries."""
    entries: list[KubeObject] = []
    replace = False
    for entry in patch:
        if not isinstance(entry, dict):
            raise bad_request(f"an entry of a list merged by {key} must be an object")
        directive = entry.get(_DIRECTIVE)
        if directive == "replace":
            replace = True
            continue
        if key not in entry:
            raise bad_request(f"map: {entry} does not contain declared merge key: {key}")
        if directive is None:
            entries.append(entry)
        elif directive == "delete":
            original = [
                item
                for item in original
                if not isinstance(item, dict) or item.get(key) != entry[key]
            ]
        else:
            raise bad_request(f"Unknown patch type found: {directive}")
    return ([], entries) if replace else (original, entries)


def _place(items: Sequence[Any], value: Any, key: str | None) -> int | None:
    """Where the entry stands whose merge key (or whose value) is `value`."""
    for index, item in enumerate(items):
        if _identity(item, key) == value:
            return index
    return None


def _identity(item: Any, key: str | None) -> Any:
    return item.get(key) if key is not None and isinstance(item, dict) else item


def _in_order(
    merged: list[Any], order: Sequence[Any], stored: Sequence[Any], key: str | None
) -> list[Any]:
    """Entries named in `order` in that order; the others woven in as they stood in `stored`."""

    def rank(items: Sequence[Any], item: Any) -> int | None:
        return _place(items, _identity(item, key), key)

    named = sorted(
        (item for item in merged if rank(order, item) is not None),
        key=lambda item: rank(order, item) or 0,
    )
    others = [item for item in merged if rank(order, item) is None]
    others.sort(key=lambda item: len(stored) if (at := rank(stored, item)) is None else at)
    result: list[Any] = []
    while named and others:
        left, right = rank(stored, others[0]), rank(stored, named[0])
        before = left is not None and right is not None and left < right
        result.append((others if before else named).pop(0))
    return result + named + others


def _without_directives(value: Any) -> Any:
    """A value taken over whole: what only directs a merge is not part of it."""
    if isinstance(value, dict):
        return {
            key: _without_directives(item)
            for key, item in value.items()
            if not key.startswith((_DIRECTIVE, _RETAIN, _ORDER, _DELETE)) and item is not None
        }
    if isinstance(value, list):
        return [
            _without_directives(item)
            for item in value
            if not (isinstance(item, dict) and item.get(_DIRECTIVE) in ("delete", "replace"))
        ]
    return value
