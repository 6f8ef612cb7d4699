"""Characters that are not seen, and texts that look the same."""

from __future__ import annotations

import pytest

from handler.characters import appearance, difference, hidden_at


@pytest.mark.parametrize(
    "text",
    ["a\u00ada", "a\u200da", "a\u00a0a", "a\u2003a", "a\ufeffa", "a\ue000a",
     "a\U000e0101a", "a\ufe0fa", "a\ufffda", "a\u3164a"],
)  # fmt: skip
def test_what_is_not_seen_is_found(text):
    """Format, private and blank characters are found by their place, whatever their category is."""
    assert hidden_at(text) == 1


@pytest.mark.parametrize("text", ["", "a b", "o'brien@acme.com", "m\u00fcnchen.de", "\u4f8b\u3048.jp"])
def test_what_is_seen_is_not_found(text):
    """Letters of any script and the space are seen."""
    assert hidden_at(text) == -1


@pytest.mark.parametrize(
    "text",
    [
        "Team\u00a0Holidays", "Team  Holidays", " team holidays", "Team Holi\u00addays", "Team\u200b Holidays",
        "\uff34eam Holidays", "T\u0435am Holidays", "\u03a4eam Holidays", "Team Holidays\ufe0f",
    ],
)  # fmt: skip
def test_texts_that_look_the_same(text):
    """Blanks, capitals, what is not seen and letters of other scripts make no difference to the eye."""
    assert appearance(text) == appearance("Team Holidays")


@pytest.mark.parametrize(("one", "other"), [("A\u2013B", "A-B"), ("Jane\u2019s", "Jane's"), ("\u201cA\u201d", '"A"')])
def test_dashes_and_quotes_look_the_same(one, other):
    """A dash is a dash and a quote a quote, whichever a program makes of it."""
    assert appearance(one) == appearance(other)


@pytest.mark.parametrize(
    ("name", "title", "says"),
    [
        ("Team A", "Team\u00a0A", "it has U+00A0 (no-break space) as character 5, and the name given U+0020 (space)"),
        ("Team A", "Team A\u200b", "it has U+200B (zero width space) as character 7, and the name given nothing"),
        ("team A", "Team\u00a0A", "it has U+00A0 (no-break space) as character 5, and the name given U+0020 (space)"),
        (
            "Te\u00adam",
            "Team",
            "the name given has U+00AD (soft hyphen) as character 3, and it has U+0061 (latin small",
        ),
        ("Team A\u200b", "Team A", "the name given has U+200B (zero width space) as character 7, and it ends before"),
    ],
)
def test_the_first_difference_is_told(name, title, says):
    """Which character stands where is said of both texts."""
    assert difference(name, title).startswith(says)
