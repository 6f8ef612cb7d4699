"""The verb describe: the descriptor in each form."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from handler.cli.describe.descriptor_tables import Table, markdown, tables
from handler.descriptor import load
from handler.testing.emulator import ACCOUNT

from ..support.command_line import command

PARTS = {"info": "Info values", "parameters": "Parameters", "results": "Results", "errors": "Errors"}


def described(*options):
    """Return what describe writes."""
    status, text, errors = command("describe", *options)
    assert (status, errors) == (0, "")
    return text


def cells(part):
    """Return the columns of a part's table, and its rows by id."""
    header, _, *rows = [
        [cell.strip() for cell in line.strip("|").split(" |")]
        for line in described("--format", "markdown", "--part", part).splitlines()
    ]
    return header, {row[0].strip("`"): dict(zip(header, row, strict=True)) for row in rows}


@pytest.mark.parametrize(
    ("part", "columns"),
    [
        ("info", ["Id", "Label", "Required", "Secret", "Default", "Meaning"]),
        ("parameters", ["Id", "Label", "Required", "Default", "Meaning"]),
        ("results", ["Id", "Title", "Meaning"]),
        ("errors", ["Code", "Try again", "Meaning", "What to do"]),
    ],
)
def test_a_part_is_one_markdown_table(part, columns):
    """docs/reference.md takes one table at a time, with a row for each entry of the descriptor."""
    header, rows = cells(part)
    descriptor = load()
    ids = {
        "info": descriptor.info.fields,
        "parameters": descriptor.parameters.fields,
        "results": descriptor.titles,
        "errors": descriptor.errors,
    }
    assert header == columns
    assert list(rows) == list(ids[part])


def test_the_tables_say_what_is_required_and_secret():
    """Required values, values required in some cases, defaults and secrets can be told apart."""
    _, info = cells("info")
    assert {name: row["Required"] for name, row in info.items()}["enable_debug_logging"] == "no"
    assert [name for name, row in info.items() if row["Secret"] == "yes"] == [
        "client_secret",
        "refresh_token",
        "service_account",
    ]
    _, parameters = cells("parameters")
    assert parameters["calendar_name"]["Required"] == "yes"
    assert parameters["recipient"]["Required"] == "if `scope` is `user`, `group` or `domain`"
    assert parameters["scope"]["Required"] == "if `recipient` is given or `add_to_list` is `Yes`"
    assert parameters["scope"]["Default"] == "`default`"


def test_a_menu_lists_its_choices_with_their_aliases():
    """Every value that may be given stands in the table."""
    _, parameters = cells("parameters")
    assert "<br>- `freeBusyReader`, also `freebusy`: Sees when" in parameters["calendar_access"]["Meaning"]
    assert "<br>- `owner`: As writer" in parameters["calendar_access"]["Meaning"]


def test_errors_say_whether_to_try_again():
    """A reader sees which errors pass by themselves."""
    _, errors = cells("errors")
    assert errors["rate_limited"]["Try again"] == "yes"
    assert errors["invalid_input"]["Try again"] == "no"


def test_markdown_has_every_table_under_its_heading():
    """Without --part the whole descriptor is a page."""
    text = described("--format", "markdown")
    assert text.startswith("# Google Apps Calendar Share\n\n")
    for part, heading in PARTS.items():
        assert f"## {heading}\n\n{described('--format', 'markdown', '--part', part)}" in text


def test_a_cell_cannot_break_its_table():
    """What means something in Markdown tables is written so that it does not."""
    assert markdown(Table("x", ("A",), [("a|b <c>\nd",)])) == "| A |\n| --- |\n| a\\|b &lt;c><br>d |"


@pytest.mark.parametrize(
    ("condition", "required"),
    [
        ({"properties": {"a": {"const": "x"}}}, "if `a` is `x`"),
        ({"required": ["a"], "properties": {"a": {"enum": ["x", "y"]}}}, "if `a` is `x` or `y`"),
        ({"required": ["a"]}, "if `a` is given"),
        ({"not": {"required": ["a"]}}, "in some cases"),
    ],
    ids=["const", "enum", "given", "anything else"],
)
def test_a_condition_is_put_into_words(condition, required):
    """When a field is required follows from the rules of the descriptor."""
    field = {"title": "B", "description": "B."}
    form = {"required": [], "properties": {"b": field}, "allOf": [{"if": condition, "then": {"required": ["b"]}}]}
    found = tables({"info": {"required": [], "properties": {}}, "parameters": form, "results": [], "errors": []})
    assert found["parameters"].rows == [("`b`", "B", required, "", "B.")]


def test_text_is_for_a_terminal():
    """The default form names every entry, is at most 80 columns wide and has no Markdown in it."""
    text = described()
    assert text.startswith("Google Apps Calendar Share (google_apps_calendar_share, version 1)\n\nMakes sure")
    for part in PARTS:
        assert described("--part", part) in text
    for name in (*load().parameters.fields, *load().errors):
        assert f"\n{name}\n" in text
    assert "            - freeBusyReader, also freebusy: Sees when" in text
    assert "`" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_json_is_the_whole_descriptor():
    """A program reads what handler.yaml says."""
    assert json.loads(described("--format", "json")) == load().document


def test_json_schema_holds_parameters_to_the_descriptor():
    """An editor can check the parameters of a step while they are typed."""
    schema = json.loads(described("--format", "json-schema"))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "Parameters of Google Apps Calendar Share"
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    step = {"calendar_name": "x", "scope": "user", "recipient": "jane@acme.com", "calendar_access": "reader"}
    assert validator.is_valid(step)
    assert not validator.is_valid({**step, "recipient": "a, b"})
    assert not validator.is_valid({**step, "calender_name": "x"})
    assert '"x-' not in json.dumps(schema)


def test_json_schema_holds_an_info_file_to_the_descriptor():
    """An editor can check the file with the info values, guard rails among them."""
    schema = json.loads(described("--format", "json-schema", "--part", "info"))
    assert schema["title"] == "Info values of Google Apps Calendar Share"
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid({**ACCOUNT, "allowed_domains": "acme.com, acme.org", "highest_access": "reader"})
    assert not validator.is_valid({**ACCOUNT, "allowed_domains": "*"})
    assert not validator.is_valid({**ACCOUNT, "allowed_domain": "acme.com"})
    assert schema["properties"]["client_secret"]["writeOnly"] is True
    assert schema["properties"]["service_account"]["format"] == "multiline"
    assert validator.is_valid({"service_account": "{\n}", "act_as_by_default": "ann@acme.com"})
    assert not validator.is_valid({**ACCOUNT, "service_account": "{\n}"})
    assert not validator.is_valid({"service_account": {}})


def test_json_schema_is_of_the_parameters_by_default():
    """The part parameters may be left out."""
    assert described("--format", "json-schema") == described("--format", "json-schema", "--part", "parameters")


@pytest.mark.parametrize(
    ("form", "part", "says"),
    [
        ("json", "info", "--part does not go with the format json"),
        ("node-xml", "info", "--part does not go with the format node-xml"),
        ("info-xml", "info", "--part does not go with the format info-xml"),
        ("json-schema", "results", "json-schema is for info and parameters only"),
        ("json-schema", "errors", "json-schema is for info and parameters only"),
    ],
)
def test_a_part_that_a_form_does_not_have(form, part, says):
    """--part with a form that has no such part is a mistake."""
    status, text, errors = command("describe", "--format", form, "--part", part)
    assert (status, text) == (2, "")
    assert says in errors
