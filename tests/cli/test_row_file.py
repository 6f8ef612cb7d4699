"""The rows of a bulk, as spreadsheets and programs write them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler import InvalidInput
from handler.cli.bulk.row_file import read_rows
from handler.descriptor import load

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
        pytest.param(f"{HEADER}\nTeam,user,a@acme.com,reader\n".replace(",", "|"), id="bars"),
        pytest.param(f"\ufeff{HEADER}\nTeam,user,a@acme.com,reader\n", id="byte order mark"),
        pytest.param(f"\ufeff\ufeff{HEADER}\nTeam,user,a@acme.com,reader\n", id="two byte order marks"),
        pytest.param(f'{HEADER}\n\ufeff"Team",\ufeffuser,a@acme.com,\ufeffreader\n', id="byte order marks in cells"),
        pytest.param(
            f'"\ufeff{HEADER}\nTeam,user,a@acme.com,reader\n'.replace(",scope", '","\u200b\u00a0scope"'),
            id="in the header what is not seen",
        ),
        pytest.param(
            "Calendar\u00a0Name,Sharing\u00a0Scope,Recipient,Calendar  Access\nTeam,user,a@acme.com,reader\n",
            id="labels with other blanks",
        ),
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


@pytest.mark.parametrize(
    ("first", "mark"),
    [
        ("sep=;\r\n", ";"), ("SEP=;\n", ";"), ("\ufeffsep=;\n", ";"), ('"sep=;"\r\n', ";"), ("sep= ;\n", ";"),
        ("sep=;;;;\r\n", ";"), ("sep=; \n", ";"), ("sep=\\t\n", "\t"), ("sep=\t\n", "\t"), ('"sep=\t"\n', "\t"),
        ("sep=|\n", "|"), ("sep=:\n", ":"),
    ],
)  # fmt: skip
def test_a_first_line_that_names_the_delimiter_is_obeyed(read, first, mark):
    """What a spreadsheet is told of its columns counts here too, and lines keep their numbers."""
    file = read(first + f"{HEADER}\r\nTeam,user,a@acme.com,reader\r\n".replace(",", mark))
    assert (file.rows, file.lines, file.delimiter) == ([ROW], [3], mark)


def test_a_first_line_that_names_another_delimiter_is_told(read):
    """A table that says one thing of its columns and does another is told so, once."""
    found = refused(read, "sep=,\n" + f"{HEADER}\nTeam,user,a@acme.com,reader\n".replace(",", ";"))
    assert list(found.values()) == ["has ';' between the columns, and the line above names ','; make them the same"]


def test_a_line_in_one_quoted_cell_is_called_that(read):
    """A program that put quotes around each line made one cell of it, which is told for header and rows."""
    (problem,) = refused(read, f'"{HEADER}"\n"Team,user,a@acme.com,reader"\n').values()
    assert problem.startswith("is a whole line in one quoted cell; save the table anew")
    file = read(f'{HEADER}\n"Team,user,a@acme.com,reader"\nTeam,user,a@acme.com,reader\n')
    assert (file.problems, file.rows) == ({"line 2": problem}, [ROW])


@pytest.mark.parametrize(
    "first",
    [
        "\x01",
        "\u200b,\u200b",
        "Team,user,a@acme.com,reader",
        "Access list 2026,,,",
        "# rows",
        "Kalender,Bereich,Adresse,Rolle",
    ],
)
def test_a_missing_header_is_told_once(read, first):
    """A first line that names no column is one mistake, and the columns that there have to be are named."""
    ((name, problem),) = refused(read, f"{first}\nTeam,user,a@acme.com,reader\n").items()
    assert name == "line 1"
    assert "the first line has to name the columns: calendar_name, scope, recipient, calendar_access" in problem


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("scope.value", "recipient"), ("scope.type", "scope"), ("role", "calendar_access"), ("e-mail", "recipient"),
        ("calendarId", "calendar_name"), ("rule.role", "calendar_access"), ("rule.scope.value", "recipient"),
        ("rule.scope.type", "scope"), ("primaryEmail", "act_as"), ("sendNotifications", "send_notifications"),
        ("ACL Scope Type", "scope"), ("Shared With", "recipient"), ("Permission Level", "calendar_access"),
    ],
)  # fmt: skip
def test_an_unknown_column_gets_the_hint_that_fits(read, word, meant):
    """The words of Google and of other tools are told with the column that is meant, which is not missing then too."""
    found = refused(read, f"{word},calendar_name,_x\nTeam,b,c\n")
    assert found[f"line 1: {word}"] == f"is unknown; did you mean {meant}; begin its name with _ to keep it as a note"
    assert f"line 1: {meant}" not in found


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("editor", "writer"), ("read", "reader"), ("viewer", "reader"), ("free busy", "freeBusyReader"),
        ("Free/Busy Only", "freeBusyReader"), ("read access", "reader"), ("r/w", "writer"), ("Delegate", "writer"),
        ("PublishingEditor", "writer"), ("FullAccess", "owner"), ("AvailabilityOnly", "freeBusyReader"),
        ("writer without private access", "writerWithoutPrivateAccess"), ("revoke", "none"), ("root", "owner"),
    ],
)  # fmt: skip
def test_a_role_of_another_tool_gets_the_role_that_is_meant(word, meant):
    """The words of GAM, Exchange and Google's page for what may be done are told with the role, and not accepted."""
    problem = load().rows.read({**ROW, "calendar_access": word})[1]["calendar_access"]
    assert problem.endswith(f"; did you mean {meant}?")


