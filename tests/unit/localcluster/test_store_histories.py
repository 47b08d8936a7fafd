"""Any interleaving of writes, compactions and watches gives each watcher a gap-free, ordered
history, or a 410: against a model that remembers everything."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from localcluster import kinds
from localcluster.objects import ApiError, KubeObject, Resource, WatchEvent
from localcluster.store import Store, Watch

RESOURCES = (kinds.CONFIG_MAPS, kinds.SECRETS)
SPACES = st.sampled_from(["n", "n-a", "other"])
NAMES = st.sampled_from(["a", "b", "c"])
Told = tuple[str, str, str, int, Any, Any]


def told(event: WatchEvent) -> Told:
    """An event as plain values, taken at once: what is shared must not change later."""
    meta = event.object["metadata"]
    before = None if event.previous is None else event.previous["data"]["n"]
    assert meta["resourceVersion"] == str(event.resource_version), "changed after it was told"
    return (
        event.type,
        meta.get("namespace", ""),
        meta["name"],
        event.resource_version,
        event.object["data"]["n"],
        before,
    )


@dataclass
class Reader:
    watch: Watch
    resource: Resource
    namespace: str | None
    since: int
    seen: list[WatchEvent] = field(default_factory=list)
    pending: asyncio.Future[WatchEvent] | None = None
    lost: bool = False


class Histories(RuleBasedStateMachine):
    @initialize(length=st.integers(1, 6))
    def start(self, length: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.length = length
        self.store = self.make(length)
        self.history: list[tuple[Resource, Told]] = []
        self.lists: dict[int, dict[tuple[Resource, str, str], int]] = {0: {}}
        self.current: dict[tuple[Resource, str, str], int] = {}
        self.heard: list[tuple[Resource, Told]] = []
        self.store.listen(lambda resource, event: self.heard.append((resource, told(event))))
        self.readers: list[Reader] = []
        self.count = 0

    def make(self, length: int) -> Store:
        return Store(log_length=length)

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        for reader in self.readers:
            if reader.pending is not None:
                reader.pending.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def run(self, steps: int = 1) -> None:
        """Lets whoever waits go on, without waiting for anybody."""

        async def pause() -> None:
            for _ in range(steps):
                await asyncio.sleep(0)

        self.loop.run_until_complete(pause())

    # Writes

    @rule(resource=st.sampled_from(RESOURCES), namespace=SPACES, name=NAMES)
    def put(self, resource: Resource, namespace: str, name: str) -> None:
        self.count += 1
        key = (resource, namespace, name)
        before = self.current.get(key)
        found = self.store.find(resource, namespace, name)
        obj: KubeObject = {"metadata": {"name": name, "namespace": namespace}}
        if found is not None and self.count % 2:
            obj = dict(found)  # what did not change is shared between versions
        obj["data"] = {"n": self.count}
        written = self.store.put(resource, obj)
        version = self.written()
        assert written["metadata"]["resourceVersion"] == str(version)
        kind = "ADDED" if before is None else "MODIFIED"
        self.current[key] = self.count
        self.note(resource, (kind, namespace, name, version, self.count, before))

    @rule(resource=st.sampled_from(RESOURCES), namespace=SPACES, name=NAMES)
    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        key = (resource, namespace, name)
        if key not in self.current:
            assert self.store.find(resource, namespace, name) is None
            return
        before = self.current.pop(key)
        gone = self.store.remove(resource, namespace, name)
        version = self.written()
        assert gone["metadata"]["resourceVersion"] == str(version)
        self.note(resource, ("DELETED", namespace, name, version, before, before))

    @rule(resource=st.sampled_from(RESOURCES), times=st.integers(5, 40))
    def overflow(self, resource: Resource, times: int) -> None:
        for _ in range(times):
            self.put(resource, "n", "a")

    def written(self) -> int:
        version = self.store.version
        assert version == len(self.history) + 1, "each write takes exactly one version"
        return version

    def note(self, resource: Resource, event: Told) -> None:
        self.history.append((resource, event))
        self.lists[event[3]] = dict(self.current)

    # Watches

    @rule(
        resource=st.sampled_from(RESOURCES),
        namespace=st.none() | SPACES,
        back=st.none() | st.integers(0, 60),
    )
    def watch(self, resource: Resource, namespace: str | None, back: int | None) -> None:
        since = None if back is None else max(self.store.version - back, 0)
        watch = self.store.watch(resource, namespace, since)
        start = self.store.version if since is None else since
        self.readers.append(Reader(watch, resource, namespace, start))

    @rule(
        resource=st.sampled_from(RESOURCES),
        namespace=st.none() | SPACES,
        beside=st.integers(-2, 2),
    )
    def watch_from_the_edge_of_the_log(
        self, resource: Resource, namespace: str | None, beside: int
    ) -> None:
        edge = self.store._log(resource).lost_until
        since = min(max(edge + beside, 0), self.store.version)
        watch = self.store.watch(resource, namespace, since)
        self.readers.append(Reader(watch, resource, namespace, since))

    @precondition(lambda self: self.readers)
    @rule()
    def all_begin_to_wait(self) -> None:
        for reader in self.readers:
            if reader.pending is None and not reader.lost:
                reader.pending = asyncio.ensure_future(anext(reader.watch), loop=self.loop)
        self.run()

    @precondition(lambda self: self.readers)
    @rule(data=st.data(), most=st.integers(1, 50))
    def read(self, data: st.DataObject, most: int) -> None:
        reader = data.draw(st.sampled_from(self.readers))
        for _ in range(most):
            if not self.step(reader):
                return

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def begin_to_wait(self, data: st.DataObject) -> None:
        """A reader that waits, and stays so while others write."""
        reader = data.draw(st.sampled_from(self.readers))
        if reader.pending is None and not reader.lost:
            reader.pending = asyncio.ensure_future(anext(reader.watch), loop=self.loop)
            self.run()

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def give_up_waiting(self, data: st.DataObject) -> None:
        """As a bookmark's time-out does: nothing may be lost by it."""
        reader = data.draw(st.sampled_from(self.readers))
        if reader.pending is not None:
            if reader.pending.done():
                self.take(reader)
            else:
                reader.pending.cancel()
                self.run(2)
                reader.pending = None

    def step(self, reader: Reader) -> bool:
        if reader.lost:
            return False
        if reader.pending is None:
            reader.pending = asyncio.ensure_future(anext(reader.watch), loop=self.loop)
        self.run(3)
        if not reader.pending.done():
            return False
        self.take(reader)
        return not reader.lost

    def take(self, reader: Reader) -> None:
        assert reader.pending is not None
        pending, reader.pending = reader.pending, None
        error = pending.exception()
        if error is None:
            reader.seen.append(pending.result())
            return
        assert isinstance(error, ApiError)
        assert error.code == 410
        reader.lost = True
        # The log holds at least this many changes: nobody is sent away before.
        missed = [e for e in self.expected(reader, None) if e[3] > self.place(reader)]
        assert len(missed) > 0
        kept = [e for r, e in self.history if r is reader.resource][-self.length :]
        assert kept[0][3] > self.place(reader) + 0, "it was within the log"
        assert any(e[3] < kept[0][3] for e in self.of(reader) if e[3] > self.place(reader))

    def of(self, reader: Reader) -> list[Told]:
        return [event for resource, event in self.history if resource is reader.resource]

    def place(self, reader: Reader) -> int:
        return reader.seen[-1].resource_version if reader.seen else reader.since

    def expected(self, reader: Reader, namespace: str | None) -> list[Told]:
        return [
            event
            for event in self.of(reader)
            if event[3] > reader.since and (namespace is None or event[1] == namespace)
        ]

    # What must always hold

    @invariant()
    def listeners_hear_all(self) -> None:
        assert self.heard == self.history

    @invariant()
    def readers_have_a_prefix_of_the_truth(self) -> None:
        for reader in self.readers:
            seen = [told(event) for event in reader.seen]
            assert seen == self.expected(reader, reader.namespace)[: len(seen)]

    @rule(back=st.integers(0, 60), resource=st.sampled_from(RESOURCES))
    def list_as_it_was(self, back: int, resource: Resource) -> None:
        version = max(self.store.version - back, 0)
        after = [e for r, e in self.history if r is resource and e[3] > version]
        try:
            found = list(self.store.list_at(resource, None, version))
        except ApiError as error:
            self.is_beyond_the_log(error, after)
            return
        keys = [(o["metadata"]["namespace"], o["metadata"]["name"]) for o in found]
        assert keys == sorted(keys, key="/".join)
        shown = {(resource, *key): o["data"]["n"] for key, o in zip(keys, found, strict=True)}
        assert shown == {k: v for k, v in self.lists[version].items() if k[0] is resource}

    def is_beyond_the_log(self, error: ApiError, after: list[Told]) -> None:
        assert error.code == 410
        assert len(after) > self.length

    @rule()
    def everybody_reads_to_the_end(self) -> None:
        for reader in self.readers:
            while self.step(reader):
                assert len(reader.seen) <= len(self.history), "it tells more than happened"
            if not reader.lost:
                seen = [told(event) for event in reader.seen]
                assert seen == self.expected(reader, reader.namespace)


