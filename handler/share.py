"""The policy: which calendar is meant, what is there, and what has to change.

Knows nothing of HTTP, YAML or engines; it is handed the calendar API.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from .errors import NotFound, Refused, Unavailable, quote, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .calendar_api import Calendar, Connection, Rule

PRIMARY = "primary"
ROLES = ("none", "freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner")
"""Every role, the weakest first."""
# Ids of secondary, resource and system calendars: Google makes them, so no title is one.
GOOGLE_ID = re.compile(r"[^\s@]+@(?:[^\s@]+\.)?calendar\.google\.com")
ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
MOST_HINTS, MOST_IDS = 3, 10
LONGEST_MISTYPED = 100
"""Characters; nobody types a longer title, and to compare one with thousands takes seconds."""


class Target(NamedTuple):
    """The calendar that is meant."""

    calendar_id: str
    known: bool
    """Whether it surely exists: an entry of the list, or the account's own primary calendar."""
    owned: bool
    """Whether the list says that the account owns it."""


class Wish(NamedTuple):
    """What a step asks for."""

    calendar_name: str
    scope: str
    recipient: str
    """In lower case; "" for the public."""
    role: str
    notify: bool
    dry_run: bool

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Wish:
        """Take the parameters as the descriptor spells them; raises KeyError if one is absent that is needed."""
        scope = parameters["scope"]
        return cls(
            calendar_name=parameters["calendar_name"],
            scope=scope,
            recipient="" if scope == "default" else parameters["recipient"].lower(),
            role=parameters["calendar_access"],
            notify=parameters["send_notifications"] == "Yes",
            dry_run=parameters["dry_run"] == "Yes",
        )

    @property
    def rule_id(self) -> str:
        """Id of the recipient's rule, as Google composes it."""
        return f"{self.scope}:{self.recipient}" if self.recipient else self.scope


class Share:
    """One share, which may take several attempts: call it until it passes.

    What the first attempt found out is kept: which calendar is meant, and what the
    recipient had before anything was written.
    """

    def __init__(
        self,
        api: Connection,
        wish: Wish,
        log: Callable[[str], None],
        *,
        target: Target | None = None,
        rules: Mapping[str, Rule] | None = None,
    ) -> None:
        """Take the wish, and what is known already: the calendar, and its rules by id.

        The rules spare the first read and no later one: what was read before a write
        that failed says nothing of what is there after it.
        """
        self._api = api
        self._log = log
        self._name = wish.calendar_name
        self._role = wish.role
        self._notify = wish.notify
        self._dry_run = wish.dry_run
        self._scope = {"type": wish.scope, **({"value": wish.recipient} if wish.recipient else {})}
        self._rule_id = wish.rule_id
        self._target = target
        self._rules = rules
        self._previous = ""

    def __call__(self) -> dict[str, str]:
        """Make the recipient have exactly the wanted role, and give the results.

        Raises NotFound, Refused, AuthorizationFailed, Unavailable, or HandlerError for
        an answer that cannot be Google's.
        """
        try:
            if self._target is None:
                self._target = find_calendar(self._api.calendars, self._name)
                self._log(f"calendar {quote(self._name)} is {self._target.calendar_id}")
            # A rule that somebody else removes between the read and the write is read again, once.
            return self._converge(self._target) or self._converge(self._target) or self._contested()
        except Refused as error:
            if self._target and is_not_ready(self._target, error):
                raise not_ready(self._name, error) from error
            raise

    def _converge(self, target: Target) -> dict[str, str] | None:
        """Read, compare and write; None if the rule was gone when it was to be updated."""
        rule = self._read(target)
        present = rule.role if rule else "none"
        if not self._previous:
            self._previous = present
        self._log(f"{self._rule_id} has {present} and is to have {self._role}")
        if rule is None and not target.known and (self._dry_run or self._role == "none"):
            # Without a write nobody else would notice that there is no such calendar.
            self._confirm(target)
        if self._dry_run or present == self._role:
            return self._results(target, rule, self._role)
        if self._role == "none":
            self._api.delete(target.calendar_id, self._rule_id)
            return self._results(target, rule, "none")
        write = self._insert if present == "none" else self._update
        written = write(target)
        return self._results(target, written, written.role) if written else None

    def _read(self, target: Target) -> Rule | None:
        known, self._rules = self._rules, None
        return self._api.rule(target.calendar_id, self._rule_id) if known is None else known.get(self._rule_id)

    def _update(self, target: Target) -> Rule | None:
        return self._api.update(target.calendar_id, self._rule_id, self._scope, self._role, notify=self._notify)

    def _insert(self, target: Target) -> Rule:
        written = self._api.insert(target.calendar_id, self._scope, self._role, notify=self._notify)
        if written is None:
            # The 404 is about the calendar or about the grantee: Google does not say which.
            if not target.known:
                self._confirm(target)
            raise Refused(
                "recipient_rejected",
                f"Google does not find {quote(self._rule_id)}. Check the spelling, and that the scope fits it.",
                {"status": 404, "reason": "notFound"},
            )
        return written

    def _confirm(self, target: Target) -> None:
        if not self._api.exists(target.calendar_id):
            raise not_found(self._name)

    def _results(self, target: Target, rule: Rule | None, role: str) -> dict[str, str]:
        previous = self._previous
        if previous == self._role:
            change = "unchanged"
        elif previous == "none":
            change = "created"
        else:
            change = "removed" if self._role == "none" else "updated"
        self._log(f"{self._rule_id}: {change}")
        return {
            "calendar_id": target.calendar_id,
            "rule_id": rule.rule_id if rule else self._rule_id,
            "calendar_access": role,
            "previous_access": previous,
            "change": change,
        }

    def _contested(self) -> dict[str, str]:
        raise Unavailable(
            "google_unavailable", f"The rule {quote(self._rule_id)} was gone again each time it was to be updated."
        )


