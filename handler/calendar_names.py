"""Which calendar a name means, and the errors about it: one place for a step, a check and a bulk."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from .access_rules import GOOGLE_ID
from .calendar_ids import ID, bare, id_in, is_page
from .characters import appearance, difference, named
from .errors import HandlerError, NotFound, Refused, Unavailable, quote, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .calendar_api import Calendar

PRIMARY = "primary"
ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
MOST_HINTS, MOST_IDS = 3, 10
LONGEST_MISTYPED = 100
"""Characters; nobody types a longer title, and comparing one with thousands takes seconds."""


class Target(NamedTuple):
    """The calendar that is meant."""

    calendar_id: str
    known: bool
    """Whether it is known to exist: an entry of the list, or the account's own primary calendar."""
    owned: bool
    """Whether the list says that the account owns it."""


def find_calendar(calendars: Callable[[], Iterable[Calendar]], name: str, user: str) -> Target:
    """Return the calendar of that title or id; the list is read only if needed.

    An id beats every title, the title that is shown beats the original one, that one
    beats an id in another form (see `meant_id`), and of several calendars with the title
    the one that is owned is meant. `user` is who is acted as,
    "" for nobody. Raises NotFound if none or several are left, Refused if the account
    does not own it.
    """
    if name == PRIMARY:
        return Target(name, known=True, owned=False)
    meant = meant_id(name)
    if meant == name == name.lower() and GOOGLE_ID.fullmatch(name):
        return Target(name, known=False, owned=False)
    matches, titles = _look_up(calendars(), name)
    owned = [calendar for calendar in matches if calendar.access_role == "owner"]
    if len(owned) == 1:
        return _owned(owned[0], name, user)
    if len(matches) == 1:
        return _owned(matches[0], name, user)
    if matches:
        raise ambiguous(name, [calendar.calendar_id for calendar in matches])
    if meant:
        return Target(meant, known=meant == PRIMARY, owned=False)
    if titles is None:
        raise not_found(name, user, nearest=None)
    raise not_found(name, user, _nearest(name, titles))


def is_id(name: str) -> bool:
    """Return whether a calendar's name looks like an id: those of people's primary calendars are addresses."""
    return bool(ADDRESS.fullmatch(name))


def meant_id(name: str) -> str:
    """Return the id that a name means unless it is a calendar's title: also primary, "" if none.

    It may be in quotes or encoded, in capitals, or inside an address of Google's pages.
    """
    if bare(name).lower() == PRIMARY:
        return PRIMARY
    found = id_in(name)
    if GOOGLE_ID.fullmatch(found.lower()) and not GOOGLE_ID.fullmatch(found):
        return found.lower()
    return found or (name if is_id(name) else "")


def names_of(calendar: Calendar) -> set[str]:
    """Return every name that a calendar can be found by, and its id in lower case."""
    known_as = calendar.calendar_id
    return {known_as, known_as.lower(), _normal(calendar.summary_override), _normal(calendar.summary)}


def _look_up(calendars: Iterable[Calendar], name: str) -> tuple[list[Calendar], list[str] | None]:
    """Return the calendars with this name, and the titles of all that are owned; None if there is none at all."""
    # By id: a list that changes while it is read may show a calendar on two pages.
    shown: dict[str, Calendar] = {}
    original: dict[str, Calendar] = {}
    alike: dict[str, Calendar] = {}
    meant = meant_id(name).lower()
    owned_titles: list[str] | None = None
    for calendar in calendars:
        if owned_titles is None:
            owned_titles = []
        if calendar.calendar_id == name:
            return [calendar], []
        summary = _normal(calendar.summary)
        title = (calendar.summary_override and _normal(calendar.summary_override)) or summary
        if title == name:
            shown[calendar.calendar_id] = calendar
        elif summary == name:
            original[calendar.calendar_id] = calendar
        elif meant and meant in (calendar.calendar_id.lower(), PRIMARY if calendar.primary else None):
            alike[calendar.calendar_id] = calendar
        if calendar.access_role == "owner":
            owned_titles.append(title)
    return list((shown or original or alike).values()), owned_titles


