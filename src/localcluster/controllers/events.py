"""Events, counted together as the real recorder does."""

import logging
import time
from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from localcluster import kinds
from localcluster.controllers.queue import Scheduler
from localcluster.interfaces import Registry
from localcluster.objects import ApiError, KubeObject

_LOG: Final = logging.getLogger(__name__)
_REMEMBERED: Final = 4096
_LIFETIME_S: Final = 3600.0
_SWEEP_S: Final = 60.0
_KEPT: Final = 10_000
"""Events beyond this go before their hour: a real server has a disk for them, this one memory."""
# More than this many different messages of one reason about one object become one event.
_SIMILAR: Final = 10
_SIMILAR_WITHIN_S: Final = 600.0


def _moments() -> Iterator[int]:
    """Nanoseconds, always growing: events are named by them, so lists are in their order."""
    moment = 0
    while True:
        moment = max(time.time_ns(), moment + 1)
        yield moment


_MOMENTS: Final = _moments()


class EventRecorder:
    """The same thing said again raises a count; ten similar things are combined into one."""

    def __init__(self, registry: Registry, scheduler: Scheduler, host: str) -> None:
        self._registry = registry
        self._scheduler = scheduler
        self._host = host
        self._known: OrderedDict[tuple[str, ...], tuple[str, str]] = OrderedDict()
        self._similar: OrderedDict[tuple[str, ...], tuple[set[str], float]] = OrderedDict()
        self._written: OrderedDict[tuple[str, str], float] = OrderedDict()

    def start(self) -> None:
        self._scheduler.call_later(_SWEEP_S, self._sweep)

    def event(
        self,
        about: KubeObject,
        kind: str,
        reason: str,
        message: str,
        *,
        component: str = "kubelet",
        field_path: str = "",
    ) -> None:
        """`kind` is Normal or Warning. Never raises: an event that cannot be written is logged."""
        source = {"component": component}
        if component == "kubelet":
            source["host"] = self._host
        involved = _reference(about, field_path)
        group = (component, involved["uid"], field_path, kind, reason)
        message = self._combined(group, message)
        try:
            self._record((*group, message), involved, source, kind, reason, message)
        except ApiError as error:
            # Its namespace is going away, as a rule.
            _LOG.info("event %s about %s not written: %s", reason, involved["name"], error.message)

    def scheduled(self, pod: KubeObject, kind: str, reason: str, message: str) -> None:
        """The scheduler's events are of the newer form: no count and no source."""
        event = {
            **_base(pod, _reference(pod, "")),
            "reason": reason,
            "message": message,
            "type": kind,
            "source": {},
            "firstTimestamp": None,
            "lastTimestamp": None,
            "eventTime": _now(precise=True),
            "action": "Binding" if kind == "Normal" else "Scheduling",
            "reportingComponent": "default-scheduler",
            "reportingInstance": f"default-scheduler-{self._host}",
        }
        try:
            self._keep(self._registry.create(kinds.EVENTS, event))
        except ApiError as error:
            _LOG.info("event %s not written: %s", reason, error.message)

    def _combined(self, group: tuple[str, ...], message: str) -> str:
        now = self._scheduler.time()
        seen, since = self._similar.pop(group, (set(), now))
        if now - since > _SIMILAR_WITHIN_S:
            seen, since = set(), now
        if len(seen) < _SIMILAR:
            seen.add(message)
        self._similar[group] = (seen, since)
        _bound(self._similar)
        if message in seen:
            return message
        return f"(combined from similar events): {message}"

    def _record(
        self,
        key: tuple[str, ...],
        involved: KubeObject,
        source: KubeObject,
        kind: str,
        reason: str,
        message: str,
    ) -> None:
        # Combined events differ in their text and are one all the same.
        if message.startswith("(combined"):
            key = (*key[:-1], "(combined)")
        now = _now()
        where = self._known.get(key)
        if where is not None:

            def again(event: KubeObject) -> None:
                event["count"] = event.get("count", 1) + 1
                event["lastTimestamp"] = now
                event["message"] = message

            changed = self._registry.modify(kinds.EVENTS, *where, again)
            if changed is not None:
                self._known.move_to_end(key)
                self._keep(changed)
                return
        created = self._registry.create(
            kinds.EVENTS,
            {
                **_base(involved, involved),
                "reason": reason,
                "message": message,
                "type": kind,
                "source": source,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": 1,
                "eventTime": None,
                "reportingComponent": source["component"],
                "reportingInstance": source.get("host", ""),
            },
        )
        self._known[key] = self._keep(created)
        _bound(self._known)

    def _keep(self, event: KubeObject) -> tuple[str, str]:
        where = (event["metadata"]["namespace"], event["metadata"]["name"])
        self._written[where] = self._scheduler.time()
        self._written.move_to_end(where)
        while len(self._written) > _KEPT:
            self._forget()
        return where

    def _sweep(self) -> None:
        """Events live for an hour, as the API server has it."""
        self._scheduler.call_later(_SWEEP_S, self._sweep)
        oldest = self._scheduler.time() - _LIFETIME_S
        while self._written:
            if next(iter(self._written.values())) > oldest:
                return
            self._forget()

    def _forget(self) -> None:
        """Deletes the event that was written or counted least lately."""
        where, _ = self._written.popitem(last=False)
        if self._registry.find(kinds.EVENTS, *where) is not None:
            self._registry.delete(kinds.EVENTS, *where)


def _base(about: KubeObject, involved: KubeObject) -> KubeObject:
    name = about.get("name") or about["metadata"]["name"]
    namespace = involved.get("namespace") or "default"
    return {
        "metadata": {"name": f"{name}.{next(_MOMENTS):x}", "namespace": namespace},
        "involvedObject": involved,
    }


def _reference(about: KubeObject, field_path: str) -> KubeObject:
    meta = about["metadata"]
    reference: KubeObject = {
        "kind": about["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "apiVersion": about["apiVersion"],
        "resourceVersion": meta["resourceVersion"],
    }
    if meta.get("namespace"):
        reference["namespace"] = meta["namespace"]
    if field_path:
        reference["fieldPath"] = field_path
    return reference


def _now(*, precise: bool = False) -> str:
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if precise else "%Y-%m-%dT%H:%M:%SZ"
    return datetime.now(UTC).strftime(form)


def _bound(known: "OrderedDict[tuple[str, ...], Any]") -> None:
    while len(known) > _REMEMBERED:
        known.popitem(last=False)
