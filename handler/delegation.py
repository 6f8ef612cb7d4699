"""How an administrator delegates to a service account: where, with which scopes, and the page that fills the form."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote as percent_encoded

if TYPE_CHECKING:
    from collections.abc import Iterable

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
