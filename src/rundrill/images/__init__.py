"""The catalogue's images as container images, for clusters that run containers. Speaks to Docker.

Never speaks to a cluster. Where no registry is reachable everything is made from one local base.
"""
