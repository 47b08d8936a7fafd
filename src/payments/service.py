"""The payment service: `python -m payments.service`. Settings first, heavy imports afterwards."""

import os
import sys

from payments import settings as _settings
from payments.fatal import fatal


def main() -> int:
    """The exit code: 0 after SIGTERM; 1 when configuration or a port makes a start impossible."""
    try:
        settings = _settings.from_environment(os.environ)
    except _settings.SettingsError as exc:
        version = os.environ.get("SERVICE_VERSION", "0.0.0")
        fatal(f"configuration error: {exc}", service="payment-service", version=version)
        return 1
    import asyncio  # noqa: PLC0415 - a process that cannot start must say so at once

    from payments.application import run  # noqa: PLC0415 - the same
    from payments.logs import configure  # noqa: PLC0415 - the same

    configure(settings.log_level, service="payment-service", version=settings.version)
    return asyncio.run(run(settings))


if __name__ == "__main__":
    sys.exit(main())
