"""Shows what a bulk would change: access that is taken away or lowered apart from what is raised, lists at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...access_rules import ROLES
from ...errors import shown
from ..output import columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ...results import ResultId

LISTED = "Added to the recipient's list"
SECTIONS = ("Removed", "Lowered", "Raised", LISTED)


def plan_table(found: Iterable[tuple[int, Mapping[str, Any], Mapping[ResultId, str]]]) -> Iterator[str]:
    """Yield the lines of the tables; `found` has line, row and results of each row that can be shared."""
    rows = list(found)
    several = len({results["acted_as"] for *_, results in rows}) > 1  # one title is two calendars then
    tables: dict[str, list[tuple[str, ...]]] = {}
    for line, row, results in rows:
        user = (results["acted_as"],) if several else ()
        cells = (f"{line:>4}", shown(row["calendar_name"].strip()), *user, shown(results["rule_id"]))
        before, after = results["previous_access"], results["calendar_access"]
        if results["change"] != "unchanged":
            tables.setdefault(_section(before, after), []).append((*cells, before, after))
        if results["list_entry"] == "added":
            tables.setdefault(LISTED, []).append(cells)
    head = ("Line", "Calendar", *(("Acted as",) if several else ()), "Recipient")
    for section in SECTIONS:
        if section in tables:
            yield f"{section} ({len(tables[section])})"
            yield from columns([head if section == LISTED else (*head, "Before", "After"), *tables[section]])
            yield ""


def _section(before: str, after: str) -> str:
    if after == "none":
        return "Removed"
    # A role that is not known here may be more than any.
    return "Raised" if before in ROLES and ROLES.index(before) < ROLES.index(after) else "Lowered"
