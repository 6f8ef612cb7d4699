"""A person's consent: the page that asks for it, and the refresh token it is exchanged for.

OAuth for installed apps with PKCE, as
https://developers.google.com/identity/protocols/oauth2/native-app has it.
google-auth-oauthlib, of the extra cli, makes the verifier and the query of the page. It
does not fetch the token: requests-oauthlib would log the secrets at DEBUG, would have
plain http allowed for the whole process before it talked to an emulator, and raises if a
box was left unticked. Our own transport sends that request instead, so that proxies, CA
files, time-outs and errors are the same as everywhere.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from google_auth_oauthlib.flow import Flow

from ..errors import AuthorizationFailed, HandlerError, quote
from ..masking import masked
from .addresses import addresses
from .error_bodies import OAUTH_CODE
from .error_table import page_error, token_error
from .token_endpoint import post_form

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .transport import Limits

# For the query alone: nothing is ever sent to these two.
ENDPOINTS = {"auth_uri": "https://accounts.google.com/", "token_uri": "https://oauth2.googleapis.com/"}
AGAIN = "Run authorize again, sign in as the account that owns the calendars, leave every box ticked and allow it."
SOONER = "Run authorize again, and answer Google's page within a few minutes."
DISCONNECT = (
    "In the settings of the Google account remove the connection to this app, then run authorize again. "
    "A client of the type Desktop app always gets one."
)


@dataclass(frozen=True)
class Grant:
    """What a person has granted; `scopes` is None if Google did not say."""

    refresh_token: str = field(repr=False)
    scopes: tuple[str, ...] | None
    lifetime: Any
    """Seconds that the refresh token lives, as Google says it; None for one without an end."""


class Consent:
    """Asking one person for consent, from the address of the page to the tokens."""

    def __init__(
        self, client: Mapping[str, str], scopes: Sequence[str], redirect_uri: str, state: str, account: str = ""
    ) -> None:
        """Take the info values client_id and client_secret, and the account that the page should suggest.

        `state` is what the browser has to come back with.
        Raises InvalidInput if CALENDAR_EMULATOR_HOST is no loopback address with a port.
        """
        self._client = client
        self._redirect_uri = redirect_uri
        where = addresses()
        self._token_url = where.token_url
        installed = {"client_id": client["client_id"], **ENDPOINTS}
        flow = Flow.from_client_config(
            {"installed": installed}, scopes, redirect_uri=redirect_uri, autogenerate_code_verifier=True
        )
        hint = {"login_hint": account} if account else {}
        # Without the prompt a second consent brings no refresh token.
        address, _ = flow.authorization_url(state=state, access_type="offline", prompt="consent", **hint)
        self._verifier: str = flow.code_verifier
        self.address = f"{where.consent_page}?{urlsplit(address).query}"

    def code_of(self, answer: Mapping[str, str]) -> str:
        """Return the code that the browser came back with; raises HandlerError if there is none."""
        error = answer.get("error", "")
        if known := page_error(answer, self._client["client_id"]):
            raise known
        if error == "access_denied":
            raise _failed("Access was denied on Google's page.")
        if error or not answer.get("code"):
            raise _failed(f"Google's page ended with {quote(error) if OAUTH_CODE.fullmatch(error) else 'an error'}.")
        return answer["code"]

    def redeem(self, code: str, limits: Limits) -> Grant:
        """Exchange the browser's code for tokens, once.

        Raises AuthorizationFailed, Unavailable, or HandlerError for an odd answer.
        """
        secrets = {
            "code": code,
            "client_secret": self._client["client_secret"],
            "code_verifier": self._verifier,
        }
        form = {
            "grant_type": "authorization_code",
            "client_id": self._client["client_id"],
            "redirect_uri": self._redirect_uri,
            **secrets,
        }
        shown = functools.partial(masked, secrets=secrets.values())
        refused = functools.partial(token_error, masked=shown, client_id=self._client["client_id"])
        try:
            found = post_form(self._token_url, form, limits, refused, repeatable=False)
        except HandlerError as error:
            if error.details.get("reason") != "invalid_grant":
                raise
            # The table speaks of a refresh token; here it is the code.
            raise _failed(
                "Google does not accept the code of its own page: it is too old, or was used.", SOONER
            ) from None
        token, scopes = found.get("refresh_token"), found.get("scope")
        if not (isinstance(token, str) and token.isascii() and token.isprintable() and token.strip()):
            raise _failed("Google gave an access token for an hour, and no refresh token.", DISCONNECT)
        # https://datatracker.ietf.org/doc/html/rfc6749#section-5.1: left out if they are those that were asked for.
        granted = tuple(scopes.split()) if isinstance(scopes, str) else None
        return Grant(token, granted, found.get("refresh_token_expires_in"))


def _failed(message: str, remedy: str = AGAIN) -> AuthorizationFailed:
    return AuthorizationFailed("authorization_failed", message, {"remedy": remedy})
