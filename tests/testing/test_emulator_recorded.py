"""The emulator held to answers that Google was recorded to give."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest

from handler.testing.emulator import METHODS, Emulator

from ..support.emulator_client import Client, closing, ids

EXAMPLE = "example@group.calendar.google.com"
OWN = "user:owner@example.com"
RULES = f"calendars/{EXAMPLE}/acl"
PUBLIC = {"type": "default", "value": "__public_principal__@public.calendar.google.com"}
JANE = {"role": "reader", "scope": {"type": "user", "value": "jane@acme.com"}}
SCOPE_ROOT = "https://www.googleapis.com/auth/"
FULL = {"account": {"scopes": [f"{SCOPE_ROOT}calendar"]}}
SIGN_IN_HELP = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)

_close_connections = pytest.fixture(autouse=True)(closing)


def refused(order: dict[str, Any]) -> dict[str, Any]:
    """Return the error that an order makes of the list of rules."""
    with Emulator({"faults": [{"method": "acl.list", "fault": "error", **order}]}) as emulator:
        return Client(emulator).api("GET", RULES).body["error"]


@pytest.mark.parametrize("sent", [{"type": "default"}, PUBLIC], ids=["without value", "with value"])
def test_the_public_rule_is_answered_with_the_public_s_name(sent: dict[str, str]) -> None:
    """Whether a request names the public or not, every answer does."""
    with Emulator() as emulator:
        client = Client(emulator)
        answers = [
            client.api("POST", RULES, {"role": "reader", "scope": sent}).body,
            client.api("GET", f"{RULES}/default").body,
            client.api("PUT", f"{RULES}/default", {"role": "freeBusyReader", "scope": sent}).body,
            client.api("PATCH", f"{RULES}/default", {"role": "reader"}).body,
            client.api("GET", RULES).body["items"][-1],
        ]
    assert [(rule["id"], rule["scope"]) for rule in answers] == [("default", PUBLIC)] * 5
    assert emulator.rules() == {EXAMPLE: {"default": "reader"}}


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "rule_id",
    ["nonsense", "user", "user:", "bogus:a@b.com", "user:nonsense", "group:a@", "domain:", "domain:a@b.com", ":"],
)
def test_what_no_rule_can_be_called_is_refused(method: str, rule_id: str) -> None:
    """A malformed rule id is a mistake of the request, not a rule that is absent."""
    with Emulator() as emulator:
        got = Client(emulator).api(method, f"{RULES}/{rule_id}", JANE if method in ("PUT", "PATCH") else None)
    assert (got.status, got.reason) == (400, "invalid")
    assert got.body["error"]["message"] == "Invalid resource id value."


@pytest.mark.parametrize("rule_id", ["default", "user:a@b.com", "group:A@B.com", "domain:b.com"])
def test_a_well_formed_rule_id_may_be_absent(rule_id: str) -> None:
    """A rule that could be there and is not is not found."""
    with Emulator() as emulator:
        assert Client(emulator).api("GET", f"{RULES}/{quote(rule_id)}").reason == "notFound"


def test_a_missing_oauth_scope_is_said_by_the_front_end() -> None:
    """Keys, order, both messages and the method are those of the recording."""
    with Emulator({"account": {"scopes": [f"{SCOPE_ROOT}calendar.acls"]}}) as emulator:
        got = Client(emulator).api("GET", "users/me/calendarList")
    entry = {"message": "Insufficient Permission", "domain": "global", "reason": "insufficientPermissions"}
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "domain": "googleapis.com",
        "metadata": {"service": "calendar-json.googleapis.com", "method": "calendar.v3.CalendarList.List"},
    }
    expected = {
        "code": 403,
        "message": "Request had insufficient authentication scopes.",
        "errors": [entry],
        "status": "PERMISSION_DENIED",
        "details": [info],
    }
    assert list(got.body["error"].items()) == list(expected.items())


@pytest.mark.parametrize(
    ("header", "message", "reason", "entry"),
    [
        ("Bearer wrong", "Request had invalid authentication credentials.", "authError", "Invalid Credentials"),
        ("", "Request is missing required authentication credential.", "required", "Login Required."),
    ],
    ids=["wrong", "none"],
)
def test_who_is_not_signed_in_is_told_by_the_front_end(header: str, message: str, reason: str, entry: str) -> None:
    """A wrong credential and none at all are told apart, in the front end's form."""
    with Emulator() as emulator:
        got = Client(emulator).api("GET", RULES, Authorization=header)
    said = {
        "message": entry,
        "domain": "global",
        "reason": reason,
        "location": "Authorization",
        "locationType": "header",
    }
    expected = {
        "code": 401,
        "message": f"{message} {SIGN_IN_HELP}",
        "errors": [said],
        "status": "UNAUTHENTICATED",
    }
    assert (got.status, list(got.body["error"].items())) == (401, list(expected.items()))
    assert ("invalid_token" in got.headers["WWW-Authenticate"]) == bool(header)


