"""Words that say what is measured."""

from typing import Final

from rundrill.runbook.wordset import word_set

MEASURES: Final = word_set(
    "certificate certificates expiry"
    " age availability backlog bandwidth budget bytes connections consumers count cpu delay depth"
    " disk duration entries error errors eviction evictions failure failures files handles heap"
    " hits inodes jobs keys lag latency length limit load memory messages misses occupancy offset"
    " partitions pods pool queries queue ram rate ratio replicas requests restart restarts"
    " saturation sessions size score scores skew slots space staleness success swap temperature"
    " threads throttling throughput time timeouts traffic uptime usage use used utilisation"
    " utilization volume waiting writes p50 p90 p95 p99 percentile percent 5xx 4xx qps rps tps rpm"
    " nodes tasks rejections rejects rekeys"
)
