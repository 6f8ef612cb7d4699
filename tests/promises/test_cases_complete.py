"""Nothing that the handler takes, says or translates is without a case."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from handler import HandlerError
from handler.calendar_api import delegation_errors, error_bodies, error_table
from handler.descriptor import load
from handler.testing.cases import play
from handler.testing.emulator import FAULT_KINDS

from ..support.parameter_files import CASES

DESCRIPTOR = load()
FORMS = {"info": DESCRIPTOR.info, "parameters": DESCRIPTOR.parameters}
FIELDS = [(form, field) for form in FORMS for field in FORMS[form].fields]
SPELLINGS = [
    (form, name, spelling)
    for form, name in FIELDS
    for choice in FORMS[form].fields[name].get("oneOf", ())
    for spelling in (choice["const"], *choice.get("x-aliases", ()))
]
TABLES = {"CALENDAR_ROWS": error_table, "TOKEN_ROWS": error_table, "ASSERTION_ROWS": delegation_errors}
"""Tables of Google's errors, and the module of each."""


def _rows(table):
    return getattr(TABLES[table], table)


ROWS = [
    (table, number)
    for table in TABLES
    for number, row in enumerate(_rows(table))
    if table == "TOKEN_ROWS" or row not in error_table.TOKEN_ROWS  # rows of both sign-ins count once
]
REASONS = [
    (table, number, reason)
    for table, number in ROWS
    for reason in sorted(_rows(table)[number].reasons or ())
    if reason != error_bodies.OAUTH_ERROR
]
WITHOUT_A_CASE = {
    "invalid_descriptor": "a case has no handler.yaml of its own; test_descriptor.py writes wrong ones",
    "installation_broken": "a case is played on one Python; test_installation.py hides and breaks packages",
}
"""Codes that no case can expect, each with the reason."""


def _code(case):
    expected = case.expect.get("error", {}).get("code")
    return expected or case.expect.get("results", {}).get("handler_error_code")


def _faults(case):
    return {fault["fault"] for fault in case.google.get("faults", ())}


def _values(form, name):
    """Return every value that a case has for a field, as text."""
    given = [getattr(case, form) for case in CASES]
    return {str(values[name]) for values in given if isinstance(values, dict) and name in values}


class _Seen:
    """Stands in for a row's error class, and remembers the row and the reason."""

    def __init__(self, row, place, seen):
        self.retryable = row.error.retryable
        self._row, self._place, self._seen = row, place, seen

    def __call__(self, code, message, details, retry_after):
        self._seen |= {self._place, (*self._place, details["reason"])}
        return self._row.error(code, message, details, retry_after)


@pytest.fixture(scope="module")
def translated():
    """Return the rows, and the reasons with their rows, that the cases with a failing Google are translated by."""
    seen = set()
    failing = [
        case for case in CASES if case.calls and (_code(case) or _faults(case) & {"error", "error_after", "answer"})
    ]
    with pytest.MonkeyPatch.context() as patch:
        for table, module in TABLES.items():
            rows = enumerate(_rows(table))
            watched = [row._replace(error=_Seen(row, (table, number), seen)) for number, row in rows]
            patch.setattr(module, table, tuple(watched))
        for case in failing:
            play(replace(case, attempts=1))  # a later attempt would be translated like the first
    return seen


@pytest.mark.parametrize("code", DESCRIPTOR.errors)
def test_every_code_is_expected(code):
    """A case expects each error code of handler.yaml, but for those with a reason."""
    assert (code in WITHOUT_A_CASE) != (code in map(_code, CASES))


def test_no_unknown_code_is_expected():
    """No case expects an error code that handler.yaml does not list."""
    assert {_code(case) for case in CASES} - {None} <= DESCRIPTOR.errors.keys()
    assert WITHOUT_A_CASE.keys() <= DESCRIPTOR.errors.keys()


@pytest.mark.parametrize(("form", "name"), FIELDS)
def test_every_field_is_given(form, name):
    """A case gives each info value and parameter of handler.yaml."""
    assert _values(form, name)


@pytest.mark.parametrize(("form", "name", "spelling"), SPELLINGS)
def test_every_spelling_is_given(form, name, spelling):
    """A case gives each value of each menu, and each alias."""
    assert spelling.casefold() in {value.casefold() for value in _values(form, name)}


@pytest.mark.parametrize("result", DESCRIPTOR.titles)
def test_every_result_is_expected(result):
    """A case expects a value of each result of handler.yaml."""
    assert any(case.expect.get("results", {}).get(result) for case in CASES)


@pytest.mark.parametrize(("table", "number"), ROWS)
def test_every_row_is_used(translated, table, number):
    """A case is translated by each row of the tables of Google's errors."""
    assert (table, number) in translated, _rows(table)[number]


@pytest.mark.parametrize(("table", "number", "reason"), REASONS)
def test_every_reason_is_used(translated, table, number, reason):
    """A case is translated by each reason that a row names."""
    assert (table, number, reason) in translated


def test_retryable_is_that_of_the_class():
    """Whether a code is retryable in handler.yaml is what its class says."""
    rows = [row for table in TABLES for row in _rows(table)]
    said = {row.code: row.error.retryable for row in rows}
    assert {code: DESCRIPTOR.errors[code]["retryable"] for code in said} == said
    assert not HandlerError.retryable


@pytest.mark.parametrize("code", sorted({_code(case) for case in CASES if "error" in case.expect}))
def test_retryable_is_raised_as_declared(code):
    """An error that a case expects is retryable if handler.yaml says so."""
    outcomes = (play(case).outcome for case in CASES if "error" in case.expect and _code(case) == code)
    assert next(outcomes)["error"]["retryable"] == DESCRIPTOR.errors[code]["retryable"]


def test_every_sentence_is_unique():
    """No two cases promise the same."""
    sentences = Counter(case.what for case in CASES)
    assert [what for what, times in sentences.items() if times > 1] == []


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_every_fault_is_ordered(kind):
    """A case orders each kind of fault that the emulator knows."""
    assert any(kind in _faults(case) for case in CASES)


def test_every_method_fails_and_passes():
    """A case sees each method of Google fail that the handler calls, and a case sees it called."""
    called = {call for case in CASES for call in case.calls or ()}
    failing = {fault["method"] for case in CASES for fault in case.google.get("faults", ())}
    assert called == failing == {"oauth2.token", *error_table.ANY_METHOD}
