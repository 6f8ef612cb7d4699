"""The verb run: plays parameter files and shows what came of them."""

from __future__ import annotations

import io
import json
from xml.etree import ElementTree as ET

import pytest

from handler.__main__ import main

from ..support.command_line import EXAMPLE, Screen, command

CALENDAR = "example@group.calendar.google.com"
PASSING = {
    "what": "A reader becomes an owner, and a writer stays.",
    "parameters": {
        "calendar_name": CALENDAR,
        "scope": "user",
        "recipient": "jane@acme.com",
        "calendar_access": "owner",
    },
    "google": {"rules": {CALENDAR: {"user:jane@acme.com": "reader", "user:joe@acme.com": "writer"}}},
    "expect": {
        "results": {
            "calendar_id": CALENDAR,
            "rule_id": "user:jane@acme.com",
            "calendar_access": "owner",
            "previous_access": "reader",
            "change": "updated",
        }
    },
    "calls": ["oauth2.token", "acl.get", "acl.update"],
    "after": {
        "rules": {CALENDAR: {"user:jane@acme.com": "owner", "user:joe@acme.com": "writer"}},
        "mails": ["user:jane@acme.com"],
    },
}
FAILING = {
    "what": "Wrong input is said to pass.",
    "parameters": {"calendar_name": "", "calendar_access": "boss"},
    "expect": {"error": {"code": "calendar_not_found", "says": ["Account"]}},
    "calls": [],
}
REMOVING = {
    **PASSING,
    "what": "Access is removed.",
    "parameters": {**PASSING["parameters"], "calendar_access": "none"},
    "expect": {
        "results": {**PASSING["expect"]["results"], "calendar_access": "none", "change": "removed"},
    },
    "calls": ["oauth2.token", "acl.get", "acl.delete"],
    "after": {"rules": {CALENDAR: {"user:joe@acme.com": "writer"}}},
}


@pytest.fixture
def case(tmp_path):
    """Return a function that writes a parameter file and gives its path."""

    def write(name, document):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return path

    return write


def test_the_example_passes():
    """The first file that a reader runs passes, and shows everything that happened as text."""
    status, text, errors = command("run", EXAMPLE)
    assert (status, errors) == (0, "")
    assert (
        text
        == f"""\
PASS  {EXAMPLE}
      A user gets owner access to a calendar found by its title.
  expected  results
            calendar_id      example@group.calendar.google.com
            rule_id          user:test.user@acme.com
            calendar_access  owner
            previous_access  none
            change           created
  got       <results>
              <result name="Calendar Id">example@group.calendar.google.com</result>
              <result name="Rule Id">user:test.user@acme.com</result>
              <result name="Calendar Access">owner</result>
              <result name="Previous Access">none</result>
              <result name="Change">created</result>
              <result name="Acted As"></result>
              <result name="List Entry"></result>
              <result name="Handler Error Message"></result>
              <result name="Handler Error Code"></result>
            </results>
  calls     oauth2.token, calendarList.list, acl.get, acl.insert
  rules     example@group.calendar.google.com
            + user:test.user@acme.com  owner

1 passed, 0 failed
"""
    )


def test_a_red_case_says_what_is_different(case):
    """A case that came out otherwise gives status 1, and what was expected and came stand below each other."""
    status, text, errors = command("run", case("red.json", FAILING))
    assert (status, errors) == (1, "")
    assert text.startswith("FAIL  ")
    assert text.endswith(
        "  expected  error\n"
        "            code  calendar_not_found\n"
        '            says  ["Account"]\n'
        "  got       error invalid_input\n"
        "            calendar_name: is missing. Title of the calendar as the account sees it, or its id, or primary.\n"
        "            calendar_access: 'boss' is not in the menu: none, freeBusyReader, reader, "
        "writerWithoutPrivateAccess, writer, owner\n"
        "  calls     none\n"
        "  rules     unchanged\n"
        "  wrong     code:\n"
        "              expected 'calendar_not_found'\n"
        "              got      'invalid_input'\n"
        "            message:\n"
        "              expected '... Account ...'\n"
        '              got      "calendar_name: is missing. Title of the calendar as the account sees it, or its id, '
        "or primary.\\ncalendar_access: 'boss' is not in the menu: none, freeBusyReader, reader, "
        'writerWithoutPrivateAccess, writer, owner"\n'
        "\n"
        "0 passed, 1 failed\n"
    )


