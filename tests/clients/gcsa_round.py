"""A round with gcsa, which many scripts in Python use."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from gcsa.acl import AccessControlRule
from gcsa.google_calendar import GoogleCalendar
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = os.environ["EMULATOR"]
ID = "example@group.calendar.google.com"
JANE = "user:jane@acme.com"


def pointed_at_the_emulator() -> GoogleCalendar:
    """Return gcsa's calendar; it has no option for the address of the API."""
    names = ("client_id", "client_secret", "refresh_token")
    given = {name: os.environ[name.upper()] for name in names}
    credentials = Credentials(None, token_uri=f"http://{HOST}/token", **given)
    # Else it would ask for an access token before anything else; so does the first request.
    calendar = GoogleCalendar(ID, credentials=credentials)
    endpoint = {"api_endpoint": f"http://{HOST}/calendar/v3/"}
    calendar.service = build("calendar", "v3", credentials=credentials, client_options=endpoint)
    return calendar


def refused(call: Callable[..., object], *values: object) -> list[Any]:
    """Return status and words of the error that a call meets."""
    try:
        call(*values)
    except HttpError as error:
        return [error.status_code, error.reason]
    return ["no error"]


def main() -> None:
    """Go the round, and print what was seen."""
    google = pointed_at_the_emulator()
    seen: dict[str, Any] = {"calendars": [entry.calendar_id for entry in google.get_calendar_list()]}
    seen["summary"] = google.get_calendar(ID).summary
    seen["rules"] = [rule.acl_id for rule in google.get_acl_rules()]
    rule = AccessControlRule(role="reader", scope_type="user", scope_value="jane@acme.com")
    added = google.add_acl_rule(rule)
    seen["added"] = [added.acl_id, added.role]
    added.role = "writer"
    seen["updated"] = google.update_acl_rule(added).role
    seen["public"] = google.add_acl_rule(AccessControlRule(role="reader", scope_type="default")).scope_value
    google.delete_acl_rule(added)
    shown = google.get_acl_rules(show_deleted=True)
    seen["removed"] = {rule.acl_id: rule.role for rule in shown if rule.role == "none"}
    seen["errors"] = {
        "absent": refused(google.get_acl_rule, JANE),
        "calendar": refused(google.get_acl_rule, JANE, "none@acme.com"),
        "malformed": refused(google.delete_acl_rule, "nonsense"),
        "own": refused(google.delete_acl_rule, "user:owner@example.com"),
        "events": refused(lambda: list(google.get_events())),
    }
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