def test_an_api_that_is_not_enabled_says_where_to_enable_it() -> None:
    """The link stands in the message and in the details, beside the project that asked."""
    error = refused({"status": 403, "reason": "accessNotConfigured"})
    link = "https://console.developers.google.com/apis/api/calendar-json.googleapis.com/overview?project=0"
    assert f"Enable it by visiting {link} then retry. If you enabled this API recently, wait" in error["message"]
    assert error["errors"][0]["extendedHelp"] == "https://console.developers.google.com"
    help_links, info = error["details"]
    assert (help_links["@type"], help_links["links"][0]["url"]) == ("type.googleapis.com/google.rpc.Help", link)
    assert (info["reason"], info["metadata"]["consumer"]) == ("SERVICE_DISABLED", "projects/0")


def test_the_daily_limit_says_where_to_see_it() -> None:
    """The old form of a spent quota has extended help, and no status in words."""
    error = refused({"status": 403, "reason": "dailyLimitExceeded"})
    assert list(error) == ["errors", "code", "message"]
    assert error["errors"][0]["extendedHelp"].endswith("calendar-json.googleapis.com/quotas?project=0")
    assert error["message"].startswith("Daily Limit Exceeded. The quota will be reset at midnight Pacific Time (PT).")


@pytest.mark.parametrize(
    ("status", "reason", "word"),
    [
        (403, "rateLimitExceeded", "PERMISSION_DENIED"),
        (429, "rateLimitExceeded", "RESOURCE_EXHAUSTED"),
        (403, "forbidden", "PERMISSION_DENIED"),
    ],
)
def test_any_error_can_be_ordered_in_the_front_end_s_form(status: int, reason: str, word: str) -> None:
    """A rate limit comes from Calendar or from the front end, and looks like it."""
    order = {"status": status, "reason": reason, "message": "Quota exceeded for quota group 'default'."}
    classic, front_end = refused(order), refused({**order, "front_end": True})
    assert list(classic) == ["errors", "code", "message"]
    assert list(front_end) == ["code", "message", "errors", "status"]
    assert front_end["status"] == word
    assert classic["errors"][0] == front_end["errors"][0]
    assert front_end["message"] == front_end["errors"][0]["message"] == order["message"]


def test_nobody_changes_their_own_access() -> None:
    """The refusal is a sentence with a full stop."""
    with Emulator() as emulator:
        got = Client(emulator).api("DELETE", f"{RULES}/{OWN}")
    assert (got.reason, got.body["error"]["message"]) == (
        "cannotChangeOwnAcl",
        "Cannot change your own access level.",
    )


