"""What a target and this machine allow, looked at before a drill. Changes nothing but in a probe.

One module a group of checks: what is asked, and beside it what is said of the answers, which is
pure. What could not be asked is *not known*, never *ok*.
"""

from rundrill.doctor.check import Check
from rundrill.doctor.text import as_json, as_text

__all__ = ["Check", "as_json", "as_text"]
