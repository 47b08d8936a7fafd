"""Keeps secrets out of whatever is written or printed. Pure: no file, no process, no cluster.

Two ways, since neither is enough: patterns know what a secret looks like or is called; the values
that this very run holds (its kubeconfig's credentials, its environment) are known exactly. A Secret
of the cluster is never read for it: a drill should not need that permission.

What is needed to undo is never changed by this: the undo journal is not written through it.
"""

from rundrill.redaction.arguments import prints_a_secret
from rundrill.redaction.known import Known, of_kubeconfig, of_names
from rundrill.redaction.redactor import BY_PATTERN, Redactor
from rundrill.redaction.text import MARK, redact

__all__ = [
    "BY_PATTERN",
    "MARK",
    "Known",
    "Redactor",
    "of_kubeconfig",
    "of_names",
    "prints_a_secret",
    "redact",
]