def find_calendar(calendars: Callable[[], Iterable[Calendar]], name: str) -> Target:
    """Give the calendar of that title or id; the list is asked for only if need be.

    An id beats every title, the title that is shown beats the original one, and of
    several calendars with the title the one that is owned is meant. Raises NotFound
    if none or several are left, Refused if the account does not own it.
    """
    if name == PRIMARY:
        return Target(name, known=True, owned=False)
    if GOOGLE_ID.fullmatch(name):
        return Target(name, known=False, owned=False)
    matches, owned_titles = _look_up(calendars(), name)
    owned = [calendar for calendar in matches if calendar.access_role == "owner"]
    if len(owned) == 1:
        return _owned(owned[0], name)
    if len(matches) == 1:
        return _owned(matches[0], name)
    if matches:
        raise ambiguous(name, [calendar.calendar_id for calendar in matches])
    if ADDRESS.fullmatch(name):
        return Target(name, known=False, owned=False)
    raise not_found(name, _nearest(name, owned_titles))


def names_of(calendar: Calendar) -> set[str]:
    """Give every name that a calendar may be found by."""
    return {calendar.calendar_id, _normal(calendar.summary_override), _normal(calendar.summary)}


def _look_up(calendars: Iterable[Calendar], name: str) -> tuple[list[Calendar], list[str]]:
    """Give the calendars that the name fits, and the titles of all that are owned."""
    # By id: a list that changes while it is read may show a calendar on two pages.
    shown: dict[str, Calendar] = {}
    original: dict[str, Calendar] = {}
    owned_titles: list[str] = []
    for calendar in calendars:
        if calendar.calendar_id == name:
            return [calendar], []
        summary = _normal(calendar.summary)
        title = (calendar.summary_override and _normal(calendar.summary_override)) or summary
        if title == name:
            shown[calendar.calendar_id] = calendar
        elif summary == name:
            original[calendar.calendar_id] = calendar
        if calendar.access_role == "owner":
            owned_titles.append(title)
    return list((shown or original).values()), owned_titles


def _owned(calendar: Calendar, name: str) -> Target:
    if calendar.access_role == "owner":
        return Target(calendar.calendar_id, known=True, owned=True)
    raise not_owned(calendar, name)


def not_owned(calendar: Calendar, name: str) -> Refused:
    """Make the error for a calendar that the account sees and does not own."""
    owner = f"; its data owner is {calendar.data_owner}" if calendar.data_owner else ""
    return Refused(
        "not_calendar_owner",
        f"The account has only the role {calendar.access_role or 'none'} in the calendar {quote(name)}, "
        f"and needs owner to share it{owner}.",
        {"access_role": calendar.access_role, "data_owner": calendar.data_owner},
    )


def is_not_ready(target: Target, refused: Refused) -> bool:
    """Say whether Google refuses an owner that its own list names."""
    return target.owned and refused.details.get("reason") == "requiredAccessLevel"


def not_ready(name: str, refused: Refused) -> Unavailable:
    """Make the error for an owner that Google refuses, seen just after a calendar was created."""
    return Unavailable(
        "calendar_not_ready",
        f"Google does not treat the account as owner of the calendar {quote(name)} yet, "
        "although its list says so. Try again in a minute.",
        refused.details,
    )


def ambiguous(name: str, ids: Sequence[str]) -> NotFound:
    """Make the error for a title that several calendars have."""
    more = f" and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else ""
    return NotFound(
        "calendar_ambiguous",
        f"{len(ids)} calendars are called {quote(name)}; "
        f"give the id instead of the title: {', '.join(map(shown, ids[:MOST_IDS]))}{more}",
        {"calendar_ids": list(ids)},
    )


def not_found(name: str, nearest: Sequence[str] = ()) -> NotFound:
    """Make the error for a name that no calendar has, with titles that resemble it."""
    hint = f" Did you mean {' or '.join(map(quote, nearest))}?" if nearest else ""
    return NotFound(
        "calendar_not_found",
        f"Invalid Calendar Name: Account does not contain the calendar {quote(name)}.{hint}",
        {"nearest": list(nearest)},
    )


def _nearest(name: str, titles: list[str]) -> list[str]:
    """Give at most three titles that resemble the name, the most alike first."""
    if len(name) > LONGEST_MISTYPED:
        return []
    import difflib  # 9 ms to import, and needed only for a mistake

    folded: dict[str, str] = {}
    for title in titles:
        folded.setdefault(title.casefold(), title)
    return [folded[near] for near in difflib.get_close_matches(name.casefold(), folded, n=MOST_HINTS)]


def _normal(title: str) -> str:
    return (title if title.isascii() else unicodedata.normalize("NFC", title)).strip()
