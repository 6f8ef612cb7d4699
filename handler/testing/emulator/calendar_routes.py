"""The methods of the Calendar API that the emulator plays: calendarList, calendars and acl.

Each function is one method: it is handed a call that is signed in and well formed, and
returns what to answer.
"""

from __future__ import annotations

from base64 import b32hexencode
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from .calendar_lists import METADATA
from .calls import Call, declare_method
from .google_errors import GoogleError
from .parameters import page_start, page_token
from .rule_bodies import read_role, read_rule_id, rule_answer
from .state import ROLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .calendar_lists import Entry
    from .routing import Route
    from .state import KeptRule

ROUTES: list[Route] = []
"""Every route of this module, in order."""

route = partial(declare_method, ROUTES)

READ_LIST = (
    "calendar",
    "calendar.calendarlist",
    "calendar.calendarlist.readonly",
    "calendar.readonly",
)
WRITE_LIST = ("calendar", "calendar.calendarlist")
READ_RULES = ("calendar", "calendar.acls", "calendar.acls.readonly")
WRITE_RULES = ("calendar", "calendar.acls")
RULES_PATH = "calendars/{calendarId}/acl"
RULE_PATH = "calendars/{calendarId}/acl/{ruleId}"


@route(
    "calendarList.list",
    "GET",
    "users/me/calendarList",
    scopes=READ_LIST,
    query=(
        "maxResults",
        "minAccessRole",
        "pageToken",
        "showDeleted",
        "showHidden",
        "showOwnOrganizationOnly",
        "syncToken",
    ),
    answers="CalendarList",
)
def list_calendars(call: Call) -> dict[str, Any]:
    """Return a page of the account's calendar list."""
    least = ROLES.index(call.query.get("minAccessRole", "none"))
    entries = [
        _entry_answer(entry)
        for entry in call.state.entries(call.email)
        if ROLES.index(entry.role) >= least and (call.query["showHidden"] or not entry.hidden)
    ]
    return _page(call, "calendar#calendarList", call.email, entries)


@route(
    "calendarList.get",
    "GET",
    "users/me/calendarList/{calendarId}",
    scopes=(*READ_LIST, "calendar.app.created"),
    answers="CalendarListEntry",
)
def get_calendar(call: Call) -> dict[str, Any]:
    """Return one entry of the account's calendar list."""
    entry = call.calendar("none")
    if not entry.listed:
        raise GoogleError(reason="notFound")
    return _entry_answer(entry)


@route(
    "calendarList.insert",
    "POST",
    "users/me/calendarList",
    scopes=WRITE_LIST,
    query=("colorRgbFormat",),
    answers="CalendarListEntry",
)
def insert_calendar(call: Call) -> dict[str, Any]:
    """Put a calendar that the account may see into its list."""
    calendar_id = call.body.get("id")
    if not isinstance(calendar_id, str) or not calendar_id:
        raise GoogleError(reason="required", message="Missing calendar id.")
    return _entry_answer(call.state.add_to_list(call.email, calendar_id, call.body))


@route(
    "calendars.get",
    "GET",
    "calendars/{calendarId}",
    scopes=(
        "calendar",
        "calendar.app.created",
        "calendar.calendars",
        "calendar.calendars.readonly",
        "calendar.readonly",
    ),
    answers="Calendar",
)
def get_metadata(call: Call) -> dict[str, Any]:
    """Return what every account sees alike of a calendar, which need not be listed."""
    entry = call.calendar("none")
    said = {name: entry.shown[name] for name in METADATA if name in entry.shown}
    return {"kind": "calendar#calendar", "etag": entry.etag, **said}


@route(
    "acl.list",
    "GET",
    RULES_PATH,
    scopes=READ_RULES,
    query=("maxResults", "pageToken", "showDeleted", "syncToken"),
    answers="Acl",
)
def list_rules(call: Call) -> dict[str, Any]:
    """Return a page of a calendar's rules."""
    calendar_id = call.calendar("writer").calendar_id
    rules = call.state.rules_of(calendar_id, removed=call.query["showDeleted"])
    rules.sort(key=lambda rule: rule.rule_id != f"user:{call.email}")
    return _page(call, "calendar#acl", calendar_id, [rule_answer(rule) for rule in rules])


