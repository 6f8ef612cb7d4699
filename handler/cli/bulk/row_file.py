"""Reads the rows of a bulk from a file: CSV as spreadsheets write it, or JSON Lines."""

from __future__ import annotations

import csv
import functools
import io
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ...descriptor import invalid_input, load
from ...documents import read_text, wrong_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LARGEST_BYTES = 100_000_000
DELIMITERS = (",", ";", "\t")
"""The first is what most programs write; spreadsheets take the semicolon where the comma marks decimals."""
MARK = "\ufeff"
"""The byte order mark, with which spreadsheets begin UTF-8 text, and without which they do not read it as such."""
SEPARATOR = re.compile(r'"?sep=(\\t|[^\w"\r\n])"?(?:\r\n|\r|\n)', re.IGNORECASE)
"""A first line that tells spreadsheets what stands between the columns."""
FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""How a cell begins that a spreadsheet would calculate, behind any apostrophes."""
NO_JSON = "is not well-formed JSON; write each row as a JSON object in a line of its own"
NO_OBJECT = 'is JSON, but no object with parameters; write it as {"calendar_name": "...", ...}'
QUOTES = (
    "is not well-formed CSV: a quote is opened and not closed, or text stands behind a closed one; "
    "write a quote inside a value twice, and quotes around the value"
)


class RowFile(NamedTuple):
    """What a file says."""

    rows: list[dict[str, Any]]
    """Parameters by id, as they stand there."""
    lines: list[int]
    """The line that each row begins in, from 1 on."""
    problems: dict[str, str]
    """What is wrong with a line, by `line N`; it is none of the rows."""
    delimiter: str
    marked: bool
    """Whether the file begins with a byte order mark."""


def read_rows(path: Path) -> RowFile:
    """Read a file; raises InvalidInput if it cannot be read, has no rows, or a header that is wrong.

    A file that begins with { is JSON Lines, any other one CSV. Columns and keys are
    ids or labels of parameters; blank lines are skipped.
    """
    text = read_text(path, LARGEST_BYTES, "; save it as CSV UTF-8 in Excel (workbooks are not read)")
    marked, text = text.startswith(MARK), text.removeprefix(MARK)
    declared = SEPARATOR.match(text)
    if declared:
        text = "\n" + text[declared.end() :]  # still a line, so that those behind it keep their numbers
    problems: dict[str, str] = {}
    delimiter = DELIMITERS[0]
    if text.lstrip().startswith("["):
        raise wrong_file(path, "is one JSON array; write each row as a JSON object in a line of its own")
    if text.lstrip().startswith("{"):
        found = _json_rows(text, problems)
    else:
        delimiter = declared[1].replace(r"\t", "\t") if declared else _delimiter(text)
        found = _csv_rows(text, delimiter, problems)
    pairs = list(found)
    if not pairs and not problems:
        raise wrong_file(path, "has no rows; below the header there has to be a line for each share")
    return RowFile([row for _, row in pairs], [line for line, _ in pairs], problems, delimiter, marked)


def as_text(cell: str) -> str:
    """Return a cell as spreadsheets take it for text, whatever it begins with; `read_rows` makes the same of both."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def _from_text(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def _csv_rows(text: str, delimiter: str, problems: dict[str, str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line and row; raises InvalidInput for a wrong header."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    line = 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                if not names:
                    names = _header(line, cells)
                elif any(map(str.strip, cells[len(names) :])):
                    problems[f"line {line}"] = (
                        f"has {len(cells)} cells, and the header {len(names)}; "
                        f"put quotes around a value that holds a {delimiter!r}"
                    )
                else:
                    yield line, dict(zip(names, map(_from_text, cells), strict=False))
            line = reader.line_num + 1
    except csv.Error as error:
        large = f"has a cell of more than {csv.field_size_limit():,} characters; a quote may be opened and not closed"
        problems[f"line {line}"] = large if "field larger" in str(error) else QUOTES


def _delimiter(text: str) -> str:
    """Return the delimiter that makes the most parameters of the header."""
    header = next(filter(str.strip, text.splitlines()), "")
    known = _ids()
    return max(DELIMITERS, key=lambda mark: sum(_plain(name.strip('"')) in known for name in header.split(mark)))


def _header(line: int, cells: list[str]) -> list[str]:
    """Return the ids of the columns; one that begins with _ keeps its name, and is ignored later."""
    form = load().rows
    names = [_id(cell) for cell in cells]
    while not names[-1]:
        names.pop()
    wrong = {name: problem for name, problem in form.read(dict.fromkeys(names))[1].items() if name not in form.fields}
    wrong = {
        name: f"{text}; begin its name with _ to keep it as a note" if name else text for name, text in wrong.items()
    }
    wrong |= {name: "is there twice" for name in names if names.count(name) > 1}
    wrong |= {name: "has no column" for name in form.schema["required"] if name not in names}
    if wrong:
        raise invalid_input({f"line {line}: {name or 'a column without a name'}": text for name, text in wrong.items()})
    return names


def _json_rows(text: str, problems: dict[str, str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, content in enumerate(io.StringIO(text), 1):
        if not content.strip():
            continue
        try:
            row = json.loads(content, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            problems[f"line {line}"] = str(error) if isinstance(error, _TwiceError) else NO_JSON
        else:
            if isinstance(row, dict):
                yield line, row
            else:
                problems[f"line {line}"] = NO_OBJECT


class _TwiceError(ValueError):
    """A key stands in an object twice."""


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        name = _id(key)
        if name in found:
            raise _TwiceError(f"has {name} twice")
        found[name] = value
    return found


@functools.cache
def _ids() -> dict[str, str]:
    """Return the id of each parameter by its id and its label, both plain."""
    fields = load().parameters.fields
    return {_plain(name): id_ for id_, field in fields.items() for name in (id_, field["title"])}


def _id(name: str) -> str:
    return _ids().get(_plain(name), name.strip())


def _plain(name: str) -> str:
    return name.strip().casefold().replace(" ", "_")
