"""The accounts that the emulator knows, and what it starts with if told nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SCOPE_ROOT = "https://www.googleapis.com/auth/"

ACCOUNT = {
    "client_id": "emulator-client",
    "client_secret": "emulator-secret",
    "refresh_token": "emulator-refresh-token",
}
"""Info values of the account that is there by default."""

DEFAULT_EMAIL = "owner@example.com"
DEFAULT_SCOPES = (
    f"{SCOPE_ROOT}calendar.calendarlist.readonly",
    f"{SCOPE_ROOT}calendar.acls",
)


@dataclass(frozen=True)
class Account:
    """One person with one OAuth client, and the calendars as this person sees them."""

    email: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    """None: nobody has consented yet, so a first consent issues a refresh token."""
    scopes: tuple[str, ...]
    access_token_seconds: int
    calendars: tuple[Mapping[str, Any], ...]
    testing: bool
    """Whether the client's consent screen is in Testing, so that a new refresh token ends after a week."""


def read_accounts(state: Mapping[str, Any]) -> tuple[Account, ...]:
    """Return the accounts of a state: `accounts`, or the one `account`.

    An account without `calendars` of its own has those of the state, or the default.
    Raises ValueError if two accounts have one e-mail address or one refresh token.
    """
    stated = state.get("accounts") or [state.get("account") or {}]
    accounts = tuple(_read(one, state.get("calendars")) for one in stated)
    tokens = [one.refresh_token for one in accounts if one.refresh_token]
    if len({one.email for one in accounts}) < len(accounts):
        message = "two accounts have the same email"
        raise ValueError(message)
    if len(set(tokens)) < len(tokens):
        message = "two accounts have the same refresh_token"
        raise ValueError(message)
    return accounts


def _read(stated: Mapping[str, Any], calendars: Any) -> Account:
    email = str(stated.get("email", DEFAULT_EMAIL)).lower()
    own = stated.get("calendars", calendars)
    return Account(
        email=email,
        client_id=stated.get("client_id", ACCOUNT["client_id"]),
        client_secret=stated.get("client_secret", ACCOUNT["client_secret"]),
        refresh_token=stated.get("refresh_token", ACCOUNT["refresh_token"]),
        scopes=tuple(stated.get("scopes", DEFAULT_SCOPES)),
        access_token_seconds=stated.get("access_token_seconds", 3599),
        calendars=tuple(_default_calendars(email) if own is None else own),
        testing=stated.get("testing", False),
    )


def _default_calendars(email: str) -> list[dict[str, Any]]:
    return [
        {"id": "example@group.calendar.google.com", "summary": "Example Calendar"},
        {"id": email, "summary": email, "primary": True},
        {
            "id": "holidays@group.calendar.google.com",
            "summary": "Company Holidays",
            "accessRole": "reader",
            "dataOwner": "hr@example.com",
        },
    ]
