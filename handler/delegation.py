"""What an administrator is told of a service account: where and what to delegate, and how far a clock is off."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote as percent_encoded

if TYPE_CHECKING:
    from collections.abc import Iterable

ROUGHLY = 60
"""Seconds; a clock that is off by more is told in tens of them."""
OWN_LIST = frozenset({"calendarList.get", "calendarList.insert"})
"""Methods that are called as the recipient."""
OWN_LIST_SCOPE = "https://www.googleapis.com/auth/calendar.calendarlist"
"""For putting a calendar into the recipient's own list; asked for in the recipient's name alone."""
FORM = "https://admin.google.com/ac/owl/domainwidedelegation"
HOW = (
    "Let an administrator add, in the Admin console, Security > Access and data control > API controls > Manage "
    "domain-wide delegation > Add new, the client id {client_id} with the scopes {scopes} beside those that stand "
    "there; this page fills the form: {link} . It takes minutes, at most a day."
)


def scopes_line(scopes: Iterable[str]) -> str:
    """Return scopes as they are pasted into the form."""
    return ",".join(scopes)


def delegation_link(client_id: str, scopes: Iterable[str]) -> str:
    """Return the page of the Admin console whose form is filled with this client id and these scopes."""
    asked = percent_encoded(scopes_line(scopes), safe=":/,")
    return f"{FORM}?clientScopeToAdd={asked}&clientIdToAdd={percent_encoded(client_id)}"


def clock_told(ahead: float) -> str:
    """Return how this machine's clock differs from Google's, ahead of it by so many seconds."""
    seconds = abs(round(ahead))
    if seconds >= ROUGHLY:  # Google's Date tells whole ones, and its answer took a moment
        seconds = round(seconds, -1)
    if not seconds:
        return "as Google's"
    return f"{seconds} second{'' if seconds == 1 else 's'} {'ahead of' if ahead > 0 else 'behind'} Google's"
