"""What a check finds out, as JSON values: one answer for a person's screen, an engine's test and a script."""

from __future__ import annotations

from typing import TypedDict


class Problem(TypedDict):
    """Something that would make steps fail; `remedy` is "" if the message says what to do."""

    code: str
    message: str
    remedy: str
    retryable: bool


class Scopes(TypedDict):
    """OAuth scopes; `granted` is also empty if Google did not say. Of a service account: those delegated to it."""

    granted: list[str]
    needed: list[str]
    missing: list[str]


class Described(TypedDict):
    """A calendar, with the title that the account sees."""

    calendar_id: str
    title: str
    access_role: str
    data_owner: str


class Asked(Described):
    """The calendar that was asked for; unknown fields are ""."""

    name: str
    usable: bool


class TokenEnd(TypedDict):
    """When the refresh token ends by what the info file says, in UTC; `at` is "" if it says nothing."""

    at: str
    past: bool


class ServiceAccount(TypedDict):
    """A service account, and what an administrator needs to delegate to it."""

    email: str
    client_id: str
    key_id: str
    project: str
    acts_as: str
    """The user; "" if it acts as itself."""
    seconds_ahead: int | None
    """How far this machine's clock is ahead of Google's by the answer to the sign-in; None if that is not known."""
    scopes_to_paste: str
    """All that are needed, as the Admin console takes them."""
    form: str
    """The page of the Admin console whose form is filled with them."""


class Findings(TypedDict):
    """What a check has found, as JSON values; what could not be found out is empty.

    `account` is the one whose calendars are meant: with a service account, the user that it
    acts as. `guard_rails` are those in force, with the values that they are set to;
    `calendars` are those that the account owns, `others` those that it only sees. `remarks`
    are sentences about what keeps no step from working.
    """

    ok: bool
    account: str
    service_account: ServiceAccount | None
    token_end: TokenEnd
    scopes: Scopes
    guard_rails: dict[str, str]
    calendars: list[Described]
    others: list[Described]
    calendar: Asked | None
    problems: list[Problem]
    remarks: list[str]