@pytest.mark.parametrize(
    ("document", "line"),
    [
        (PASSING, "            ~ user:jane@acme.com  reader -> owner\n\n"),
        (REMOVING, "            - user:jane@acme.com  reader\n\n"),
    ],
    ids=["changed", "removed"],
)
def test_only_the_rules_that_changed_are_shown(document, line, case):
    """What was there before and is there afterwards reads like a difference between files."""
    text = command("run", case("case.json", document))[1]
    assert f"  rules     {CALENDAR}\n{line}" in text
    assert text.endswith("1 passed, 0 failed\n")


def test_folders_are_searched_in_order(case, tmp_path):
    """A folder stands for its files with the three endings, subfolders included, sorted by path."""
    for name in ("b.yaml", "a/z.yml", "a/c.json"):
        case(name, PASSING)
    case("notes.txt", "not a case")
    (tmp_path / "folder.yaml").mkdir()
    status, text, _ = command("run", tmp_path, EXAMPLE)
    assert status == 0
    files = [line[6:] for line in text.splitlines() if line.startswith("PASS")]
    assert files == [*(str(tmp_path / name) for name in ("a/c.json", "a/z.yml", "b.yaml")), str(EXAMPLE)]


def test_a_file_that_cannot_be_played_does_not_keep_the_others_back(case, tmp_path):
    """Wrong files give status 2 and an error each, and the rest is played."""
    broken = case("broken.yaml", "what: [hidden-text")
    unknown = case("unknown.yaml", {**PASSING, "hidden-text": 1, "calls": 1})
    impossible = case("impossible.yaml", {**PASSING, "google": {"faults": [{"method": "no.such", "fault": "dropped"}]}})
    (tmp_path / "empty").mkdir()
    red = case("red.yaml", FAILING)
    status, text, errors = command(
        "run", broken, tmp_path / "none", unknown, impossible, tmp_path / "empty", red, EXAMPLE
    )
    assert status == 2
    assert text.endswith("1 passed, 1 failed, 5 not played\n")
    said = [line for line in errors.splitlines() if line.startswith("error: ")]
    named = [line.removeprefix("error: ").partition(": ")[0] for line in said]
    assert named == [str(path) for path in (broken, tmp_path / "none", unknown, tmp_path / "empty", impossible)]
    assert "hidden-text" not in said[0]
    assert "No such file" in said[1]
    assert "calls: must be of the type array" in said[2]
    assert "no parameter file (*.yaml, *.yml or *.json) in this folder" in said[3]


def test_a_path_that_cannot_be_looked_at_is_an_error(tmp_path):
    """A name that no file system takes is an error like an absent file."""
    status, _, errors = command("run", tmp_path / ("x" * 300))
    assert status == 2
    assert "name too long" in errors.lower()


def test_a_folder_that_cannot_be_searched_is_an_error(tmp_path, monkeypatch):
    """What the system says about a folder is handed on with its name."""

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("handler.cli.run.Path.rglob", refuse)
    status, _, errors = command("run", tmp_path)
    assert status == 2
    assert errors.startswith(f"error: {tmp_path}: Permission denied\n")


def test_json_is_a_list_with_an_entry_for_each_file(case):
    """A program reads everything that a person sees."""
    red, green = case("red.json", FAILING), case("green.json", PASSING)
    status, text, errors = command("run", red, green, "--format", "json")
    assert (status, errors) == (1, "")
    first, second = json.loads(text)
    assert list(first) == ["file", "ok", "expected", "got", "calls", "before", "after", "differences"]
    assert (first["file"], first["ok"], first["got"]["error"]["code"]) == (str(red), False, "invalid_input")
    assert len(first["differences"]) == 2
    assert second == {
        "file": str(green),
        "ok": True,
        "expected": PASSING["expect"],
        "got": {
            "results": {
                **PASSING["expect"]["results"],
                "handler_error_message": "",
                "acted_as": "",
                "list_entry": "",
                "handler_error_code": "",
            }
        },
        "calls": PASSING["calls"],
        "before": PASSING["google"]["rules"],
        "after": PASSING["after"]["rules"],
        "differences": [],
    }


