"""Scrape, PromQL, alert states. Knows nothing of runbooks or drills."""

from rundrill.detection.alerts import ALERT_NAME, AlertSeries, AlertState, AlertStatus
from rundrill.detection.detector import AlertChange, Detector, interval_s, lookback_s
from rundrill.detection.interface import Detection
from rundrill.detection.labels import Labels
from rundrill.detection.rules import AlertRule, RecordingRule, RuleGroup, RuleSet, load_rules
from rundrill.detection.scrape import ScrapeFailure, ScrapeTarget
from rundrill.detection.stated import Comparison, Stated, stated

__all__ = [
    "ALERT_NAME",
    "AlertChange",
    "AlertRule",
    "AlertSeries",
    "AlertState",
    "AlertStatus",
    "Comparison",
    "Detection",
    "Detector",
    "Labels",
    "RecordingRule",
    "RuleGroup",
    "RuleSet",
    "ScrapeFailure",
    "ScrapeTarget",
    "Stated",
    "interval_s",
    "load_rules",
    "lookback_s",
    "stated",
]
