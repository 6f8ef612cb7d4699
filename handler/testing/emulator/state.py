"""The emulator's memory: one world of calendars and their rules, and each person's list of them.

It knows people by e-mail address and nothing of HTTP or tokens. Everything it does
happens under one lock, so that each call is one step to every other.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from threading import RLock
from typing import TYPE_CHECKING, Any

from .calendar_lists import CalendarLists, Entry
from .google_errors import GoogleError
from .sync_tokens import SyncTokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROLES = (
    "none",
    "freeBusyReader",
    "reader",
    "writerWithoutPrivateAccess",
    "writer",
    "owner",
)
"""Every role, the weakest first."""

MAILED = ("user:", "group:")
"""Kinds of rule whose recipients have an address to mail to."""

KEPT_MAILS = 100_000
"""How many of the newest mails are remembered."""

FIRST_ETAG = 1_700_000_000_000_000
"""Microseconds since 1970, as in Google's etags of rules."""

OWN_ETAG = f'"{0:020d}"'
"""The etag of a person's own rule."""

SECONDARY = "@group.calendar.google.com"
"""How the id of a secondary calendar ends."""


@dataclass(frozen=True)
class KeptRule:
    """Who has which access to a calendar."""

    rule_id: str
    """`type:value` in lower case, or `default`."""
    role: str
    etag: str
    implicit: bool = False
    """Follows from a person's `accessRole`, a `dataOwner` or the kind of calendar, not from a rule."""


