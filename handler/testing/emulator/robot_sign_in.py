"""How a service account comes in: the assertions that it signs, checked as Google was quoted to check them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from .google_errors import GoogleError
from .robot_keys import is_signed
from .rule_bodies import ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .workspace import RobotAccount, WorkspaceUser

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCES = ("https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token")
LONGEST_LIFE = 3600
SKEW_SECONDS = 300
"""How far the two clocks may be apart."""

BAD_SIGNATURE = "Invalid JWT Signature."
BAD_TIME = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values and use a clock with skew to account for clock differences between systems."
)
NOT_DELEGATED = (
    "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the "
    "scopes requested."
)


@dataclass(frozen=True)
class TokenGrant:
    """What an access token stands for."""

    email: str
    scopes: tuple[str, ...]
    api_enabled: bool = True
    """Whether the Calendar API is on in the project that asks."""
    has_calendar: bool = True
    """Whether Calendar is there for the user."""
    is_good: bool = True
    """No: Google gives the token, and then does not take it."""


class RobotAssertion(NamedTuple):
    """One assertion, taken apart."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes


class RobotSignIn:
    """Which service account may ask for what, as which user."""

    def __init__(
        self, robots: Iterable[RobotAccount], users: Iterable[WorkspaceUser], now: Callable[[], float]
    ) -> None:
        """Begin with all keys; `now` tells the seconds since 1970."""
        self._robots = {one.email: one for one in robots}
        self._users = {one.email: one for one in users}
        self._now = now
        self._keys_deleted = False

    def delete_keys(self) -> None:
        """Let no key be good any more."""
        self._keys_deleted = True

    def grant(self, text: str) -> TokenGrant:
        """Return what an assertion is worth, or raise GoogleError."""
        assertion = read_assertion(text)
        claims = assertion.claims
        robot = self._signer(assertion)
        self._check_times(claims)
        scopes = tuple(dict.fromkeys(str(claims.get("scope", "")).split()))
        if not scopes:
            message = "Invalid OAuth scope or ID token audience provided."
            raise GoogleError(reason="invalid_scope", message=message)
        subject = claims.get("sub")
        if subject is None:
            return TokenGrant(robot.email, scopes, robot.api_enabled)
        if subject == robot.email:
            return TokenGrant(robot.email, scopes, is_good=False)
        user = self._user(subject, robot, scopes)
        return TokenGrant(user.email, scopes, robot.api_enabled, has_calendar=user.status == "active")

    def _signer(self, assertion: RobotAssertion) -> RobotAccount:
        """Return the service account that has signed, or raise GoogleError."""
        header, claims, signed, signature = assertion
        issuer = str(claims.get("iss", ""))
        robot = self._robots.get(issuer.lower())
        if not issuer.endswith(".gserviceaccount.com"):
            raise _invalid_grant("Invalid JWT: No valid verifier found for issuer")
        if robot is None or robot.status == "deleted":
            raise _invalid_grant("Invalid grant: account not found")
        if robot.status == "disabled":
            raise _invalid_grant("Robot is disabled.")
        known = header.get("kid") in robot.key_ids and header.get("alg") == "RS256" and not self._keys_deleted
        if not (known and is_signed(signed, signature)):
            raise _invalid_grant(BAD_SIGNATURE)
        if claims.get("aud") not in AUDIENCES:
            raise _invalid_grant("Invalid JWT: Failed audience check.")
        return robot

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        begin, end = claims.get("iat"), claims.get("exp")
        if type(begin) is not int or type(end) is not int:
            raise _invalid_grant(BAD_TIME)
        now = self._now()
        if not (begin <= now + SKEW_SECONDS and now - SKEW_SECONDS < end <= begin + LONGEST_LIFE):
            raise _invalid_grant(BAD_TIME)

    def _user(self, subject: Any, robot: RobotAccount, scopes: tuple[str, ...]) -> WorkspaceUser:
        """Return the user that is to be acted as, or raise GoogleError."""
        if not isinstance(subject, str) or not ADDRESS.fullmatch(subject):
            message = f"Invalid impersonation &quot;sub&quot; field: {str(subject)[:100]}"
            raise GoogleError(reason="invalid_request", message=message)
        if not robot.delegated_scopes.issuperset(scopes):
            raise GoogleError(reason="unauthorized_client", message=NOT_DELEGATED)
        user = self._users.get(subject.lower())
        if user is None:
            raise _invalid_grant("Invalid email or User ID")
        if user.status == "deleted":
            raise _invalid_grant("Account has been deleted")
        return user


def read_assertion(text: str) -> RobotAssertion:
    """Take an assertion apart; raises GoogleError if it is none."""
    signed, _, signature = text.rpartition(".")
    try:
        header, claims = (json.loads(_decoded(part)) for part in signed.split("."))
        if isinstance(header, dict) and isinstance(claims, dict):
            return RobotAssertion(header, claims, signed.encode(), _decoded(signature))
    except (ValueError, RecursionError):
        pass
    raise _invalid_grant("Invalid JWT")


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _invalid_grant(message: str) -> GoogleError:
    return GoogleError(reason="invalid_grant", message=message)
