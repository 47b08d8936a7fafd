"""What a drill will do, before it does anything: values to text and JSON. Pure."""

from rundrill.preview.document import as_json
from rundrill.preview.drill import Preview, preview_of
from rundrill.preview.text import as_text

__all__ = ["Preview", "as_json", "as_text", "preview_of"]
