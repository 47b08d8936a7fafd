"""The reference payment service, its gateway and auth simulators. Imports neither of the others."""
