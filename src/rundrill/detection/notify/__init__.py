"""Who is told of a firing alert, and when: Alertmanager's routing, grouping and webhooks.

Reads a real Alertmanager configuration. `dispatcher` is pure, on a clock that is passed in;
`notifier` runs it and delivers real messages to a receiver on loopback, never to a real pager.
Where nothing else is said the semantics are those of Alertmanager 0.25.
"""

from rundrill.detection.notify.alertmanager import AlertmanagerApi, RemoteAlert
from rundrill.detection.notify.config import load_routing, parse_routing
from rundrill.detection.notify.delivery import DeliveryFailure
from rundrill.detection.notify.dispatcher import Dispatcher
from rundrill.detection.notify.message import Message, Notification, ToldAlert
from rundrill.detection.notify.notifier import Notifier
from rundrill.detection.notify.receiver import Receiver
from rundrill.detection.notify.routing import Integration, Route, Routing

__all__ = [
    "AlertmanagerApi",
    "DeliveryFailure",
    "Dispatcher",
    "Integration",
    "Message",
    "Notification",
    "Notifier",
    "Receiver",
    "RemoteAlert",
    "Route",
    "Routing",
    "ToldAlert",
    "load_routing",
    "parse_routing",
]
