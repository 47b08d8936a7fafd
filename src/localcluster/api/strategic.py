"""Strategic merge patch, driven by the merge keys in the OpenAPI definitions. Pure.

The rules are those of the API server in current releases: lists with a merge key are merged entry
by entry, and the order of the result follows the patch first and the stored list second. What the
object does not have yet is taken over without nulls and without entries that only direct a merge
(releases before 1.27 took those literally, too); an entry that is new in a list is taken over as it
stands.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from localcluster.json_copy import copy_json
from localcluster.objects import ApiError, KubeObject
from localcluster.schema.definitions import Definitions, Schema
from localcluster.status import bad_request

_DIRECTIVE: Final = "$patch"
_RETAIN: Final = "$retainKeys"
_ORDER: Final = "$setElementOrder/"
_DELETE: Final = "$deleteFromPrimitiveList/"
_SHOWN: Final = 1000  # characters of a bad list in a message


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
        for directed, value in patch.items():
            deletes = directed.startswith(_DELETE)
            key = directed.removeprefix(_DELETE)
            if value is None:
                original.pop(key, None)
            elif type(original.get(key)) is not type(value):
                if not deletes:
                    _take_over(original, key, value)
            else:
                original[key] = self._merged(original[key], value, schema, key, deletes=deletes)
        return original

    def _merged(self, original: Any, patch: Any, schema: Schema, key: str, *, deletes: bool) -> Any:
        """Of two values of one type."""
        field = self._field(schema, key)
        strategies = field.get("x-kubernetes-patch-strategy", "").split(",")
        if isinstance(patch, dict) and "replace" not in strategies:
            return self._map(original, patch, self._definitions.resolve(field))
        if isinstance(patch, list):
            if deletes:
                unwanted = _Places(patch, None)
                return [item for item in original if unwanted.of(item) is None]
            if "merge" in strategies:
                return self._list(original, patch, field)
        return patch

    def _field(self, schema: Schema, key: str) -> Schema:
        properties = schema.get("properties")
        found = properties.get(key) if properties else schema.get("additionalProperties")
        return found if isinstance(found, dict) else {}

    def _ordered_lists(self, original: KubeObject, patch: KubeObject, schema: Schema) -> None:
        """`$setElementOrder/x` and the patch's own list `x`, which is then done with."""
        for directive in [key for key in patch if key.startswith(_ORDER)]:
            order = patch.pop(directive)
            key = directive.removeprefix(_ORDER)
            stored, added = original.get(key, []), patch.get(key, [])
            for what, value in ((directive, order), (key, stored), (key, added)):
                if not isinstance(value, list):
                    raise bad_request(f"{what} must be a list")
            field = self._field(schema, key)
            merge_key = _merge_key(field)
            _check_order(added, order, merge_key)
            if key not in patch and key not in original:
                continue
            if not stored and not added:
                raise bad_request(f"{directive} is there, and the list {key} has no elements")
            merged = stored
            if key in patch:
                merged = (
                    self._merged(list(stored), patch.pop(key), schema, key, deletes=False)
                    if key in original
                    else _without_directed_entries(patch.pop(key))
                )
            original[key] = _in_order(merged, order, stored, merge_key)

    def _list(self, original: list[Any], patch: list[Any], field: Schema) -> list[Any]:
        if not original and not patch:
            return original
        key = _merge_key(field)
        if not _holds_maps([*original, *patch]):
            known = _Places(original, None)
            merged = list(original)
            for item in patch:
                if known.of(item) is None:
                    known.put(item, len(merged))
                    merged.append(item)
            return _in_order(merged, patch, original, None)
        if key is None:
            raise bad_request("cannot merge lists without merge key")
        kept, patch = _special_entries(list(original), patch, key)
        schema = self._definitions.resolve(field.get("items", {}))
        merged = list(kept)
        places = _Places(merged, key)
        for entry in patch:
            if key not in entry:
                raise bad_request(f"map: {entry} does not contain declared merge key: {key}")
            place = places.of_value(entry[key])
            if place is None:
                places.put(entry[key], len(merged))
                merged.append(entry)
            else:
                merged[place] = self._map(merged[place], entry, schema)
        return _in_order(merged, patch, kept, key)


def _merge_key(field: Schema) -> str | None:
    return field.get("x-kubernetes-patch-merge-key")


def _holds_maps(items: Sequence[Any]) -> bool:
    """400 or 422 for a list of several types, or of lists."""
    types = {type(item) for item in items}
    if list in types:
        raise ApiError(422, "Invalid", "lists of lists are not supported")
    if len(types) > 1 or type(None) in types:
        raise bad_request("list element types are not identical")
    return dict in types


