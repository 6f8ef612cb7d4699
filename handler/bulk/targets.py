"""Which calendar each row means: a user's calendar list is read at most once, and only if a name needs it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from ..acting import acting_user
from ..calendar_names import PRIMARY, find_calendar
from ..errors import HandlerError, InvalidDescriptor, InvalidInput, Refused
from .calendars import Calendars
from .plan import disagreements, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..calendar_api import Calendar
    from ..calendar_names import Target
    from ..share import Wish
    from .paced_calls import Calls
    from .plan import Plan

    Name = tuple[str, str]
    """A user, and what the user calls a calendar."""

NOT_OF_A_ROW = (InvalidInput, InvalidDescriptor)
"""Raised to the caller: once the rows are read, these concern the environment or the installation."""


class Targets:
    """The calendars that the rows of a plan mean, or why they were not found."""

    def __init__(self, plan: Plan, calls: Calls) -> None:
        """Look every name up, user by user.

        Raises InvalidInput if rows disagree after all, as their names mean the same
        calendar, Refused (policy_refused) if a guard rail forbids what a name means, and Stopped.
        """
        self._found: dict[Name, Target] = {}
        self._failed: dict[Name, HandlerError] = {}
        users: dict[str, dict[str, bool]] = {}
        for wish in plan.wishes:
            names = users.setdefault(wish.act_as, {})
            names[wish.calendar_name] = names.get(wish.calendar_name, True) and wish.dry_run
        for user, names in users.items():
            self._look_up(user, names, calls, reads_only=all(names.values()))
        self._hold(plan)

    def of(self, wish: Wish) -> Target:
        """Return the calendar of a row that has not `failed`."""
        return self._found[_name(wish)]

    def failed(self, wish: Wish) -> HandlerError | None:
        """Return why the calendar of a row is not found; None if it is."""
        return self._failed.get(_name(wish))

    def key_of(self, wish: Wish) -> str:
        """Return what is the same for all rows of one calendar, whoever acts and however it is called."""
        calendar_id = self.of(wish).calendar_id
        return (calendar_id if calendar_id != PRIMARY else wish.act_as or PRIMARY).lower()

    def _look_up(self, user: str, names: Iterable[str], calls: Calls, *, reads_only: bool) -> None:
        def read() -> list[Calendar]:
            session = calls.begin(user, reads_only=reads_only)
            return calls.attempt(session, lambda: list(session.connection.calendars()), user)

        calendars = Calendars(read)
        for name in names:
            try:
                self._found[user, name] = find_calendar(functools.partial(calendars.called, name), name, user)
            except NOT_OF_A_ROW:
                raise
            except HandlerError as error:
                self._failed[user, name] = error
        if calendars.failed and calendars.failed.code != "scope_missing":  # ids can be shared without the list
            calls.note(calendars.failed, user)
        for name in names:
            found = self._found.get((user, name))
            if found and found.calendar_id == PRIMARY and calendars.primary_id:
                self._found[user, name] = found._replace(calendar_id=calendars.primary_id)

    def _hold(self, plan: Plan) -> None:
        """Hold what the names mean to one another and to the guard rails, before anything is written."""
        forbidden_names: dict[Name, Refused] = {}
        for (user, name), target in self._found.items():
            try:
                if name != PRIMARY:
                    acting_user(plan.info, user).uphold(target.calendar_id)
            except Refused as error:
                forbidden_names[user, name] = error
        wishes = {number: wish for number, wish in enumerate(plan.wishes) if not self.failed(wish)}
        problems = disagreements(wishes, plan.place, lambda wish: ("", self.key_of(wish)))
        forbidden = {
            number: refused for number, wish in wishes.items() if (refused := forbidden_names.get(_name(wish)))
        }
        told = {number: refused.message for number, refused in forbidden.items()} | problems
        if told:
            raise refusal({number: {plan.place(number): text} for number, text in told.items()}, forbidden, {})


def _name(wish: Wish) -> Name:
    return wish.act_as, wish.calendar_name
