"""Writes what came of a parameter file: as text, JSON and XML."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TextIO

from ...descriptor import load
from ...errors import visible
from ...results import Results
from ..output import GREEN, RED, aligned, error_xml, paint, xml_element, xml_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ...testing.cases import Outcome, Report

LABEL_WIDTH = 10
NOT_SEEN = "not seen with --live, nor are rules and mails"


def text_report(report: Report, stream: TextIO, *, live: bool) -> str:
    """Return the report as a person reads it; `stream` is where it will be written."""
    case = report.case
    verdict = paint("FAIL", RED, stream) if report.differences else paint("PASS", GREEN, stream)
    lines = [
        f"{verdict}  {visible(case.file)}",
        f"      {visible(case.what)}",
        *_block("expected", _expected(case.expect)),
        *_block("got", _got(report.outcome)),
        *_block("calls", [NOT_SEEN] if live else [", ".join(report.calls) or "none"]),
        *([] if live else _block("rules", _rules(report.before, report.after))),
        *_block("wrong", (line for difference in report.differences for line in difference.splitlines())),
    ]
    return "\n".join([*lines, ""])


def json_report(report: Report, *, live: bool) -> dict[str, Any]:
    """Return the report as JSON values; what cannot be seen is null."""
    return {
        "file": report.case.file,
        "ok": not report.differences,
        "expected": report.case.expect,
        "got": report.outcome,
        "calls": None if live else report.calls,
        "before": None if live else report.before,
        "after": None if live else report.after,
        "differences": report.differences,
    }


def xml_reports(reports: Iterable[Report]) -> str:
    """Return `<cases>` with a `<case>` for each report, which holds the results or the error."""
    return "\n".join(["<cases>", *(line for report in reports for line in _case_xml(report)), "</cases>"])


def _case_xml(report: Report) -> Iterator[str]:
    yield xml_tag("case", file=report.case.file, ok="false" if report.differences else "true")
    yield _outcome_xml(report.outcome)
    yield from (xml_element("difference", difference) for difference in report.differences)
    yield "</case>"


def _outcome_xml(outcome: Outcome) -> str:
    if "rows" in outcome:
        return "\n".join(["<rows>", *map(_outcome_xml, outcome["rows"]), "</rows>"])
    if "error" in outcome:
        return error_xml(outcome["error"])
    return Results(load().titles, outcome["results"]).to_xml()


def _block(label: str, lines: Iterable[str]) -> list[str]:
    """Put the label before the first line, and the others below that line."""
    return [f"  {'' if place else label:<{LABEL_WIDTH}}{visible(line)}".rstrip() for place, line in enumerate(lines)]


def _numbered(rows: Iterable[list[str]]) -> list[str]:
    """Put the number of its row before the first line of each outcome."""
    return [line for number, (first, *others) in enumerate(rows, 1) for line in (f"row {number}: {first}", *others)]


def _expected(expect: Mapping[str, Any]) -> list[str]:
    if "rows" in expect:
        return _numbered(map(_expected, expect["rows"]))
    ((kind, values),) = expect.items()
    shown = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    return [kind, *aligned(shown)]


def _got(outcome: Outcome) -> list[str]:
    if "rows" in outcome:
        return _numbered(map(_got, outcome["rows"]))
    if "error" in outcome:
        return [f"error {outcome['error']['code']}", *outcome["error"]["message"].splitlines()]
    return _outcome_xml(outcome).splitlines()


def _rules(before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the calendars whose rules have changed, each followed by its changes."""
    lines: list[str] = []
    for calendar in sorted({**before, **after}):
        changes = aligned(_changes(before.get(calendar, {}), after.get(calendar, {})))
        lines += [calendar, *changes] if changes else []
    return lines or ["unchanged"]


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for rule in sorted({**before, **after}):
        if rule not in before:
            yield f"+ {rule}", after[rule]
        elif rule not in after:
            yield f"- {rule}", before[rule]
        elif before[rule] != after[rule]:
            yield f"~ {rule}", f"{before[rule]} -> {after[rule]}"
