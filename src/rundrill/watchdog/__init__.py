"""A process of its own that ends a drill and undoes it when its runner cannot, or must not go on.

`judgement` decides, purely; `process` is the watchdog; `keeper` the runner's side of it. Nothing
here makes a fault or follows a procedure.
"""

from rundrill.watchdog.keeper import Guarded, Watchdog
from rundrill.watchdog.wire import Begin

__all__ = ["Begin", "Guarded", "Watchdog"]
