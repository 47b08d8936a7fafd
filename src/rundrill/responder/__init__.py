"""Follows a procedure: literally, by real kubectl, without a shell."""

from rundrill.responder.auto import AutoResponder
from rundrill.responder.execution import environment
from rundrill.responder.kubectl import find_kubectl

__all__ = ["AutoResponder", "environment", "find_kubectl"]
