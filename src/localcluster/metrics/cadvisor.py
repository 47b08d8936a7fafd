"""Containers' usage with the names and labels of cAdvisor, as a kubelet exposes them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from localcluster.metrics.exposition import Family
from localcluster.metrics.exposition import render as render_families


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One running container. CPU seconds never go down while it lives."""

    namespace: str
    pod: str
    uid: str
    container: str
    image: str
    cpu_s: float
    memory_bytes: int
    limit_bytes: int | None


def render(usages: Iterable[Usage]) -> str:
    cpu = Family("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed.")
    working_set = Family("container_memory_working_set_bytes", "gauge", "Current working set.")
    usage_bytes = Family("container_memory_usage_bytes", "gauge", "Current memory usage.")
    rss = Family("container_memory_rss", "gauge", "Size of RSS.")
    limit = Family(
        "container_spec_memory_limit_bytes", "gauge", "Memory limit, 0 when there is none."
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
        limit.add(usage.limit_bytes or 0, **labels)
    return render_families([cpu, working_set, usage_bytes, rss, limit])
