"""The family of errors: told apart by code, and fit to cross process borders."""

from __future__ import annotations

import json
import pickle

import pytest

import handler
from handler import HandlerError, Unavailable
from handler.descriptor import load
from handler.errors import quote, shown, visible

CHILDREN = HandlerError.__subclasses__()


def test_at_most_six_children():
    """The caller tells at most six kinds of error apart."""
    assert len(CHILDREN) <= 6
    assert all(not child.__subclasses__() for child in CHILDREN)


@pytest.mark.parametrize("kind", [HandlerError, *CHILDREN])
def test_errors_survive_pickle(kind):
    """An error pickles with everything it says."""
    error = kind("some_code", "What, which, what to do.", {"fields": {"a": "b"}}, 7.5)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 -- ours
    assert type(copy) is kind
    assert copy.to_dict() == error.to_dict()


def test_to_dict_is_json():
    """An error is plain JSON for callers in another language."""
    error = Unavailable("rate_limited", "Slower.", None, 2.0)
    assert json.loads(json.dumps(error.to_dict())) == {
        "code": "rate_limited",
        "message": "Slower.",
        "retryable": True,
        "retry_after": 2.0,
        "details": {},
    }


def test_str_is_the_message():
    """An error printed is its message, without the code."""
    assert str(HandlerError("some_code", "What, which, what to do.")) == "What, which, what to do."


def test_only_unavailable_is_retryable():
    """Trying again can help after one kind of error only."""
    assert {child for child in CHILDREN if child.retryable} == {Unavailable}


def test_every_error_is_exported():
    """The whole family can be imported from the package."""
    assert {child.__name__ for child in CHILDREN} <= set(handler.__all__)


def test_every_code_in_the_descriptor_says_whether_to_try_again():
    """handler.yaml names as retryable the codes that Unavailable is raised with."""
    retryable = {code for code, error in load().errors.items() if error["retryable"]}
    assert retryable == {"calendar_not_ready", "rate_limited", "google_unavailable"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "'plain'"),
        ("a\nb\u2028c\ud800", "'a\ufffdb\ufffdc\ufffd'"),
        ("Jane's", '"Jane\'s"'),
        ('Jane\'s "own"', '\u201cJane\'s "own"\u201d'),
        ("x" * 100, f"'{'x' * 100}'"),
        ("x" * 101, f"'{'x' * 99}\u2026'"),
    ],
    ids=["plain", "one line", "apostrophe", "both quotes", "100 characters", "101 characters"],
)
def test_quoted_text_is_one_short_line(text, expected):
    """Foreign text in a message keeps to its line and to 100 characters, in quotes that it does not hold."""
    assert quote(text) == expected
    assert shown(text) == expected[1:-1]


@pytest.mark.parametrize(
    "character",
    [
        *("\0", "\x1b", "\x7f", "\x9b", "\r"),
        *("\u202a", "\u202e", "\u2066", "\u2069", "\u200e", "\u200f", "\u061c"),
        *("\u00ad", "\u200b", "\u2060", "\ufeff", "\u180e", "\U000e0041", "\u2028", "\ud800"),
        *("\ue000", "\U0010fffd", "\u0378", "\uffff", "\U000e0fff"),
    ],
    ids=ascii,
)
def test_what_cannot_be_seen_is_shown_as_a_sign(character):
    """No character that moves the cursor, turns the direction or hides reaches a terminal raw."""
    assert visible(f"a{character}b") == "a\ufffdb"


@pytest.mark.parametrize(
    "title",
    [
        "Plain",
        "\u05d9\u05d5\u05de\u05df",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0915\u094d\u200d\u0937",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f3f3\ufe0f\u200d\U0001f308",
        "\U0001faff",
        "\u0600\u0661",
        "a\u00a0b\u3000c",
    ],
    ids=ascii,
)
def test_what_people_write_is_shown_as_it_is(title):
    """Any script, emoji that are joined or newer than Python, and wide blanks stay whole."""
    assert visible(title) == title


@pytest.mark.parametrize(
    "text", ["a\u200db", "\u200d", "\u0645\u200c", "\u0645\u200c\u200c\u0645", "x\u200c\u0645"], ids=ascii
)
def test_a_joiner_that_joins_nothing_is_shown(text):
    """Two titles that look the same do not differ by a joiner that nobody sees."""
    assert "\ufffd" in visible(text)
