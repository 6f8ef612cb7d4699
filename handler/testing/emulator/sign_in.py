"""Who may come in: clients, consent codes, refresh tokens and access tokens.

It knows OAuth's rules and nothing of HTTP. Tokens and codes are random, kept only
here, and never part of a repr or a message.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from hashlib import sha256
from secrets import token_urlsafe
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Any

from .google_errors import GoogleError
from .robot_sign_in import GRANT_TYPE, TokenGrant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .accounts import Account
    from .robot_sign_in import RobotSignIn

MOST_TOKENS = 10_000
"""How many access tokens are good at a time, and how many codes; the oldest gives way."""

LIFE_SECONDS = 3599
"""How long an access token of a service account lives."""

TESTING_SECONDS = 604_799
"""How long a refresh token lives that was got while the consent screen is in Testing: a week."""


@dataclass(frozen=True)
class AccountGrant:
    """What a person has allowed a client to do."""

    account: Account
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class CodeGrant:
    """A grant that waits to be fetched with its code, once."""

    grant: AccountGrant
    redirect_uri: str
    refreshable: bool
    challenge: str = ""
    challenge_method: str = ""


class SignIn:
    """All grants and tokens, for any number of threads."""

    def __init__(self, accounts: Iterable[Account], robots: RobotSignIn) -> None:
        """Begin with the refresh tokens of `accounts`, the keys of service accounts, and no access token."""
        self.accounts = tuple(accounts)
        self._robots = robots
        self._lock = RLock()
        self._secrets = {one.client_id: one.client_secret for one in self.accounts}
        self._refresh = {one.refresh_token: AccountGrant(one, one.scopes) for one in self.accounts if one.refresh_token}
        self._revoked: set[str] = set()
        self._access: dict[str, tuple[TokenGrant, float]] = {}
        self._codes: dict[str, CodeGrant] = {}

    def accounts_of(self, client_id: str) -> list[Account]:
        """Return the accounts that may sign in with a client, none if unknown."""
        return [one for one in self.accounts if one.client_id == client_id]

    def grant(self, access_token: str) -> TokenGrant:
        """Return what an access token stands for, or raise GoogleError authError."""
        with self._lock:
            grant, until = self._access.get(access_token, (None, 0.0))
        if grant is None or not grant.is_good or monotonic() >= until:
            raise GoogleError(reason="authError")
        return grant

    def consent(self, consent: CodeGrant, *, offline: bool, asked_again: bool) -> str:
        """Return a code for a consent.

        A refresh token comes with `offline` access only, and only if this account has
        none yet or was explicitly asked again.
        """
        with self._lock:
            known = any(grant.account == consent.grant.account for grant in self._refresh.values())
            code = token_urlsafe(24)
            refreshable = offline and (asked_again or not known)
            self._codes[code] = replace(consent, refreshable=refreshable)
            _limit(self._codes)
            return code

    def answer(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Return tokens for a request to the token endpoint, or raise GoogleError."""
        with self._lock:
            kind = form.get("grant_type", "")
            if kind == GRANT_TYPE:
                return self._issue(self._robots.grant(_needed(form, "assertion")), LIFE_SECONDS)
            self._check_client(form)
            if kind == "refresh_token":
                return self._issue_for(self._refreshed(form))
            if kind == "authorization_code":
                consent = self._redeemed(form)
                answer = self._issue_for(consent.grant)
                if consent.refreshable:
                    token = f"emulator-refresh-{token_urlsafe(24)}"
                    self._refresh[token] = consent.grant
                    answer["refresh_token"] = token
                    if consent.grant.account.testing:
                        answer["refresh_token_expires_in"] = TESTING_SECONDS
                return answer
            raise GoogleError(reason="unsupported_grant_type")

    def forget_access_tokens(self) -> None:
        """Let every access token that was issued so far be unknown."""
        with self._lock:
            self._access.clear()

    def revoke(self) -> None:
        """Let every refresh token and access token so far be revoked, and every key be deleted."""
        with self._lock:
            self._robots.delete_keys()
            self._revoked.update(self._refresh)
            self._refresh.clear()
            self._access.clear()

    def _check_client(self, form: Mapping[str, str]) -> None:
        secret = self._secrets.get(form.get("client_id", ""))
        if secret is None:
            raise GoogleError(reason="invalid_client", message="The OAuth client was not found.")
        if not _same(secret, form.get("client_secret", "")):
            raise GoogleError(reason="invalid_client", message="Unauthorized")

    def _refreshed(self, form: Mapping[str, str]) -> AccountGrant:
        token = _needed(form, "refresh_token")
        if token in self._revoked:
            raise GoogleError(reason="invalid_grant")
        grant = self._refresh.get(token)
        if grant is None or grant.account.client_id != form["client_id"]:
            raise GoogleError(reason="invalid_grant", message="Bad Request")
        asked = tuple(form.get("scope", "").split())
        if not set(asked) <= set(grant.scopes):
            raise GoogleError(reason="invalid_scope")
        return replace(grant, scopes=asked or grant.scopes)

    def _redeemed(self, form: Mapping[str, str]) -> CodeGrant:
        consent = self._codes.pop(_needed(form, "code"), None)
        if consent is None or consent.grant.account.client_id != form["client_id"]:
            raise GoogleError(reason="invalid_grant", message="Malformed auth code.")
        if form.get("redirect_uri") != consent.redirect_uri:
            raise GoogleError(reason="redirect_uri_mismatch")
        if consent.challenge:
            verifier = _needed(form, "code_verifier")
            if consent.challenge_method == "S256":
                digest = sha256(verifier.encode()).digest()
                verifier = urlsafe_b64encode(digest).decode().rstrip("=")
            if not _same(consent.challenge, verifier):
                raise GoogleError(reason="invalid_grant", message="Invalid code verifier.")
        return consent

    def _issue_for(self, grant: AccountGrant) -> dict[str, Any]:
        account = grant.account
        answer = self._issue(TokenGrant(account.email, grant.scopes), account.access_token_seconds)
        return {**answer, "scope": " ".join(grant.scopes)}

    def _issue(self, grant: TokenGrant, seconds: int) -> dict[str, Any]:
        token = f"emulator-access-{token_urlsafe(24)}"
        self._access[token] = (grant, monotonic() + seconds)
        _limit(self._access)
        return {"access_token": token, "expires_in": seconds, "token_type": "Bearer"}


def _limit(issued: dict[str, Any]) -> None:
    """Take away the oldest, if there are too many."""
    while len(issued) > MOST_TOKENS:
        del issued[next(iter(issued))]


def _needed(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise GoogleError(reason="invalid_request", message=f"Missing required parameter: {name}")
    return form[name]


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
