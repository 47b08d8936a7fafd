"""A `Runbook` as a tree of what each line was taken for, and as JSON. Pure: values to text."""

from rundrill.show.document import as_json
from rundrill.show.tree import as_text

__all__ = ["as_json", "as_text"]
