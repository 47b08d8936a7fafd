"""What is decided about one way: let through or not, and with which faults. Pure."""

from dataclasses import dataclass
from typing import Literal

# What a denial does to a connection that is open already.
OpenConnections = Literal["keep", "drop", "reset"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One ready target of a Service. `pod` is empty for an address that is no pod's."""

    namespace: str
    pod: str
    address: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What is done to the connections of a way. `latency_s` is added to each round trip."""

    latency_s: float = 0.0
    reset_ratio: float = 0.0
    black_hole: bool = False

    def __add__(self, other: "Faults") -> "Faults":
        """Both at once: delays add up, and either chance may reset a connection."""
        return Faults(
            latency_s=self.latency_s + other.latency_s,
            reset_ratio=1 - (1 - self.reset_ratio) * (1 - other.reset_ratio),
            black_hole=self.black_hole or other.black_hole,
        )


NO_FAULTS = Faults()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """`allowed` is what the policies say; `when_denied` what that does to open connections."""

    allowed: bool = True
    when_denied: OpenConnections = "keep"
    faults: Faults = NO_FAULTS

    @property
    def drops_new(self) -> bool:
        """The first packet of a new connection is never answered."""
        return not self.allowed or self.faults.black_hole

    @property
    def holds_open(self) -> bool:
        """Nothing that an open connection sends arrives, either way."""
        return self.faults.black_hole or (not self.allowed and self.when_denied == "drop")

    @property
    def resets_open(self) -> bool:
        return not self.allowed and self.when_denied == "reset"


FREE = Ruling()
