"""Markdown to `Runbook`, bindings.yaml to `Bindings`.

Pure: text in, values out; no I/O, no clock, no cluster.
"""
