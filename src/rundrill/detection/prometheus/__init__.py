"""A real Prometheus as the detector: one that runs already, or one started for the drill.

Foreign JSON stops in `answers`; only `api` opens connections to Prometheus, only `server` starts
one, only `bridge` listens. Knows nothing of runbooks or drills.
"""

from rundrill.detection.prometheus.detector import PrometheusDetector
from rundrill.detection.prometheus.program import Program, find_program
from rundrill.detection.prometheus.sources import Running, Started

__all__ = ["Program", "PrometheusDetector", "Running", "Started", "find_program"]
