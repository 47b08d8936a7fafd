"""The authentication service is gone. Who is known already stays known until the cache forgets."""

from typing import ClassVar

from rundrill.faults import dependency
from rundrill.faults.fault import Permission
from rundrill.plan.build import FaultParameter


class AuthDown(dependency.DependencyDown):
    PARAMETERS: ClassVar[tuple[FaultParameter, ...]] = dependency.PARAMETERS
    PERMISSIONS: ClassVar[tuple[Permission, ...]] = dependency.PERMISSIONS