def _directed(patch: KubeObject) -> KubeObject:
    match patch.pop(_DIRECTIVE):
        case "replace":
            return patch
        case "delete":
            return {}
        case other:
            raise bad_request(f"Unknown patch type found: {other}")


def _retain_keys(original: KubeObject, patch: KubeObject) -> None:
    retained = patch.pop(_RETAIN, None)
    if retained is None:
        return
    named = [key for key, value in patch.items() if value is not None and not key.startswith("$")]
    if not isinstance(retained, list) or any(key not in retained for key in named):
        raise bad_request(
            "incorrect patch format: $retainKeys must be a list that names every field of the patch"
        )
    for key in [key for key in original if key not in retained]:
        del original[key]


def _check_order(patch: Sequence[Any], order: Sequence[Any], key: str | None) -> None:
    """The entries that a patch has must stand in the order it asks for; 400."""
    if not patch or not order:
        return
    wanted = iter(order)
    for entry in patch:
        if isinstance(entry, dict) and _DIRECTIVE in entry:
            continue
        if not any(_identity(other, key) == _identity(entry, key) for other in wanted):
            raise bad_request(
                f"The order in patch list:\n{str(patch)[:_SHOWN]}\n "
                f"doesn't match $setElementOrder list:\n{str(order)[:_SHOWN]}\n"
            )


def _special_entries(
    original: list[Any], patch: list[Any], key: str
) -> tuple[list[Any], list[KubeObject]]:
    """What is left of `original` after entries with a directive, and the patch's other entries.

    With `$patch: replace` the others are the whole list, as they stand.
    """
    entries: list[KubeObject] = []
    gone: list[KubeObject] = []
    replace = False
    for entry in patch:
        match entry.get(_DIRECTIVE, ""):
            case "":
                entries.append(entry)
            case "replace":
                replace = True
            case "delete":
                if key not in entry:
                    raise bad_request(f"map: {entry} does not contain declared merge key: {key}")
                gone.append(entry)
            case other:
                raise bad_request(f"Unknown patch type found: {other}")
    if replace:
        return entries, []
    unwanted = _Places(gone, key)
    return [item for item in original if unwanted.of(item) is None], entries


class _Places:
    """Where each entry stands, by its merge key or by itself: the first place counts."""

    def __init__(self, items: Sequence[Any], key: str | None) -> None:
        self._key = key
        self._known: dict[Any, int] = {}
        for index, item in enumerate(items):
            self._known.setdefault(self._mark(_identity(item, key)), index)

    def of(self, item: Any) -> int | None:
        return self._known.get(self._mark(_identity(item, self._key)))

    def of_value(self, value: Any) -> int | None:
        return self._known.get(self._mark(value))

    def put(self, value: Any, index: int) -> None:
        self._known.setdefault(self._mark(value), index)

    @staticmethod
    def _mark(value: Any) -> Any:
        # 1 and true are two values in JSON; a map or a list is found by what it says.
        if isinstance(value, dict | list):
            return json.dumps(value, sort_keys=True)
        return type(value), value


def _identity(item: Any, key: str | None) -> Any:
    return item.get(key) if key is not None and isinstance(item, dict) else item


def _in_order(
    merged: list[Any], order: Sequence[Any], stored: Sequence[Any], key: str | None
) -> list[Any]:
    """Entries named in `order` in that order; the others woven in as they stood in `stored`."""
    asked, before = _Places(order, key), _Places(stored, key)
    named = [item for item in merged if asked.of(item) is not None]
    named.sort(key=lambda item: asked.of(item) or 0)
    others = [item for item in merged if asked.of(item) is None]
    others.sort(key=lambda item: len(stored) if (at := before.of(item)) is None else at)
    result: list[Any] = []
    left = right = 0
    while left < len(others) and right < len(named):
        stood, wanted = before.of(others[left]), before.of(named[right])
        if stood is not None and wanted is not None and stood < wanted:
            result.append(others[left])
            left += 1
        else:
            result.append(named[right])
            right += 1
    return result + named[right:] + others[left:]


def _take_over(original: KubeObject, key: str, value: Any) -> None:
    """A value for what is not there, or is of another type."""
    if isinstance(value, dict) and _DIRECTIVE in value:
        original.pop(key, None)
    else:
        original[key] = _without_directed_entries(_without_nulls(value))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _without_directed_entries(value: Any) -> Any:
    """Without every map that has a `$patch`, whatever it says."""
    if isinstance(value, dict):
        return {
            key: _without_directed_entries(item)
            for key, item in value.items()
            if not _is_directed(item)
        }
    if isinstance(value, list):
        return [_without_directed_entries(item) for item in value if not _is_directed(item)]
    return value


def _is_directed(value: Any) -> bool:
    return isinstance(value, dict) and _DIRECTIVE in value
