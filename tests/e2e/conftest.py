"""The drill fixture; its class lives where tests can import it."""

from drills import drill

__all__ = ["drill"]
