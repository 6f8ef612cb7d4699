"""CONTRIBUTING.md names what is there: its examples of style stand in the code, its places exist."""

from __future__ import annotations

import re

import pytest

from ..support.docs import ROOT, read

PAGE = "CONTRIBUTING.md"
STYLE = read(PAGE).partition("## Style")[2].partition("\n## ")[0]
RULES = re.findall(r"^- (.+)$", STYLE, re.MULTILINE)
PLACE = re.compile(r"`([\w./-]+\.(?:py|cfg|toml|yaml|md)|Makefile)`")


def test_the_style_is_ten_lines():
    """It is short enough to be read before the first change."""
    assert len(RULES) == 10


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.partition(":")[0])
def test_each_rule_of_style_has_a_true_example(rule):
    """The example stands in the file that the rule names."""
    found = re.search(r": `(.+)` in \[[^\]]+\]\(([^)]+)\)\.$", rule)
    assert found, rule
    assert found[1] in read(found[2])


def test_each_place_of_a_recipe_is_there():
    """A file that a recipe sends somebody to exists, as it is written or beside the others of its step."""
    places = [
        place
        for place in PLACE.findall(read(PAGE))
        if place.isascii() and not re.search("[A-Z]{4}_|ENGINE|VERB", place)
    ]
    assert places
    for place in places:
        assert (ROOT / place).exists() or list((ROOT / "handler").rglob(place)), place


def test_each_name_of_a_recipe_is_in_its_file():
    """A constant that a recipe names is in the file that it links to or names beside it."""
    named = re.findall(
        r"`([A-Z][A-Z_]{4,})`(?: or `[A-Z_]+`)? (?:of|in)(?: the)? (?:\[[^\]]+\]\(([^)]+)\)|`([^`]+)`)", read(PAGE)
    )
    assert {name for name, *_ in named} >= {
        "REASONS",
        "CALENDAR_ROWS",
        "VARIABLES",
        "VERBS",
        "THIRD_PARTIES",
        "ENGINES",
    }
    for name, linked, path in named:
        assert re.search(rf"^{name}\b", read(linked or path), re.MULTILINE), name
