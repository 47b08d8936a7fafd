"""Pods as local processes: what a kubelet and its container runtime do. Knows no HTTP."""
