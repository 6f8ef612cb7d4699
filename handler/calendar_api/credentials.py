"""What an account signs in with: the forms that the token endpoint exchanges for access tokens.

A refresh token is one; a service account's key is the other, which signs an assertion
for itself or for a user of an organisation that has delegated to it
(https://developers.google.com/identity/protocols/oauth2/service-account).
"""

from __future__ import annotations

import functools
import hashlib
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import InvalidInput
from .delegation_errors import assertion_error
from .error_table import OF_A_REFRESH_TOKEN, Spoken, token_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..errors import HandlerError
    from ..service_account_key import ServiceAccountKey
    from .transport import Answer

    Encode = Callable[[Mapping[str, Any]], bytes]

AUDIENCE = "https://oauth2.googleapis.com/token"
"""Of assertions, wherever they are sent; the address that a key names is not looked at."""
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME = 3600
MOST_SIGNERS = 64
NO_KEY = "cannot be used for signing; make a new key of the service account, and paste the whole file"


class Credentials(Protocol):
    """What an account signs in with."""

    token_url: str
    key_id: str
    """Id of the key that signs, which is no secret; "" if none does."""
    scopes: tuple[str, ...]
    """OAuth scopes that are asked for, and granted all or none; () if a person has consented to some."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown, in whatever form."""

    @property
    def spoken(self) -> Spoken:
        """How messages speak of the account."""

    @property
    def identity(self) -> bytes:
        """A digest that tells this account, at this endpoint and with these scopes, from every other."""

    def form(self) -> dict[str, str]:
        """Return the form to post."""

    def error(self, answer: Answer, masked: Callable[[str], str]) -> HandlerError:
        """Return the error for an answer without a usable token."""


class RefreshToken:
    """A refresh token and the OAuth client that it was made for."""

    spoken = OF_A_REFRESH_TOKEN
    key_id = ""
    scopes: tuple[str, ...] = ()

    def __init__(self, token_url: str, info: Mapping[str, str]) -> None:
        """Take the info values client_id, client_secret and refresh_token; no answer ever changes them."""
        self.token_url = token_url
        self._info = {key: info[key] for key in ("client_id", "client_secret", "refresh_token")}
        self.secrets = (info["client_secret"], info["refresh_token"])

    @property
    def identity(self) -> bytes:
        """A digest of the endpoint and all three values."""
        return _digest(self.token_url, *self._info.values())

    def form(self) -> dict[str, str]:
        """Return the form of RFC 6749, section 6."""
        return {"grant_type": "refresh_token", **self._info}

    def error(self, answer: Answer, masked: Callable[[str], str]) -> HandlerError:
        """Return the error for an answer without a usable token."""
        return token_error(answer, masked, self._info["client_id"])


class Assertion:
    """A service account that signs for itself, as a user or as nobody else, and for these scopes alone."""

    def __init__(self, token_url: str, key: ServiceAccountKey, user: str, scopes: Sequence[str]) -> None:
        """Take the key, the user's address ("" for none), and the OAuth scopes.

        Raises InvalidInput if nothing can be signed with the key.
        """
        self.token_url = token_url
        self.secrets = (key.private_key,)
        self.key_id = key.private_key_id
        self._key, self._user, self.scopes = key, user, tuple(scopes)
        self._encode = _signers.encoder_of(key)
        self.spoken = Spoken(
            account=f"The user {user}" if user else f"The service account {key.client_email}",
            client=f"the service account {key.client_email}",
            renew=f"Look whether the service account {key.client_email} is still there and enabled, then try again.",
            unscoped="The access token of the service account has not the OAuth scope {scope}.",
        )

    @property
    def identity(self) -> bytes:
        """A digest of the endpoint, the key, the user and the scopes."""
        key = (self._key.client_email, self._key.private_key_id, self._key.private_key)
        return _digest(self.token_url, *key, self._user, *self.scopes)

    def form(self) -> dict[str, str]:
        """Return the form of RFC 7523, section 2.1, with an assertion signed now."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self._key.client_email,
            "scope": " ".join(self.scopes),
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + LIFETIME,
        }
        if self._user:
            claims["sub"] = self._user
        return {"grant_type": JWT_BEARER, "assertion": self._encode(claims).decode()}

    def error(self, answer: Answer, masked: Callable[[str], str]) -> HandlerError:
        """Return the error for an answer without a usable token."""
        return assertion_error(answer, masked, self._key, self._user, self.scopes)


class _Signers:
    """What signs for each key in this process: making it takes a hundred times as long as signing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made = functools.lru_cache(MOST_SIGNERS)(_new_encoder)

    def encoder_of(self, key: ServiceAccountKey) -> Encode:
        """Return what signs claims with a key, kept or new; raises InvalidInput if the key signs nothing."""
        with self._lock:  # or else threads that start cold would make one each
            return self._made(key)


def _new_encoder(key: ServiceAccountKey) -> Encode:
    # They bring cryptography, which a refresh token has no need of.
    from google.auth import crypt, jwt

    try:
        signer = crypt.RSASigner.from_string(key.private_key, key.private_key_id)
        signer.sign(b"")  # a key of another kind is loaded all the same
    except Exception:  # noqa: BLE001 -- whatever the library of the day raises, and it may quote the key
        signer = None
    if signer is None:
        message = f"service_account: {NO_KEY}"
        raise InvalidInput("invalid_input", message, {"fields": {"service_account": NO_KEY}})
    return functools.partial(jwt.encode, signer)


def forget_signers() -> None:
    """Drop all signers, as a child process does, whose locks may be held by nobody."""
    global _signers  # noqa: PLW0603 -- one store a process, and a new one in a child
    _signers = _Signers()


_signers = _Signers()


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()
