"""The embedded cluster: a Kubernetes API in one process whose pods are local processes.

A program of its own: it never imports rundrill or payments.
"""
