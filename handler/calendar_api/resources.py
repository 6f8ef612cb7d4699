"""Google's resources, read from the JSON of answers and written into that of requests."""

from __future__ import annotations

import re
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from ..access_rules import answers
from ..errors import HandlerError
from .error_table import WRITES

if TYPE_CHECKING:
    from collections.abc import Iterable

CALENDAR_TEXTS = ("summary", "summaryOverride", "accessRole", "dataOwner")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_new = tuple.__new__  # a NamedTuple's own constructor calls it too, and takes twice as long


class Calendar(NamedTuple):
    """An entry of the account's calendar list; texts that Google left out are ""."""

    calendar_id: str
    summary: str
    summary_override: str
    access_role: str
    data_owner: str
    primary: bool


class Rule(NamedTuple):
    """An access rule of a calendar, as Google answered it."""

    rule_id: str
    role: str


def read_calendars(entries: list[Any]) -> Iterable[Calendar]:
    """Return the calendars of a page; raises HandlerError for an entry that cannot be one."""
    # By columns: looking at each entry by itself takes a fifth longer, JSON included.
    try:
        ids = [entry["id"] for entry in entries]
        texts = [[entry.get(key, "") for entry in entries] for key in CALENDAR_TEXTS]
        primary = [entry.get("primary") is True for entry in entries]
        plain = all(ids) and "".join(ids).isascii()
        for column in texts:
            "".join(column)  # a TypeError if one is no text
    except (AttributeError, KeyError, TypeError):
        plain = False
    if not plain:
        return map(_read_calendar, entries)
    return map(_new, repeat(Calendar), zip(ids, *texts, primary, strict=True))


def _read_calendar(entry: Any) -> Calendar:
    """Read an entry that may have missing or malformed fields."""
    if not isinstance(entry, dict) or not entry.get("id") or not is_text(entry["id"]):
        raise unexpected("calendarList.list")
    summary, override, role, owner = (text if isinstance(text := entry.get(key), str) else "" for key in CALENDAR_TEXTS)
    return Calendar(entry["id"], summary, override, role, owner, entry.get("primary") is True)


def read_rule(method: str, found: Any) -> Rule:
    """Return the rule that a method answered; raises HandlerError if it cannot be one."""
    rule_id, role = (found.get("id"), found.get("role")) if isinstance(found, dict) else (None, None)
    if not is_text(rule_id) or not isinstance(role, str):
        raise unexpected(method)
    return Rule(rule_id, role)


def read_wanted_rule(method: str, wanted: str, found: dict[str, Any] | None) -> Rule | None:
    """Return the rule with the wanted id, None if nothing was found; raises HandlerError for any other rule."""
    if found is None:
        return None
    rule = read_rule(method, found)
    if not answers(wanted, rule.rule_id):
        raise unexpected(method)
    return rule


def rule_body(rule_id: str, role: str) -> dict[str, Any]:
    """Return a rule as Google takes it."""
    kind, _, value = rule_id.partition(":")
    return {"scope": {"type": kind, "value": value} if value else {"type": kind}, "role": role}


def is_text(value: Any) -> TypeGuard[str]:
    """Return whether this is text that can be sent: JSON may hold a lone surrogate."""
    return isinstance(value, str) and (value.isascii() or not LONE_SURROGATE.search(value))


def unexpected(method: str) -> HandlerError:
    """Return the error about an answer of the wrong shape."""
    landed = " The change may have been made all the same; run the step again to see." if method in WRITES else ""
    return HandlerError(
        "unexpected_answer",
        f"An answer to {method} that cannot be Google's. "
        f"Look for a proxy or a login page between this machine and Google.{landed}",
        {"method": method},
    )
