"""Query parameters: their types, their defaults, and what Google says to wrong ones."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any

from .google_errors import GoogleError
from .state import ROLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

EVERYWHERE = (
    "alt",
    "fields",
    "key",
    "oauth_token",
    "prettyPrint",
    "quotaUser",
    "userIp",
)
"""Parameters that every method of the API takes."""

LONGEST_PAGE = 250


def read_query(names: Iterable[str], query: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters among `names`, typed, with defaults for those left out.

    A parameter that is not among them is ignored. Raises GoogleError for a value that
    Google refuses.
    """
    read = {}
    for name in (*names, *EVERYWHERE):
        if name in query:
            read[name] = READERS.get(name, _text)(name, query[name])
        elif name in DEFAULTS:
            read[name] = DEFAULTS[name]
    return _synchronized(read, query) if read.get("syncToken") else read


def page_token(list_name: str, start: int) -> str:
    """Return the token of the page of a list that begins at an item (first is 0)."""
    return urlsafe_b64encode(f"{list_name} {start}".encode()).decode()


def page_start(list_name: str, token: str) -> int:
    """Return where the page of a token begins, or raise GoogleError invalid."""
    try:
        name, start = urlsafe_b64decode(token).decode().split(" ")
        if name == list_name:
            return int(start)
    except ValueError:
        pass
    raise GoogleError(reason="invalid", parameter="pageToken")


def _synchronized(read: dict[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
    """Return a query with a sync token, which shows what was removed or hidden."""
    shown: dict[str, Any] = {name: True for name in ("showDeleted", "showHidden") if name in read}
    clashes = [name for name in shown if name in query and not read[name]]
    clashes += [name for name in ("minAccessRole", "showOwnOrganizationOnly") if name in read]
    if clashes:
        message = f"Sync token cannot be used with this value of {clashes[0]}."
        raise GoogleError(reason="invalid", message=message, parameter=clashes[0])
    return {**read, **shown}


def _text(_name: str, value: str) -> str:
    return value


def _boolean(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise _wrong(name, value)
    return value == "true"


def _page_size(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value[:9]) > 0):
        raise _wrong(name, value)
    return min(int(value[:9]), LONGEST_PAGE)


def _role(name: str, value: str) -> str:
    if value not in ROLES[1:]:
        raise _wrong(name, value)
    return value


def _json(name: str, value: str) -> str:
    if value != "json":
        raise _wrong(name, value)
    return value


def _wrong(name: str, value: str) -> GoogleError:
    message = f"Invalid value '{value[:100]}' for parameter {name}."
    return GoogleError(reason="invalidParameter", message=message, parameter=name)


READERS: dict[str, Callable[[str, str], Any]] = {
    "alt": _json,
    "colorRgbFormat": _boolean,
    "maxResults": _page_size,
    "minAccessRole": _role,
    "prettyPrint": _boolean,
    "sendNotifications": _boolean,
    "showDeleted": _boolean,
    "showHidden": _boolean,
    "showOwnOrganizationOnly": _boolean,
}
DEFAULTS = {
    "maxResults": 100,
    "sendNotifications": True,
    "showDeleted": False,
    "showHidden": False,
}
