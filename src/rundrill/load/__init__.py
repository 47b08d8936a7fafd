"""The load as a drill sees it: a Locust subprocess and its request log. Never imports locust."""

from rundrill.load.process import Load
from rundrill.load.record import Delivered
from rundrill.load.shared import DrillLoad

__all__ = ["Delivered", "DrillLoad", "Load"]