class State:
    """Calendars and rules, for any number of people and threads."""

    def __init__(
        self,
        people: Mapping[str, Sequence[Mapping[str, Any]]],
        rules: Mapping[str, Mapping[str, str]],
        aliases: Mapping[str, str],
    ) -> None:
        """Begin with people's calendars, roles by calendar id and rule id, and the rule ids kept as others."""
        self.lock = RLock()
        self._changes = 0
        self._lists = CalendarLists()
        self._rules: dict[str, dict[str, KeptRule]] = {}
        self._removed: dict[str, dict[str, KeptRule]] = {}
        self._always_shown = tuple(rules)
        self._aliases = {alias.lower(): kept.lower() for alias, kept in aliases.items()}
        self.sync_tokens = SyncTokens()
        self._mails: deque[str] = deque(maxlen=KEPT_MAILS)
        for email, calendars in people.items():
            self._lists.admit(email)
            for stated in calendars:
                self._begin_with(email, stated)
        for calendar_id, roles in rules.items():
            for rule_id, role in roles.items():
                self._put(calendar_id, rule_id, role)

    def rules(self) -> dict[str, dict[str, str]]:
        """Return role by rule id by calendar id, sorted, without implicit rules.

        A calendar without any is left out, unless the beginning state named it.
        """
        with self.lock:
            found = {
                calendar_id: {
                    rule_id: rule.role
                    for rule_id, rule in sorted(rules.items())
                    if not rule.implicit and rule.role != "none"
                }
                for calendar_id, rules in sorted(self._all_rules().items())
            }
            named = self._always_shown
            return {key: value for key, value in found.items() if value or key in named}

    def mails(self) -> list[str]:
        """Return the rule ids that people were mailed about, in order."""
        with self.lock:
            return list(self._mails)

    def newest_etag(self) -> str:
        """Return the etag of the last write."""
        with self.lock:
            return _etag(self._changes)

    def added_to_lists(self) -> dict[str, list[str]]:
        """Return the ids of the calendars that were put into people's lists, by address, in order."""
        with self.lock:
            return self._lists.added()

    def entries(self, email: str) -> list[Entry]:
        """Return the calendar list of a person, hidden entries included."""
        with self.lock:
            found = [self._with_role(email, entry) for entry in self._lists.entries(email)]
            return [entry for entry in found if entry.role != "none"]

    def entry(self, email: str, calendar_id: str, role: str = "none") -> Entry:
        """Return the calendar, which need not be listed, if the person has `role`.

        `primary` is the person's primary calendar. Raises GoogleError: notFound if
        the person cannot see the calendar, requiredAccessLevel if it has less.
        """
        with self.lock:
            known = self._lists.entry(email, calendar_id)
            entry = known and self._with_role(email, known)
        if entry is None or entry.role == "none":
            raise GoogleError(reason="notFound")
        if ROLES.index(entry.role) < ROLES.index(role):
            message = f"You need to have {role} access to this calendar."
            raise GoogleError(reason="requiredAccessLevel", message=message)
        return entry

    def add_to_list(self, email: str, calendar_id: str, words: Mapping[str, Any]) -> Entry:
        """Put a calendar into a person's list; raises GoogleError notFound, or duplicate if it is there."""
        with self.lock:
            entry = self.entry(email, calendar_id)
            if entry.listed:
                raise GoogleError(reason="duplicate")
            return self._lists.add(email, entry, words, self._next_etag())

    def rules_of(self, calendar_id: str, *, removed: bool = False) -> list[KeptRule]:
        """Return the rules of a calendar; with `removed`, also those with role none."""
        with self.lock:
            present = list(self._rules.get(calendar_id, {}).values())
            if removed:
                return present + list(self._removed.get(calendar_id, {}).values())
            return [rule for rule in present if rule.role != "none"]

    def rule(self, calendar_id: str, rule_id: str, if_match: str = "") -> KeptRule:
        """Return one rule.

        Raises GoogleError: notFound if it is not there, conditionNotMet if `if_match`
        is given and is neither its etag nor `*`.
        """
        with self.lock:
            found = self._rules.get(calendar_id, {}).get(rule_id.lower())
        if found is None:
            raise GoogleError(reason="notFound")
        if if_match not in ("", "*", found.etag):
            raise GoogleError(reason="conditionNotMet")
        return found

    def write(self, email: str, calendar_id: str, rule_id: str, role: str, *, mail: bool) -> KeptRule:
        """Set the role of a rule as `email` asks; role none removes it, unmailed.

        Raises GoogleError for the person's own rule, the data owner's and that of the
        calendar's own address.
        """
        with self.lock:
            wanted = self._aliases.get(rule_id.lower(), rule_id.lower())
            if wanted == f"user:{email}":
                raise GoogleError(reason="cannotChangeOwnAcl")
            if wanted in (f"user:{self._lists.data_owner(calendar_id)}", _own_address(calendar_id)):
                raise GoogleError(reason="cannotChangeOwnerAcl")
            if mail and role != "none" and wanted.startswith(MAILED):
                self._mails.append(wanted)
            return self.set_rule(calendar_id, wanted, role)

    def set_rule(self, calendar_id: str, rule_id: str, role: str) -> KeptRule:
        """Set the role of a rule, whoever asks; role none removes the rule."""
        with self.lock:
            rule = self._put(calendar_id, rule_id, role)
            if role == "none":
                del self._rules[calendar_id][rule.rule_id]
                self._removed.setdefault(calendar_id, {})[rule.rule_id] = rule
            return rule

    def _put(self, calendar_id: str, rule_id: str, role: str, *, implicit: bool = False) -> KeptRule:
        rule = KeptRule(rule_id.lower(), role, self._next_etag(), implicit)
        self._rules.setdefault(calendar_id, {})[rule.rule_id] = rule
        self._removed.get(calendar_id, {}).pop(rule.rule_id, None)
        return rule

    def _begin_with(self, email: str, stated: Mapping[str, Any]) -> None:
        """Take what a state says of a person's calendar, and the rules that follow from it."""
        calendar_id = stated["id"]
        self._lists.state(email, stated, self._next_etag())
        present = self._rules.setdefault(calendar_id, {})
        data_owner = f"user:{stated.get('dataOwner', '').lower()}"
        if data_owner != "user:" and data_owner not in present:
            self._put(calendar_id, data_owner, "owner", implicit=True)
        if calendar_id.endswith(SECONDARY):
            self._put(calendar_id, _own_address(calendar_id), "owner", implicit=True)
        own = KeptRule(f"user:{email}", stated.get("accessRole", "owner"), OWN_ETAG, implicit=True)
        present[own.rule_id] = own

    def _with_role(self, email: str, entry: Entry) -> Entry:
        """Return a calendar with the role that a person has: the stated one, else the highest that a rule gives."""
        rules = self._rules.get(entry.calendar_id, {})
        grantees = (f"user:{email}", f"domain:{email.partition('@')[2]}", "default")
        given = [rules[grantee] for grantee in grantees if grantee in rules]
        roles = [rule.role for rule in given[:1] if rule.implicit] or [rule.role for rule in given]
        return replace(entry, role=max(roles, key=ROLES.index, default="none"))

    def _all_rules(self) -> dict[str, dict[str, KeptRule]]:
        return {**{key: {} for key in self._always_shown}, **self._rules}

    def _next_etag(self) -> str:
        self._changes += 1
        return _etag(self._changes)


def _own_address(calendar_id: str) -> str:
    """Return the id of the rule that the address of a secondary calendar has."""
    return f"user:{calendar_id.lower()}"


def _etag(change: int) -> str:
    return f'"{FIRST_ETAG + change:020d}"'
