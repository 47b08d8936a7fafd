"""The reference payment service and the simulators of what it depends on.

Runs as `python -m payments.service` and `python -m payments.simulators.stripe` (`.paypal`,
`.auth`). A program of its own: it imports neither rundrill nor localcluster, and this module
imports nothing, so that a misconfigured release says so before anything heavy is loaded.
"""
