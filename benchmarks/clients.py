"""The programs that are compared: each shares one calendar with one new recipient.

Each is a function that takes a Place and gives a function `share(recipient)`, so that
what a client keeps between shares is kept by it. Imports stand inside: a program pays
for its own ones only.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CLIENT = {"client_id": "id", "client_secret": "benchmark-secret", "refresh_token": "benchmark-refresh-token"}
ROLE = "reader"
ACCESS_TOKEN = "a-token-of-the-benchmark"  # noqa: S105 -- opens nothing
LIST_TARGET = (
    "/calendar/v3/users/me/calendarList?maxResults=250&showHidden=true"
    "&fields=nextPageToken%2Citems%28id%2Csummary%2CsummaryOverride%2CaccessRole%2CdataOwner%2Cprimary%29&alt=json"
)


class Place(NamedTuple):
    """Where the server is, and what is shared there."""

    scheme: str
    port: int
    title: str
    calendar_id: str

    @property
    def api_endpoint(self) -> str:
        """The API's address, as client libraries want it."""
        root = "https://www.googleapis.com" if self.scheme == "https" else f"http://127.0.0.1:{self.port}"
        return root + "/calendar/v3/"

    @property
    def token_url(self) -> str:
        """The token endpoint's address."""
        if self.scheme == "https":
            return "https://oauth2.googleapis.com/token"
        return f"http://127.0.0.1:{self.port}/token"


def ours(place: Place, name: str | None = None, info: Mapping[str, str] = CLIENT) -> Callable[[str], object]:
    """This handler, results written as XML."""
    from handler import execute

    parameters = {"calendar_name": name or place.title, "scope": "user", "calendar_access": ROLE}

    def share(recipient: str) -> object:
        return execute(info, {**parameters, "recipient": recipient}).to_xml()

    return share


def ours_as_a_user(place: Place) -> Callable[[str], object]:
    """This handler with a service account, which acts as one of fifty users in turn; their tokens are kept."""
    import itertools
    import os
    from pathlib import Path

    key = Path(os.environ["GOOGLE_SERVICE_ACCOUNT_FILE"]).read_text(encoding="utf-8")
    infos = [{"service_account": key, "act_as_by_default": f"user{number}@acme.com"} for number in range(50)]
    as_users = [ours(place, info=info) for info in infos]
    for number, share in enumerate(as_users):
        share(f"guest{number}@acme.com")  # signs in
    in_turn = itertools.cycle(as_users)

    def share_in_turn(recipient: str) -> object:
        return next(in_turn)(recipient)

    return share_in_turn


def ours_by_id(place: Place) -> Callable[[str], object]:
    """This handler, given the calendar's id."""
    return ours(place, place.calendar_id)


def raw(place: Place) -> Callable[[str], object]:
    """http.client over one kept connection a thread, making the three requests that ours makes."""
    import http.client
    import json
    import os
    import ssl
    from urllib.parse import quote

    local = threading.local()
    headers = {"authorization": f"Bearer {ACCESS_TOKEN}", "accept": "application/json"}
    tls = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"]) if place.scheme == "https" else None

    def ask(method: str, target: str, body: object = None) -> Any:
        if not hasattr(local, "connection"):
            local.connection = (
                http.client.HTTPSConnection("www.googleapis.com", context=tls)
                if tls
                else http.client.HTTPConnection("127.0.0.1", place.port)
            )
        content = json.dumps(body) if body else None
        local.connection.request(method, target, content, {**headers, "content-type": "application/json"})
        return json.loads(local.connection.getresponse().read())

    def share(recipient: str) -> object:
        page = ask("GET", LIST_TARGET)
        calendar = next(entry["id"] for entry in page["items"] if entry["summary"] == place.title)
        rules = f"/calendar/v3/calendars/{quote(calendar)}/acl"
        ask("GET", f"{rules}/{quote('user:' + recipient)}?fields=id%2Crole&alt=json")
        body = {"scope": {"type": "user", "value": recipient}, "role": ROLE}
        return ask("POST", f"{rules}?sendNotifications=true&fields=id%2Crole&alt=json", body)["role"]

    return share


def usual(place: Place) -> Callable[[str], object]:
    """The usual script: refresh and build() each time, default pages, no mask, insert."""
    from google.auth.transport.requests import Request
    from googleapiclient.discovery import build

    def share(recipient: str) -> object:
        credentials = _credentials(place)
        credentials.refresh(Request())
        service = build("calendar", "v3", credentials=credentials, client_options={"api_endpoint": place.api_endpoint})
        return _list_and_insert(service, place.title, recipient)

    return share


def usual_with_files(place: Place) -> Callable[[str], object]:
    """The usual script in a handler's clothes: yaml and jsonschema are loaded too, but not used."""
    import jsonschema  # noqa: F401 -- its import is what counts
    import yaml  # noqa: F401 -- as above

    return usual(place)


def kept(place: Place) -> Callable[[str], object]:
    """The usual script with service and access token kept; pages and entries as Google gives them by default."""
    from google.auth.transport.requests import Request
    from googleapiclient.discovery import build

    credentials = _credentials(place)
    credentials.refresh(Request())
    service = build("calendar", "v3", credentials=credentials, client_options={"api_endpoint": place.api_endpoint})
    return lambda recipient: _list_and_insert(service, place.title, recipient)


def gcsa(place: Place) -> Callable[[str], object]:
    """Gcsa with its object kept, which keeps service and access token."""
    import functools

    from gcsa._services import authentication  # has no option for the address
    from gcsa.acl import AccessControlRule
    from gcsa.google_calendar import GoogleCalendar
    from google.auth.transport.requests import Request

    build = authentication.discovery.build
    authentication.discovery.build = functools.partial(build, client_options={"api_endpoint": place.api_endpoint})
    credentials = _credentials(place)
    credentials.refresh(Request())
    google = GoogleCalendar(credentials=credentials)

    def share(recipient: str) -> object:
        found = [entry for entry in google.get_calendar_list() if entry.summary == place.title]
        rule = AccessControlRule(role=ROLE, scope_type="user", scope_value=recipient)
        return google.add_acl_rule(rule, calendar_id=found[0].calendar_id)

    return share


def _credentials(place: Place) -> Any:
    from google.oauth2.credentials import Credentials

    return Credentials(None, **CLIENT, token_uri=place.token_url)


def _list_and_insert(service: Any, title: str, recipient: str) -> object:
    calendars: list[dict[str, Any]] = []
    request = service.calendarList().list()
    while request is not None:
        page = request.execute()
        calendars += page["items"]
        request = service.calendarList().list_next(request, page)
    calendar = next(entry["id"] for entry in calendars if entry["summary"] == title)
    body = {"scope": {"type": "user", "value": recipient}, "role": ROLE}
    return service.acl().insert(calendarId=calendar, body=body).execute()["role"]


CLIENTS = {
    client.__name__: client for client in (ours, ours_by_id, ours_as_a_user, raw, usual, usual_with_files, kept, gcsa)
}
