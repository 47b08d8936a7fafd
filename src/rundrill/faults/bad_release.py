"""A new revision whose pods exit at start; the old pods keep serving.

The image is released as a deploy pipeline would do it, and is bad by itself: nothing is done to
the pods. With the image that already runs, nothing lands.
"""

from collections.abc import Mapping
from typing import ClassVar

from rundrill.faults import release
from rundrill.faults.crash_loop import crash_looping, described
from rundrill.faults.fault import Original, Permission
from rundrill.faults.release import Release
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster


class BadRelease:
    PARAMETERS: ClassVar[tuple[FaultParameter, ...]] = release.PARAMETERS
    PERMISSIONS: ClassVar[tuple[Permission, ...]] = release.PERMISSIONS

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        self._release = Release(cluster, parameters)

    def original(self) -> Original:
        return self._release.original()

    def inject(self) -> str:
        return self._release.roll_out({}, {})

    def landed(self) -> str | None:
        return crash_looping(self._release.pods(), self._release.container)

    def missing(self) -> str:
        pods = self._release.pods()
        if not pods:
            return f"no pod runs {self._release.image}"
        return described(pods, self._release.container)

    def harm(self) -> str | None:
        for pod in self._release.pods():
            if not pod.ready:
                return f"pod {pod.name} is not ready after {pod.restarts} restarts"
        return None

    def undo(self, original: Original) -> None:
        self._release.undo(original)

    def undone(self, original: Original) -> str | None:
        return self._release.undone(original)