def _owned(calendar: Calendar, name: str, user: str) -> Target:
    if calendar.access_role == "owner":
        return Target(calendar.calendar_id, known=True, owned=True)
    raise not_owned(calendar, name, user)


def not_owned(calendar: Calendar, name: str, user: str) -> Refused:
    """Return the error for a calendar that the account, or the user who is acted as, sees and does not own."""
    owner = f"; its data owner is {shown(calendar.data_owner)}" if calendar.data_owner else ""
    return Refused(
        "not_calendar_owner",
        f"{shown(user) or 'The account'} has only the role {shown(calendar.access_role) or 'none'} "
        f"in the calendar {quote(name)}, "
        f"and needs owner to share it{owner}.",
        {"access_role": calendar.access_role, "data_owner": calendar.data_owner},
    )


def told(error: HandlerError, name: str, target: Target) -> HandlerError:
    """Return the error of a call as the caller is told it.

    Just after a calendar was created, Google may refuse an account that its own list
    names as owner: that passes, so it becomes calendar_not_ready.
    """
    refused = isinstance(error, Refused) and error.details.get("reason") == "requiredAccessLevel"
    if not (target.owned and refused):
        return error
    return Unavailable(
        "calendar_not_ready",
        f"Google does not treat the account as owner of the calendar {quote(name)} yet, "
        "although its list says so. Try again in a minute.",
        error.details,
    )


def ambiguous(name: str, ids: Sequence[str]) -> NotFound:
    """Return the error for a title that several calendars have."""
    more = f" and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else ""
    return NotFound(
        "calendar_ambiguous",
        f"{len(ids)} calendars are called {quote(name)}; "
        f"give the id instead of the title: {', '.join(map(shown, ids[:MOST_IDS]))}{more}",
        {"calendar_ids": list(ids)},
    )


def not_found(name: str, user: str, nearest: Sequence[str] | None = ()) -> NotFound:
    """Return the error for a name that no calendar has, with titles that resemble it; None if the list is empty."""
    return NotFound(
        "calendar_not_found",
        f"Invalid Calendar Name: Account does not contain the calendar '{shown(name)}'."  # as version 1 has it
        f"{f' The account is that of {shown(user)}.' if user else ''}{next(_hints(name, nearest), '')}",
        {"nearest": list(nearest or ())},
    )


def _hints(name: str, nearest: Sequence[str] | None) -> Iterator[str]:
    """Yield sentences that say what may be meant instead, the best one first."""
    looks = appearance(name)
    for near in nearest or ():
        if near.casefold() != name.casefold() and appearance(near) == looks:
            yield f" {quote(near)} looks the same: {difference(name, near)}."
    meant = meant_id(name)
    if meant.lower() not in ("", name.lower()):
        yield f" It was taken for the id {quote(meant)}."
    if is_page(name):
        yield " It is an address that names no single calendar; give the id, which the calendar's settings show."
    if nearest:
        yield f" Did you mean {' or '.join(map(quote, nearest))}?"
    if not meant and (inside := ID.search(name)):
        yield f" If its id is {quote(inside[0])}, give that alone."
    if meant and not name.isascii():
        yield f" It holds {named(name, next(place for place, one in enumerate(name) if not one.isascii()))}."
    if nearest is None:
        yield " Its list is empty: name it by its id, or let a service account act as a user (act_as)."


def _nearest(name: str, titles: list[str]) -> list[str]:
    """Return at most three titles that look the same as the name, or else resemble it, the closest first."""
    looks = appearance(name)
    if same := [title for title in titles if appearance(title) == looks]:
        return same[:MOST_HINTS]
    if len(name) > LONGEST_MISTYPED:
        return []
    import difflib  # 9 ms to import, and needed only for a mistake

    folded: dict[str, str] = {}
    for title in titles:
        folded.setdefault(title.casefold(), title)
    return [folded[near] for near in difflib.get_close_matches(name.casefold(), folded, n=MOST_HINTS)]


def _normal(title: str) -> str:
    return (title if title.isascii() else unicodedata.normalize("NFC", title)).strip()
