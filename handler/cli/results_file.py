"""Writes what came of each row of a bulk, as it comes, into a new CSV file like the one with the rows.

A file that is there is never written over: what a recipient had before is known only to
the run that changed it, and is needed to undo the change.
"""

from __future__ import annotations

import csv
from itertools import count
from typing import TYPE_CHECKING, Any

from ..descriptor import load
from ..documents import wrong_file
from .row_file import MARK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ..bulk import Outcome
    from .row_file import RowFile

FOUND = ("change", "previous_access", "granted_access", "rule_id", "calendar_id", "error_code", "error_message")


class ResultsFile:
    """A line for each row, on disk as soon as it is written here."""

    def __init__(self, path: Path, like: RowFile) -> None:
        """Begin the file; raises InvalidInput if it is there already or cannot be written."""
        self.path = path
        self._parameters = [name for name in load().parameters.fields if name != "error_handling"]
        try:
            self._file = path.open("x", encoding="utf-8", newline="")
        except FileExistsError:
            raise wrong_file(path, "is there already, and says how to undo an earlier run; name another file") from None
        except OSError as error:
            raise wrong_file(path, f"cannot be written: {error.strerror}") from None
        if like.marked:
            self._file.write(MARK)
        self._writer = csv.writer(self._file, delimiter=like.delimiter, lineterminator="\n")
        self._write(["line", *self._parameters, *FOUND])

    def write(self, line: int, row: Mapping[str, Any], outcome: Outcome) -> None:
        """Write what came of a row; its parameters stand there as they were given."""
        results, error = outcome.get("results", {}), outcome.get("error", {})
        found = {
            **results,
            "granted_access": results.get("calendar_access", ""),
            "error_code": error.get("code", ""),
            "error_message": error.get("message", ""),
        }
        given = (_text(row.get(name)) for name in self._parameters)
        self._write([str(line), *given, *(found.get(name, "") for name in FOUND)])

    def __enter__(self) -> ResultsFile:  # noqa: PYI034 -- typing.Self needs Python 3.11
        """Give the file itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the file."""
        self._file.close()

    def _write(self, cells: Iterable[str]) -> None:
        self._writer.writerow(cells)
        self._file.flush()


def file_beside(rows: Path) -> Path:
    """Give the name of the first results file of these rows that is not there yet."""
    names = (f"{rows.stem}.results{f'-{number}' if number > 1 else ''}.csv" for number in count(1))
    return next(path for path in map(rows.with_name, names) if not path.exists())


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return value if isinstance(value, str) else ""