def test_etags_look_like_google_s() -> None:
    """That of a list is no number; one's own rule comes first, with a zero; others have microseconds."""
    with Emulator({"rules": {EXAMPLE: {"default": "reader"}}}) as emulator:
        client = Client(emulator)
        page = client.api("GET", RULES).body
        assert client.api("GET", RULES).body == page
        client.api("POST", RULES, JANE)
        assert client.api("GET", RULES).body["etag"] != page["etag"]
    assert re.fullmatch('"p[0-9a-v]{15}"', page["etag"])
    own, *others = page["items"]
    assert (own["id"], own["etag"]) == (OWN, f'"{0:020d}"')
    assert all(re.fullmatch(r'"00001[0-9]{15}"', rule["etag"]) for rule in others)


def test_a_secondary_calendar_s_own_address_is_an_owner() -> None:
    """It is listed though no state names it, nobody takes it away, and it is no rule that a test has to expect."""
    with Emulator() as emulator:
        client = Client(emulator)
        rule = {item["id"]: item["role"] for item in client.api("GET", RULES).body["items"]}
        assert rule == {OWN: "owner", f"user:{EXAMPLE}": "owner"}
        assert ids(client.api("GET", "calendars/primary/acl")) == [OWN]
        assert client.api("DELETE", f"{RULES}/user:{EXAMPLE}").reason == "cannotChangeOwnerAcl"
        reader = {"role": "reader", "scope": {"type": "user", "value": EXAMPLE.upper()}}
        assert client.api("POST", RULES, reader).reason == "cannotChangeOwnerAcl"
    assert emulator.rules() == {}


def test_a_sync_token_brings_what_changed_since() -> None:
    """It has 20 digits; with it come new, changed and removed rules, and a token for the next time."""
    before = {"default": "reader", "user:kept@acme.com": "reader", "user:gone@acme.com": "writer"}
    with Emulator({"rules": {EXAMPLE: before}, "page_size": 1}) as emulator:
        client = Client(emulator)

        def changed(token: str) -> tuple[dict[str, str], str]:
            rules, page_token = {}, ""
            while True:
                page = client.api("GET", f"{RULES}?syncToken={token}{page_token}").body
                rules |= {rule["id"]: rule["role"] for rule in page["items"]}
                if "nextSyncToken" in page:
                    return rules, page["nextSyncToken"]
                page_token = f"&pageToken={quote(page['nextPageToken'])}"

        everything, token = changed("")
        assert len(everything) == 5
        assert re.fullmatch("0000[0-9]{16}", token)
        assert changed(token) == ({}, token)
        client.api("POST", RULES, JANE)
        client.api("PATCH", f"{RULES}/default", {"role": "freeBusyReader"})
        client.api("DELETE", f"{RULES}/user:gone@acme.com")
        rules, later = changed(token)
        assert rules == {"user:jane@acme.com": "reader", "default": "freeBusyReader", "user:gone@acme.com": "none"}
        assert changed(later) == ({}, later)
        assert changed(token) == (rules, later)


def test_a_sync_token_belongs_to_its_list() -> None:
    """One of another calendar, of another list or of nobody asks for everything anew, in Google's words."""
    with Emulator() as emulator:
        client = Client(emulator)
        token = client.api("GET", RULES).body["nextSyncToken"]
        listed = client.api("GET", "users/me/calendarList").body["nextSyncToken"]
        assert client.api("GET", f"users/me/calendarList?syncToken={listed}").body["items"] == []
        foreign = [
            client.api("GET", f"calendars/primary/acl?syncToken={token}"),
            client.api("GET", f"{RULES}?syncToken={0:020d}"),
            client.api("GET", f"{RULES}?syncToken=old"),
        ]
    for got in foreign:
        assert (got.status, got.reason) == (410, "fullSyncRequired")
        assert got.body["error"]["message"] == "Sync token is no longer valid, a full sync is required."


def test_a_sync_token_shows_what_was_removed_whether_asked_or_not() -> None:
    """To ask for what was removed is allowed beside it, not to hide it."""
    with Emulator() as emulator:
        client = Client(emulator)
        token = client.api("GET", RULES).body["nextSyncToken"]
        assert client.api("GET", f"{RULES}?showDeleted=true&syncToken={token}").status == 200
        got = client.api("GET", f"{RULES}?showDeleted=false&syncToken={token}")
    assert (got.status, got.body["error"]["errors"][0]["location"]) == (400, "showDeleted")