def test_a_word_of_a_menu_with_what_is_not_seen_is_told(read):
    """A role that only looks like one is told with the character."""
    (row,) = read(f"{HEADER}\nTeam,user,a@acme.com,rea\u200bder\n").rows
    problem = load().rows.read(row)[1]["calendar_access"]
    assert "holds U+200B (zero width space) as character 4, which is invisible" in problem


@pytest.mark.parametrize(
    "content",
    [
        "GOCSPX-CANARY",
        "1//CANARY",
        "client_secret: GOCSPX-CANARY\nclient_id: x\n",
        "CANARYkl34/+=\nCANARYab12/+=\n",
        "[CANARY",
    ],
)
def test_a_file_of_secrets_is_not_quoted(read, content):
    """What is given in place of a table may hold secrets: no message shows a piece of it."""
    assert "CANARY" not in str(refused(read, content))


def test_a_results_file_is_called_that(read):
    """Whoever gives the results of a run is told how to undo it, and no columns to rename."""
    (problem,) = refused(read, "line,calendar_name,scope,recipient,change,previous_access,rule_id\n").values()
    assert problem.startswith("is the header of a results file; to undo its run,")


def test_all_columns_that_there_are_are_listed_once(read):
    """The list does not bury what is wrong, and names nothing that a row then refuses."""
    found = refused(read, f"{HEADER},Notes,Ticket\nTeam,user,a@acme.com,reader,x,y\n")
    assert "error_handling" not in found["line 1: Notes"]
    assert "known are calendar_name, scope" in found["line 1: Notes"]
    assert found["line 1: Ticket"] == "is unknown; begin its name with _ to keep it as a note"


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
        ("calendar_name,,calendar_access", {"line 1: a column without a name": "has to get one"}),
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


def test_what_is_not_seen_in_front_of_json_is_not_there(read):
    """Byte order marks in front of a line, a key or a value, and other encodings with a mark, make no difference."""
    line = json.dumps(ROW)
    marked = json.dumps({f"\ufeff{name}": f"\ufeff{value}" for name, value in ROW.items()})
    assert read(f"\ufeff\ufeff{line}\n\ufeff{line}\n{marked}\n").rows == [ROW] * 3
    assert read(f"{line}\n".encode("utf-16")).rows == [ROW]


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
        ("", "is empty; it begins with a header"),
        (" \n\n", "is empty; it begins with a header"),
        (f"{HEADER}\n", "has no rows"),
        ("[{}]", "is one JSON array"),
        (json.dumps(ROW, indent=2), "is one JSON object in several lines"),
        (b"\xff\xfec", "is damaged UTF-16, and not UTF-8 text; save it as CSV UTF-8 in Excel"),
        (HEADER.encode("utf-16-le"), "is UTF-16 without its mark, or UTF-32"),
        (HEADER.encode("utf-32"), "is UTF-16 without its mark, or UTF-32"),
        ("Calendar\r\nBüro".encode("latin-1"), "line 2: byte 2 is not UTF-8 text; save it as CSV UTF-8 in Excel"),
        ("Calendar\n\nŁódź".encode("cp1250"), "line 3: byte 1 is not UTF-8 text; save it as CSV UTF-8 in Excel"),
        (b"PK\x03\x04xl/workbook.xml", "is a workbook or another packed file, and not UTF-8 text; save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00", "is a workbook of an older Excel"),
        ("<html><table>", "is HTML or XML, as some programs save a workbook"),
    ],
    ids=[
        "empty", "blank", "header", "array", "object in lines", "cut UTF-16", "UTF-16", "UTF-32", "Latin-1", "1250",
        "xlsx", "xls", "HTML",
    ],
)  # fmt: skip
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
