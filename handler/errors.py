"""The errors that leave the handler, and how foreign text is shown in them.

HandlerError                 also raised itself: an answer that cannot be Google's
|-- InvalidDescriptor        mend handler.yaml
|-- InvalidInput             mend the info values or parameters
|-- NotFound                 name another calendar
|-- Refused                  Google or a policy says no: ask for something else
|-- Unavailable              the same step may pass later: try again
`-- AuthorizationFailed      renew the credentials or the grant
"""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar, TypedDict

SHOWN_CHARACTERS = 100
QUOTES = (("'", "'"), ('"', '"'), ("\N{LEFT DOUBLE QUOTATION MARK}", "\N{RIGHT DOUBLE QUOTATION MARK}"))
"""What foreign text is put between, the first choice first."""
CONTROL = "[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
"""Unicode's categories Cc, Cs, Zl and Zp, as a pattern: they could break the line or the encoding."""
JOINERS = "\u200c\u200d"
SIGNS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
"""Written around the digits that follow, though they count as format characters (Prepended_Concatenation_Mark)."""
PICTOGRAPHS = range(0x1F000, 0x1FB00)
"""Reserved for emoji; an older Python takes the newest ones for unassigned."""


class ErrorDict(TypedDict):
    """An error as JSON values."""

    code: str
    message: str
    retryable: bool
    retry_after: float | None
    details: dict[str, Any]


class HandlerError(Exception):
    """A step failed; the caller can tell by `code` in which way.

    `code` is one of those in handler.yaml. `details` holds JSON values only, so that
    errors can cross process borders; `retry_after` is in seconds, None if unknown.
    """

    retryable: ClassVar[bool] = False

    def __init__(
        self,
        code: str,
        message: str,
        details: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        """Keep all four as arguments, which pickle passes to this method again."""
        super().__init__(code, message, details or {}, retry_after)
        self.code = code
        self.message = message
        self.details: dict[str, Any] = details or {}
        self.retry_after = retry_after

    def __str__(self) -> str:
        """Return the message."""
        return self.message

    def to_dict(self) -> ErrorDict:
        """Return what a caller in another process or language needs, as JSON values."""
        return {
            "code": self.code,
            "message": self.message,
            "retryable": self.retryable,
            "retry_after": self.retry_after,
            "details": self.details,
        }


class InvalidDescriptor(HandlerError):
    """handler.yaml itself is wrong; always raised, whatever Error Handling says."""


class InvalidInput(HandlerError):
    """Info values or parameters break a rule; `details["fields"]` has one line for each field."""


class NotFound(HandlerError):
    """No calendar, or no single one, has the given name."""


class Refused(HandlerError):
    """The request was understood and refused, and would be refused again."""


class Unavailable(HandlerError):
    """The step may pass if it is tried again, after `retry_after` seconds if given."""

    retryable = True


class AuthorizationFailed(HandlerError):
    """The credentials are invalid, or were not granted enough."""


def shown(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """Return foreign text on one line, cut at so many characters, without what would change how text near it reads."""
    if len(text) > most:
        text = text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return visible(text)


def visible(text: str) -> str:
    """Return foreign text in full, with U+FFFD in place of each invisible character.

    Those are control and format characters (Unicode's Cc, Cf, Zl, Zp), lone surrogates
    (Cs), and unassigned or private ones (Cn, Co): they move the cursor, reverse the
    direction of what follows, or hide. Results and JSON keep the real text.
    """
    if text.isprintable():
        return text
    return "".join(
        character if _is_seen(text, place) else "\N{REPLACEMENT CHARACTER}" for place, character in enumerate(text)
    )


def _is_seen(text: str, place: int) -> bool:
    character = text[place]
    if character.isprintable() or character in SIGNS or ord(character) in PICTOGRAPHS:
        return True
    if character in JOINERS:
        # They are part of emoji, and of words in Persian and in India's scripts. Beside a
        # letter of ASCII they only make two titles differ that look the same.
        before, after = text[max(place - 1, 0) : place], text[place + 1 : place + 2]
        return all(neighbour > "\x7f" and neighbour.isprintable() for neighbour in (before, after))
    return unicodedata.category(character) == "Zs"


def quote(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """Return foreign text in quotes that it does not hold itself, on one line and cut at so many characters."""
    seen = shown(text, most)
    first, last = next((marks for marks in QUOTES if not set(marks) & set(seen)), QUOTES[-1])
    return f"{first}{seen}{last}"