def test_metadata_of_a_calendar_can_be_read() -> None:
    """Whoever sees a calendar gets what is the same for everybody; of others Google says nothing."""
    entry = {"id": EXAMPLE, "summary": "Ours", "summaryOverride": "Mine", "accessRole": "reader", "listed": False}
    with Emulator({"account": {**FULL["account"], "calendars": [entry]}}) as emulator:
        client = Client(emulator)
        body = client.api("GET", f"calendars/{EXAMPLE}").body
        assert body.pop("etag")
        assert body == {"kind": "calendar#calendar", "id": EXAMPLE, "summary": "Ours"}
        assert client.api("GET", f"calendars/{EXAMPLE}?fields=id").body == {"id": EXAMPLE}
        assert client.api("GET", "calendars/none@x.com").reason == "notFound"
    with Emulator() as emulator:
        assert Client(emulator).api("GET", "calendars/primary").reason == "insufficientPermissions"


@pytest.mark.parametrize(
    ("http_method", "path", "method"),
    [
        ("POST", "/calendar/v3/calendars", "calendars.insert"),
        ("DELETE", "/calendar/v3/calendars/primary", "calendars.delete"),
        ("POST", "/calendar/v3/calendars/primary/acl/watch", "acl.watch"),
        ("GET", "/calendar/v3/calendars/primary/events", "events.list"),
        ("POST", "/calendar/v3/freeBusy", "freebusy.query"),
        ("POST", "/batch/calendar/v3", "batch"),
        ("POST", "/revoke?token=hidden", "oauth2.revoke"),
        ("GET", "/tokeninfo?access_token=hidden", "oauth2.tokeninfo"),
        ("POST", "/oauth2/v2/tokeninfo?access_token=hidden", "oauth2.tokeninfo"),
        ("GET", "/oauth2/v3/certs", "oauth2.certs"),
    ],
)
def test_a_method_that_is_not_played_says_so(http_method: str, path: str, method: str) -> None:
    """What Google has and the emulator has not is 501, naming the emulator and what it plays."""
    with Emulator() as emulator:
        got = Client(emulator).send(http_method, path)
    said = str(got.body)
    assert got.status == 501
    assert f"This is an emulator of Google Calendar, which does not play {method}; it plays calendarList" in said
    assert "hidden" not in said
    assert emulator.calls == [method]
    assert "hidden" not in repr(emulator.requests)
    assert method not in METHODS


def test_where_google_has_nothing_there_is_a_page() -> None:
    """An unknown path is answered by the front end, which shows it and runs nothing of it."""
    with Emulator() as emulator:
        got = Client(emulator).send("GET", "/calendar/v3/nothing/%3Cb%3E?key=hidden")
    assert (got.status, got.headers["Content-Type"]) == (404, "text/html; charset=UTF-8")
    assert "<code>/calendar/v3/nothing/&lt;b&gt;</code> was not found on this server" in got.body
    assert "hidden" not in got.body


def test_headers_are_google_s_but_for_the_server() -> None:
    """No answer is to be kept; the server gives its own name, and nothing behind it."""
    with Emulator() as emulator:
        client = Client(emulator)
        answers = [client.sign_in(), client.api("GET", RULES), client.api("GET", "calendars/none@x.com/acl")]
    for got in answers:
        assert got.headers["Server"] == "CalendarEmulator"
        assert got.headers["Cache-Control"] == "no-cache, no-store, max-age=0, must-revalidate"
        assert got.headers["Pragma"] == "no-cache"
        assert got.headers["Expires"] == "Mon, 01 Jan 1990 00:00:00 GMT"
        assert got.headers["Vary"] == "Origin, X-Origin, Referer"
