"""What a container is doing, as its status says it. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime

from localcluster.objects import KubeObject


def wall_time() -> str:
    """Now, as metadata and status carry times; never used for durations."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    reason: str
    message: str = ""

    def status(self) -> KubeObject:
        inner: KubeObject = {"reason": self.reason}
        if self.message:
            inner["message"] = self.message
        return {"waiting": inner}


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    started_at: str

    def status(self) -> KubeObject:
        return {"running": {"startedAt": self.started_at}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminated:
    """`at` is the loop's monotonic time of the end, for durations."""

    exit_code: int
    reason: str
    started_at: str
    finished_at: str
    container_id: str
    at: float
    message: str = ""

    def status(self) -> KubeObject:
        inner: KubeObject = {
            "exitCode": self.exit_code,
            "reason": self.reason,
            "startedAt": self.started_at,
            "finishedAt": self.finished_at,
            "containerID": self.container_id,
        }
        if self.message:
            inner["message"] = self.message
        return {"terminated": inner}


State = Waiting | Running | Terminated