@route(
    "acl.get",
    "GET",
    RULE_PATH,
    scopes=(*READ_RULES, "calendar.readonly"),
    answers="AclRule",
)
def get_rule(call: Call) -> dict[str, Any]:
    """Return one rule."""
    calendar_id = call.calendar("writer").calendar_id
    return rule_answer(call.state.rule(calendar_id, call.rule_id))


@route(
    "acl.insert",
    "POST",
    RULES_PATH,
    scopes=WRITE_RULES,
    query=("sendNotifications",),
    answers="AclRule",
)
def insert_rule(call: Call) -> dict[str, Any]:
    """Add a rule; one that is there already for the same recipient is replaced."""
    calendar_id = call.calendar("owner").calendar_id
    rule_id = read_rule_id(call.body)
    return _write(call, calendar_id, rule_id, read_role(call.body, rule_id))


@route(
    "acl.update",
    "PUT",
    RULE_PATH,
    scopes=WRITE_RULES,
    query=("sendNotifications",),
    answers="AclRule",
)
def update_rule(call: Call) -> dict[str, Any]:
    """Replace a rule that is there."""
    return _rewrite(call, lambda _: call.body)


@route(
    "acl.patch",
    "PATCH",
    RULE_PATH,
    scopes=WRITE_RULES,
    query=("sendNotifications",),
    answers="AclRule",
)
def patch_rule(call: Call) -> dict[str, Any]:
    """Change a rule that is there; what the body leaves out stays."""
    return _rewrite(call, lambda rule: {**rule_answer(rule), **call.body})


@route("acl.delete", "DELETE", RULE_PATH, scopes=WRITE_RULES)
def delete_rule(call: Call) -> None:
    """Remove a rule that is there."""
    calendar_id = call.calendar("owner").calendar_id
    rule = call.state.rule(calendar_id, call.rule_id, call.if_match)
    call.state.write(call.email, calendar_id, rule.rule_id, "none", mail=False)


def _rewrite(call: Call, body_for: Callable[[KeptRule], Mapping[str, Any]]) -> dict[str, Any]:
    """Return the rule of the path, rewritten with the role of a body, whose scope has to be that of the rule."""
    calendar_id = call.calendar("owner").calendar_id
    rule = call.state.rule(calendar_id, call.rule_id, call.if_match)
    body = body_for(rule)
    if read_rule_id(body) != rule.rule_id:
        raise GoogleError(reason="invalid", message="Invalid scope value.")
    return _write(call, calendar_id, rule.rule_id, read_role(body, rule.rule_id))


def _write(call: Call, calendar_id: str, rule_id: str, role: str) -> dict[str, Any]:
    mail = call.query["sendNotifications"]
    return rule_answer(call.state.write(call.email, calendar_id, rule_id, role, mail=mail))


def _entry_answer(entry: Entry) -> dict[str, Any]:
    kind = "calendar#calendarListEntry"
    return {"kind": kind, "etag": entry.etag, **entry.shown, "accessRole": entry.role}


def _page(call: Call, kind: str, owner: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a page of the list that an account or a calendar has."""
    list_name, since = f"{kind} {owner}", call.query.get("syncToken")
    if since:
        call.state.sync_tokens.check(list_name, since)
        items = [item for item in items if item["etag"] > f'"{since}"']
    token = call.query.get("pageToken")
    start = page_start(kind, token) if token else 0
    end = start + min(call.query["maxResults"], call.world.page_size or len(items) + 1)
    if end < len(items):
        following = {"nextPageToken": page_token(kind, end)}
    else:
        following = {"nextSyncToken": call.state.sync_tokens.give(list_name, call.state.newest_etag())}
    return {
        "kind": kind,
        "etag": _list_etag(items),
        **following,
        "items": items[start:end],
    }


def _list_etag(items: list[dict[str, Any]]) -> str:
    digest = sha256(" ".join(item["etag"] for item in items).encode()).digest()
    return f'"p{b32hexencode(digest).decode().lower()[:15]}"'
