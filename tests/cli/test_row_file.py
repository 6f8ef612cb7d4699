"""The rows of a bulk, as spreadsheets and programs write them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler import InvalidInput
from handler.cli.bulk.row_file import read_rows

HEADER = "calendar_name,scope,recipient,calendar_access"
ROW = {"calendar_name": "Team", "scope": "user", "recipient": "a@acme.com", "calendar_access": "reader"}


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a file with this content."""

    def read_content(content):
        path = tmp_path / "rows"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_rows(path)

    return read_content


def refused(read, content):
    """Return the problems that a file is refused for."""
    with pytest.raises(InvalidInput) as caught:
        read(content)
    return caught.value.details["fields"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"{HEADER}\nTeam,user,a@acme.com,reader\n", id="commas"),
        pytest.param(f"{HEADER}\nTeam,user,a@acme.com,reader", id="no line break at the end"),
        pytest.param(f"{HEADER}\r\nTeam,user,a@acme.com,reader\r\n", id="line breaks of Windows"),
        pytest.param(f"{HEADER};\nTeam;user;a@acme.com;reader;\n".replace(",", ";"), id="semicolons, and one too many"),
        pytest.param(f"{HEADER}\nTeam,user,a@acme.com,reader\n".replace(",", "\t"), id="tabs"),
        pytest.param(f"{HEADER}\nTeam,user,a@acme.com,reader\n".replace(",", "\t").encode("utf-16"), id="UTF-16"),
        pytest.param(f"\ufeff{HEADER}\nTeam,user,a@acme.com,reader\n", id="byte order mark"),
        pytest.param('"calendar_name";scope;recipient;calendar_access\n"Team";user;a@acme.com;"reader"\n', id="quotes"),
        pytest.param(
            "Calendar Name,SHARING SCOPE, Recipient ,calendar access\nTeam,user,a@acme.com,reader\n", id="labels"
        ),
    ],
)  # fmt: skip
def test_csv_as_it_is_written(read, content):
    """Whatever a program puts between the columns, the rows are the same."""
    file = read(content)
    assert (file.rows, file.lines, file.problems) == ([ROW], [2], {})


def test_a_first_line_that_names_the_delimiter_is_obeyed(read):
    """What a spreadsheet is told of its columns counts here too, and lines keep their numbers."""
    file = read(f"sep=;\r\n{HEADER}\r\nTeam,user,a@acme.com,reader\r\n".replace(",", ";"))
    assert (file.rows, file.lines, file.delimiter) == ([ROW], [3], ";")


def test_a_cell_that_is_too_large_is_called_that(read):
    """A cell of more than csv takes is told as such, and not as a quote alone."""
    assert "131,072" in read(f"{HEADER}\n{'x' * 131_073},user,a@acme.com,reader\n").problems["line 2"]


def test_columns_come_in_any_order_and_may_be_the_engine_s(read):
    """Columns need no order; what begins with _ is handed on, to be ignored as in a step."""
    file = read("calendar_access,_note,scope,calendar_name\nreader,mine,public,Team\n")
    assert file.rows == [{"calendar_access": "reader", "_note": "mine", "scope": "public", "calendar_name": "Team"}]


def test_lines_are_those_of_the_file(read):
    """A row is named by the line that it begins in, after blank lines and rows of several lines too."""
    file = read(f'\n{HEADER}\n\nTeam,,,reader\n ,,,\n"two\nlines",,,reader\nTeam,,,writer\n')
    assert file.lines == [4, 6, 8]
    assert [row["calendar_name"] for row in file.rows] == ["Team", "two\nlines", "Team"]


def test_a_short_row_has_blanks(read):
    """What a row leaves out at its end is not given."""
    assert read(f"{HEADER}\nTeam,user\n").rows == [{"calendar_name": "Team", "scope": "user"}]


def test_a_long_row_is_wrong_and_the_others_are_read(read):
    """A comma that was not meant must not shift the columns."""
    file = read(f"{HEADER}\nTeam, Berlin,user,a@acme.com,reader\nTeam,user,a@acme.com,reader\n")
    assert file.problems == {"line 2": "has 5 cells, and the header 4; put quotes around a value that holds a ','"}
    assert (file.rows, file.lines) == ([ROW], [3])


