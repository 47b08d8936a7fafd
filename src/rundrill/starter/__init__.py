"""A runbook and manifests to the first files of its drills. Pure: values in, texts out.

What cannot be known is written as `TODO` with a comment that says what is to be decided; such a
value never measures or proves anything by itself.
"""

from rundrill.starter.facts import Facts, Paths, StarterError, find_facts
from rundrill.starter.files import Starter, starter

__all__ = ["Facts", "Paths", "Starter", "StarterError", "find_facts", "starter"]
