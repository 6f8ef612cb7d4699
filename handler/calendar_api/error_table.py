"""Turns Google's refusals into the handler's errors: two tables, read from the top.

A row is chosen by status, by reason and, where Google tells two things apart in no other
way, by what else the refusal says.
Sources: https://developers.google.com/workspace/calendar/api/guides/errors and
https://developers.google.com/identity/protocols/oauth2.
"""

from __future__ import annotations

from http import HTTPStatus
from http.client import responses
from typing import TYPE_CHECKING, Any, NamedTuple

from ..delegation import OWN_LIST, OWN_LIST_SCOPE
from ..errors import AuthorizationFailed, HandlerError, Refused, Unavailable, quote, shown
from ..retry import current_clock
from .error_bodies import (
    OAUTH_ERROR,
    Refusal,
    is_googles,
    read_page_refusal,
    read_refusal,
    read_token_refusal,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from .transport import Answer

LIST_SCOPE = "https://www.googleapis.com/auth/calendar.calendarlist.readonly"
RULES_SCOPE = "https://www.googleapis.com/auth/calendar.acls"
WRITES = frozenset({"acl.insert", "acl.update", "acl.delete"})
CHANGES = WRITES | {"calendarList.insert"}
"""Methods that are not sent twice."""
ANY_METHOD = frozenset({"calendarList.list", "acl.list", "acl.get"}) | WRITES | OWN_LIST
ACL = frozenset(method for method in ANY_METHOD if method.startswith("acl."))
TOKEN, PAGE = "oauth2.token", "oauth2.auth"
REFUSED = range(400, 500)
FAILED = range(500, 600)
BY_STATUS = (408, 409, 412, 429)
"""Refusals that mean "not now", whoever sends them."""
ANY = range(1000)
RATE_LIMITED = "rate_limited"
SHORTEST_SPREAD, LONGEST_SPREAD = 15.0, 45.0
"""Seconds that a rate limit lasts if Google names none: its quota is counted by the minute, and workers that come
back all at once meet it again."""
SAID_CHARACTERS = 300
"""So many of Google's words are shown: a link, or the limit that was met, may stand late in them."""

RENEW = "Get a new refresh token for this client id with the verb authorize."
TESTING = (
    "While the OAuth consent screen is in Testing, refresh tokens die after 7 days: "
    "publish it, then get the token anew. Other causes: revoked, unused for 6 months, or made for another client."
)
TRUST = (
    "in the Admin console, Security > Access and data control > API controls > App access control > "
    "Manage third-party app access"
)
ALLOW = f"let the Workspace administrator allow the client id {{client_id}} {TRUST}."
PROXY = "Look for a proxy or a login page between this machine and Google."


def _any(refusal: Refusal) -> bool:  # noqa: ARG001 -- each is as good
    return True


def says(*texts: str) -> Callable[[Refusal], bool]:
    """Return what tells whether Google's words hold one of these texts, in any case."""
    return lambda refusal: any(text in refusal.words.casefold() for text in texts)


restricted = says("account restricted", "requested client not authorized")


def _of_front_end(refusal: Refusal) -> bool:
    return refusal.is_of_front_end


def of_api(refusal: Refusal) -> bool:
    """Return whether it has the form of an API's error, which is not that of OAuth."""
    return refusal.is_of_api


class Spoken(NamedTuple):
    """How messages speak of an account; `unscoped` may name {scope}."""

    account: str
    client: str
    renew: str
    unscoped: str


OF_A_REFRESH_TOKEN = Spoken(
    account="The account that signs in",
    client="the OAuth client",
    renew=RENEW,
    unscoped="The refresh token was granted without the OAuth scope {scope}. "
    "Get a new one with the verb authorize, and leave every box ticked on Google's consent page.",
)


class Row(NamedTuple):
    """Which answers a row matches, and the error they become.

    `reasons` None means any. The sentence may name {method}, {status},
    {words} (Google's own, in brackets), {said} (the same behind the reasons), {unscoped},
    what `spoken` has, and of a sign-in {client_id}.
    """

    methods: Container[str]
    statuses: Container[int]
    reasons: frozenset[str] | None
    error: type[HandlerError]
    code: str
    sentence: str
    fits: Callable[[Refusal], bool] = _any


def reasons(*names: str) -> frozenset[str]:
    """Return the reasons of a row."""
    return frozenset(names)


RATE = reasons("rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED")
FRONT_END = (
    "Google refuses the Google Cloud project or {spoken.client}, whatever the calendar{said}. "
    "Look in Google's console whether the project is suspended, blocked or restricted, "
    "and whether its Google Calendar API is enabled; if Google names a policy, ask the Workspace administrator."
)
LIMIT = "The account has used up a limit of Google Calendar{said}; it is lifted after hours, not minutes."

CALENDAR_ROWS = (
    Row(ANY_METHOD, (401,), None, AuthorizationFailed, "authorization_failed",
        "Google does not accept the access token that it gave out itself{said}. {spoken.renew}"),
    Row(ANY_METHOD, (403,), reasons("insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
        AuthorizationFailed, "scope_missing",
        "{unscoped}"),
    Row(ANY_METHOD, (403,), reasons("accessNotConfigured", "SERVICE_DISABLED"),
        AuthorizationFailed, "api_disabled",
        "The Google Calendar API is not enabled in the Google Cloud project of {spoken.client}{said}. "
        "Enable it in Google's console, and wait a few minutes."),
    Row(ANY_METHOD, (403,), reasons("notACalendarUser"), AuthorizationFailed, "not_a_calendar_user",
        "{spoken.account} has no Google Calendar{said}: it is suspended, or Calendar is switched off for it. "
        "Let the Workspace administrator look at both in the Admin console, Directory > Users and "
        "Apps > Google Workspace > Calendar, or use an account that has one."),
    Row(ANY_METHOD, (403, 429), reasons("quotaExceeded", "dailyLimitExceeded", "sharingRateLimitExceeded"),
        Refused, "usage_limit", LIMIT),
    Row(ANY_METHOD, (403,), RATE, Refused, "usage_limit", LIMIT, says("per day")),
    Row(ANY_METHOD, (429,), None, Refused, "usage_limit", LIMIT, says("per day")),
    Row(ANY_METHOD, (403,), RATE, Unavailable, "rate_limited",
        "Requests come faster than Google allows{said}. Try again in a minute."),
    Row(ANY_METHOD, (429,), None, Unavailable, "rate_limited",
        "Requests come faster than Google allows{words}. Try again in a minute."),
    Row(ANY_METHOD, (403,), reasons("CONSUMER_INVALID", "CONSUMER_SUSPENDED", "API_KEY_SERVICE_BLOCKED"),
        AuthorizationFailed, "api_disabled", FRONT_END),
    Row(ANY_METHOD, (403,), None, AuthorizationFailed, "api_disabled", FRONT_END, _of_front_end),
    Row(ACL, (403,), reasons("requiredAccessLevel", "forbidden"), Refused, "not_calendar_owner",
        "The account may not change who has access to this calendar; it needs the role owner{said}."),
    Row(ACL, (400,), None, Refused, "recipient_rejected",
        "Google does not accept the recipient{said}. Check the spelling, and that the scope fits it.",
        says("invalid scope value", "invalid resource id value")),
    Row(WRITES, REFUSED, reasons("cannotChangeOwnAcl"), Refused, "sharing_refused",
        "Google does not let an account change its own access{said}. Another owner of the calendar has to do it."),
    Row(WRITES, REFUSED, reasons("cannotChangeOwnerAcl", "cannotModifyAclOfCalendarOwner"), Refused, "sharing_refused",
        "Google does not let the access of the calendar's data owner be changed{said}. Leave this recipient out."),
    Row(WRITES, REFUSED, reasons("cannotRemoveLastCalendarOwnerFromAcl"), Refused, "sharing_refused",
        "Google does not let the last owner of a calendar lose the role{said}. Make another one owner first."),
    Row(WRITES, REFUSED, reasons("illegalAccessRoleForDefault"), Refused, "sharing_refused",
        "Google does not give the public this role{said}. Choose freeBusyReader, reader or none."),
    Row(ANY_METHOD, BY_STATUS, None, Unavailable, "google_unavailable",
        "Google could not do {method} just now: status {status}{words}. Try again later."),
    Row(ANY_METHOD, FAILED, None, Unavailable, "google_unavailable",
        "Google failed at {method}: status {status}{words}. Try again later."),
    Row(WRITES, REFUSED, None, Refused, "sharing_refused",
        "Google refuses {method}: status {status}{said}. Choose another recipient or role, "
        "or ask the administrator of Google Workspace whether a policy forbids it."),
    Row(("calendarList.insert",), REFUSED, None, Refused, "sharing_refused",
        "Google does not put the calendar into the recipient's list: status {status}{said}. "
        "Let the recipient add it, or leave add_to_list out."),
    Row(ANY_METHOD, REFUSED, None, HandlerError, "unexpected_answer",
        "Google refuses {method} for a reason that this handler does not know: status {status}{said}."),
    Row(ANY_METHOD, ANY, None, HandlerError, "unexpected_answer",
        f"An answer to {{method}} that cannot be Google's: status {{status}}. {PROXY}"),
)  # fmt: skip

SIGN_IN_RATE = "The account signs in more often than Google allows{said}. Try again in a minute."
BLOCKED = f"The organisation of the account does not let this OAuth client in{{said}}. To change that, {ALLOW}"

PASSING_ROWS = (
    Row((TOKEN,), (429,), None, Unavailable, "rate_limited", SIGN_IN_RATE),
    Row((TOKEN, PAGE), REFUSED,
        reasons("rate_limit_exceeded", "rateLimitExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"),
        Unavailable, "rate_limited", SIGN_IN_RATE),
    Row((TOKEN, PAGE), REFUSED, reasons("internal_failure", "server_error", "temporarily_unavailable"),
        Unavailable, "google_unavailable",
        "Google could not sign the account in just now{said}. Try again later."),
    Row((TOKEN,), (408,), None, Unavailable, "google_unavailable",
        "Google could not sign the account in just now: status {status}{words}. Try again later."),
    Row((TOKEN,), FAILED, None, Unavailable, "google_unavailable",
        "Google failed at signing the account in: status {status}{words}. Try again later."),
)  # fmt: skip

ODD_ROWS = (
    Row((TOKEN,), REFUSED, None, HandlerError, "unexpected_answer",
        "Google refuses to sign the account in for a reason that this handler does not know: status {status}{said}.",
        of_api),
    Row((TOKEN,), ANY, None, HandlerError, "unexpected_answer",
        f"An answer to the sign-in that cannot be Google's: status {{status}}. {PROXY}"),
)  # fmt: skip

TOKEN_ROWS = (
    *PASSING_ROWS,
    Row((TOKEN, PAGE), REFUSED, reasons("org_internal"), AuthorizationFailed, "authorization_failed",
        "The account is of another organisation than the client id {client_id}, whose consent screen is Internal"
        "{said}. Sign in as an account of that organisation, let the client's owner make the consent screen "
        "External (Google Auth Platform > Audience), or use a client of the account's own organisation, which its "
        f"Workspace administrator can allow {TRUST}."),
    Row((TOKEN, PAGE), REFUSED, reasons("disallowed_useragent"), AuthorizationFailed, "authorization_failed",
        "Google does not sign anybody in through this browser or client{said}. Open the page in an ordinary "
        f"browser, not in one that is part of another app. If it was an ordinary one, {ALLOW}"),
    Row((TOKEN, PAGE), REFUSED, None, AuthorizationFailed, "authorization_failed", BLOCKED, restricted),
    Row((TOKEN, PAGE), REFUSED, reasons("admin_policy_enforced", "access_denied"),
        AuthorizationFailed, "authorization_failed", BLOCKED),
    Row((TOKEN,), REFUSED, reasons("invalid_rapt", "rapt_required"),
        AuthorizationFailed, "authorization_failed",
        "The organisation's session control ended the sign-in{said}. Let the Workspace administrator exempt "
        f"the client id {{client_id}} {TRUST}. {RENEW}"),
    Row((TOKEN,), REFUSED, reasons("invalid_grant"), AuthorizationFailed, "authorization_failed",
        f"Google does not accept the refresh token{{said}}. {RENEW} {TESTING}"),
    Row((TOKEN,), REFUSED, reasons("invalid_client"), AuthorizationFailed, "authorization_failed",
        "Google does not know the client id{said}. Compare it with Google's console; a refresh token made for this "
        "client stays good. If the client is gone, make a new one, and get a token for it with the verb authorize.",
        says("client was not found")),
    Row((TOKEN,), REFUSED,
        reasons("invalid_client", "deleted_client", "disabled_client", "unauthorized_client"),
        AuthorizationFailed, "authorization_failed",
        "Google does not accept the client id or client secret{said}. Compare both with Google's console; a refresh "
        "token made for this client stays good. If the client is gone, make a new one, and get a token for it with the "
        "verb authorize."),
    Row((TOKEN,), REFUSED, reasons(OAUTH_ERROR), AuthorizationFailed, "authorization_failed",
        f"Google refuses to sign the account in{{said}}. {RENEW}"),
    *ODD_ROWS,
)  # fmt: skip


def calendar_error(method: str, answer: Answer, masked: Callable[[str], str], spoken: Spoken) -> HandlerError:
    """Translate an unsuccessful answer of the Calendar API."""
    refusal = read_refusal(answer)
    odd = answer.status in REFUSED and answer.status not in BY_STATUS and not (refusal.reasons or is_googles(answer))
    row, reason = (None if odd else row_for(CALENDAR_ROWS, method, answer.status, refusal)) or (CALENDAR_ROWS[-1], "")
    scope = OWN_LIST_SCOPE if method in OWN_LIST else RULES_SCOPE if method in ACL else LIST_SCOPE
    sentence = row.sentence.format(
        method=method,
        status=answer.status,
        unscoped=spoken.unscoped.format(scope=scope),
        spoken=spoken,
        **googles_own(refusal, answer.status, masked),
    )
    details = {"method": method, "status": answer.status, "reason": shown(masked(reason))}
    if row.code == "scope_missing":
        details["scope"] = scope
    return raised_as(row, sentence, details, retry_after(answer))


def token_error(answer: Answer, masked: Callable[[str], str], client_id: str) -> HandlerError:
    """Translate an answer of the token endpoint that holds no usable token; its words may quote secrets."""
    refusal = read_token_refusal(answer)
    row, reason = row_for(TOKEN_ROWS, TOKEN, answer.status, refusal) or (TOKEN_ROWS[-1], "")
    sentence = row.sentence.format(
        status=answer.status, client_id=shown(client_id), **googles_own(refusal, answer.status, masked)
    )
    details = {"method": TOKEN, "status": answer.status, "reason": shown(masked(reason))}
    return raised_as(row, sentence, details, retry_after(answer))


def page_error(query: Mapping[str, str], client_id: str) -> HandlerError | None:
    """Translate the error that the consent page came back with; None if it is a person's no, or not known."""
    refusal = read_page_refusal(query)
    if not restricted(refusal):
        # The page's word for a person who does not allow it.
        refusal = refusal._replace(reasons=[reason for reason in refusal.reasons if reason != "access_denied"])
    found = row_for(TOKEN_ROWS, PAGE, HTTPStatus.BAD_REQUEST, refusal)
    if found is None:
        return None
    row, reason = found
    sentence = row.sentence.format(client_id=shown(client_id), **googles_own(refusal, HTTPStatus.BAD_REQUEST, str))
    return raised_as(row, sentence, {"method": PAGE, "reason": reason}, None)


def raised_as(row: Row, sentence: str, details: dict[str, Any], asked: float | None) -> HandlerError:
    """Return the error of a row, with the wait that Google asks for or that spreads out the callers."""
    wait = asked if row.error.retryable else None
    if row.code == RATE_LIMITED and wait is None:
        wait = round(SHORTEST_SPREAD + current_clock().chance() * (LONGEST_SPREAD - SHORTEST_SPREAD), 1)
        details["wait_chosen"] = True
    return row.error(row.code, sentence, details, wait)


def retry_after(answer: Answer) -> float | None:
    """Return the seconds of a Retry-After header; dates, which Google does not send, are ignored."""
    text = answer.headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None


def row_for(rows: Iterable[Row], method: str, status: int, refusal: Refusal) -> tuple[Row, str] | None:
    """Return the first row that fits a refusal, and the reason for it."""
    for row in rows:
        known = next((reason for reason in refusal.reasons if row.reasons and reason in row.reasons), "")
        if method in row.methods and status in row.statuses and (row.reasons is None or known) and row.fits(refusal):
            return row, known if known and known != OAUTH_ERROR else next(iter(_named(refusal)), "")
    return None


def _named(refusal: Refusal) -> list[str]:
    return [reason for reason in dict.fromkeys(refusal.reasons) if reason != OAUTH_ERROR]


def googles_own(refusal: Refusal, status: int, masked: Callable[[str], str]) -> dict[str, str]:
    """Return {words} and {said} of a sentence; words that only repeat a reason or the status are left out."""
    names = _named(refusal)
    known = {_letters(text) for text in ("", *names, responses.get(status, ""))}
    words = [] if _letters(refusal.words) in known else [quote(masked(refusal.words), SAID_CHARACTERS)]
    return {"words": _in_brackets(words), "said": _in_brackets([*(shown(masked(name)) for name in names), *words])}


def _in_brackets(texts: list[str]) -> str:
    return f" ({', '.join(texts)})" if texts else ""


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()
