"""Shares one calendar with all its recipients: each user reads its rules once, and only what differs is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..access_rules import grantee_of
from ..calendar_names import not_found, told
from ..descriptor import load
from ..errors import HandlerError
from ..results import Results
from ..share import Share
from .targets import NOT_OF_A_ROW

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..calendar_api import Rule
    from ..results import ResultId
    from ..share import Wish
    from .outcomes import Outcome
    from .paced_calls import Calls
    from .plan import Plan
    from .targets import Targets


class CalendarRows:
    """The rows of a plan, done calendar by calendar; any number of threads may share one each."""

    def __init__(self, plan: Plan, targets: Targets, calls: Calls) -> None:
        """Take the plan, which calendars its rows mean, and what makes the calls."""
        self._plan = plan
        self._targets = targets
        self._calls = calls
        self._titles = load().titles
        self._log = calls.log

    def share(self, users: Mapping[str, list[int]]) -> Iterator[tuple[int, Outcome]]:
        """Share one calendar with all its recipients, one after the other; `users` has the rows' numbers by who acts.

        Google slows down writes to a single calendar in quick succession
        (https://developers.google.com/workspace/calendar/api/guides/quota).
        """
        made: dict[str, list[Rule]] = {}
        for user, numbers in users.items():
            for number, outcome in self._share_as(user, numbers, made):
                yield number, outcome
                if len(users) > 1 and "results" in outcome:
                    made[grantee_of(self._plan.wishes[number].rule_id)] = _rules_of(outcome["results"])

    def _share_as(self, user: str, numbers: list[int], made: dict[str, list[Rule]]) -> Iterator[tuple[int, Outcome]]:
        """Share as one user; `made` has by grantee what this run has made of the calendar's rules."""
        wishes = [self._plan.wishes[number] for number in numbers]
        calendar_id = self._targets.of(wishes[0]).calendar_id
        try:
            session = self._calls.begin(user, reads_only=all(wish.dry_run for wish in wishes))
            rules = self._calls.attempt(session, lambda: session.connection.rules(calendar_id), user)
        except NOT_OF_A_ROW:
            raise
        except HandlerError as error:
            self._calls.note(error, user)
            for number, wish in zip(numbers, wishes, strict=True):
                yield number, self._failed(told(error, wish.calendar_name, self._targets.of(wish)))
            return
        if rules is not None:
            rules |= made  # what another user of this run wrote may not be read yet
        done: dict[str, Outcome] = {}
        for number, wish in zip(numbers, wishes, strict=True):
            grantee = grantee_of(wish.rule_id)
            if grantee not in done:
                done[grantee] = self._outcome(wish, rules)
            yield number, done[grantee]

    def _outcome(self, wish: Wish, rules: Mapping[str, Sequence[Rule]] | None) -> Outcome:
        """Do one row; `rules` None means that Google knows no such calendar."""
        known = self._targets.of(wish)._replace(known=True)
        user = wish.act_as
        recipient = wish.recipient if wish.add_to_list else ""
        try:
            if rules is None:
                raise not_found(wish.calendar_name, user)
            session = self._calls.begin(user, reads_only=wish.dry_run)
            own_list = session.list_of(recipient) if recipient else None
            share = Share(session.connection, wish, self._log, target=known, rules=rules, own_list=own_list)
            results = self._calls.attempt(session, share, user, recipient)
        except NOT_OF_A_ROW:
            raise
        except HandlerError as error:
            self._calls.note(error, user)
            return self._failed(error)
        self._calls.note(None, user)
        return {"results": dict(Results(self._titles, results))}

    def _failed(self, error: HandlerError) -> Outcome:
        self._log("%s: %s", error.code, error.message)
        return {"error": error.to_dict()}


def _rules_of(results: Mapping[ResultId, str]) -> list[Rule]:
    """Return the rules that a grantee has, or would have, after a row."""
    from ..calendar_api import Rule  # imported by now, and by nobody who only reads the descriptor

    role = results["calendar_access"]
    return [] if role == "none" else [Rule(results["rule_id"], role)]
