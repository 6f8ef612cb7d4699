"""A round with Google's own client for Python."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from googleapiclient.http import BatchHttpRequest

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = os.environ["EMULATOR"]
ID = "example@group.calendar.google.com"
JANE = {"calendarId": ID, "ruleId": "user:jane@acme.com"}


def signed_in() -> Credentials:
    """Return credentials of the emulator's account."""
    names = ("client_id", "client_secret", "refresh_token")
    return Credentials(None, token_uri=f"http://{HOST}/token", **{name: os.environ[name.upper()] for name in names})


def service() -> Any:
    """Return the client, pointed at the emulator."""
    endpoint = {"api_endpoint": f"http://{HOST}/calendar/v3/"}
    return build("calendar", "v3", credentials=signed_in(), client_options=endpoint)


def refused(call: Callable[[], object]) -> list[Any]:
    """Return status and words of the error that a call meets."""
    try:
        call()
    except HttpError as error:
        return [error.status_code, json.loads(error.content)["error"]["message"]]
    return ["no error"]


def pages(resource: Any, **asked: Any) -> tuple[list[dict[str, Any]], str]:
    """Return the items of all pages, and the sync token behind them."""
    items, request = [], resource.list(**asked)
    while True:
        page = request.execute()
        items += page["items"]
        request = resource.list_next(request, page)
        if request is None:
            return items, page["nextSyncToken"]


def main() -> None:
    """Go the round, and print what was seen."""
    google = service()
    acl = google.acl()
    seen: dict[str, Any] = {"calendars": [one["id"] for one in pages(google.calendarList())[0]]}
    seen["summary"] = google.calendars().get(calendarId=ID).execute()["summary"]
    rules, token = pages(acl, calendarId=ID)
    seen["rules"] = [rule["id"] for rule in rules]
    scope = {"type": "user", "value": "jane@acme.com"}
    added = acl.insert(calendarId=ID, body={"role": "reader", "scope": scope}).execute()
    seen["added"] = [added["id"], added["role"]]
    seen["updated"] = acl.update(**JANE, body={**added, "role": "writer"}).execute()["role"]
    seen["patched"] = acl.patch(**JANE, body={"role": "owner"}).execute()["role"]
    public = acl.insert(calendarId=ID, body={"role": "reader", "scope": {"type": "default"}}).execute()
    seen["public"] = public["scope"]["value"]
    rules, token = pages(acl, calendarId=ID, syncToken=token)
    seen["since"] = {rule["id"]: rule["role"] for rule in rules}
    acl.delete(**JANE).execute()
    seen["removed"] = {rule["id"]: rule["role"] for rule in pages(acl, calendarId=ID, syncToken=token)[0]}
    batch = BatchHttpRequest(batch_uri=f"http://{HOST}/batch/calendar/v3")
    batch.add(acl.list(calendarId=ID))
    seen["errors"] = {
        "absent": refused(acl.get(**JANE).execute),
        "calendar": refused(acl.list(calendarId="none@acme.com").execute),
        "malformed": refused(acl.delete(calendarId=ID, ruleId="nonsense").execute),
        "own": refused(acl.delete(calendarId=ID, ruleId="user:owner@example.com").execute),
        "stale": refused(acl.list(calendarId=ID, syncToken="0" * 20).execute),
        "events": refused(google.events().list(calendarId=ID).execute),
        "batch": refused(batch.execute),
    }
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
