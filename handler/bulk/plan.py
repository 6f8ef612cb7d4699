"""The rows of a bulk: all are checked against every rule before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..access_rules import grantee_of
from ..acting import misplaced
from ..calendar_names import PRIMARY, is_id
from ..descriptor import invalid_input, load
from ..errors import InvalidInput, Refused, quote
from ..guard_rails import allowed_wish

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..share import Wish

FIELDS = {
    "role": "calendar_access",
    "notify": "send_notifications",
    "dry_run": "dry_run",
    "add_to_list": "add_to_list",
}
"""What two rows for one recipient must not differ in, as parameters; whom they act as they may."""


class Plan(NamedTuple):
    """What is asked for, row by row."""

    info: Mapping[str, str]
    wishes: list[Wish]
    place: Callable[[int], str]
    """Returns where a row stands, by its number from 0 on."""


def read_plan(info: object, rows: object, place: Callable[[int], str], wrong: Mapping[str, str]) -> Plan:
    """Check info values and rows against the descriptor, the guard rails and one another.

    `wrong` has the problems known already. Raises InvalidInput with every
    problem of every row; Refused (policy_refused) if guard rails forbid rows and
    nothing else is wrong; InvalidDescriptor.
    """
    descriptor = load()
    values, info_problems = descriptor.info.read(info)
    wrong = {**wrong, **info_problems}
    if not isinstance(rows, Iterable) or isinstance(rows, str | bytes | Mapping):
        raise invalid_input({**wrong, "rows": f"is of the type {type(rows).__name__}, but must be a list of mappings"})
    wishes: dict[int, Wish] = {}
    problems: dict[int, dict[str, str]] = {}
    forbidden: dict[int, Refused] = {}
    for number, row in enumerate(rows):
        params, row_problems = descriptor.rows.read(row)
        row_problems = {**row_problems, **misplaced(values, params)}
        if row_problems:
            problems[number] = {f"{place(number)}: {name}": problem for name, problem in row_problems.items()}
        elif not info_problems:
            try:
                wishes[number] = allowed_wish(values, params)
            except Refused as error:
                forbidden[number] = error
                problems[number] = {place(number): error.message.replace("\n", " ")}
    for number, problem in disagreements(wishes, place, _folded_name).items():
        problems[number] = {place(number): problem}
    if wrong or problems:
        raise refusal(problems, forbidden, wrong)
    return Plan(values, list(wishes.values()), place)


def refusal(
    problems: Mapping[int, Mapping[str, str]], forbidden: Mapping[int, Refused], wrong: Mapping[str, str]
) -> InvalidInput | Refused:
    """Return one error about all rows: invalid_input, unless guard rails forbid rows and nothing else is wrong."""
    found = invalid_input(
        {**wrong, **{name: text for _, row in sorted(problems.items()) for name, text in row.items()}}
    )
    if wrong or len(problems) > len(forbidden):
        return found
    rails = list(dict.fromkeys(rail for error in forbidden.values() for rail in error.details["guard_rails"]))
    return Refused("policy_refused", found.message, {**found.details, "guard_rails": rails})


def disagreements(
    wishes: Mapping[int, Wish], place: Callable[[int], str], calendar: Callable[[Wish], tuple[str, str]]
) -> dict[int, str]:
    """Return the problem of each row that contradicts an earlier one for the same recipient of the same calendar."""
    first: dict[tuple[tuple[str, str], str], int] = {}
    wrong: dict[int, str] = {}
    for number, wish in wishes.items():
        before = first.setdefault((calendar(wish), grantee_of(wish.rule_id)), number)
        other = wishes[before]
        if differing := [name for field, name in FIELDS.items() if getattr(wish, field) != getattr(other, field)]:
            called = f"called {quote(other.calendar_name)}" if other.calendar_name != wish.calendar_name else ""
            acting = f"as {other.act_as or 'the service account'}" if other.act_as != wish.act_as else ""
            also = f", there {' '.join(filter(None, (called, acting)))}" if called or acting else ""
            whom = wish.recipient or "the public"
            wrong[number] = (
                f"disagrees with {place(before)} in {' and '.join(differing)}: both are for {whom} "
                f"in the calendar {quote(wish.calendar_name)}{also}; keep one of them"
            )
    return wrong


def _folded_name(wish: Wish) -> tuple[str, str]:
    """Return what is the same for rows that mean one calendar, as far as their names tell: a user, and a name."""
    if wish.calendar_name == PRIMARY:
        return "", wish.act_as or PRIMARY
    # Ids are case-insensitive and one for all; titles are each user's own.
    return ("", wish.calendar_name.lower()) if is_id(wish.calendar_name) else (wish.act_as, wish.calendar_name)
