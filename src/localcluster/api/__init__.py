"""The Kubernetes API over HTTP: registry and runtime in, JSON out. It knows no process, no proxy
and no controller; what it needs of them comes through `interfaces.Runtime`."""
