"""Who is told of a firing alert, and when: Alertmanager's routing, grouping and webhooks.

Reads a real Alertmanager configuration. `dispatcher` is pure, on a clock that is passed in;
`notifier` runs it and delivers real messages to a receiver on loopback, never to a real pager;
`remote` listens to a real Alertmanager instead.
Where nothing else is said the semantics are those of Alertmanager 0.25.
"""

from rundrill.detection.notify.alertmanager import AlertmanagerApi, RemoteAlert, RemoteStatus
from rundrill.detection.notify.config import load_routing, parse_routing
from rundrill.detection.notify.delivery import DeliveryFailure
from rundrill.detection.notify.dispatcher import Dispatcher
from rundrill.detection.notify.message import Message, Notification, ToldAlert
from rundrill.detection.notify.notifier import Notifier
from rundrill.detection.notify.receiver import Receiver
from rundrill.detection.notify.remote import Alertmanager, RemoteNotifier, find_alertmanager
from rundrill.detection.notify.routing import Integration, Route, Routing

__all__ = [
    "Alertmanager",
    "AlertmanagerApi",
    "DeliveryFailure",
    "Dispatcher",
    "Integration",
    "Message",
    "Notification",
    "Notifier",
    "Receiver",
    "RemoteAlert",
    "RemoteNotifier",
    "RemoteStatus",
    "Route",
    "Routing",
    "ToldAlert",
    "find_alertmanager",
    "load_routing",
    "parse_routing",
]
