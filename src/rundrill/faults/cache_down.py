"""The cache is gone. What it held can be had elsewhere: that costs time, and no payment."""

from typing import ClassVar

from rundrill.faults import dependency
from rundrill.faults.fault import Permission
from rundrill.plan.build import FaultParameter


class CacheDown(dependency.DependencyDown):
    PARAMETERS: ClassVar[tuple[FaultParameter, ...]] = dependency.PARAMETERS
    PERMISSIONS: ClassVar[tuple[Permission, ...]] = dependency.PERMISSIONS
