"""Google Calendar as the policy sees it: the only place that imports google*.

Keeps to itself: connections, access tokens, requests and pages, and the tables that
turn Google's answers into the handler's errors.
"""

from ..installation import hold_versions
from .connecting import connect, connect_once, forget_all, forget_emulator
from .connection import Connection
from .resources import Calendar, Rule
from .tokens import Accounts
from .transport import Limits

__all__ = [
    "Accounts",
    "Calendar",
    "Connection",
    "Limits",
    "Rule",
    "connect",
    "connect_once",
    "forget_all",
    "forget_emulator",
]

hold_versions("googleapiclient", "google.auth", "urllib3")
