"""One permission, as a rule of RBAC and a SelfSubjectAccessReview write it, and who needs it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Access:
    """`namespace` "" is the whole cluster; `group` "" the core; `resource` may be `pods/log`."""

    namespace: str
    group: str
    resource: str
    verb: str

    @property
    def where(self) -> str:
        return f"in {self.namespace}" if self.namespace else "in the whole cluster"

    @property
    def what(self) -> str:
        """ "deployments/scale (apps)"."""
        return f"{self.resource} ({self.group})" if self.group else self.resource

    def __str__(self) -> str:
        return f"{self.verb} {self.what} {self.where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """`who` are the parts of the drills that need it, each once, in their order."""

    access: Access
    who: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A command of which nobody here can tell what it asks the API server for."""

    who: str
    command: str
    why: str
