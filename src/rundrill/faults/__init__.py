"""One file a fault, one table. Acts through the Kubernetes API only."""