@pytest.mark.parametrize("form", ["json", "xml"])
def test_what_cannot_be_played_is_said_in_the_form_that_was_asked_for(form, case):
    """Each file that cannot be played is one error on stderr, beside the reports of the others."""
    status, text, errors = command("run", case("broken.yaml", "["), EXAMPLE, "--format", form)
    assert status == 2
    if form == "json":
        assert len(json.loads(text)) == 1
        assert json.loads(errors)["error"]["code"] == "invalid_input"
    else:
        assert len(ET.fromstring(text)) == 1  # noqa: S314 -- ours
        assert ET.fromstring(errors).get("code") == "invalid_input"  # noqa: S314 -- ours


def test_xml_holds_the_results_or_the_error_of_each_case(case):
    """The XML is well-formed whatever the files are called."""
    red, green = case('<red & "rot">.json', FAILING), case("green.json", PASSING)
    text = command("run", red, green, "--format", "xml")[1]
    first, second = ET.fromstring(text)  # noqa: S314 -- ours
    assert (first.get("file"), first.get("ok")) == (str(red), "false")
    assert [child.tag for child in first] == ["error", "difference", "difference"]
    assert first[0].get("code") == "invalid_input"
    assert first[0].text.startswith("calendar_name: is missing")
    assert (second.get("file"), second.get("ok")) == (str(green), "true")
    assert [child.tag for child in second] == ["results"]
    assert second[0][1].text == "user:jane@acme.com"


@pytest.mark.parametrize(
    ("screen", "no_color", "coloured"),
    [(True, "", True), (True, "1", False), (False, "", False)],
    ids=["terminal", "NO_COLOR", "file"],
)
def test_colours_are_for_people(screen, no_color, coloured, case, monkeypatch):
    """Green and red appear on a terminal only, and not if NO_COLOR is set."""
    monkeypatch.setenv("NO_COLOR", no_color)
    out = Screen() if screen else io.StringIO()
    main(["run", str(EXAMPLE), str(case("red.json", FAILING))], io.StringIO(), out, io.StringIO())
    assert ("\033[32mPASS\033[0m" in out.getvalue()) is coloured
    assert ("\033[31mFAIL\033[0m" in out.getvalue()) is coloured
    assert ("\033" in out.getvalue()) is coloured


def test_no_secret_of_a_case_is_shown(case):
    """Info values stand in a case, and in nothing that is written about it."""
    secret = "nobody-may-see-this"
    info = {"client_id": "emulator-client", "client_secret": secret, "refresh_token": secret}
    account = {"account": {"client_secret": secret, "refresh_token": secret}}
    red = case("red.json", {**PASSING, "info": info, "google": account, "calls": []})
    refused = case("refused.json", {**FAILING, "info": {**info, secret: secret}})
    for form in ("text", "json", "xml"):
        status, text, errors = command("run", red, refused, "--format", form)
        assert status == 1
        assert secret not in text + errors


@pytest.mark.parametrize("option", [["--yes"], ["--info", "account.yaml"]], ids=["yes", "info"])
def test_options_of_live_are_refused_without_it(option):
    """An option that would change nothing is a mistake."""
    status, text, errors = command("run", EXAMPLE, *option)
    assert (status, text) == (2, "")
    assert errors.startswith("error: --yes and --info say something only together with --live\n")


@pytest.mark.parametrize("verb", [("run",), ("run", "--fill")], ids=["run", "fill"])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the document: is empty"),
        ("# nothing yet\n", "the document: is empty"),
        (
            "what: no sentence\nparameters: {}\nexpect: {results: {}}\n",
            "what: is not what it has to be: The behaviour, as one",
        ),
    ],
    ids=["empty", "a comment", "no sentence"],
)
def test_a_wrong_file_is_said_in_words(verb, text, problem, tmp_path):
    """An empty file is called empty, a wrong form is described, and no field is blamed that no message names."""
    path = tmp_path / "case.yaml"
    path.write_text(text)
    status, _, errors = command(*verb, path)
    assert status == 2
    assert f"error: {path}: {problem}" in errors
    assert "what to do" not in errors