@pytest.mark.parametrize("row", ['"Team,user', 'Te"am"x,"user"x,a'], ids=["not closed", "text behind"])
def test_quotes_that_do_not_match(read, row):
    """A quote that is not closed would swallow the rest of the file."""
    assert "is not well-formed CSV" in read(f"{HEADER}\nTeam,,,reader\n{row}\n").problems["line 3"]


@pytest.mark.parametrize(
    ("header", "problems"),
    [
        ("calendar_name,recipent,calendar_access", {"line 1: recipent": "is unknown; did you mean recipient"}),
        ("calendar_name,Calendar Name,calendar_access", {"line 1: calendar_name": "is there twice"}),
        ("scope,recipient", {"line 1: calendar_name": "has no column", "line 1: calendar_access": "has no column"}),
        ("calendar_name,calendar_access", {"line 1: scope": "has no column"}),
        ("calendar_name,,calendar_access", {"line 1: a column without a name": "is unknown"}),
        ("Team,user,a@acme.com,reader", {"line 1: Team": "is unknown", "line 1: calendar_name": "has no column"}),
    ],
)  # fmt: skip
def test_a_wrong_header_is_told_once(read, header, problems):
    """What is wrong with the columns is told by their names, and not row by row."""
    found = refused(read, f"{header}\nTeam,a,b,c\nTeam,a,b,c\n")
    for name, problem in problems.items():
        assert problem in found[name]


def test_json_lines(read):
    """Each line is an object with ids or labels; what is blank is skipped, and values keep their types."""
    lines = [json.dumps(ROW), "", json.dumps({"Calendar Name": "Team", "calendar_access": None, "dry_run": True})]
    file = read("\n" + "\r\n".join(lines))
    assert file.rows == [ROW, {"calendar_name": "Team", "calendar_access": None, "dry_run": True}]
    assert (file.lines, file.problems) == ([2, 4], {})


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"calendar_name": "Team",}', "is not well-formed JSON"),
        ("[1]", "is JSON, but no object with parameters; write it as"),
        ('{"scope": "user", "Sharing Scope": "user"}', "has scope twice"),
        ("[" * 100_000, "is not well-formed JSON"),
        ("1" * 5000, "JSON"),
    ],
    ids=["comma", "list", "twice", "deep", "long number"],
)
def test_a_wrong_line_of_json(read, line, problem):
    """A line that is no object is wrong, and the others are read."""
    file = read(f"{json.dumps(ROW)}\n{line}\n{json.dumps(ROW)}\n")
    assert problem in file.problems["line 2"]
    assert file.lines == [1, 3]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "has no rows"),
        (" \n\n", "has no rows"),
        (f"{HEADER}\n", "has no rows"),
        ("[{}]", "is one JSON array"),
        (b"\xff\xfec", "not UTF-8 text"),
        ("Calendar,é".encode("latin-1"), "save it as CSV UTF-8 in Excel"),
    ],
    ids=["empty", "blank", "header only", "array", "UTF-16", "Latin-1"],
)
def test_a_file_without_rows(read, content, says):
    """A file that has no rows that could be read is refused as a whole."""
    (problem,) = refused(read, content).values()
    assert says in problem


@pytest.mark.parametrize("name", ["missing.csv", ".", "nul\0"])
def test_a_file_that_cannot_be_read(tmp_path, name):
    """A file that is not there is wrong input, and no crash."""
    with pytest.raises(InvalidInput):
        read_rows(tmp_path / name)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"{HEADER}\n{text}".encode()))
def test_any_file_is_read_or_refused(tmp_path_factory, content):
    """Whatever a file holds, it is rows, named problems, or wrong input."""
    path = tmp_path_factory.mktemp("any") / "rows"
    path.write_bytes(content)
    try:
        file = read_rows(path)
    except InvalidInput:
        return
    assert len(file.rows) == len(file.lines)
    assert file.rows or file.problems
