"""Controllers: each brings the objects it owns to what other objects ask for.

They speak to the registry alone and never to processes or the network. What they wait for is
told by a `Scheduler`, which in the server is the event loop and in tests a fake.
"""
