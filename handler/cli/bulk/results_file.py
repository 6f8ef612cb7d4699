"""Writes what came of each row of a bulk, as it comes, into a new CSV file like the one with the rows.

A file that is there is never written over: what a recipient had before is known only to
the run that changed it, and is needed to undo the change.
"""

from __future__ import annotations

import csv
import io
import os
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

from ...calendar_names import PRIMARY
from ...descriptor import load
from ...documents import wrong_file
from .row_file import MARK, as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from ...bulk import Outcome
    from .row_file import RowFile

FOUND = (
    "change",
    "previous_access",
    "granted_access",
    "rule_id",
    "calendar_id",
    "acted_as",
    "list_entry",
    "error_code",
    "error_message",
)
ONLY_OWNER = 0o600


class ResultsFile:
    """A line for each row, on the disk when `write` returns, as long as nothing has `failed`."""

    def __init__(self, path: Path, like: RowFile) -> None:
        """Begin the file; raises FileExistsError if it is there already, and OSError if it cannot be written."""
        self.path = path
        self.failed = ""
        """Why no more is written, in words; "" as long as all is well."""
        self.gone = False
        """Whether the lines that were written are lost as well."""
        self._parameters = [name for name in load().parameters.fields if name != "error_handling"]
        self._delimiter = like.delimiter
        self._size = 0
        self._file = io.FileIO(path, "x", opener=_open)
        try:
            self._append([f"{MARK if like.marked else ''}line", *self._parameters, *FOUND])
            _sync_folder(path.parent)
        except OSError:
            self._file.close()
            path.unlink(missing_ok=True)  # else it would stand in the way of the next run
            raise

    def write(self, line: int, row: Mapping[str, Any], outcome: Outcome) -> None:
        """Write what came of a row, unless something has failed; its parameters stand there as they were given."""
        if self.failed:
            return
        try:
            self._append(map(as_text, self._cells(line, row, outcome)))
        except OSError as error:
            self.failed = f"cannot be written any more: {error.strerror or type(error).__name__}"
            with suppress(OSError):
                self._file.truncate(self._size)  # half a line would be read as another row
            return
        there = os.fstat(self._file.fileno())
        if there.st_nlink == 0 or there.st_size != self._size:
            self.failed, self.gone = "was removed or changed by somebody else", True

    def __enter__(self) -> ResultsFile:  # noqa: PYI034 -- typing.Self needs Python 3.11
        """Return the file itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the file."""
        with suppress(OSError):  # what is in it is on the disk
            self._file.close()

    def _cells(self, line: int, row: Mapping[str, Any], outcome: Outcome) -> Iterator[str]:
        found: dict[str, Any]
        if "error" in outcome:
            error = outcome["error"]
            # An error after a write has in its details what is needed to undo it.
            found = {**error["details"], "error_code": error["code"], "error_message": error["message"]}
        else:
            found = dict(outcome["results"].items())
        if found.get("calendar_id") == PRIMARY:
            found["calendar_id"] = found.get("acted_as") or PRIMARY
        found["granted_access"] = found.get("calendar_access")
        yield str(line)
        yield from (_text(row.get(name)) for name in self._parameters)
        yield from (_text(found.get(name)) for name in FOUND)

    def _append(self, cells: Iterable[str]) -> None:
        text = io.StringIO(newline="")
        # A carriage return is put in quotes only if lines end in one.
        # Before Python 3.11 csv neither writes nor reads a NUL, which only a foreign text can hold.
        whole = [cell.replace("\0", "\N{REPLACEMENT CHARACTER}") for cell in cells]
        csv.writer(text, delimiter=self._delimiter, lineterminator="\r\n").writerow(whole)
        # What Google answers may hold lone surrogates, which UTF-8 has no form for.
        line = text.getvalue().removesuffix("\r\n").encode(errors="backslashreplace") + b"\n"
        unwritten = line
        while unwritten:
            unwritten = unwritten[self._file.write(unwritten) :]
        os.fsync(self._file.fileno())
        self._size += len(line)


def begin_results(named: Path | None, rows: Path, like: RowFile) -> ResultsFile:
    """Begin the named file, or else the first beside the rows that is not there yet.

    Raises InvalidInput if the named one is there, or if the file cannot be written.
    """
    numbers = count(1)
    while True:
        path = named or _beside(rows, next(numbers))
        try:
            return ResultsFile(path, like)
        except FileExistsError:  # asked for by creating it: another run may look for a name, too
            if named:
                raise wrong_file(path, _why_not(path)) from None
        except OSError as error:
            raise wrong_file(path, f"cannot be written: {error.strerror}; name another file with --results") from None


def _why_not(path: Path) -> str:
    """Return why the results do not go where something is already."""
    if path.is_dir():
        return "is a folder; name a new file with --results"
    if not path.is_file():
        return "is no file, but a device or the like, which keeps nothing to undo by; name a new file with --results"
    return "is there already, and may say how to undo an earlier run; name another file"


def _beside(rows: Path, number: int) -> Path:
    return rows.with_name(f"{rows.stem}.results{f'-{number}' if number > 1 else ''}.csv")


def _open(path: str, flags: int) -> int:
    # At the end: in a file that somebody empties meanwhile a line must not leave a hole before it.
    descriptor = os.open(path, flags | os.O_APPEND, ONLY_OWNER)
    if hasattr(os, "fchmod"):  # the umask may have taken more away; Windows has neither
        os.fchmod(descriptor, ONLY_OWNER)
    return descriptor


def _sync_folder(folder: Path) -> None:
    """Let not even a power cut take the name of a new file away."""
    with suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return value if isinstance(value, str) else ""
