"""The errors that leave the handler, and how foreign text is shown in them.

HandlerError                 also raised itself: an answer that cannot be
|-- InvalidDescriptor        mend handler.yaml
|-- InvalidInput             mend the info values or parameters
|-- NotFound                 name another calendar
|-- Refused                  Google or a policy says no: ask for something else
|-- Unavailable              the same step may pass later: try again
`-- AuthorizationFailed      renew the credentials or the grant
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote as url_quote
from urllib.parse import quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN_CHARACTERS = 100
SHORTEST_MASKED = 4
"""Characters; a shorter secret stands in ordinary words, and masking it would show it."""
CONTROL = "[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
"""Unicode's categories Cc, Cs, Zl and Zp, as a pattern: they could break the line or the encoding."""


class HandlerError(Exception):
    """A step failed in a way that the caller can tell apart by `code`.

    `code` is one of those in handler.yaml. `details` holds JSON values only, so that
    errors cross process borders; `retry_after` is in seconds, None if nobody said.
    """

    retryable: ClassVar[bool] = False

    def __init__(
        self,
        code: str,
        message: str,
        details: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        """Keep all four as arguments, which is what pickle hands to this method again."""
        super().__init__(code, message, details or {}, retry_after)
        self.code = code
        self.message = message
        self.details: dict[str, Any] = details or {}
        self.retry_after = retry_after

    def __str__(self) -> str:
        """Give the message."""
        return self.message

    def to_dict(self) -> dict[str, Any]:
        """Give what a caller in another process or language needs, as JSON values."""
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
    """Info values or parameters break a rule; `details["fields"]` has a line a field."""


class NotFound(HandlerError):
    """No calendar, or no single one, has the given name."""


class Refused(HandlerError):
    """The request was understood and refused; sent again, it is refused again."""


class Unavailable(HandlerError):
    """The step may pass if it is tried again, after `retry_after` seconds if given."""

    retryable = True


class AuthorizationFailed(HandlerError):
    """The credentials, or what was granted to them, do not do."""


def shown(text: str) -> str:
    """Give foreign text on one line, cut at 100 characters."""
    if len(text) > SHOWN_CHARACTERS:
        text = text[: SHOWN_CHARACTERS - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return text if text.isprintable() else re.sub(CONTROL, "\N{REPLACEMENT CHARACTER}", text)


def quote(text: str) -> str:
    """Put foreign text in quotes, on one line and cut at 100 characters."""
    return f"'{shown(text)}'"


def masked(text: str, secrets: Iterable[str]) -> str:
    """Give foreign text without these secrets in it, as they are or in the forms that addresses and reprs have."""
    # The longest first: one may be the beginning of another.
    for secret in sorted((secret for secret in secrets if len(secret) >= SHORTEST_MASKED), key=len, reverse=True):
        for form in (secret, repr(secret)[1:-1], url_quote(secret), url_quote(secret, safe=""), quote_plus(secret)):
            text = text.replace(form, "***")
    return text
