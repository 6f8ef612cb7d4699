"""Reads the rows of a bulk from a file: CSV as spreadsheets write it, or JSON Lines."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ...documents import read_text, wrong_file
from .header import DELIMITERS, ONE_CELL, column_id, delimiter_of, read_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LARGEST_BYTES = 100_000_000
MARK = "\ufeff"
"""The byte order mark, with which spreadsheets begin UTF-8 text, and without which they do not read it as such."""
MARKS = re.compile(rf'(?<![^\r\n,;\t|"{{:]){MARK}+')
"""Those in front of a line or a cell, which come from files that were put together."""
SEPARATOR = re.compile(r'\s*"?sep= ?(\\t|[^\w"\r\n])"?[ \t,;|]*(?:\r\n|\r|\n|$)', re.IGNORECASE)
"""A first line that tells spreadsheets what stands between the columns, perhaps filled up like a row."""
NOT_READ = "; save it as CSV UTF-8 in Excel (workbooks are not read)"
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
    text = read_text(path, LARGEST_BYTES, NOT_READ)
    marked = text.startswith(MARK)
    text = MARKS.sub("", text) if MARK in text else text
    if declared := SEPARATOR.match(text):
        # Still as many lines, so that those behind them keep their numbers.
        text = "\n" * len(declared[0].splitlines()) + text[declared.end() :]
    problems: dict[str, str] = {}
    delimiter = DELIMITERS[0]
    begin = text.lstrip()[:2]
    if begin.startswith("["):
        raise wrong_file(path, "is one JSON array; write each row as a JSON object in a line of its own")
    if begin.startswith("<"):
        raise wrong_file(path, f"is HTML or XML, as some programs save a workbook{NOT_READ}")
    if begin in ("{", "{\r", "{\n") and _is_json(text):
        raise wrong_file(
            path, "is one JSON object in several lines; write each row as a JSON object in a line of its own"
        )
    if begin.startswith("{"):
        found = _json_rows(text, problems)
    else:
        delimiter = declared[1].replace(r"\t", "\t") if declared else delimiter_of(text)
        found = _csv_rows(text, delimiter, problems)
    pairs = list(found)
    if not text.strip():
        raise wrong_file(path, "is empty; it begins with a header, and has a line for each share below it")
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
                    names = read_header(line, cells, delimiter)
                elif _is_one_cell(cells, names, delimiter):
                    problems[f"line {line}"] = ONE_CELL
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


def _is_one_cell(cells: list[str], names: list[str], delimiter: str) -> bool:
    """Return whether a line has its first cell alone, and all others in it."""
    return 1 < len(names) <= cells[0].count(delimiter) + 1 and not any(map(str.strip, cells[1:]))


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
        name = column_id(key)
        if name in found:
            raise _TwiceError(f"has {name} twice")
        found[name] = value.lstrip(MARK) if isinstance(value, str) else value
    return found


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
