"""What the account may do, of all that the given drills need."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rundrill.access_review import Reviewer, lacking
from rundrill.doctor.check import Check, attempted
from rundrill.permissions import Need, Needs

GROUP: Final = "permissions"
_TOLD: Final = 3


def checks(cluster: Reviewer, needs: Needs | None) -> Iterator[Check]:
    """`needs` is None where no experiment was given."""
    if needs is None:
        yield Check(
            group=GROUP,
            name="of the drills",
            state="not known",
            seen="not tried: no experiment was named",
            fix="name them: rundrill doctor experiments/*.yaml",
        )
        return
    yield from attempted(
        GROUP,
        "of the drills",
        lambda: judge(needs, lacking(cluster, needs.needs)),
        fix="the account must be allowed to ask (SelfSubjectAccessReview); see docs/permissions.md",
    )


def judge(needs: Needs, missing: Sequence[Need]) -> Iterator[Check]:
    """One line for each that is missing."""
    every = len(needs.needs)
    for need in missing:
        yield Check(
            group=GROUP,
            name="of the drills",
            state="failed",
            seen=f"may not {need.access}, for {_who(need.who)}",
            fix="as an administrator `kubectl apply -f deploy/rbac.yaml`, then use its account;"
            " for experiments of your own: rundrill plan --rbac",
        )
    if every and not missing:
        yield Check(
            group=GROUP, name="of the drills", state="ok", seen=f"{every} of {every} are there"
        )
    for one in needs.unknown:
        yield Check(
            group=GROUP,
            name="of a command",
            state="not known",
            seen=f"`{one.command}` ({one.who}): {one.why}",
            fix="see by hand, with `kubectl auth can-i`, that the account may do it",
        )


def _who(who: Iterable[str]) -> str:
    every = list(who)
    more = f" and {len(every) - _TOLD} more" if len(every) > _TOLD else ""
    return ", ".join(every[:_TOLD]) + more
