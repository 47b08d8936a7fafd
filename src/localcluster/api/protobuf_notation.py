"""How the tables of protobuf messages are written.

Each field is `number: (name, type)`, where a type is

    "string", "bytes"       dropped when empty, as Go's omitempty does
    "int", "bool"           dropped when zero or false
    "int?", "bool?"         a pointer in Go, or one that is always written: kept as it is
    "quantity", "intstr"    resource.Quantity and IntOrString
    "map", "bytes-map"      a map from string to string, or to bytes
    "quantity-map"          a map from string to resource.Quantity
    ""                      not read: what only servers set
    a message's name        of the tables; with "[]" before it, a list of them ("[]string" too);
                            with "+", a message whose fields JSON shows as those of its holder
"""

from collections.abc import Mapping

Fields = Mapping[int, tuple[str, str]]


def message(**fields: str) -> Fields:
    """`name="1 string"` for each field; a name that Python keeps for itself ends with `_`."""
    found = {}
    for name, told in fields.items():
        number, _, kind = told.partition(" ")
        found[int(number)] = (name.rstrip("_"), kind)
    return found
