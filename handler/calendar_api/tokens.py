"""Access tokens: kept in memory for each account, fetched by one thread at a time.

Nothing is written to disk, and nothing here shows a secret in a repr or a message.
"""

from __future__ import annotations

import functools
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from ..errors import HandlerError, Unavailable
from ..masking import masked
from ..retry import acquired
from .http_answers import seconds_ahead
from .token_endpoint import post_form

if TYPE_CHECKING:
    from .credentials import Credentials
    from .error_table import Spoken
    from .transport import Answer, Limits

MOST_ACCOUNTS = 256
SHORTEST_LIFE = 225
"""Seconds that a kept access token must still be valid for, as in google-auth."""


class SignedIn:
    """One account at one token endpoint."""

    def __init__(self, credentials: Credentials) -> None:
        """Take what the account signs in with."""
        self._credentials = credentials
        self._lock = threading.Lock()
        """Held while a thread asks for a token, which may take as long as a step."""
        self._failed: HandlerError | None = None
        self._granted: str | None = None
        self._keeping = threading.Lock()
        """Held only briefly, while the kept token changes."""
        self._token = ""
        self._good_until = 0.0
        self.clock_ahead: float | None = None
        """How many seconds this machine's clock is ahead of Google's; None as long as no answer has told."""

    @property
    def token_url(self) -> str:
        """Where its access tokens come from."""
        return self._credentials.token_url

    @property
    def spoken(self) -> Spoken:
        """How messages speak of the account."""
        return self._credentials.spoken

    @property
    def key_id(self) -> str:
        """Id of the key that signs; "" with a refresh token."""
        return self._credentials.key_id

    @property
    def granted_scopes(self) -> tuple[str, ...] | None:
        """OAuth scopes that the last access token came with; None if Google did not say."""
        return None if self._granted is None else tuple(self.masked(self._granted, self._token).split())

    def token(self, limits: Limits) -> str:
        """Return an access token that is valid for a few more minutes, asking for one only if needed.

        Threads that wait for the one that asks share its success and its failure.
        Raises AuthorizationFailed, Unavailable, or HandlerError for an odd answer.
        """
        if token := self._kept():
            return token
        failed = self._failed
        if not acquired(self._lock, limits.left()):
            raise Unavailable("google_unavailable", "The time for the step ran out while another one signed in.")
        try:
            if token := self._kept():
                return token
            if self._failed is not None and self._failed is not failed:
                raise _copy(self._failed)
            return self._refreshed(limits)
        finally:
            self._lock.release()

    def forget(self, token: str) -> None:
        """Drop this access token, unless another one has taken its place."""
        with self._keeping:
            if self._token == token:
                self._token = ""

    def masked(self, text: str, token: str = "") -> str:
        """Return foreign text without the account's secrets and this access token."""
        return masked(text, (*self._credentials.secrets, token))

    def _kept(self) -> str:
        with self._keeping:
            return self._token if time.time() < self._good_until - SHORTEST_LIFE else ""

    def _refreshed(self, limits: Limits) -> str:
        try:
            return self._asked(limits)
        except HandlerError as error:
            if limits.left() > 0:  # else it is our own time that ran out, and a waiter may have more
                self._failed = _copy(error)
            raise

    def _asked(self, limits: Limits) -> str:
        form = self._credentials.form()
        shown = functools.partial(self.masked, token=form.get("assertion", ""))
        refused = functools.partial(self._credentials.error, masked=shown)
        found = post_form(self.token_url, form, limits, refused, repeatable=True, seen=self._compare_clocks)
        token: str = found["access_token"]
        scopes, lifetime = found.get("scope"), found.get("expires_in", float("inf"))
        self._granted = scopes if isinstance(scopes, str) else " ".join(self._credentials.scopes) or None
        with self._keeping:
            self._token, self._good_until = token, time.time() + lifetime
        return token

    def _compare_clocks(self, answer: Answer) -> None:
        self.clock_ahead = seconds_ahead(answer.headers)


def _copy(error: HandlerError) -> HandlerError:
    # Threads must not add to one another's traceback, and a kept one would keep its frames.
    return type(error)(*error.args)


class Accounts:
    """Accounts that stay signed in; the least recently used one is dropped first."""

    def __init__(self, most: int) -> None:
        """Keep at most so many."""
        self.lock = threading.Lock()
        self.accounts: OrderedDict[bytes, SignedIn] = OrderedDict()
        self._most = most

    def of(self, credentials: Credentials) -> SignedIn:
        """Return the kept account that signs in so, or a new one."""
        key = credentials.identity
        with self.lock:
            account = self.accounts.pop(key, None) or SignedIn(credentials)
            self.accounts[key] = account
            if len(self.accounts) > self._most:
                self.accounts.popitem(last=False)
        return account


_store = Accounts(MOST_ACCOUNTS)


def account_of(credentials: Credentials) -> SignedIn:
    """Return the account of this process that signs in so, kept or new."""
    return _store.of(credentials)


def forget_accounts() -> None:
    """Drop all access tokens."""
    global _store  # noqa: PLW0603 -- one store a process, and a new one in a child
    _store = Accounts(MOST_ACCOUNTS)


def forget_accounts_at(token_url: str) -> None:
    """Drop the access tokens that came from this endpoint."""
    store = _store
    with store.lock:
        for key in [key for key, account in store.accounts.items() if account.token_url == token_url]:
            del store.accounts[key]
