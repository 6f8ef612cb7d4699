"""Writes what came of a parameter file into it, where the file says nothing yet, for a person to judge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...documents import parsed, read, read_text, written, wrong_file
from ...errors import InvalidInput
from ...testing.cases import Case, Report, play, read_case

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...testing.cases import Outcome


def fill(case: Case) -> tuple[Report, str]:
    """Put what came behind the file's last line: expect, calls, waits and after, where they are missing.

    Returns the report of the filled case, and the lines that were added. Nothing is if what
    the file does say comes out otherwise. Raises InvalidInput for a file that takes no more lines.
    """
    path = Path(case.file)
    case = read_case(path, to_fill=True)  # as it is now: it may have been named, and filled, twice
    document = read(path)
    missing = {key: value for key, value in _came(play(case)).items() if key not in document}
    report = play(replace(case, **missing))  # once more, so that only what comes again is written
    if report.differences or not missing:
        return report, ""
    text = read_text(path)
    line = "\r\n" if "\r\n" in text else "\n"
    added = written(missing).replace("\n", line)
    behind = added if text.endswith("\n") else f"{line}{added}"
    if _parsed(f"{text}{behind}", path) != {**document, **missing}:
        problem = "cannot be filled, as only YAML with a line for each key takes more keys; nothing was written"
        raise wrong_file(path, problem)
    try:
        with path.open("ab") as file:  # what is there already stays as it is, comments included
            file.write(behind.encode())
    except OSError as error:
        raise wrong_file(path, f"cannot be written: {error.strerror}") from None
    return report, added


def _came(report: Report) -> dict[str, Any]:
    """Return what a file would say to expect exactly this."""
    after: dict[str, Any] = {}
    if report.after != report.before:
        after["rules"] = {calendar: roles for calendar, roles in report.after.items() if roles}
    if report.mails:
        after["mails"] = report.mails
    if report.added_to_lists:
        after["added_to_lists"] = report.added_to_lists
    came = {"expect": _expectation(report.outcome), "calls": report.calls, "waits": report.waits, "after": after}
    return {key: value for key, value in came.items() if value or key in {"expect", "calls"}}


def _expectation(outcome: Outcome) -> Mapping[str, Any]:
    if "rows" in outcome:
        return {"rows": [_expectation(row) for row in outcome["rows"]]}
    if "results" in outcome:
        return {"results": {name: value for name, value in outcome["results"].items() if value}}
    told = {name: outcome["error"][name] for name in ("code", "message", "retry_after")}
    return {"error": {name: value for name, value in told.items() if value is not None}}


def _parsed(text: str, path: Path) -> Any:
    try:
        return parsed(text, path)
    except InvalidInput:
        return None
