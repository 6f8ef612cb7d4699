"""Whose list has which calendar, and how each person sees it there; roles are a matter of the rules.

Whoever uses it holds the state's lock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OWN_WORDS = ("colorId", "backgroundColor", "foregroundColor", "summaryOverride", "selected", "hidden")
"""What a person may say of a calendar in the own list."""
METADATA = ("id", "summary", "dataOwner")
"""What everybody sees alike."""
WORDS_OF_A_STATE = ("accessRole", "listed")
"""What a state says of an entry beside what is shown of it."""


@dataclass(frozen=True)
class Entry:
    """A calendar as one person sees it."""

    calendar_id: str
    etag: str
    listed: bool
    shown: Mapping[str, Any]
    """What the calendar list says of it, beside kind, etag and role."""
    role: str = "none"
    """What the person may do, by the rules at this moment."""

    @property
    def hidden(self) -> bool:
        """Whether the list is shown without it, unless asked for."""
        return bool(self.shown.get("hidden"))


class CalendarLists:
    """The calendars of all people."""

    def __init__(self) -> None:
        """Begin with nobody and nothing."""
        self._entries: dict[str, dict[str, Entry]] = {}
        self._metadata: dict[str, Entry] = {}
        self._added: dict[str, list[str]] = {}

    def admit(self, email: str) -> None:
        """Let a person have a list."""
        self._entries.setdefault(email, {})

    def state(self, email: str, stated: Mapping[str, Any], etag: str) -> None:
        """Add what a state says of a person's calendar."""
        calendar_id = stated["id"]
        shown = {name: value for name, value in stated.items() if name not in WORDS_OF_A_STATE and value is not False}
        self._entries[email][calendar_id] = Entry(calendar_id, etag, stated.get("listed", True), shown)
        alike = {name: stated[name] for name in METADATA if name in stated}
        known = self._metadata.setdefault(calendar_id, Entry(calendar_id, etag, listed=False, shown=alike))
        self._metadata[calendar_id] = replace(known, shown={**alike, **known.shown})

    def entry(self, email: str, calendar_id: str) -> Entry | None:
        """Return a calendar, listed or not, without a role; None if nobody has it. `primary` is the person's own."""
        entries = self._entries[email]
        if calendar_id == "primary":
            return next((entry for entry in entries.values() if entry.shown.get("primary")), None)
        return entries.get(calendar_id) or self._metadata.get(calendar_id)

    def entries(self, email: str) -> Iterable[Entry]:
        """Return a person's list, hidden entries included, without roles."""
        return [entry for entry in self._entries[email].values() if entry.listed]

    def data_owner(self, calendar_id: str) -> str:
        """Return the address of a calendar's data owner, or ""."""
        known = self._metadata.get(calendar_id)
        return str(known.shown.get("dataOwner", "")).lower() if known else ""

    def add(self, email: str, entry: Entry, words: Mapping[str, Any], etag: str) -> Entry:
        """Put a calendar into a person's list as the person's own words say."""
        own = {name: words[name] for name in OWN_WORDS if words.get(name)}
        shown = {**{name: value for name, value in entry.shown.items() if name not in OWN_WORDS}, **own}
        added = replace(entry, etag=etag, listed=True, shown=shown)
        self._entries[email][entry.calendar_id] = added
        self._added.setdefault(email, []).append(entry.calendar_id)
        return added

    def added(self) -> dict[str, list[str]]:
        """Return the ids of the calendars that were put into lists, by person, in order."""
        return {email: list(ids) for email, ids in self._added.items()}
