"""The account's calendar list, for looking up many names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..calendar_names import meant_id, names_of
from ..errors import HandlerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..calendar_api import Calendar

MOST_HINTED = 20
"""Suggest similar titles for this many unknown names only: comparing takes a while."""


class Calendars:
    """The account's calendar list, read when it is first needed, and looked up by name."""

    def __init__(self, read: Callable[[], list[Calendar]]) -> None:
        """Take the function that reads the list."""
        self._read = read
        self._entries: list[Calendar] | None = None
        self._by_name: dict[str, list[Calendar]] = {}
        self._hinted = 0
        self.failed: HandlerError | None = None
        """Why the list could not be read."""
        self.primary_id = ""
        """Id of the primary calendar; "" if the list was not read or does not have it."""

    def called(self, name: str) -> list[Calendar]:
        """Return the calendars with this name or id, or those whose titles may be hinted at if there is none.

        Raises what kept the list from being read.
        """
        if self.failed:
            raise self.failed
        if self._entries is None:
            try:
                self._entries = self._read()
            except HandlerError as error:
                self.failed = error
                raise
            for entry in self._entries:
                for known in names_of(entry):
                    self._by_name.setdefault(known, []).append(entry)
                if entry.primary:
                    self.primary_id = entry.calendar_id
        for known in filter(None, (name, meant_id(name).lower())):
            if known in self._by_name:
                return self._by_name[known]
        self._hinted += 1
        if self._hinted <= MOST_HINTED:
            return self._entries
        # One without a title stands for all: it resembles no name, and the list is not taken for an empty one.
        return [entry._replace(summary="", summary_override="") for entry in self._entries[:1]]
