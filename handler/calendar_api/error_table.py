"""Turns Google's refusals into the handler's errors: two tables, read from the top.

A row is chosen by status and by reason, and the reason is read from the body: what the
client library makes of it leaves out `errors[].reason` if there are `details[]`.
Sources: https://developers.google.com/workspace/calendar/api/guides/errors and
https://developers.google.com/identity/protocols/oauth2.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import AuthorizationFailed, HandlerError, Refused, Unavailable, quote, shown
from ..retry import current_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from .transport import Answer

SCOPES = {
    "calendarList": "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
    "acl": "https://www.googleapis.com/auth/calendar.acls",
}
WRITES = frozenset({"acl.insert", "acl.update", "acl.delete"})
ANY_METHOD = frozenset({"calendarList.list", "acl.list", "acl.get"}) | WRITES
ACL = frozenset(method for method in ANY_METHOD if method.startswith("acl."))
REFUSED = range(400, 500)
FAILED = range(500, 600)
BY_STATUS = (408, 409, 412, 429)
"""Refusals that mean "not now", whoever sends them."""
ABSENT = frozenset({"notFound", "deleted"})
TOO_FAST = b"Request rate higher than configured"
"""The text of a 403 without an error object; Google's front end sends it
(https://github.com/GAM-team/GAM, src/gam/__init__.py)."""
ANY = range(1000)
RATE_LIMITED = "rate_limited"
SHORTEST_SPREAD, LONGEST_SPREAD = 15.0, 45.0
"""Seconds that a rate limit lasts if Google names none: its quota is counted by the minute, and workers that come
back all at once meet it again."""
OAUTH_ERROR = "an OAuth error"
"""Stands for any error that the token endpoint named, as RFC 6749 section 5.2 has it."""
OAUTH_CODE = re.compile(r"[a-z_]{1,40}")

RENEW = "Get a new refresh token for this client id with the verb authorize."
TESTING = (
    "While the OAuth consent screen is in Testing, refresh tokens die after 7 days: "
    "publish it, then get the token anew. Other causes: revoked, unused for 6 months, or made for another client."
)


class Row(NamedTuple):
    """Which answers a row matches, and the error they become.

    `reasons` None means any. The sentence may name {method}, {status}, {reason},
    {said} (Google's own words), {scope} and {hint} (if Google said nothing).
    """

    methods: Container[str]
    statuses: Container[int]
    reasons: frozenset[str] | None
    error: type[HandlerError]
    code: str
    sentence: str


def _reasons(*names: str) -> frozenset[str]:
    return frozenset(names)


CALENDAR_ROWS = (
    Row(ANY_METHOD, (401,), None, AuthorizationFailed, "authorization_failed",
        f"Google does not accept the access token that it gave out itself. {RENEW}"),
    Row(ANY_METHOD, (403,), _reasons("insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
        AuthorizationFailed, "scope_missing",
        "The refresh token was granted without the OAuth scope {scope}. "
        "Get a new one with the verb authorize, and leave every box ticked on Google's consent page."),
    Row(ANY_METHOD, (403,), _reasons("accessNotConfigured", "SERVICE_DISABLED"),
        AuthorizationFailed, "api_disabled",
        "The Google Calendar API is not enabled in the Google Cloud project of the OAuth client. "
        "Enable it in Google's console, and wait a few minutes."),
    Row(ANY_METHOD, (403,), _reasons("quotaExceeded", "dailyLimitExceeded"), Refused, "usage_limit",
        "The account has used up a limit of Google Calendar ({reason}); it is lifted after hours, not minutes."),
    Row(ANY_METHOD, (403,),
        _reasons("rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"),
        Unavailable, "rate_limited", "Requests come faster than Google allows ({reason}). Try again in a minute."),
    Row(ANY_METHOD, (429,), None, Unavailable, "rate_limited",
        "Requests come faster than Google allows. Try again in a minute."),
    Row(ACL, (403,), _reasons("requiredAccessLevel", "forbidden"), Refused, "not_calendar_owner",
        "The account may not change who has access to this calendar; it needs the role owner ({reason})."),
    Row(ACL, (400,), _reasons("invalidScopeValue"), Refused, "recipient_rejected",
        "Google does not accept the recipient. Check the spelling, and that the scope fits it."),
    Row(WRITES, REFUSED, _reasons("cannotChangeOwnAcl"), Refused, "sharing_refused",
        "Google does not let an account change its own access ({reason})."),
    Row(WRITES, REFUSED, _reasons("cannotChangeOwnerAcl", "cannotModifyAclOfCalendarOwner"), Refused, "sharing_refused",
        "Google does not let the access of the calendar's data owner be changed ({reason})."),
    Row(WRITES, REFUSED, _reasons("cannotRemoveLastCalendarOwnerFromAcl"), Refused, "sharing_refused",
        "Google does not let the last owner of a calendar lose the role ({reason})."),
    Row(WRITES, REFUSED, _reasons("illegalAccessRoleForDefault"), Refused, "sharing_refused",
        "Google does not give the public this role ({reason})."),
    Row(ANY_METHOD, BY_STATUS, None, Unavailable, "google_unavailable",
        "Google could not do {method} just now: status {status}. Try again later."),
    Row(ANY_METHOD, FAILED, None, Unavailable, "google_unavailable",
        "Google failed at {method}: status {status}. Try again later."),
    Row(WRITES, REFUSED, None, Refused, "sharing_refused",
        "Google refuses {method}: status {status}{said}."),
    Row(ANY_METHOD, ANY, None, HandlerError, "unexpected_answer",
        "An answer to {method} that is not known: status {status}{said}.{hint}"),
)  # fmt: skip

TOKEN_ROWS = (
    Row(("oauth2.token",), (429,), None, Unavailable, "rate_limited",
        "The account signs in more often than Google allows. Try again in a minute."),
    Row(("oauth2.token",), REFUSED, _reasons("internal_failure", "server_error", "temporarily_unavailable"),
        Unavailable, "google_unavailable",
        "Google could not sign the account in just now ({reason}). Try again later."),
    Row(("oauth2.token",), (408,), None, Unavailable, "google_unavailable",
        "Google could not sign the account in just now: status {status}. Try again later."),
    Row(("oauth2.token",), FAILED, None, Unavailable, "google_unavailable",
        "Google failed at signing the account in: status {status}. Try again later."),
    Row(("oauth2.token",), REFUSED, _reasons("invalid_rapt", "rapt_required"),
        AuthorizationFailed, "authorization_failed",
        "The organisation's session control ended the sign-in ({reason}). "
        f"Let the administrator exempt this OAuth client. {RENEW}"),
    Row(("oauth2.token",), REFUSED, _reasons("invalid_grant"), AuthorizationFailed, "authorization_failed",
        f"Google does not accept the refresh token ({{reason}}). {RENEW} {TESTING}"),
    Row(("oauth2.token",), REFUSED,
        _reasons("invalid_client", "deleted_client", "disabled_client", "unauthorized_client"),
        AuthorizationFailed, "authorization_failed",
        "Google does not accept the client id or client secret ({reason}). "
        f"Compare both with Google's console; if the client is gone, make a new one. {RENEW}"),
    Row(("oauth2.token",), REFUSED, _reasons(OAUTH_ERROR), AuthorizationFailed, "authorization_failed",
        f"Google refuses to sign the account in ({{reason}}). {RENEW}"),
    Row(("oauth2.token",), ANY, None, HandlerError, "unexpected_answer",
        "An answer to the sign-in that cannot be Google's: status {status}. "
        "Look for a proxy or a login page between this machine and Google."),
)  # fmt: skip


def is_googles(answer: Answer) -> bool:
    """Return whether a refusal is Google's own: a proxy or firewall sends no error object."""
    return bool(_error_of(answer.body))


def names_absence(answer: Answer) -> bool:
    """Return whether Google itself says that the resource does not exist: a status alone proves nothing."""
    error = _error_of(answer.body)
    named = _reasons_in(error)
    return not ABSENT.isdisjoint(named) if named else error.get("code") == answer.status


def calendar_error(method: str, answer: Answer, masked: Callable[[str], str]) -> HandlerError:
    """Translate an unsuccessful answer of the Calendar API."""
    error = _error_of(answer.body)
    named = _reasons_in(error)
    said = error.get("message")
    if isinstance(said, str) and said.casefold().startswith("invalid scope value"):
        # The reason is a bare "invalid"; only the message says what is.
        named.insert(0, "invalidScopeValue")
    if isinstance(status := error.get("status"), str):
        named.append(status)
    if answer.status == 403 and answer.body.startswith(TOO_FAST):
        named.append("rateLimitExceeded")
    elif answer.status in REFUSED and answer.status not in BY_STATUS and not error:
        return _translate(CALENDAR_ROWS[-1:], method, answer, named, "", masked)
    return _translate(CALENDAR_ROWS, method, answer, named, said if isinstance(said, str) else "", masked)


def token_error(answer: Answer, masked: Callable[[str], str]) -> HandlerError:
    """Translate an answer of the token endpoint that holds no usable token."""
    body = json_or_none(answer.body)
    found = [body.get(key) for key in ("error_subtype", "error")] if isinstance(body, dict) else []
    texts = [value for value in found if isinstance(value, str)]
    # Anything else is a gateway's, and might quote the request, which holds the secrets.
    named = [text for text in texts if OAUTH_CODE.fullmatch(text)]
    return _translate(TOKEN_ROWS, "oauth2.token", answer, [*named, *([OAUTH_ERROR] if named else [])], "", masked)


def retry_after(answer: Answer) -> float | None:
    """Return the seconds of a Retry-After header; dates, which Google does not send, are ignored."""
    text = answer.headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None


def _translate(
    rows: tuple[Row, ...], method: str, answer: Answer, named: list[str], said: str, masked: Callable[[str], str]
) -> HandlerError:
    for row in rows:
        known = next((name for name in named if row.reasons and name in row.reasons), None)
        if method in row.methods and answer.status in row.statuses and (row.reasons is None or known):
            break
    reason = shown(
        masked(known if known and known != OAUTH_ERROR else next((name for name in named if name != OAUTH_ERROR), ""))
    )
    words = ", ".join(filter(None, (reason, quote(masked(said)) if said else "")))
    scope = SCOPES.get(method.partition(".")[0], "")
    sentence = row.sentence.format(
        method=method,
        status=answer.status,
        reason=reason,
        said=f" ({words})" if words else "",
        scope=scope,
        hint="" if words else " Look for a proxy or a login page between this machine and Google.",
    )
    details = {"method": method, "status": answer.status, "reason": reason}
    if row.code == "scope_missing":
        details["scope"] = scope
    wait = retry_after(answer) if row.error.retryable else None
    if row.code == RATE_LIMITED and wait is None:
        wait = round(SHORTEST_SPREAD + current_clock().chance() * (LONGEST_SPREAD - SHORTEST_SPREAD), 1)
        details["wait_chosen"] = True
    return row.error(row.code, sentence, details, wait)


def _error_of(body: bytes) -> dict[str, Any]:
    """Return the error object of a body, {} if it has none."""
    found = json_or_none(body)
    if isinstance(found, list) and found:  # seen with streamed answers
        found = found[0]
    error = found.get("error") if isinstance(found, dict) else None
    return error if isinstance(error, dict) else {}


def _reasons_in(error: Mapping[str, Any]) -> list[str]:
    entries = [entry for key in ("errors", "details") for entry in _entries(error.get(key))]
    return [reason for entry in entries if isinstance(reason := entry.get("reason"), str)]


def _entries(found: Any) -> list[dict[str, Any]]:
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def json_or_none(body: bytes) -> Any:
    """Return what a body says as JSON, None if it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
