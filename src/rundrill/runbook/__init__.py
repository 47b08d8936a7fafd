"""Markdown to `Runbook`, bindings.yaml to `Bindings`.

Pure: text in, values out; no clock, no cluster. Only `load` and `load_bindings` open a file.
"""

from rundrill.runbook.bindings import load_bindings, parse_bindings
from rundrill.runbook.load import load
from rundrill.runbook.parser import parse

__all__ = [
    "load",
    "load_bindings",
    "parse",
    "parse_bindings",
]
