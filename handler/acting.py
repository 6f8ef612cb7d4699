"""Whom a service account acts as, and what an administrator allows of it.

Google cannot limit whom a service account with delegation acts as, so it is limited
here, where every connection begins: no way in passes it by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .access_rules import GOOGLE_ID, domain_of
from .errors import InvalidInput, Refused, quote, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

ASK = "or ask the administrator who set it."
NOT_SET = "is not set. List the address or its domain in that info value, or leave {} out."
NEEDED = "needs a service account, and the info values have a refresh token, which acts as its own account alone"


class ActingUser(NamedTuple):
    """Whom the calls are made as."""

    address: str
    """In lower case; "" for the account that the info values name."""
    whole: bool = True
    """Whether calendars may be meant that are a person's primary one: their ids are addresses."""

    def uphold(self, calendar_id: str) -> None:
        """Do nothing if this calendar may be meant; raises Refused (policy_refused)."""
        if not self.whole and not GOOGLE_ID.fullmatch(calendar_id):
            raise _refused(
                "may_act_as",
                f"allows acting as {quote(self.address)} by the domain, which does not cover "
                f"people's primary calendars, as {quote(calendar_id)} is one. Name the address itself there, {ASK}",
            )


def misplaced(info: Mapping[str, str], params: Mapping[str, str]) -> dict[str, str]:
    """Return the problem of each parameter that only a service account can do, if there is none."""
    if "service_account" in info:
        return {}
    asked = {"act_as": "act_as" in params, "add_to_list": params.get("add_to_list") == "Yes"}
    return {name: NEEDED for name, given in asked.items() if given}


def acting_user(info: Mapping[str, str], act_as: str = "") -> ActingUser:
    """Return whom the calls are made as: `act_as`, else the installation's own user.

    Raises Refused (policy_refused) if the guard rail may_act_as does not allow it, and
    InvalidInput if there is no service account to act.
    """
    default, user = info.get("act_as_by_default", "").lower(), act_as.lower()
    if user and "service_account" not in info:
        raise InvalidInput("invalid_input", f"act_as: {NEEDED}", {"fields": {"act_as": NEEDED}})
    if user in ("", default):
        return ActingUser(default)
    allowed = _entries(info, "may_act_as")
    if user in allowed:
        return ActingUser(user)
    if domain_of(user) in allowed:
        return ActingUser(user, whole=False)
    told = _told([default, *allowed], "a user") if allowed else NOT_SET.format("act_as")
    raise _refused("may_act_as", f"forbids acting as {quote(user)}: it {told}")


def list_owner(info: Mapping[str, str], recipient: str) -> ActingUser:
    """Return the recipient as whom a calendar may be put into their list, and nothing else.

    Raises Refused (policy_refused) if the guard rail may_add_to_lists_of does not allow it.
    """
    allowed = _entries(info, "may_add_to_lists_of")
    recipient = recipient.lower()
    if recipient in allowed or domain_of(recipient) in allowed:
        return ActingUser(recipient)
    told = _told(allowed, "a recipient") if allowed else NOT_SET.format("add_to_list")
    raise _refused("may_add_to_lists_of", f"forbids the list of {quote(recipient)}: it {told}")


def _refused(rail: str, what: str) -> Refused:
    return Refused("policy_refused", f"The guard rail {rail} {what}", {"guard_rails": [rail]})


def _told(allowed: list[str], what: str) -> str:
    return f"allows {shown(', '.join(filter(None, allowed)))}, no subdomains. Choose {what} there, {ASK}"


def _entries(info: Mapping[str, str], name: str) -> list[str]:
    return [entry for text in info.get(name, "").lower().split(",") if (entry := text.strip())]
