"""What a step answers: a dict, and XML that says the same."""

from __future__ import annotations

import pickle
import re
from typing import get_args, get_type_hints
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from handler import Outcome, ResultId, Results
from handler.descriptor import load

TITLES = {"calendar_id": "Calendar Id", "rule_id": 'Rule "Id" <&>'}
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parsed(results: Results) -> dict[str, str]:
    """Read the XML as an engine does."""
    return {result.get("name"): result.text or "" for result in ET.fromstring(results.to_xml())}  # noqa: S314 -- ours


def test_the_ids_for_type_checkers_are_those_declared():
    """A type checker knows just the results of handler.yaml."""
    assert get_args(ResultId) == tuple(load().titles)


def test_what_an_outcome_holds_can_be_read_at_run_time():
    """A library that turns JSON into typed values finds out what an outcome is made of."""
    assert [[*get_type_hints(shape)] for shape in get_args(Outcome)] == [["results"], ["error"]]


def test_every_declared_result_is_there_in_order():
    """A result without a value is "", and the order is the descriptor's."""
    assert list(Results(TITLES, {"rule_id": "x"}).items()) == [("calendar_id", ""), ("rule_id", "x")]


def test_a_value_that_is_not_declared_is_left_out():
    """Only declared results are answered."""
    assert "other" not in Results(TITLES, {"other": "x"})


def test_xml_of_a_plain_answer():
    """The XML has a line a result, named by its title."""
    assert Results({"calendar_id": "Calendar Id"}, {"calendar_id": "a<b>&c\r"}).to_xml() == (
        "<results>\n"
        '  <result name="Calendar Id">a&lt;b&gt;&amp;c&#13;</result>\n'
        "</results>"
    )  # fmt: skip


@given(st.text())
def test_text_comes_back_as_it_went(text):
    """Whatever XML can hold parses back to what went in, and the rest to U+FFFD."""
    assert parsed(Results(TITLES, {"calendar_id": text}))["Calendar Id"] == NOT_XML.sub("\ufffd", text)


@given(st.text(min_size=1))
def test_names_come_back_as_they_went(title):
    """A title of any text names its result."""
    assert parsed(Results({"x": title}, {"x": "1"})) == {NOT_XML.sub("\ufffd", title): "1"}


def test_results_survive_pickle():
    """Results cross process borders with their values and titles."""
    results = Results(TITLES, {"calendar_id": "x"})
    copy = pickle.loads(pickle.dumps(results))  # noqa: S301 -- ours
    assert copy == results
    assert copy.to_xml() == results.to_xml()
