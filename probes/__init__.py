"""Thin functions that Chaos Toolkit calls."""
