"""Follows a procedure: literally, by real kubectl, without a shell."""

from rundrill.responder.auto import AutoResponder
from rundrill.responder.execution import environment
from rundrill.responder.kubectl import Kubectl, find_kubectl

__all__ = ["AutoResponder", "Kubectl", "environment", "find_kubectl"]
