"""Google Calendar as the policy sees it: the only place that imports google*.

Keeps to itself: connections, access tokens, requests and pages, and the tables that
turn Google's answers into the handler's errors.
"""

from ..installation import hold_versions
from .connection import Connection, connect, connect_once, forget_all, forget_emulator
from .resources import Calendar, Rule
from .transport import Limits

__all__ = ["Calendar", "Connection", "Limits", "Rule", "connect", "connect_once", "forget_all", "forget_emulator"]

hold_versions("googleapiclient", "google.auth", "urllib3")
