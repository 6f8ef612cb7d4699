"""What a person reads about an error says each thing once."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from handler.descriptor import load
from handler.testing.cases import play

from ..support.parameter_files import CASES

LONGEST = 3
"""So many words in a row may stand in the message and in the remedy."""


def words(text):
    """Return the words of a text, in lower case."""
    return re.findall(r"[a-z0-9']+", text.lower())


def repeated(message, remedy):
    """Return the first words in a row that stand in both, more than may."""
    said, size = f" {' '.join(words(message))} ", LONGEST + 1
    runs = (" ".join(words(remedy)[start : start + size]) for start in range(len(words(remedy)) - LONGEST))
    return next((run for run in runs if f" {run} " in said), "")


def errors(case):
    """Return the errors that a case ends with, its rows' included."""
    outcome = play(replace(case, attempts=1)).outcome
    return [one["error"] for one in (outcome, *outcome.get("rows", ())) if "error" in one]


@pytest.mark.parametrize("code", sorted(load().errors.keys() - {"invalid_descriptor", "installation_broken"}))
def test_the_remedy_says_nothing_that_the_message_says(code):
    """Below its message an error has what is left to say, and something of both says what to do."""
    failing = [case for case in CASES if code in str(case.expect) and "results" not in case.expect]
    assert failing
    for error in (error for case in failing for error in errors(case)):
        remedy = load().remedy(error)
        assert not repeated(error["message"], remedy), error["message"]
        assert remedy or "said_by_message" in load().errors[code] or ". " in error["message"]


@pytest.mark.parametrize("code", [code for code, error in load().errors.items() if "said_by_message" in error])
def test_a_message_that_says_what_to_do_has_no_remedy_beside_it(code):
    """Codes whose messages have it in their own words are marked in handler.yaml, the one place to decide that."""
    error = {"code": code, "message": "What, and what to do.", "details": {}}
    assert load().remedy(error) == ""
    assert load().remedy({**error, "details": {"remedy": "Something else."}}) == "Something else."
