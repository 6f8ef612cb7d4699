"""Sync tokens: which were given out, and for which list."""

from __future__ import annotations

from .google_errors import GoogleError

MOST_TOKENS = 10_000
"""How many are good at a time; the oldest gives way."""


class SyncTokens:
    """The tokens that were given out; whoever uses them holds the state's lock."""

    def __init__(self) -> None:
        """Begin with none."""
        self._given: dict[tuple[str, str], None] = {}

    def give(self, list_name: str, etag: str) -> str:
        """Return a token for what changes in a list after the change that has this etag."""
        token = etag.strip('"')
        self._given.pop((list_name, token), None)
        self._given[list_name, token] = None
        while len(self._given) > MOST_TOKENS:
            del self._given[next(iter(self._given))]
        return token

    def check(self, list_name: str, token: str) -> None:
        """Raise GoogleError fullSyncRequired unless the token was given out for this list, and lately."""
        if (list_name, token) not in self._given:
            raise GoogleError(reason="fullSyncRequired")
