"""A node of its own for each test: a kubelet with real processes and nothing else running."""

import asyncio
import contextlib
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from localcluster import kinds
from localcluster.controllers.events import EventRecorder
from localcluster.images.catalogue import Catalogue
from localcluster.images.command import CommandImage
from localcluster.journal import Journal, living, read
from localcluster.network.addresses import take_block
from localcluster.network.services import ServiceNetwork
from localcluster.registry import MemoryRegistry
from localcluster.runtime.inside import Inside
from localcluster.runtime.kubelet import Kubelet
from localcluster.runtime.memory_groups import MemoryGroups
from localcluster.runtime.meter import Meter
from localcluster.runtime.node import NODE_NAME, Node

COMPRESS = 100.0
WITHIN_S = 8.0


@dataclass
class Home:
    registry: MemoryRegistry
    kubelet: Kubelet
    folder: Path

    compress: float = COMPRESS

    def run(self, code: str, *, name: str = "p", **pod: Any) -> None:
        """A pod whose one container runs this Python."""
        container = {"name": "app", "image": "py", "args": [code], **pod.pop("container", {})}
        self.registry.create(
            kinds.PODS,
            {
                "metadata": {"name": name, "namespace": "default"},
                "spec": {"nodeName": NODE_NAME, "containers": [container], **pod},
            },
        )

    def pod(self, name: str = "p") -> Any:
        return self.registry.get(kinds.PODS, "default", name)

    def state(self, name: str = "p") -> str:
        """As `kubectl get pods` has it: the reason, or `running`."""
        for kind, inner in self.status(name)["state"].items():
            return "running" if kind == "running" else str(inner.get("reason"))
        return ""

    def status(self, name: str = "p") -> Any:
        statuses = self.pod(name).get("status", {}).get("containerStatuses")
        return statuses[0] if statuses else {"state": {}, "lastState": {}, "restartCount": 0}

    def events(self, reason: str) -> list[str]:
        found = self.registry.list(kinds.EVENTS, "default")
        return [event["message"] for event in found if event["reason"] == reason]

    async def until(self, check: Callable[[], Any], what: str) -> Any:
        try:
            async with asyncio.timeout(WITHIN_S):
                while not (found := check()):  # noqa: ASYNC110 - any change may be the one
                    await asyncio.sleep(0.01)
        except TimeoutError:
            seen = self.registry.list(kinds.PODS, "default")
            raise AssertionError(f"{what}; pods: {[each['status'] for each in seen]}") from None
        return found

    async def log(self, *, previous: bool = False) -> str:
        chunks = self.kubelet.logs(
            "default",
            "p",
            None,
            previous=previous,
            follow=False,
            tail_lines=None,
            since_s=None,
            timestamps=False,
            limit_bytes=None,
        )
        return b"".join([chunk async for chunk in chunks]).decode()

    async def until_log(self, text: str) -> None:
        async with asyncio.timeout(WITHIN_S):
            while await self.log() != text:  # noqa: ASYNC110 - the log is what is tested
                await asyncio.sleep(0.01)

    async def execute(self, *argv: str, tty: bool = False, text: bytes | None = None) -> Any:
        session = await self.kubelet.exec(
            "default", "p", None, argv, stdin=text is not None or tty, tty=tty
        )
        if text is not None:
            session.write_stdin(text)
            session.close_stdin()
        out = [item async for item in session.output()]
        return await session.wait(), out


@contextlib.asynccontextmanager
async def _node(
    folder: Path, compress: float, groups: MemoryGroups | None, meter: Any
) -> AsyncIterator[Home]:
    loop = asyncio.get_running_loop()
    block = take_block()
    registry = MemoryRegistry(lambda: datetime.now(UTC))
    recorder = EventRecorder(registry, loop, NODE_NAME)
    network = ServiceNetwork(registry, block, lambda *_: None)
    journal = Journal(folder / "journal", "unit-test")
    image = CommandImage(name="py", tag=None, command=("{python}", "-I", "-S", "-c"))
    kubelet = Kubelet(
        Node(
            registry=registry,
            recorder=recorder,
            journal=journal,
            catalogue=Catalogue([image]),
            network=network,
            block=block,
            meter=meter,
            cluster_id="unit-test",
            token="t",
            pods_folder=folder / "pods",
            volumes_folder=folder / "volumes",
            compress=compress,
            memory_groups=groups,
        )
    )
    network.start()
    kubelet.start()
    try:
        yield Home(registry, kubelet, folder, compress)
    finally:
        await kubelet.stop()
        await network.close()
        block.close()
        journal.close()
    assert living(read(folder / "journal")[1]) == []
    assert not list((folder / "pods").glob("*"))


@pytest.fixture
def home(tmp_path: Path) -> Callable[[Callable[[Home], Awaitable[None]]], None]:
    """Runs a test in a node, and checks that nothing of it is left."""

    def run(
        test: Callable[[Home], Awaitable[None]], memory_groups: MemoryGroups | None = None
    ) -> None:
        async def main() -> None:
            async with _node(tmp_path, COMPRESS, memory_groups, Meter()) as node:
                await test(node)

        asyncio.run(main())

    return run


class _Skipping(selectors.DefaultSelector):
    """Instead of waiting for a time it is that time at once."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        if timeout is None:
            return super().select(None)
        self.skipped += timeout
        return []


class _FakeClockLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _Skipping()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.skipped


class _FakeProcess:
    """Ends by itself after `runs_s` with `code`, or by a signal."""

    pid = 0

    def __init__(self, runs_s: float, code: int) -> None:
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(runs_s, self._end, code)

    @property
    def code(self) -> int | None:
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    def signal(self, number: int) -> None:
        self._end(128 + number)

    def kill_group(self) -> None:
        self._end(137)

    def _end(self, code: int) -> None:
        if not self._ended.done():
            self._ended.set_result(code)


class _NoMeter:
    def add(self, metered: Any) -> None: ...
    def remove(self, pid: int) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def node_without_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Home], Awaitable[None]], float, int], None]:
    """As `home`, but every process is a fake that runs for that long, and so is the clock."""

    def run(test: Callable[[Home], Awaitable[None]], runs_s: float, code: int) -> None:
        monkeypatch.setattr(Inside, "start", lambda *_: _FakeProcess(runs_s, code))

        async def main() -> None:
            async with _node(tmp_path, 1.0, None, _NoMeter()) as node:
                await test(node)

        with asyncio.Runner(loop_factory=_FakeClockLoop) as runner:
            runner.run(main())

    return run
