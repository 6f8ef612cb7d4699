"""Google's errors: which reasons there are, and what belongs to each.

Whoever refuses something raises `GoogleError` with the reason; the tables below know the
status, the domain and the usual message. `error_forms` puts it into the form of a method.
"""

from __future__ import annotations

from dataclasses import dataclass

SERVICE = "calendar-json.googleapis.com"
CONSOLE = "https://console.developers.google.com"
QUOTAS = f"{CONSOLE}/apis/api/{SERVICE}/quotas?project=0"
OVERVIEW = f"{CONSOLE}/apis/api/{SERVICE}/overview?project=0"
SIGN_IN = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)


@dataclass(frozen=True)
class Reason:
    """What belongs to one reason of an API error."""

    status: int
    domain: str
    message: str
    location: tuple[str, str] = ("", "")
    """`locationType` and `location`."""
    front_end: bool = False
    """Whether Google's front end says it, in its own form, and Calendar never does."""
    entry_message: str = ""
    """The message in `errors`, if it is not the same."""
    extended_help: str = ""
    error_info: str = ""
    """Reason in `details`; "" if there are none."""
    link: str = ""
    """Where the link in `details` leads."""


REASONS = {
    "required": Reason(400, "global", "Required"),
    "invalid": Reason(400, "global", "Invalid Value"),
    "invalidParameter": Reason(400, "global", "Invalid Value"),
    "parseError": Reason(400, "global", "Parse Error"),
    "badRequest": Reason(400, "global", "Bad Request"),
    "illegalAccessRoleForDefault": Reason(400, "calendar", "The access role is not allowed for the default scope."),
    "authError": Reason(
        401,
        "global",
        f"Request had invalid authentication credentials. {SIGN_IN}",
        location=("header", "Authorization"),
        front_end=True,
        entry_message="Invalid Credentials",
    ),
    "forbidden": Reason(403, "global", "Forbidden"),
    "requiredAccessLevel": Reason(403, "calendar", "You need to have owner access to this calendar."),
    "cannotChangeOwnAcl": Reason(403, "calendar", "Cannot change your own access level."),
    "cannotChangeOwnerAcl": Reason(403, "calendar", "Cannot change the access level of the calendar's owner"),
    "cannotModifyAclOfCalendarOwner": Reason(403, "calendar", "Cannot change the access level of the calendar's owner"),
    "cannotRemoveLastCalendarOwnerFromAcl": Reason(403, "calendar", "Cannot remove the last owner of the calendar"),
    "notACalendarUser": Reason(403, "calendar", "The user must be signed up for Google Calendar."),
    "insufficientPermissions": Reason(
        403,
        "global",
        "Request had insufficient authentication scopes.",
        front_end=True,
        entry_message="Insufficient Permission",
        error_info="ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    ),
    "accessNotConfigured": Reason(
        403,
        "usageLimits",
        "Google Calendar API has not been used in project 0 before or it is disabled. Enable it by visiting "
        f"{OVERVIEW} then retry. If you enabled this API recently, wait a few minutes for the action to "
        "propagate to our systems and retry.",
        front_end=True,
        extended_help=CONSOLE,
        error_info="SERVICE_DISABLED",
        link=OVERVIEW,
    ),
    "rateLimitExceeded": Reason(403, "usageLimits", "Rate Limit Exceeded"),
    "userRateLimitExceeded": Reason(403, "usageLimits", "User Rate Limit Exceeded"),
    "quotaExceeded": Reason(403, "usageLimits", "Calendar usage limits exceeded."),
    "dailyLimitExceeded": Reason(
        403,
        "usageLimits",
        "Daily Limit Exceeded. The quota will be reset at midnight Pacific Time (PT). You may monitor your quota "
        f"usage and adjust limits in the API Console: {QUOTAS}",
        extended_help=QUOTAS,
    ),
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
    "notImplemented": Reason(501, "global", "Not Implemented"),
}

LOGIN_REQUIRED = Reason(
    401,
    "global",
    f"Request is missing required authentication credential. {SIGN_IN}",
    location=("header", "Authorization"),
    front_end=True,
    entry_message="Login Required.",
)
"""What `required` means with status 401: there was no credential at all."""

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
    501: "notImplemented",
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
        front_end: bool = False,
    ) -> None:
        """Keep Google's `reason`; `parameter` is the query parameter at fault, `front_end` whose form it has."""
        super().__init__(reason, message, status, parameter, front_end)
        self.reason = reason
        self.message = message
        self.status = status
        self.parameter = parameter
        self.front_end = front_end
