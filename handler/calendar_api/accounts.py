"""Access tokens: kept for each account in the process, fetched by one thread at a time.

Nothing is written to disk, and nothing here shows a secret in a repr or a message.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from google.auth.exceptions import GoogleAuthError
from google.oauth2.credentials import Credentials

from ..errors import HandlerError, Unavailable, masked
from .answers import token_error, token_of
from .transport import send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .transport import Answer, Limits

MOST_ACCOUNTS = 256


class Account:
    """One client and refresh token at one token endpoint."""

    def __init__(self, token_url: str, info: Mapping[str, str]) -> None:
        """Take the info values client_id, client_secret and refresh_token."""
        self._token_url = token_url
        self._credentials = Credentials(
            None,
            client_id=info["client_id"],
            client_secret=info["client_secret"],
            refresh_token=info["refresh_token"],
            token_uri=token_url,
        )
        self._lock = threading.Lock()
        self._failed: HandlerError | None = None
        self._granted: str | None = None

    @property
    def granted_scopes(self) -> tuple[str, ...] | None:
        """OAuth scopes that the last access token came with; None if nothing was said about them."""
        # google-auth keeps them only if it asks for scopes, and Google then refuses a token of the wider one.
        return (
            None
            if self._granted is None
            else tuple(self.masked(self._granted, str(self._credentials.token or "")).split())
        )

    def token(self, limits: Limits) -> str:
        """Give an access token that is good for minutes still; ask for one only if need be.

        Threads that wait for the one that asks share its success and its failure.
        Raises AuthorizationFailed, Unavailable, or HandlerError for an odd answer.
        """
        if token := self._kept():
            return token
        failed = self._failed
        if not self._lock.acquire(timeout=max(limits.left(), 0.0)):
            raise Unavailable("google_unavailable", "The time for the step ran out while another one signed in.")
        try:
            if token := self._kept():
                return token
            if self._failed is not None and self._failed is not failed:
                raise _copy(self._failed)
            self._refresh(limits)
            return str(self._credentials.token)
        finally:
            self._lock.release()

    def forget(self, token: str) -> None:
        """Drop this access token, unless another one has taken its place."""
        with self._lock:
            if self._credentials.token == token:
                self._credentials.token = None

    def masked(self, text: str, token: str = "") -> str:
        """Give foreign text without the account's secrets and this access token in it."""
        return masked(text, (self._credentials.client_secret, self._credentials.refresh_token, token))

    def _kept(self) -> str:
        # Read once: another thread may forget the token between two looks at it.
        token = self._credentials.token
        return str(token) if token and self._credentials.valid else ""

    def _refresh(self, limits: Limits) -> None:
        def request(method: str, url: str, body: bytes, headers: dict[str, str], **_: Any) -> Any:
            answer = send(method, url, body, headers, limits, repeatable=True)
            self._check(answer)
            self._granted = _scopes_of(answer)
            return _Response(answer)

        try:
            self._credentials.refresh(request)
        except HandlerError as error:
            if limits.left() > 0:  # else it is our own time that ran out, and a waiter may have more
                self._failed = _copy(error)
            raise
        except GoogleAuthError:
            # Its arguments may hold the whole answer, tokens and all: not as a cause either.
            raise HandlerError("unexpected_answer", "The token endpoint's answer could not be used.") from None

    def _check(self, answer: Answer) -> None:
        # Raised inside the request, our error passes google-auth by. Left to itself it
        # sleeps and asks again up to three times (google/oauth2/_client.py).
        if answer.status != 200 or token_of(answer) is None:
            raise token_error(answer, self.masked)


def _scopes_of(answer: Answer) -> str | None:
    # https://datatracker.ietf.org/doc/html/rfc6749#section-5.1
    scopes = json.loads(answer.body).get("scope")
    return scopes if isinstance(scopes, str) else None


def _copy(error: HandlerError) -> HandlerError:
    # Threads must not add to one another's traceback, and a kept one would keep its frames.
    return type(error)(*error.args)


class _Response:
    """What google-auth reads of an answer."""

    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.data = answer.body


class _Store:
    """The accounts of this process, the one unused longest leaving first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.accounts: OrderedDict[bytes, Account] = OrderedDict()


_store = _Store()


def account_of(token_url: str, info: Mapping[str, str]) -> Account:
    """Give the kept account of these credentials, or begin one."""
    secrets = (token_url, info["client_id"], info["client_secret"], info["refresh_token"])
    key = hashlib.sha256("\0".join(secrets).encode()).digest()
    store = _store
    with store.lock:
        account = store.accounts.pop(key, None) or Account(token_url, info)
        store.accounts[key] = account
        if len(store.accounts) > MOST_ACCOUNTS:
            store.accounts.popitem(last=False)
    return account


def forget_accounts() -> None:
    """Begin anew with no access tokens."""
    global _store  # noqa: PLW0603 -- one store a process, and a new one in a child
    _store = _Store()
