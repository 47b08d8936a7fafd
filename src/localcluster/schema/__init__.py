"""What an object must look like: OpenAPI definitions, validation, defaults. No I/O but reading
the definitions, no store, no clock."""

from localcluster.schema.defaults import apply_defaults, carry_over
from localcluster.schema.rules import check_create, check_update

__all__ = ["apply_defaults", "carry_over", "check_create", "check_update"]
