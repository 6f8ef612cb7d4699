"""Google's errors: which reasons there are, and the three forms they are sent in.

The API answers with a JSON envelope, the token endpoint with OAuth's two keys, the
consent screen with a page. Whoever refuses something raises `GoogleError` with the
reason; the table below knows the status, the domain and the usual message.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .answers import Reply, html_answer, json_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVICE = "calendar-json.googleapis.com"
REALM = 'Bearer realm="https://accounts.google.com/"'


@dataclass(frozen=True)
class Reason:
    """What belongs to one reason of an API error."""

    status: int
    domain: str
    message: str
    error_info: str = ""
    """Reason in the newer `details`; "" where Google sends the classic form only."""
    location: tuple[str, str] = ("", "")
    """`locationType` and `location`."""


REASONS = {
    "required": Reason(400, "global", "Required"),
    "invalid": Reason(400, "global", "Invalid Value"),
    "invalidParameter": Reason(400, "global", "Invalid Value"),
    "parseError": Reason(400, "global", "Parse Error"),
    "badRequest": Reason(400, "global", "Bad Request"),
    "illegalAccessRoleForDefault": Reason(400, "calendar", "The access role is not allowed for the default scope."),
    "authError": Reason(401, "global", "Invalid Credentials", location=("header", "Authorization")),
    "forbidden": Reason(403, "global", "Forbidden"),
    "requiredAccessLevel": Reason(403, "calendar", "You need to have owner access to this calendar."),
    "cannotChangeOwnAcl": Reason(403, "calendar", "Cannot change your own access level"),
    "cannotChangeOwnerAcl": Reason(403, "calendar", "Cannot change the access level of the calendar's owner"),
    "cannotModifyAclOfCalendarOwner": Reason(403, "calendar", "Cannot change the access level of the calendar's owner"),
    "cannotRemoveLastCalendarOwnerFromAcl": Reason(403, "calendar", "Cannot remove the last owner of the calendar"),
    "notACalendarUser": Reason(403, "calendar", "The user must be signed up for Google Calendar."),
    "insufficientPermissions": Reason(
        403,
        "global",
        "Request had insufficient authentication scopes.",
        error_info="ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    ),
    "accessNotConfigured": Reason(
        403,
        "usageLimits",
        "Google Calendar API has not been used in project 0 before or it is disabled.",
        error_info="SERVICE_DISABLED",
    ),
    "rateLimitExceeded": Reason(403, "usageLimits", "Rate Limit Exceeded"),
    "userRateLimitExceeded": Reason(403, "usageLimits", "User Rate Limit Exceeded"),
    "quotaExceeded": Reason(403, "usageLimits", "Calendar usage limits exceeded."),
    "dailyLimitExceeded": Reason(403, "usageLimits", "Daily Limit Exceeded"),
    "notFound": Reason(404, "global", "Not Found"),
    "duplicate": Reason(409, "global", "The requested identifier already exists."),
    "conflict": Reason(409, "global", "Conflict"),
    "fullSyncRequired": Reason(
        410,
        "calendar",
        "Sync token is no longer valid, a full sync is required.",
        location=("parameter", "syncToken"),
    ),
    "deleted": Reason(410, "global", "Resource has been deleted"),
    "conditionNotMet": Reason(412, "global", "Precondition Failed", location=("header", "If-Match")),
    "backendError": Reason(500, "global", "Backend Error"),
}

REASON_OF_STATUS = {
    400: "badRequest",
    401: "authError",
    403: "forbidden",
    404: "notFound",
    409: "conflict",
    410: "deleted",
    412: "conditionNotMet",
    429: "rateLimitExceeded",
    500: "backendError",
    503: "backendError",
}

OAUTH_ERRORS = {
    "invalid_request": (400, "Bad Request"),
    "invalid_grant": (400, "Token has been expired or revoked."),
    "invalid_scope": (400, "Bad Request"),
    "unsupported_grant_type": (400, "Invalid grant_type"),
    "redirect_uri_mismatch": (400, "Bad Request"),
    "unsupported_response_type": (400, "Invalid response_type"),
    "admin_policy_enforced": (400, "Restricted by the administrator."),
    "invalid_client": (401, "Unauthorized"),
    "deleted_client": (401, "The OAuth client was deleted."),
    "disabled_client": (401, "The OAuth client was disabled."),
    "unauthorized_client": (401, "Unauthorized"),
    "access_denied": (403, "Account restricted"),
    "rate_limit_exceeded": (429, "Rate Limit Exceeded"),
    "internal_failure": (500, "Backend Error"),
    "temporarily_unavailable": (503, "Backend Error"),
}
"""Status and description of each error of the token endpoint and the consent page."""

OAUTH_ERROR_OF_STATUS = {
    400: "invalid_grant",
    401: "invalid_client",
    403: "access_denied",
    429: "rate_limit_exceeded",
}


class GoogleError(Exception):
    """Something that Google refuses. What is left out follows from the rest."""

    def __init__(
        self,
        *,
        reason: str = "",
        message: str = "",
        status: int = 0,
        parameter: str = "",
    ) -> None:
        """Keep Google's `reason`; `parameter` is the query parameter at fault."""
        super().__init__(reason, message, status, parameter)
        self.reason = reason
        self.message = message
        self.status = status
        self.parameter = parameter