def check(machine: type[Histories] = Histories, examples: int = 40) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=40, deadline=None, database=None
        ),
    )


@pytest.mark.parametrize(
    "examples", [40, pytest.param(2000, marks=[pytest.mark.e2e, pytest.mark.timeout(900)])]
)
def test_every_watcher_has_a_history_without_gaps_or_is_told_410(examples: int) -> None:
    check(examples=examples)


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_from_every_version_there_is_the_whole_rest_or_a_410(length: int) -> None:
    """The edge of the log, exhaustively: trimming is where a change is easily lost."""
    store = Store(log_length=length)
    history: list[Told] = []
    store.listen(lambda resource, event: history.append(told(event)))
    for count in range(6 * length + 4):
        namespace = ("n", "other", "n")[count % 3]
        metadata = {"name": "ab"[count % 2], "namespace": namespace}
        store.put(kinds.CONFIG_MAPS, {"metadata": metadata, "data": {"n": count}})
        for since in range(store.version + 1):
            for wanted in (None, "n", "other"):
                rest = [event for event in history if event[3] > since]
                seen, lost = read_all(store.watch(kinds.CONFIG_MAPS, wanted, since))
                if lost:
                    assert len(rest) > length, (count, since)
                    assert seen == []
                else:
                    expected = [e for e in rest if wanted in (None, e[1])]
                    assert seen == expected, (count, since, wanted)


def read_all(watch: Watch) -> tuple[list[Told], bool]:
    """Everything that it has by now, without an event loop; True when it was told 410."""
    seen: list[Told] = []
    while len(seen) < 1000:
        step = watch.__anext__()
        try:
            step.send(None)
        except StopIteration as found:
            seen.append(told(found.value))
            continue
        except ApiError as error:
            return seen, error.code == 410
        except RuntimeError:  # it would wait, for which there is no loop
            return seen, False
        step.close()
        return seen, False
    raise AssertionError("it tells more than happened")
