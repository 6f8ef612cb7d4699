"""Partial answers: the `fields` mask, as in `nextPageToken,items(id,scope/type)`.

A mask is read before the work is done, so that a wrong one changes nothing. A name
that the answer cannot have is refused, as a misspelt one would otherwise go unseen.
"""

from __future__ import annotations

import re
from typing import Any, Union

from .google_errors import GoogleError

Mask = dict[str, Union["Mask", None]]
"""Name to mask of what lies below; None below a name keeps all of it."""

RULE: Mask = {
    "etag": None,
    "id": None,
    "kind": None,
    "role": None,
    "scope": {"type": None, "value": None},
}
ENTRY: Mask = dict.fromkeys(
    (
        "accessRole",
        "autoAcceptInvitations",
        "backgroundColor",
        "colorId",
        "conferenceProperties",
        "dataOwner",
        "defaultReminders",
        "deleted",
        "description",
        "etag",
        "foregroundColor",
        "hidden",
        "id",
        "kind",
        "location",
        "notificationSettings",
        "primary",
        "selected",
        "summary",
        "summaryOverride",
        "timeZone",
    )
)
PAGE: Mask = dict.fromkeys(("etag", "kind", "nextPageToken", "nextSyncToken"))

CALENDAR: Mask = dict.fromkeys(
    (
        "autoAcceptInvitations",
        "conferenceProperties",
        "dataOwner",
        "description",
        "etag",
        "id",
        "kind",
        "labelProperties",
        "location",
        "summary",
        "timeZone",
        "workingHours",
    )
)

FIELDS: dict[str, Mask] = {
    "Acl": {**PAGE, "items": RULE},
    "AclRule": RULE,
    "Calendar": CALENDAR,
    "CalendarList": {**PAGE, "items": ENTRY},
    "CalendarListEntry": ENTRY,
}
"""Every field that a mask may name, by the name of the answer's schema."""

TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*|[*,/()]")


def read_mask(text: str, schema: str) -> Mask:
    """Return the mask that `text` says.

    Raises GoogleError invalidParameter if it is no mask, or names an unknown field.
    """
    words = TOKEN.findall(text)
    if "".join(words) != "".join(text.split()):
        raise _wrong(text)
    mask, rest = _list(words, FIELDS[schema], text)
    if rest:
        raise _wrong(text)
    return mask


def select(value: Any, mask: Mask | None) -> Any:
    """Return the part of a JSON value that a mask keeps, item by item in a list."""
    if mask is None:
        return value
    if isinstance(value, list):
        return [select(item, mask) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: select(part, mask[name] if name in mask else mask["*"])
        for name, part in value.items()
        if name in mask or "*" in mask
    }


def _list(words: list[str], known: Mask | None, text: str) -> tuple[Mask, list[str]]:
    mask: Mask = {}
    while True:
        name, below, words = _selector(words, known, text)
        mask[name] = _both(mask[name], below) if name in mask else below
        if words[:1] != [","]:
            return mask, words
        words = words[1:]


def _selector(words: list[str], known: Mask | None, text: str) -> tuple[str, Mask | None, list[str]]:
    name, rest = (words[0], words[1:]) if words else ("", [])
    if not re.match(r"[A-Za-z*]", name):
        raise _wrong(text)
    if name != "*" and known is not None and name not in known:
        raise _wrong(name)
    deeper = known.get(name) if known else None
    if rest[:1] == ["/"]:
        inner, below, rest = _selector(rest[1:], deeper, text)
        return name, {inner: below}, rest
    if rest[:1] == ["("]:
        mask, rest = _list(rest[1:], deeper, text)
        if rest[:1] != [")"]:
            raise _wrong(text)
        return name, mask, rest[1:]
    return name, None, rest


def _both(one: Mask | None, other: Mask | None) -> Mask | None:
    if one is None or other is None:
        return None
    shared = {name: _both(one[name], other[name]) for name in one if name in other}
    return {**one, **other, **shared}


def _wrong(text: str) -> GoogleError:
    message = f"Invalid field selection {text}"
    return GoogleError(reason="invalidParameter", message=message, parameter="fields")
