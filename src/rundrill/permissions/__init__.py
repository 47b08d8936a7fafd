"""What a drill must be allowed to do in a cluster, and who of it needs that.

No request, no process, no clock: a plan to values, and values to a role. Whether the account may do
it is asked by `rundrill.access_review`.
"""

from rundrill.permissions.access import Access, Need, Unknown
from rundrill.permissions.drill import Needs, merged, needs_of
from rundrill.permissions.refusals import refusal_of, require_inside
from rundrill.permissions.role import as_role

__all__ = [
    "Access",
    "Need",
    "Needs",
    "Unknown",
    "as_role",
    "merged",
    "needs_of",
    "refusal_of",
    "require_inside",
]
