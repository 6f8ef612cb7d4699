"""Makes connections for info values: who signs in, as whom, and for which OAuth scopes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..delegation import OWN_LIST_SCOPE
from ..service_account_key import read_key
from .addresses import addresses
from .connection import Connection
from .connection_pools import forget_connections, forget_connections_to
from .credentials import Assertion, RefreshToken, forget_signers
from .error_table import LIST_SCOPE, RULES_SCOPE
from .tokens import SignedIn, account_of, forget_accounts, forget_accounts_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..acting import ActingUser
    from .credentials import Credentials
    from .tokens import Accounts
    from .transport import Limits

OWNERS_SCOPES = (RULES_SCOPE, LIST_SCOPE)
READERS_SCOPES = (f"{RULES_SCOPE}.readonly", LIST_SCOPE)
"""What is asked for in their place if nothing is to be written."""


def connect(info: Mapping[str, str], limits: Limits, user: ActingUser, *, reads_only: bool = False) -> Connection:
    """Return a connection for the info values, as this user; makes no request yet.

    One that `reads_only` asks for less if the organisation has delegated no more.
    Raises InvalidInput if CALENDAR_EMULATOR_HOST is set to anything but a loopback
    address with a port, or if the service account's key signs nothing.
    """
    where = addresses()
    account = account_of(_credentials(where.token_url, info, user, OWNERS_SCOPES))
    reader = (
        account_of(_credentials(where.token_url, info, user, READERS_SCOPES))
        if reads_only and "service_account" in info
        else None
    )
    return Connection(account, where.api_url, limits, user.uphold, reader)


def connect_once(
    info: Mapping[str, str],
    limits: Limits,
    user: ActingUser,
    scopes: Sequence[str] = (OWN_LIST_SCOPE,),
    accounts: Accounts | None = None,
) -> Connection:
    """Return a service account's connection whose access token, for these scopes, is dropped with it.

    With `accounts` it is dropped with those, which are the caller's own.
    """
    where = addresses()
    credentials = _credentials(where.token_url, info, user, scopes)
    account = accounts.of(credentials) if accounts else SignedIn(credentials)
    return Connection(account, where.api_url, limits, user.uphold)


def _credentials(token_url: str, info: Mapping[str, str], user: ActingUser, scopes: Sequence[str]) -> Credentials:
    if "service_account" in info:
        return Assertion(token_url, read_key(info["service_account"]), user.address, scopes)
    return RefreshToken(token_url, info)


def forget_all() -> None:
    """Drop all connections and access tokens, as a child process does."""
    forget_connections()
    forget_accounts()
    forget_signers()


def forget_emulator(host: str) -> None:
    """Leave no connection and no access token of an emulator, say one that has stopped."""
    forget_connections_to(host)
    forget_accounts_at(f"http://{host}/token")


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=forget_all)
