"""Stand-ins for the gateways and the auth service, each a process of its own.

They honour idempotency keys, keep a ledger, and misbehave on request (`PUT /admin/behaviour`).
State is in memory: a restarted simulator has an empty ledger.
"""
