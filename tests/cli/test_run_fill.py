"""`run --fill` writes what came into a parameter file, where the file says nothing yet."""

from __future__ import annotations

import json

import pytest

from handler.documents import read
from handler.testing import play, read_case

from ..support.command_line import command

HEAD = """\
# A remark that somebody cares about.
what: Jane becomes a reader.   # and another

parameters: {calendar_name: Example Calendar, scope: user, recipient: jane@acme.com, calendar_access: reader}
"""
FAULTS = "google: {faults: [{method: acl.get, fault: error, status: 503}]}\n"
ADDED = """\
expect:
  results:
    calendar_id: example@group.calendar.google.com
    rule_id: user:jane@acme.com
    calendar_access: reader
    previous_access: none
    change: created
calls:
- oauth2.token
- calendarList.list
- acl.get
- acl.insert
after:
  rules:
    example@group.calendar.google.com:
      user:jane@acme.com: reader
  mails:
  - user:jane@acme.com
"""


@pytest.fixture
def draft(tmp_path):
    """Return a function that writes a parameter file and returns its path."""

    def write(text, name="draft.yaml"):
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return write


def test_what_came_is_put_behind_what_is_there(draft):
    """The file keeps every character, says afterwards what came, and passes; what was written is shown."""
    path = draft(HEAD)
    status, text, errors = command("run", "--fill", path)
    assert (status, path.read_text(encoding="utf-8")) == (0, HEAD + ADDED)
    shown = "".join(f"  {line}" for line in ADDED.splitlines(keepends=True))
    assert errors == f"{path}: written, for you to judge:\n{shown}"
    assert text.startswith(f"PASS  {path}\n")
    assert play(read_case(path)).differences == []


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        (HEAD + FAULTS, "waits", [1.0]),
        (
            "what: A try.\nparameters: {calendar_name: Nothing, calendar_access: reader, scope: public}\n",
            "expect",
            None,
        ),
        ("what: A try.\nrows: [{calendar_name: primary, scope: public, calendar_access: reader}]\n", "expect", None),
        ("what: A try.\nparameters: {}", "calls", []),
        (HEAD.replace("\n", "\r\n"), "calls", ["oauth2.token", "calendarList.list", "acl.get", "acl.insert"]),
    ],
    ids=["waits", "an error", "rows", "no line end", "lines of Windows"],
)
def test_a_filled_file_passes(text, key, value, draft):
    """Whatever came, an error and rows included, the filled file expects exactly this."""
    path = draft(text)
    assert command("run", "--fill", path)[0] == 0
    assert path.read_bytes().startswith(text.encode())
    assert b"\n" not in path.read_bytes().replace(b"\r\n", b"") or "\r" not in text
    assert value is None or read(path)[key] == value
    assert play(read_case(path)).differences == []


def test_what_the_file_says_already_stays(draft):
    """Only what is missing is added."""
    text = HEAD + ADDED[: ADDED.index("calls:")]
    path = draft(text)
    assert command("run", "--fill", path)[0] == 0
    assert path.read_text(encoding="utf-8") == HEAD + ADDED


@pytest.mark.parametrize(
    "said",
    ["expect: {error: {code: usage_limit}}\n", "calls: []\n", "after: {mails: []}\n", FAULTS.replace("get", "delete")],
    ids=["expect", "calls", "after", "a fault that does not happen"],
)
def test_an_expectation_is_never_overwritten(said, draft):
    """If what the file says came out otherwise nothing is written, and the status is 1."""
    path = draft(HEAD + said)
    status, text, errors = command("run", "--fill", path)
    assert (status, path.read_text(encoding="utf-8")) == (1, HEAD + said)
    assert errors == f"{path}: nothing was written: what the file says already came out otherwise\n"
    assert text.startswith("FAIL  ")


def test_a_whole_file_is_left_alone(draft):
    """Filled once more, a file stays as it is; so does one that is named twice."""
    path = draft(HEAD)
    status, _, errors = command("run", "--fill", path, path)
    assert (status, path.read_text(encoding="utf-8")) == (0, HEAD + ADDED)
    assert errors.endswith(f"{path}: nothing was written, as nothing was missing\n")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("draft.json", json.dumps({"what": "A try.", "parameters": {}})),
        ("draft.yaml", "{what: A try., parameters: {}}\n"),
        ("draft.yaml", HEAD + "...\n"),
    ],
    ids=["JSON", "in braces", "with an end"],
)
def test_a_file_that_takes_no_more_lines_is_refused(name, text, draft):
    """Where nothing can be put behind what is there, nothing is written, and the status is 2."""
    path = draft(text, name)
    status, _, errors = command("run", "--fill", path)
    assert (status, path.read_text(encoding="utf-8")) == (2, text)
    assert errors.startswith(f"error: {path}: cannot be filled, as only YAML with a line for each key")


def test_a_file_that_cannot_be_written_is_an_error(draft, monkeypatch):
    """What the system says is handed on with the file's name."""
    path = draft(HEAD)
    opened = type(path).open

    def refuse(self, mode="r", *more, **others):
        if mode == "ab":
            raise PermissionError(13, "Permission denied")
        return opened(self, mode, *more, **others)

    monkeypatch.setattr(type(path), "open", refuse)
    status, _, errors = command("run", "--fill", path)
    assert status == 2
    assert errors.startswith(f"error: {path}: cannot be written: Permission denied\n")


def test_a_file_that_expects_nothing_is_played_only_to_be_filled(draft):
    """Without --fill a file that says nothing of the outcome proves nothing, and is refused."""
    status, _, errors = command("run", draft(HEAD))
    assert status == 2
    assert "the document: is missing expect" in errors


def test_it_does_not_go_with_a_real_account(draft):
    """What a real account answered is no promise for the emulator: --live is refused, before anything is done."""
    path = draft(HEAD)
    status, text, errors = command("run", "--fill", "--live", "--yes", path)
    assert (status, text, path.read_text(encoding="utf-8")) == (2, "", HEAD)
    assert errors.startswith("error: --fill writes what came of the emulator; it does not go with --live\n")


def test_json_stays_json(draft):
    """With --format json stdout holds the reports alone."""
    text = command("run", "--fill", draft(HEAD), "--format", "json")[1]
    (report,) = json.loads(text)
    assert report["ok"] is True
    assert report["expected"] == read(draft(HEAD + ADDED))["expect"]