def api_form(error: GoogleError, scopes: Sequence[str]) -> Reply:
    """Return the API's envelope; `scopes` are those of which the method needs one."""
    name = error.reason or REASON_OF_STATUS.get(error.status) or _camel(error.status)
    known = REASONS.get(name) or Reason(400, "global", "")
    status = error.status or known.status
    message = error.message or known.message or _phrase(status)
    entry = {"domain": known.domain, "reason": name, "message": message}
    kind, place = ("parameter", error.parameter) if error.parameter else known.location
    if place:
        entry |= {"locationType": kind, "location": place}
    inner: dict[str, Any] = {"errors": [entry], "code": status, "message": message}
    if known.error_info:
        info = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": known.error_info,
            "domain": "googleapis.com",
            "metadata": {"service": SERVICE},
        }
        inner |= {"status": "PERMISSION_DENIED", "details": [info]}
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = f'{REALM}, error="invalid_token"'
    elif name == "insufficientPermissions":
        wanted = f'error="insufficient_scope", scope="{" ".join(scopes)}"'
        headers["WWW-Authenticate"] = f"{REALM}, {wanted}"
    return json_answer(status, {"error": inner}, headers)


def token_form(error: GoogleError, scopes: Sequence[str] = ()) -> Reply:
    """Return OAuth's form of an error, as the token endpoint sends it."""
    del scopes  # no OAuth scope guards the token endpoint
    status, name, description = _oauth_words(error)
    return json_answer(status, {"error": name, "error_description": description})


def page_form(error: GoogleError, scopes: Sequence[str] = ()) -> Reply:
    """Return the page that a browser is shown when sign-in is refused."""
    del scopes  # as above
    status, name, description = _oauth_words(error)
    text = f"<h1>Error {status}: {escape(name)}</h1>\n<p>{escape(description)}</p>\n"
    return html_answer(status, f"<!doctype html>\n<title>Sign in</title>\n{text}")


def _oauth_words(error: GoogleError) -> tuple[int, str, str]:
    usual = OAUTH_ERROR_OF_STATUS.get(error.status, "internal_failure")
    name = error.reason or usual
    status, description = OAUTH_ERRORS.get(name, (400, name))
    return error.status or status, name, error.message or description


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown Error"


def _camel(status: int) -> str:
    first, *others = _phrase(status).replace("'", "").replace("-", " ").split()
    return first.lower() + "".join(word.capitalize() for word in others)
