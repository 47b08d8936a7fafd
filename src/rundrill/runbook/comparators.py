"""How comparisons are said: words and signs, and what a "never" before them makes of them."""

from typing import Final

from rundrill.claims import Comparator

WORDS: Final[dict[str, Comparator]] = {
    "above": ">", "over": ">", "exceeds": ">", "exceeding": ">", "exceed": ">", "exceeded": ">",
    "greater than": ">", "more than": ">", "higher than": ">", "longer than": ">",
    "slower than": ">", "larger than": ">", "bigger than": ">",
    "deeper than": ">", "hotter than": ">", "busier than": ">", "older than": ">", "beyond": ">",
    "past": ">", "in excess of": ">", "worse than": ">", "crosses": ">", "surpasses": ">",
    "tops": ">", "north of": ">", "south of": "<",
    "reaches": ">=", "reach": ">=", "hits": ">=", "at least": ">=", "no less than": ">=",
    "not less than": ">=", "at or above": ">=", "at or over": ">=", "at or below": "<=", "no"
    " fewer than": ">=", "minimum of": ">=", "minimum": ">=", "min": ">=",
    "greater than or equal to": ">=", "not below": ">=", "never below": ">=",
    "less than or equal to": "<=", "does not exceed": "<=", "must not exceed": "<=",
    "not exceed": "<=", "never exceed": "<=", "never above": "<=", "not above": "<=",
    "below": "<", "under": "<", "less than": "<", "lower than": "<", "fewer than": "<",
    "faster than": "<", "younger than": "<", "smaller than": "<", "better than": "<",
    "at most": "<=", "no more than": "<=", "not more than": "<=", "no higher than": "<=",
    "no longer than": "<=", "not longer than": "<=", "no greater than": "<=", "up to": "<=",
    "maximum of": "<=", "maximum": "<=", "max": "<=", "no slower than": "<=", "no older than": "<=",
    "around": "~", "about": "~", "approximately": "~", "approx": "~", "roughly": "~",
    "circa": "~", "baseline": "~", "equals": "==", "equal to": "==", "exactly": "==",
}  # fmt: skip
SIGNS: Final[dict[str, Comparator]] = {
    "<": "<", "<=": "<=", "=<": "<=", "\u2264": "<=", ">": ">", ">=": ">=", "=>": ">=",
    "\u2265": ">=", "~": "~", "\u2248": "~", "=": "==", "==": "==",
}  # fmt: skip
NEGATED: Final[dict[Comparator, Comparator]] = {">": "<=", "<": ">=", ">=": "<", "<=": ">"}
