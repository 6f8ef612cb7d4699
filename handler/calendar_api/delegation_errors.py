"""What Google says of an assertion, as errors: of the delegation, the user, the key and the clock.

The words are those that were quoted of Google's token endpoint in public threads; each
row names one. No remedy speaks of refresh tokens: a service account has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..delegation import HOW, clock_told, delegation_link, scopes_line
from ..errors import AuthorizationFailed, HandlerError, quote, shown
from .error_bodies import OAUTH_ERROR, read_token_refusal
from .error_table import (
    ODD_ROWS,
    PASSING_ROWS,
    REFUSED,
    TOKEN,
    TRUST,
    Row,
    googles_own,
    raised_as,
    reasons,
    restricted,
    retry_after,
    row_for,
    says,
)
from .http_answers import seconds_ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..service_account_key import ServiceAccountKey
    from .transport import Answer

NEW_KEY = "make a new key in Google Cloud (IAM & Admin > Service Accounts > Keys), and give it as service_account"
PLACE = "Google Cloud, IAM & Admin > Service Accounts, project {project}"
GONE = f"Google does not know the service account {{email}}{{said}}: it is deleted or disabled. Look at it in {PLACE}."
CLOCK = (
    "The clock of this machine is {offset}, and Google does not accept what the service account {email} signed by it. "
    "Set the clock, best by NTP."
)
SIGNATURE = (
    "Google does not accept the key {key_id} of the service account {email}{said}: it was deleted or replaced, or is "
    f"of another account. In its place {NEW_KEY}."
)
OF_THE_KEY = (CLOCK, SIGNATURE, GONE)
"""What no user can be acted as after; the details name the key."""
BLOCKED = (
    "The organisation does not let the service account {email} in{said}. Let the Workspace administrator allow the "
    f"client id {{client_id}} {TRUST}."
)

# Sources: googleapis/google-auth-library-ruby#210 and #123; GAM-team/GAM#1171 and #1595, and its OAUTH2_TOKEN_ERRORS;
# googleapis/google-api-php-client#783, #1429, #1501; googleapis/google-cloud-python#10004;
# googleapis/google-cloud-php#3622.
ASSERTION_ROWS = (
    *PASSING_ROWS,
    Row((TOKEN,), REFUSED, reasons("unauthorized_client"), AuthorizationFailed, "delegation_missing",
        "The organisation of {user} has not delegated all scopes that are needed to the service account {email}. "
        f"{HOW}"),
    Row((TOKEN,), REFUSED, reasons("invalid_grant", "invalid_request"), AuthorizationFailed, "act_as_rejected",
        "Google does not let the service account {email} act as {user}{said}. Check the address: it has to be that of "
        "a user of the organisation, who is neither deleted nor of another one, and of no group or alias.",
        says("invalid email or user id", "not a valid email", "account has been deleted", "invalid impersonation")),
    Row((TOKEN,), REFUSED, reasons("invalid_grant"), AuthorizationFailed, "authorization_failed", CLOCK,
        says("short-lived token", "iat and exp")),
    Row((TOKEN,), REFUSED, reasons("invalid_grant"), AuthorizationFailed, "authorization_failed", SIGNATURE,
        says("invalid jwt signature")),
    Row((TOKEN,), REFUSED, reasons("invalid_grant"), AuthorizationFailed, "authorization_failed", GONE,
        says("account not found", "no valid verifier found", "robot is disabled")),
    Row((TOKEN,), REFUSED, reasons("deleted_client", "disabled_client", "invalid_client"),
        AuthorizationFailed, "authorization_failed", GONE),
    Row((TOKEN,), REFUSED, reasons("access_denied", "admin_policy_enforced"),
        AuthorizationFailed, "authorization_failed", BLOCKED),
    Row((TOKEN,), REFUSED, None, AuthorizationFailed, "authorization_failed", BLOCKED, restricted),
    Row((TOKEN,), REFUSED, reasons("invalid_scope"), HandlerError, "unexpected_answer",
        "Google does not know the scopes {scopes}{said}, which this handler asks for. Look for a newer version of it."),
    Row((TOKEN,), REFUSED, reasons(OAUTH_ERROR), AuthorizationFailed, "authorization_failed",
        f"Google refuses to sign the service account {{email}} in{{said}}. Look at it and at its keys in {PLACE}."),
    *ODD_ROWS,
)  # fmt: skip


def assertion_error(
    answer: Answer, masked: Callable[[str], str], key: ServiceAccountKey, user: str, scopes: Sequence[str]
) -> HandlerError:
    """Translate an answer of the token endpoint to an assertion; its words may quote the assertion."""
    refusal = read_token_refusal(answer)
    row, reason = row_for(ASSERTION_ROWS, TOKEN, answer.status, refusal) or (ASSERTION_ROWS[-1], "")
    link = delegation_link(key.client_id, scopes)
    sentence = row.sentence.format(
        status=answer.status,
        **googles_own(refusal, answer.status, masked),
        email=shown(key.client_email),
        client_id=shown(key.client_id),
        key_id=shown(key.private_key_id),
        project=shown(key.project_id),
        user=quote(user) if user else "nobody",
        scopes=scopes_line(scopes),
        link=link,
        offset="off" if (ahead := seconds_ahead(answer.headers)) is None else clock_told(ahead),
    )
    details: dict[str, Any] = {"method": TOKEN, "status": answer.status, "reason": shown(masked(reason))}
    if user:
        details["act_as"] = user
    if row.sentence in OF_THE_KEY:
        details["key_id"] = shown(key.private_key_id)
    if row.code == "delegation_missing":
        details |= {"client_id": key.client_id, "scopes": list(scopes), "link": link}
    return raised_as(row, sentence, details, retry_after(answer))
