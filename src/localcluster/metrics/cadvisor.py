"""Containers' usage with the names and labels of cAdvisor, as a kubelet exposes them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from localcluster.metrics.exposition import Family
from localcluster.metrics.exposition import render as render_families


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One running container. CPU seconds never go down while it lives.

    `started_at` is in seconds since 1970; `oom_kills` counts the kernel's kills in this run.
    """

    namespace: str
    pod: str
    uid: str
    container: str
    image: str
    cpu_s: float
    memory_bytes: int
    limit_bytes: int | None
    peak_bytes: int = 0
    started_at: float = 0.0
    oom_kills: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the pods run on."""

    cores: int
    memory_bytes: int
    machine_id: str
    system_uuid: str
    boot_id: str


def render(usages: Iterable[Usage], machine: Machine | None = None) -> str:
    """Not served, because nothing here could tell: network, file systems, CPU throttling."""
    cpu = Family(
        "container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds."
    )
    working_set = Family(
        "container_memory_working_set_bytes", "gauge", "Current working set in bytes."
    )
    usage_bytes = Family(
        "container_memory_usage_bytes",
        "gauge",
        "Current memory usage in bytes, including all memory regardless of when it was accessed",
    )
    rss = Family("container_memory_rss", "gauge", "Size of RSS in bytes.")
    peak = Family(
        "container_memory_max_usage_bytes", "gauge", "Maximum memory usage recorded in bytes"
    )
    limit = Family("container_spec_memory_limit_bytes", "gauge", "Memory limit for the container.")
    started = Family(
        "container_start_time_seconds",
        "gauge",
        "Start time of the container since unix epoch in seconds.",
    )
    kills = Family(
        "container_oom_events_total",
        "counter",
        "Count of out of memory events observed for the container",
    )
    for usage in usages:
        labels = {
            "namespace": usage.namespace,
            "pod": usage.pod,
            "container": usage.container,
            "image": usage.image,
            "id": f"/kubepods/pod{usage.uid}/{usage.container}",
            "name": usage.container,
        }
        cpu.add(usage.cpu_s, **labels, cpu="total")
        for family in (working_set, usage_bytes, rss):
            family.add(usage.memory_bytes, **labels)
        peak.add(max(usage.peak_bytes, usage.memory_bytes), **labels)
        limit.add(usage.limit_bytes or 0, **labels)
        started.add(usage.started_at, **labels)
        kills.add(usage.oom_kills, **labels)
    families = [cpu, working_set, usage_bytes, rss, peak, limit, started, kills]
    return render_families([*families, *_machine(machine)])


def _machine(machine: Machine | None) -> list[Family]:
    if machine is None:
        return []
    cores = Family("machine_cpu_cores", "gauge", "Number of logical CPU cores.")
    memory = Family("machine_memory_bytes", "gauge", "Amount of memory installed on the machine.")
    where = {
        "machine_id": machine.machine_id,
        "system_uuid": machine.system_uuid,
        "boot_id": machine.boot_id,
    }
    cores.add(machine.cores, **where)
    memory.add(machine.memory_bytes, **where)
    return [cores, memory]
