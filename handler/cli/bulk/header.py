"""Reads the header of a table: which parameter each column is, and what stands between the columns."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from ...characters import without_hidden
from ...descriptor import invalid_input, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...descriptor import Form

DELIMITERS = (",", ";", "\t", "|")
"""The first is what most programs write; spreadsheets take the semicolon where the comma marks decimals."""
ONE_CELL = (
    "is a whole line in one quoted cell; save the table anew with a cell for each column, or take these quotes away"
)
FEWEST_KNOWN = 2
"""Parameters in a cell that make it a whole header."""
OF_RESULTS = {"change", "previous_access", "rule_id"}
"""Columns by which a file of results is known."""
MEANT = "is unknown; did you mean "


def column_id(name: str) -> str:
    """Return the id of the parameter with this id or label; another name stays as it is."""
    return _ids().get(_plain(name), without_hidden(name).strip())


def delimiter_of(text: str) -> str:
    """Return the delimiter that makes the most parameters of the header."""
    header = next(filter(str.strip, text.splitlines()), "")
    return max(DELIMITERS, key=lambda mark: _known(header, mark))


def read_header(line: int, cells: Sequence[str], delimiter: str) -> list[str]:
    """Return the ids of the columns; one that begins with _ keeps its name, and is ignored later.

    Raises InvalidInput with each wrong column, or once if the line is no header at all.
    """
    form = load().rows
    names = list(map(column_id, cells))
    while len(names) > 1 and not names[-1]:
        names.pop()
    if problem := _no_header(names, delimiter, form):
        raise invalid_input({f"line {line}": problem})
    wrong = dict(_unknown(names, form))
    meant = {problem.removeprefix(MEANT).partition(";")[0] for problem in wrong.values() if problem.startswith(MEANT)}
    wrong |= {name: "is there twice" for name in names if names.count(name) > 1}
    wrong |= {name: "has no column" for name in form.schema["required"] if name not in meant.union(names)}
    if wrong:
        raise invalid_input({f"line {line}: {name or 'a column without a name'}": text for name, text in wrong.items()})
    return names


def _unknown(names: Sequence[str], form: Form) -> Iterator[tuple[str, str]]:
    """Yield each column that is none, with the hint that fits; all that there are is said once."""
    listed = False
    for name, problem in form.read(dict.fromkeys(names))[1].items():
        if name in form.fields:
            continue
        if not name:
            yield name, "has to get one (one that begins with _ for a note), or to be taken out"
            continue
        is_hint = problem.startswith(MEANT)
        told = problem if is_hint or not listed else "is unknown"
        listed = listed or not is_hint
        yield name, f"{told}; begin its name with _ to keep it as a note"


def _no_header(names: Sequence[str], delimiter: str, form: Form) -> str:
    """Return why a line is no header, "" if it is one, right or wrong."""
    if len(names) == 1 and (mark := next((one for one in DELIMITERS if _known(names[0], one) >= FEWEST_KNOWN), "")):
        if mark == delimiter:
            return ONE_CELL
        return f"has {mark!r} between the columns, and the line above names {delimiter!r}; make them the same"
    if set(names) >= OF_RESULTS:
        return (
            "is the header of a results file; to undo its run, make a table of the rows that it changed, "
            "with previous_access as their calendar_access"
        )
    if any(name in form.fields for name in names):
        return ""
    values = {spelling.casefold() for name in ("scope", "calendar_access") for spelling in form.spellings(name)}
    if any(form.named_by(name) for name in names) and not any(
        "@" in name or name.casefold() in values for name in names
    ):
        return ""
    needed = ", ".join(name for name in form.fields if name in {"recipient", *form.schema["required"]})
    # Unquoted: what is no table may be a file of secrets.
    return f"is no header; the first line has to name the columns: {needed}"


def _known(header: str, mark: str) -> int:
    return sum(_plain(name).strip("\"'") in _ids() for name in header.split(mark))


@functools.cache
def _ids() -> dict[str, str]:
    """Return the id of each parameter by its id and its label, both plain."""
    fields = load().parameters.fields
    return {_plain(name): id_ for id_, field in fields.items() for name in (id_, field["title"])}


def _plain(name: str) -> str:
    return "_".join(without_hidden(name).casefold().split())
