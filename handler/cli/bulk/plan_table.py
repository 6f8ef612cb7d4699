"""Shows what a bulk would change: access that is taken away or lowered apart from what is raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...access_rules import ROLES
from ...errors import shown
from ..output import columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ...results import ResultId

SECTIONS = ("Removed", "Lowered", "Raised")


def plan_table(found: Iterable[tuple[int, Mapping[str, Any], Mapping[ResultId, str]]]) -> Iterator[str]:
    """Yield the lines of the tables; `found` has line, row and results of each row that can be shared."""
    tables: dict[str, list[tuple[str, ...]]] = {}
    for line, row, results in found:
        if results["change"] != "unchanged":
            before, after = results["previous_access"], results["calendar_access"]
            cells = (f"{line:>4}", shown(row["calendar_name"].strip()), shown(results["rule_id"]), before, after)
            tables.setdefault(_section(before, after), []).append(cells)
    for section in SECTIONS:
        if section in tables:
            yield f"{section} ({len(tables[section])})"
            yield from columns([("Line", "Calendar", "Recipient", "Before", "After"), *tables[section]])
            yield ""


def _section(before: str, after: str) -> str:
    if after == "none":
        return "Removed"
    # A role that is not known here may be more than any.
    return "Raised" if before in ROLES and ROLES.index(before) < ROLES.index(after) else "Lowered"
