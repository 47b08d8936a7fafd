"""Whether customers failed, in one second of the load. The only place that says so.

A customer failed when his request got an answer that he would not call a success, no answer within
the load's time-out, or was dropped because too many waited already: for him all three are one.

The first of them is the *first harm*: with it the fault has reached somebody. A *second of harm* is
worse: more of them than the steady state allows, or requests that hang and nobody is answered.
`verdict.harm`, which asks who is to blame, counts the same failures in the second they were due.
"""

from typing import Final

from rundrill.events import LoadSampled

HUNG_S: Final = 1.0
"""A request that is older hangs, where in a whole second nothing was answered."""


def failed(second: LoadSampled) -> int:
    return second.failed + second.dropped


def ended(second: LoadSampled) -> int:
    """The requests of which it is known how they ended, the dropped ones among them."""
    return second.completed + second.dropped


def harmed(second: LoadSampled, limit: float) -> bool:
    """Whether it was a second of harm; `limit` is the share that the steady state allows."""
    hung = ended(second) == 0 and second.in_flight > 0 and second.oldest_in_flight_s > HUNG_S
    return hung or failed(second) > limit * ended(second)
