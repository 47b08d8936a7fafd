"""What can go wrong while a request is served.

PaymentsError
├── BadRequestError          the caller's fault, told as a problem
│   ├── KeyReuseError        the idempotency key belongs to another request
│   └── NotFoundError        no such payment for this caller
├── UnauthorizedError        the bearer token is missing or not accepted
├── InProgressError          another request with the same key has not finished in time
├── UnfinishedError          recorded, but the gateway gave no answer; the same key resumes it
└── DependencyError          something the service depends on failed; the caller may retry
    ├── DatabaseError        `kind`: connect, connect_timeout, pool_timeout, timeout, lost, query
    ├── AuthError            the auth service gave no usable answer
    └── GatewayError         `kind` and whether the charge may have happened
"""

from payments.model import Payment, Status


class PaymentsError(Exception):
    """The root; `str()` is safe to show to the caller."""


class BadRequestError(PaymentsError):
    """The request cannot be served as it is."""


class KeyReuseError(BadRequestError):
    """The idempotency key was used before with another request."""


class NotFoundError(BadRequestError):
    """There is no such payment, or it is not the caller's."""


class UnauthorizedError(PaymentsError):
    """No bearer token, or one that the auth service does not accept."""


class InProgressError(PaymentsError):
    """The first request with this key is still running."""


class UnfinishedError(PaymentsError):
    """The payment is recorded; `status` says whether the customer may have been charged.

    A retry with the same key takes it up again.
    """

    def __init__(self, payment: Payment, status: Status, cause: "GatewayError") -> None:
        super().__init__(str(cause))
        self.payment = payment
        self.status = status
        self.cause = cause


class DependencyError(PaymentsError):
    """A dependency failed. `kind` is a short word for metrics and logs."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class DatabaseError(DependencyError):
    """PostgreSQL did not do what was asked."""


class AuthError(DependencyError):
    """The auth service could not be asked."""


class GatewayError(DependencyError):
    """A gateway did not answer the charge with yes or no.

    `may_have_charged` is False only when the charge certainly did not happen (the request was
    never sent, or was refused before any work). `kind`: breaker_open, connect, connection_lost,
    connect_timeout, timeout,
    server_error, unauthorized, rate_limited, bad_response.
    """

    def __init__(self, gateway: str, kind: str, message: str, *, may_have_charged: bool) -> None:
        super().__init__(kind, message)
        self.gateway = gateway
        self.may_have_charged = may_have_charged
