"""A Workspace: its users, and the service accounts that may act as them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from .accounts import SCOPE_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .accounts import Account

DOMAIN = "acme.com"
SERVICE_ACCOUNT = "robot@emulator.iam.gserviceaccount.com"
"""The service account that is there by default."""
KEY_ID = "emulator-key"
"""The key that a service account has by default."""
FIRST_CLIENT_ID = 100_000_000_000_000_000_001
DELEGATED_SCOPES = tuple(f"{SCOPE_ROOT}calendar.{name}" for name in ("acls", "calendarlist", "calendarlist.readonly"))
TEAM = {"id": "team@group.calendar.google.com", "summary": "Team Calendar"}


@dataclass(frozen=True)
class WorkspaceUser:
    """One user of the Workspace, and the calendars as this user sees them."""

    email: str
    status: str
    """`active`, `suspended` (or without Calendar) or `deleted`."""
    calendars: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class RobotAccount:
    """A service account, with what the domain's administrator has delegated to it."""

    email: str
    client_id: str
    """The unique id, which the Admin console asks for."""
    status: str
    """`active`, `disabled` or `deleted`."""
    key_ids: tuple[str, ...]
    delegated_scopes: frozenset[str]
    api_enabled: bool
    """Whether the Calendar API is on in its project."""

    @property
    def project_id(self) -> str:
        """The project in its address."""
        return self.email.partition("@")[2].partition(".")[0]


def people(
    accounts: Iterable[Account], users: Iterable[WorkspaceUser], robots: Iterable[RobotAccount]
) -> dict[str, Sequence[Mapping[str, Any]]]:
    """Return everybody's calendars by address; a service account has one of its own, and an empty list.

    A user who is an account, too, has the calendars of the account.
    """
    own = {robot.email: [_primary(robot.email, listed=False)] for robot in robots}
    of_users = {user.email: user.calendars for user in users}
    return {**own, **of_users, **{account.email: account.calendars for account in accounts}}


def read_users(state: Mapping[str, Any]) -> tuple[WorkspaceUser, ...]:
    """Return the users of a state, or the default ones."""
    return tuple(_user(email.lower(), stated) for email, stated in state.get("users", _default_users()).items())


def read_robots(state: Mapping[str, Any]) -> tuple[RobotAccount, ...]:
    """Return the service accounts of a state, or the default one.

    Raises ValueError if two of them have one client id.
    """
    stated = state.get("service_accounts", {SERVICE_ACCOUNT: {}})
    found = tuple(
        _robot(email.lower(), str(number), of_it)
        for (email, of_it), number in zip(stated.items(), count(FIRST_CLIENT_ID), strict=False)
    )
    if len({one.client_id for one in found}) < len(found):
        message = "two service accounts have the same client_id"
        raise ValueError(message)
    return found


def _user(email: str, stated: Mapping[str, Any]) -> WorkspaceUser:
    return WorkspaceUser(email, stated.get("status", "active"), tuple(stated.get("calendars", [_primary(email)])))


def _robot(email: str, client_id: str, stated: Mapping[str, Any]) -> RobotAccount:
    return RobotAccount(
        email=email,
        client_id=stated.get("client_id", client_id),
        status=stated.get("status", "active"),
        key_ids=tuple(stated.get("keys", [KEY_ID])),
        delegated_scopes=frozenset(stated.get("delegated_scopes", DELEGATED_SCOPES)),
        api_enabled=stated.get("api_enabled", True),
    )


def _primary(email: str, **more: bool) -> dict[str, Any]:
    return {"id": email, "summary": email, "primary": True, **more}


def _default_users() -> dict[str, dict[str, Any]]:
    """Return who is there by default: Ann owns the team's calendar, Bob may see it, Jane has only her own."""
    ann, bob = (f"{name}@{DOMAIN}" for name in ("ann", "bob"))
    seen_by_bob = {**TEAM, "accessRole": "reader", "dataOwner": ann}
    return {
        ann: {"calendars": [TEAM, _primary(ann)]},
        bob: {"calendars": [_primary(bob), seen_by_bob]},
        f"jane@{DOMAIN}": {},
    }
