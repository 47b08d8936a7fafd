"""The load as a drill sees it: a Locust subprocess and its request log. Never imports locust."""

from rundrill.load.process import Load
from rundrill.load.record import Delivered

__all__ = ["Delivered", "Load"]
