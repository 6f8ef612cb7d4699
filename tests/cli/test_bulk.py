"""The verb bulk: rows of a file, a plan, a line for each, and a file that says how to undo it."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import signal
import sys
import threading

import pytest

from handler import HandlerError, InvalidInput
from handler.__main__ import main
from handler.calendar_api.transport import send
from handler.cli.bulk.plan_table import plan_table
from handler.descriptor import load
from handler.testing.emulator import ACCOUNT

from ..support.command_line import Fails, Screen, command, leave_to_the_file, without_note

EXAMPLE = "example@group.calendar.google.com"
HEADER = "calendar_name,scope,recipient,calendar_access"
ROWS = """\
Example Calendar,user,jane@acme.com,reader
Example Calendar,user,john@acme.com,none
Example Calendar,user,joe@acme.com,reader
Example Calendar,user,jill@acme.com,writer
"""
STATE = {
    "rules": {EXAMPLE: {"user:john@acme.com": "writer", "user:joe@acme.com": "owner", "user:jill@acme.com": "writer"}}
}
AFTER = {EXAMPLE: {"user:jane@acme.com": "reader", "user:joe@acme.com": "reader", "user:jill@acme.com": "writer"}}


@pytest.fixture(autouse=True)
def heard():
    """Hear Ctrl-C, also where the tests were started to run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Work in an empty folder, with the emulator's account in the environment."""
    monkeypatch.chdir(tmp_path)
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(f"GOOGLE_{name.upper()}", value)
    return tmp_path


@pytest.fixture
def bulk(folder):
    """Return a function that runs the verb on rows, and gives status, stdout and stderr."""

    def run(rows=ROWS, *options, header=HEADER):
        (folder / "people.csv").write_text(f"{header}\n{rows}", encoding="utf-8")
        return command("bulk", "people.csv", "--per-minute", "1000000", *options)

    return run


def results(path, delimiter=","):
    """Return the lines of a results file as mappings."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def names(folder):
    """Return the names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_each_change_is_a_line_and_the_last_ones_count(emulate, bulk):
    """Without a terminal each changed row is a line; rows that are as wanted are only counted."""
    emulator = emulate(STATE)
    status, text, errors = bulk()
    assert (status, errors) == (0, "")
    assert text == (
        "line 2: 'Example Calendar': created: user:jane@acme.com has reader (before: none)\n"
        "line 3: 'Example Calendar': removed: user:john@acme.com has none (before: writer)\n"
        "line 4: 'Example Calendar': updated: user:joe@acme.com has reader (before: owner)\n"
        "4 rows: 1 created, 1 updated, 1 removed, 1 unchanged\n"
        "results: people.results.csv\n"
    )
    assert emulator.rules() == AFTER


def test_a_dry_run_is_a_plan(emulate, bulk, folder):
    """What is taken away or lowered stands apart from what is raised; nothing is written, to Google or to a file."""
    emulator = emulate(STATE)
    status, text, errors = bulk(ROWS + "Nothing,user,a@acme.com,reader\n", "--dry-run")
    assert (status, errors) == (1, "")
    assert text == (
        "Removed (1)\n"
        "Line  Calendar          Recipient           Before  After\n"
        "   3  Example Calendar  user:john@acme.com  writer  none\n"
        "\n"
        "Lowered (1)\n"
        "Line  Calendar          Recipient          Before  After\n"
        "   4  Example Calendar  user:joe@acme.com  owner   reader\n"
        "\n"
        "Raised (1)\n"
        "Line  Calendar          Recipient           Before  After\n"
        "   2  Example Calendar  user:jane@acme.com  none    reader\n"
        "\n"
        "line 6: 'Nothing': failed: Invalid Calendar Name: Account does not contain the calendar 'Nothing'. "
        "(calendar_not_found)\n"
        "what to do (calendar_not_found): Give the calendar's id, or a name from the account's list of calendars, "
        "which the verb check shows.\n"
        "5 rows: 1 to be created, 1 to be updated, 1 to be removed, 1 unchanged, 1 failed; "
        "this was a dry run, and nothing was changed\n"
    )
    assert not set(emulator.calls) & {"acl.insert", "acl.update", "acl.delete"}
    assert names(folder) == ["people.csv"]


def test_a_dry_run_overrules_the_rows(emulate, bulk):
    """A row that says No to a dry run is not done in one."""
    emulator = emulate()
    bulk("primary,user,a@acme.com,reader,No\n", "--dry-run", header=HEADER + ",dry_run")
    assert emulator.rules() == {}


def test_a_role_that_is_not_known_counts_as_lowered():
    """What Google may invent is shown among what is taken away, to be looked at."""
    found = {"change": "updated", "previous_access": "curator", "calendar_access": "reader", "rule_id": "default"}
    found |= {"acted_as": "", "list_entry": ""}
    assert next(plan_table([(2, {"calendar_name": "Team"}, found)])) == "Lowered (1)"


def test_the_results_file_has_a_line_for_each_row(emulate, bulk, folder):
    """It says what was asked for, what there was before, and what came of it."""
    emulate({**STATE, "faults": [{"method": "acl.delete", "fault": "error", "status": 403, "reason": "forbidden"}]})
    assert bulk()[0] == 1
    lines = results(folder / "people.results.csv")
    assert [(line["line"], line["change"], line["previous_access"], line["error_code"]) for line in lines] == [
        ("2", "created", "none", ""),
        ("3", "", "", "not_calendar_owner"),
        ("4", "updated", "owner", ""),
        ("5", "unchanged", "writer", ""),
    ]
    assert lines[0] == {
        "line": "2",
        "calendar_name": "Example Calendar",
        "scope": "user",
        "recipient": "jane@acme.com",
        "calendar_access": "reader",
        "send_notifications": "",
        "dry_run": "",
        "act_as": "",
        "add_to_list": "",
        "change": "created",
        "previous_access": "none",
        "granted_access": "reader",
        "rule_id": "user:jane@acme.com",
        "calendar_id": EXAMPLE,
        "acted_as": "",
        "list_entry": "",
        "error_code": "",
        "error_message": "",
    }


def test_the_results_file_is_written_like_the_rows(emulate, folder):
    """A spreadsheet that wrote semicolons and a byte order mark can read the results as well."""
    emulate()
    (folder / "people.csv").write_text("\ufeff" + f"{HEADER}\nprimary,user,a@acme.com,reader\n".replace(",", ";"))
    assert command("bulk", "people.csv")[0] == 0
    assert (folder / "people.results.csv").read_bytes().startswith(b"\xef\xbb\xbfline;calendar_name;")
    assert results(folder / "people.results.csv", ";")[0]["change"] == "created"


def test_json_lines_have_results_in_csv(emulate, folder):
    """Booleans and what is not given stand in the results as words and blanks."""
    emulate()
    row = {"calendar_name": "primary", "calendar_access": "reader", "scope": "public", "send_notifications": False}
    (folder / "rows.jsonl").write_text(json.dumps({**row, "recipient": None, "dry_run": True}))
    assert command("bulk", "rows.jsonl")[0] == 0
    (line,) = results(folder / "rows.results.csv")
    told = [line[name] for name in ("recipient", "send_notifications", "dry_run", "change")]
    assert told == ["", "No", "Yes", "created"]


def test_a_table_makes_nothing_public_by_accident(emulate, folder):
    """A row with a blank scope, or with a person beside the public, stops the whole table before any request."""
    emulator = emulate()
    (folder / "people.csv").write_text(
        f"{HEADER}\nprimary,,,reader\nprimary,default,ann@acme.com,reader\nprimary,public,a@acme.com,freebusy\n"
    )
    status, text, errors = command("bulk", "people.csv")
    assert (status, text, emulator.calls) == (2, "", [])
    first, second, third, *_ = errors.splitlines()
    assert first.startswith("error: line 2: scope: is blank; name user, group or domain, or default for the public;")
    assert second.strip().startswith("line 3: recipient: 'ann@acme.com' is named beside the public")
    assert third.strip().startswith("line 4: recipient: 'a@acme.com' is named beside the public")


def test_rows_are_on_disk_before_the_next_one_begins(emulate, bulk, folder, monkeypatch):
    """Whatever ends the process, what was there before the rows that are done is not lost."""
    emulate(STATE)
    begun, synced, seen = threading.Event(), [], []
    sync = os.fsync

    def slow_sync(number):
        sync(number)
        if len(results(folder / "people.results.csv")) == 1:
            begun.wait(0.5)  # a thread that did not wait would begin the next row by then
        synced.append(number)

    def send_and_look(method, *arguments, **named):
        if method in {"DELETE", "PUT"}:
            begun.set()
            seen.append(len(synced) - 2)  # without the header and the name of the file
        return send(method, *arguments, **named)

    monkeypatch.setattr("os.fsync", slow_sync)
    monkeypatch.setattr("handler.calendar_api.connection.send", send_and_look)
    bulk()
    assert seen == [1, 2]


def test_a_second_run_does_only_what_is_left_and_keeps_the_first_results(emulate, bulk, folder):
    """Running it again writes what was not done, into results of its own: the first ones say what to undo."""
    emulator = emulate({**STATE, "faults": [{"method": "acl.delete", "fault": "error", "status": 403}]})
    assert bulk()[0] == 1
    first, begun = (folder / "people.results.csv").read_text(), len(emulator.calls)
    status, text, _ = bulk()
    assert (status, text.splitlines()[-1]) == (0, "results: people.results-2.csv")
    assert emulator.calls[begun:] == ["calendarList.list", "acl.list", "acl.delete"]
    assert (folder / "people.results.csv").read_text() == first
    changes = [line["change"] for line in results(folder / "people.results-2.csv")]
    assert changes == ["unchanged", "removed", "unchanged", "unchanged"]
    assert emulator.rules() == AFTER


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("/dev/full", "is no file, but a device or the like"),
        ("", "is a folder; name a new file"),
        (".", "is a folder; name a new file"),
        ("none/done.csv", "cannot be written: No such file or directory; name another file"),
    ],
)
def test_what_takes_no_results_is_said_as_what_it_is(emulate, bulk, name, problem):
    """A device, a folder and a folder that is missing are no results of an earlier run, and no field is blamed."""
    emulator = emulate(STATE)
    status, text, errors = bulk(ROWS, "--results", name)
    assert (status, text) == (2, "")
    assert problem in errors
    assert "Correct the fields" not in errors
    assert not {"acl.insert", "acl.update", "acl.delete"} & set(emulator.calls)


def test_results_that_are_named_are_not_written_over(emulate, bulk, folder):
    """A named results file that is there already stops the run before anything is written."""
    emulator = emulate(STATE)
    (folder / "done.csv").write_text("what to undo")
    status, text, errors = bulk(ROWS, "--results", "done.csv")
    assert (status, text) == (2, "")
    assert "done.csv: is there already" in errors
    assert (folder / "done.csv").read_text() == "what to undo"
    assert "acl.list" not in emulator.calls


def test_results_that_cannot_be_written_stop_the_run(emulate, bulk):
    """Without a place for the results nothing is changed."""
    emulator = emulate(STATE)
    status, _, errors = bulk(ROWS, "--results", "missing/done.csv")
    assert status == 2
    assert "missing/done.csv: cannot be written: No such file or directory" in errors
    assert "acl.list" not in emulator.calls


def test_every_wrong_row_is_told_by_its_line(emulate, bulk, folder):
    """Wrong rows are told all at once, before any request, and leave no results."""
    emulator = emulate()
    rows = "primary,user,jane,reader\n\nprimary,user,a@acme.com,editor\nTeam, Berlin,user,a@acme.com,reader\n"
    status, text, errors = bulk(rows)
    assert (status, text) == (2, "")
    assert [line.strip().split(": ")[0] for line in errors.removeprefix("error: ").splitlines()[:3]] == [
        "line 5",
        "line 2",
        "line 4",
    ]
    assert "line 2: recipient: 'jane' is not one e-mail address" in errors
    assert "line 4: calendar_access: 'editor' is not in the menu" in errors
    assert "line 5: has 5 cells, and the header 4" in errors
    assert emulator.calls == []
    assert names(folder) == ["people.csv"]


def test_rows_that_disagree_name_both_lines(emulate, bulk, folder):
    """Two names of one calendar hide no contradiction: both lines are named, and nothing is written."""
    emulator = emulate()
    status, text, errors = bulk(f"Example Calendar,user,a@acme.com,reader\n{EXAMPLE},user,a@acme.com,writer\n")
    assert (status, text) == (2, "")
    assert "line 3: disagrees with line 2 in calendar_access: both are for a@acme.com" in errors
    assert emulator.calls == ["oauth2.token", "calendarList.list"]
    assert names(folder) == ["people.csv"]


def test_a_guard_rail_refuses_the_file(emulate, bulk, folder):
    """What a guard rail forbids is told by its line, and nothing is sent."""
    emulator = emulate()
    (folder / "account.json").write_text(json.dumps({"allowed_domains": "acme.com"}))
    (folder / "account.json").chmod(0o600)
    status, text, errors = bulk(ROWS + "primary,user,a@evil.com,reader\n", "--info", "account.json")
    assert (status, text) == (1, "")
    assert "line 6: The guard rail allowed_domains forbids sharing with 'a@evil.com'" in errors
    assert "code: policy_refused" in errors
    assert emulator.calls == []


@pytest.mark.parametrize(
    ("faults", "status"),
    [
        ([("acl.insert", 403)], 1),
        ([("acl.insert", 503)] * 4, 75),
        ([("acl.insert", 503)] * 4 + [("acl.delete", 403)], 1),
    ],
    ids=["refused", "may pass", "both"],
)
def test_the_status_tells_what_failed(emulate, bulk, monkeypatch, faults, status):
    """It is 75 if every failed row may pass later, and 1 if one may not."""
    monkeypatch.setattr("handler.retry.random.random", lambda: 0.0)
    monkeypatch.setattr("handler.calendar_api.connection.SHORTEST_WAIT", 0.0)
    emulate({**STATE, "faults": [{"method": method, "fault": "error", "status": code} for method, code in faults]})
    assert bulk()[0] == status


def test_rows_that_were_not_tried_are_told_together(emulate, bulk, folder):
    """What ends a run is told once, with what to do; each row has its line in the results."""
    emulate({**STATE, "faults": [{"method": "acl.insert", "fault": "error", "status": 403, "reason": "quotaExceeded"}]})
    status, text, _ = bulk()
    assert status == 1
    lines = text.splitlines()
    assert lines[0].startswith("line 2: 'Example Calendar': failed: The account has used up a limit")
    assert lines[1].startswith("line 3: 'Example Calendar': Not tried, as this would meet it too: The account")
    assert lines[2] == "... and 2 rows more, for the same reason"
    assert lines[3].startswith("what to do (usage_limit): Wait some hours")
    assert lines[4] == "4 rows: 1 failed, 3 not tried"
    assert [line["error_code"] for line in results(folder / "people.results.csv")] == ["usage_limit"] * 4


def test_json_has_every_row_in_the_order_of_the_file(emulate, bulk):
    """A program reads one object: rows with their outcome, and counts."""
    emulate(STATE)
    status, text, errors = bulk(
        "Nothing,user,a@acme.com,reader\nprimary,user,b@acme.com,reader\n" + ROWS, "--format", "json"
    )
    assert (status, errors) == (1, "")
    document = json.loads(text)
    assert [row["line"] for row in document["rows"]] == [2, 3, 4, 5, 6, 7]
    assert document["rows"][0]["error"]["code"] == "calendar_not_found"
    assert document["rows"][1]["parameters"]["recipient"] == "b@acme.com"
    assert document["rows"][1]["results"]["change"] == "created"
    counts = {"created": 2, "updated": 1, "removed": 1, "unchanged": 1, "failed": 1, "not_tried": 0, "not_begun": 0}
    assert document["summary"] == {"rows": 6, **counts, "list_entries": 0, "lists": 0}
    assert document["results_file"] == "people.results.csv"


def test_wrong_rows_are_json_if_json_was_asked_for(emulate, bulk):
    """A program can read which lines are wrong."""
    emulate()
    status, text, errors = bulk("primary,user,jane,reader\n", "--format", "json")
    assert (status, text) == (2, "")
    assert list(json.loads(errors)["error"]["details"]["fields"]) == ["line 2: recipient"]


def test_nobody_is_mailed_if_nobody_is_to_be(emulate, bulk):
    """One option keeps a whole file from mailing, whatever its rows say."""
    emulator = emulate(STATE)
    bulk("primary,user,a@acme.com,reader,Yes\n", "--no-notifications", header=HEADER + ",send_notifications")
    assert emulator.mails == []
    assert emulator.rules()["owner@example.com"] == {"user:a@acme.com": "reader"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--threads", "0"], "--threads: must be a whole number from 1 on"),
        (["--per-minute", "many"], "--per-minute: must be a whole number from 1 on"),
        (["--dry-run", "--results", "x.csv"], "--results says something only without --dry-run"),
        (["--format", "xml"], "--format"),
    ],
)
def test_wrong_options_are_told(emulate, bulk, options, says):
    """An option that cannot be meant is refused before any request."""
    emulator = emulate()
    status, text, errors = bulk(ROWS, *options)
    assert (status, text, emulator.calls) == (2, "", [])
    assert says in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_ends_cleanly(emulate, bulk, folder, monkeypatch, number):
    """Ctrl-C, SIGTERM and SIGHUP let the write in flight end and say what is left; the next run does the rest."""
    emulator = emulate(STATE)
    before = signal.getsignal(number)

    def interrupt(method, *arguments, **named):
        if method == "DELETE":
            os.kill(os.getpid(), number)
            came.wait(10)
        return send(method, *arguments, **named)

    came = threading.Event()
    stop = "handler.cli.bulk.Bulk.stop"
    original = sys.modules["handler.cli.bulk"].Bulk.stop
    monkeypatch.setattr(stop, lambda self: (original(self), came.set()))
    monkeypatch.setattr("handler.calendar_api.connection.send", interrupt)
    status, text, _ = bulk()
    assert status == 130
    assert text.splitlines()[-3:] == [
        "4 rows: 1 created, 1 removed",
        "interrupted: 2 rows were not begun; run the same command again to go on",
        "results: people.results.csv",
    ]
    assert [line["change"] for line in results(folder / "people.results.csv")] == ["created", "removed"]
    assert signal.getsignal(number) == before
    monkeypatch.undo()
    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", emulator.host)
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(f"GOOGLE_{name.upper()}", value)
    monkeypatch.chdir(folder)
    status, text, _ = bulk()
    assert text.splitlines()[-2] == "4 rows: 1 updated, 3 unchanged"
    assert emulator.rules() == AFTER


def test_a_second_interruption_loses_no_row(emulate, bulk, folder, monkeypatch):
    """Ctrl-C twice ends at once, and what was in flight is written down all the same."""
    emulator = emulate(STATE)
    stops = []  # and no Event, whose lock the second interruption could break open
    original = sys.modules["handler.cli.bulk"].Bulk.stop
    monkeypatch.setattr("handler.cli.bulk.Bulk.stop", lambda self: (original(self), stops.append(self)))

    def interrupt(method, *arguments, **named):
        answer = send(method, *arguments, **named)
        if method == "DELETE":
            for _ in range(2):
                so_far = len(stops)
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
                while len(stops) == so_far:  # the handler stops the run; then whoever leaves it does
                    os.sched_yield()
        return answer

    monkeypatch.setattr("handler.calendar_api.connection.send", interrupt)
    status, _, _ = bulk()
    assert status == 130
    assert "user:john@acme.com" not in emulator.rules()[EXAMPLE]
    assert [line["previous_access"] for line in results(folder / "people.results.csv")] == ["none", "writer"]


def test_what_is_ignored_stays_ignored(emulate, bulk, monkeypatch):
    """A run that was started to outlive its terminal (nohup) is not stopped by its end."""
    emulator = emulate(STATE)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def hang_up(method, *arguments, **named):
        if method == "POST":
            signal.pthread_kill(threading.main_thread().ident, signal.SIGHUP)
        return send(method, *arguments, **named)

    monkeypatch.setattr("handler.calendar_api.connection.send", hang_up)
    try:
        assert bulk()[0] == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert emulator.rules() == AFTER


def test_an_interruption_before_the_first_row(emulate, bulk, folder, monkeypatch):
    """A run that is ended while it looks for the calendars asks nothing more, and says that no row was begun."""
    emulator = emulate(STATE)

    def interrupt(*arguments, **named):
        os.kill(os.getpid(), signal.SIGINT)
        return send(*arguments, **named)

    monkeypatch.setattr("handler.calendar_api.connection.send", interrupt)
    status, text, _ = bulk()
    assert status == 130
    assert text.startswith(
        "4 rows: none begun\ninterrupted: 4 rows were not begun; run the same command again to go on\n"
    )
    assert emulator.calls == ["oauth2.token", "calendarList.list"]
    assert results(folder / "people.results.csv") == []


def test_a_reader_that_goes_away_loses_no_result(emulate, folder):
    """If nobody reads on (| head), the run stops, and what was in flight is written down all the same."""
    emulator = emulate(STATE)
    (folder / "people.csv").write_text(f"{HEADER}\n{ROWS}")
    errors = io.StringIO()
    status = main(["bulk", "people.csv"], io.StringIO(), Fails(BrokenPipeError()), errors)
    assert status == 1
    assert "note: stdout could not be written, but this was done: 4 rows: 1 created" in errors.getvalue()
    assert "; results: people.results.csv" in errors.getvalue()
    written = [line["rule_id"] for line in results(folder / "people.results.csv") if line["change"] != "unchanged"]
    assert len(written) == sum(emulator.calls.count(call) for call in ("acl.insert", "acl.delete", "acl.update"))


CALENDARS = {f"c{number}@group.calendar.google.com": {"user:a@acme.com": "owner"} for number in range(6)}
MANY = {"calendars": [{"id": name, "summary": name} for name in CALENDARS], "rules": CALENDARS}
LOWER = "".join(f"{name},user,{who}@acme.com,reader\n" for name in CALENDARS for who in "abc")


def full_after(monkeypatch, rows):
    """Let the disk be full once so many rows are in the results."""
    left = iter(range(2 + rows))  # the header, and the name of the file
    sync = os.fsync

    def fill(number):
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(number)

    monkeypatch.setattr("os.fsync", fill)


def changed(emulator):
    """Return the rules that a run over LOWER has changed."""
    rules = emulator.rules()
    return sorted(
        (name, rule_id)
        for name, before in CALENDARS.items()
        for rule_id, role in rules[name].items()
        if before.get(rule_id) != role
    )


@pytest.mark.parametrize("threads", ["1", "4"])
def test_a_disk_that_is_full_loses_no_row(emulate, bulk, folder, monkeypatch, threads):
    """The run stops, and each changed row stands either in the results or, with what was before, on stderr."""
    emulator = emulate(MANY)
    full_after(monkeypatch, 2)
    status, text, errors = bulk(LOWER, "--threads", threads)
    monkeypatch.undo()
    written = [(line["calendar_id"], line["rule_id"]) for line in results(folder / "people.results.csv")]
    told = re.findall(r"line \d+: '(.*)': (?:updated|created): (\S+) has reader \(before: (owner|none)\)", errors)
    assert len(written) == 2
    assert sorted(written + [(name, rule_id) for name, rule_id, _ in told]) == changed(emulator)
    assert 1 <= len(told) <= int(threads)
    assert all((before == "owner") == (rule_id == "user:a@acme.com") for _, rule_id, before in told)
    assert errors.startswith(
        "error: people.results.csv: cannot be written any more: No space left on device. The run was stopped. "
        "These rows were changed and are in no file:\n       line "
    )
    assert status == 1
    lost = "1 row that was" if len(told) == 1 else f"{len(told)} rows that were"
    assert text.endswith(
        f"interrupted: {18 - 2 - len(told)} rows were not begun; run the same command again to go on\n"
        f"results: people.results.csv, without {lost} changed\n"
    )


def test_a_disk_that_is_full_is_told_in_json(emulate, bulk, monkeypatch):
    """A program finds every row on stdout, and those that are in no file in the error on stderr."""
    emulator = emulate(MANY)
    full_after(monkeypatch, 2)
    status, text, errors = bulk(LOWER, "--format", "json")
    document, error = json.loads(text), json.loads(errors)["error"]
    assert status == 1
    assert error["code"] == "invalid_input"
    assert [row["line"] for row in error["details"]["rows"]] == document["unrecorded"]
    assert all(row in document["rows"] for row in error["details"]["rows"])
    assert len(document["rows"]) == 2 + len(document["unrecorded"]) == len(changed(emulator))
    assert {row["results"]["previous_access"] for row in document["rows"]} <= {"owner", "none"}


def test_a_results_file_that_is_removed_has_none_of_its_rows(emulate, bulk, folder, monkeypatch):
    """Results that somebody removes in mid-run are told from the first row on."""
    emulator = emulate(STATE)

    def remove(method, *arguments, **named):
        if method == "PUT":
            (folder / "people.results.csv").unlink()
        return send(method, *arguments, **named)

    monkeypatch.setattr("handler.calendar_api.connection.send", remove)
    status, _, errors = bulk()
    assert status == 1
    assert "people.results.csv: was removed or changed by somebody else. The run was stopped." in errors
    assert re.findall(r"line (\d): .* \(before: (\w+)\)", errors) == [("2", "none"), ("3", "writer"), ("4", "owner")]
    assert emulator.calls.count("acl.update") == 1


def test_a_full_disk_and_a_reader_that_goes_away(emulate, folder, monkeypatch):
    """What is in no file is on stderr also if nobody reads stdout any more."""
    emulator = emulate(STATE)
    (folder / "people.csv").write_text(f"{HEADER}\n{ROWS}")
    full_after(monkeypatch, 0)
    errors = io.StringIO()
    assert main(["bulk", "people.csv"], io.StringIO(), Fails(BrokenPipeError()), errors) == 1
    assert "line 2: 'Example Calendar': created: user:jane@acme.com has reader (before: none)" in errors.getvalue()
    assert emulator.calls.count("acl.delete") == 0


def test_a_full_disk_without_stderr(emulate, folder, monkeypatch):
    """If stderr is gone as well, the rows are on stdout, and the status tells."""
    emulate(STATE)
    (folder / "people.csv").write_text(f"{HEADER}\n{ROWS}")
    full_after(monkeypatch, 0)
    text = io.StringIO()
    assert main(["bulk", "people.csv"], io.StringIO(), text, Fails(OSError(errno.EIO, "gone"))) == 1
    assert "line 2: 'Example Calendar': created: user:jane@acme.com has reader (before: none)" in text.getvalue()
    assert text.getvalue().endswith("results: people.results.csv, without 1 row that was changed\n")


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_text_ends_a_run(emulate, folder, monkeypatch, form):
    """Half of a character, and what a terminal has no letter for, are shown in another form and end nothing."""
    emulate()
    (folder / "people.csv").write_text(f"{HEADER}\nFêtes \U0001f389,user,a@acme.com,reader\n", encoding="utf-8")
    found = {"change": "created", "previous_access": "none", "calendar_access": "reader", "calendar_id": "\ud800"}
    outcome = {"results": {**dict.fromkeys(load().titles, ""), **found, "rule_id": "user:\udfff@acme.com"}}
    monkeypatch.setattr("handler.cli.bulk.Bulk.find_calendars", lambda _: None)
    monkeypatch.setattr("handler.cli.bulk.Bulk.share", lambda *_: iter([(0, outcome)]))
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as stdout:
        assert main(["bulk", "people.csv", "--format", form], io.StringIO(), stdout, io.StringIO()) == 0
        shown = raw.getvalue().decode("ascii")
    assert {"text": "user:\\ufffd@acme.com", "json": "\\udfff@acme.com"}[form] in shown
    (line,) = results(folder / "people.results.csv")
    assert (line["calendar_name"], line["rule_id"]) == ("Fêtes \U0001f389", "user:\\udfff@acme.com")


def test_a_row_that_failed_after_its_write_says_what_it_changed(emulate, bulk, folder, monkeypatch):
    """An error that came too late is a failure, with what it takes to undo the row on the screen and in the file."""
    emulate()
    details = {"change": "updated", "previous_access": "owner"}
    outcome = {"error": HandlerError("unexpected_answer", "Odd.", details).to_dict()}
    monkeypatch.setattr("handler.cli.bulk.Bulk.share", lambda *_: iter([(0, outcome)]))
    status, text, _ = bulk("primary,user,a@acme.com,reader\n")
    assert status == 1
    assert text.startswith(
        "line 2: 'primary': failed: Odd. (unexpected_answer); updated all the same (before: owner)\n"
    )
    (line,) = results(folder / "people.results.csv")
    assert (line["change"], line["previous_access"], line["error_code"]) == ("updated", "owner", "unexpected_answer")


def test_a_run_that_ends_with_an_error_tells_what_was_done(emulate, bulk, folder, monkeypatch):
    """What nobody's row is to blame for, in mid-run, hides neither the rows that are done nor their results."""
    emulate(STATE)

    def send_or_fail(method, *arguments, **named):
        if method == "DELETE":
            raise InvalidInput("invalid_input", "HTTPS_PROXY: is not the address of a proxy")
        return send(method, *arguments, **named)

    monkeypatch.setattr("handler.calendar_api.connection.send", send_or_fail)
    status, text, errors = bulk()
    assert status == 1
    assert text.splitlines()[1:] == [
        "4 rows: 1 created",
        "interrupted: 3 rows were not begun; run the same command again to go on",
        "results: people.results.csv",
    ]
    assert errors.startswith("error: HTTPS_PROXY: is not the address of a proxy\n")


def test_a_terminal_that_goes_away_ends_no_run(emulate, folder):
    """A bar that nobody can see any more stops nothing."""

    class Gone(Screen, Fails):
        """A terminal that cannot be written to any more."""

    emulator = emulate(STATE)
    (folder / "people.csv").write_text(f"{HEADER}\n{ROWS}")
    gone = Gone(OSError(errno.EIO, "gone"))
    assert main(["bulk", "people.csv"], io.StringIO(), io.StringIO(), gone) == 0
    assert emulator.rules() == AFTER


def test_a_terminal_shows_a_bar(emulate, folder):
    """On a terminal a bar moves, and rows are not told one by one; what failed is told in the end."""
    emulate(STATE)
    (folder / "people.csv").write_text(f"{HEADER}\n{ROWS}Nothing,user,a@acme.com,reader\n")
    stdout, stderr = io.StringIO(), Screen()
    assert main(["bulk", "people.csv", "--per-minute", "100000"], io.StringIO(), stdout, stderr) == 1
    assert "5/5" in stderr.getvalue()
    assert "created: " not in stdout.getvalue()
    assert stdout.getvalue().startswith("line 6: 'Nothing': failed: ")


def test_without_rich_a_terminal_has_plain_lines(emulate, folder, monkeypatch):
    """The package rich is an extra: without it each row is told as it is without a terminal."""
    emulate(STATE)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    (folder / "people.csv").write_text(f"{HEADER}\n{ROWS}")
    stdout, stderr = io.StringIO(), Screen()
    assert main(["bulk", "people.csv"], io.StringIO(), stdout, stderr) == 0
    assert without_note(stderr.getvalue()) == ""
    assert stdout.getvalue().startswith("line 2: 'Example Calendar': created: ")


def test_other_threads_may_run_it(emulate, bulk):
    """Only the main thread gets signals; a run in another one does without."""
    emulate(STATE)
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(bulk()[0]))
    thread.start()
    thread.join()
    assert statuses == [0]


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_shown(emulate, folder, monkeypatch, form):
    """Neither the output nor the results hold an info value."""
    leave_to_the_file(monkeypatch)
    canaries = {name: f"CANARY-{name}" for name in ACCOUNT}
    emulate({**STATE, "account": canaries})
    (folder / "people.csv").write_text(f"{HEADER}\n{ROWS}")
    (folder / "account.json").write_text(json.dumps({**canaries, "enable_debug_logging": "Yes"}))
    (folder / "account.json").chmod(0o600)
    status, text, errors = command("bulk", "people.csv", "--info", "account.json", "--format", form)
    assert status == 0
    assert "CANARY" not in text + errors + (folder / "people.results.csv").read_text()


TEAMS = {
    "users": {
        f"{name}@acme.com": {
            "calendars": [
                {"id": f"{name}@acme.com", "summary": name, "primary": True},
                *([] if name == "jane" else [{"id": f"{name}@group.calendar.google.com", "summary": "Team"}]),
            ]
        }
        for name in ("ann", "bob", "jane")
    }
}
OF_USERS = f"{HEADER},act_as,add_to_list"
ROWS_OF_USERS = """\
Team,user,jane@acme.com,reader,ann@acme.com,Yes
Team,user,jane@acme.com,writer,bob@acme.com,Yes
Team,user,kim@acme.com,reader,bob@acme.com,
"""


@pytest.fixture
def of_users(folder, monkeypatch, emulate):
    """Return a function that runs the verb as users of an emulator's Workspace, and gives emulator and outcome."""

    def run(rows, *options, faults=(), emulator=None):
        emulator = emulator or emulate({**TEAMS, "faults": list(faults)})
        for name in ACCOUNT:
            monkeypatch.delenv(f"GOOGLE_{name.upper()}", raising=False)
        rails = {"may_act_as": "ann@acme.com, bob@acme.com", "may_add_to_lists_of": "jane@acme.com"}
        account = {"service_account": emulator.service_account_key(), **rails}
        (folder / "account.json").write_text(json.dumps(account))
        (folder / "account.json").chmod(0o600)
        (folder / "people.csv").write_text(f"{OF_USERS}\n{rows}", encoding="utf-8")
        return emulator, *command("bulk", "people.csv", "--info", "account.json", "--per-minute", "1000000", *options)

    return run


def test_the_plan_of_several_users_names_them_and_counts_the_lists(of_users):
    """Titles are each user's own, so the plan says whose; the lists that would change are apart, and counted."""
    emulator, status, text, errors = of_users(ROWS_OF_USERS, "--dry-run")
    assert (status, errors) == (0, "")
    assert text == (
        "Raised (3)\n"
        "Line  Calendar  Acted as      Recipient           Before  After\n"
        "   2  Team      ann@acme.com  user:jane@acme.com  none    reader\n"
        "   3  Team      bob@acme.com  user:jane@acme.com  none    writer\n"
        "   4  Team      bob@acme.com  user:kim@acme.com   none    reader\n"
        "\n"
        "Added to the recipient's list (2)\n"
        "Line  Calendar  Acted as      Recipient\n"
        "   2  Team      ann@acme.com  user:jane@acme.com\n"
        "   3  Team      bob@acme.com  user:jane@acme.com\n"
        "\n"
        "3 rows: 3 to be created; 2 calendars to be added to the lists of 1 recipient; "
        "this was a dry run, and nothing was changed\n"
    )
    assert (emulator.mails, emulator.added_to_lists) == ([], {})


def test_the_plan_counts_a_list_entry_of_two_rows_once(of_users):
    """The same wish as two users adds one calendar to one list, by its id or as somebody's primary one."""
    rows = (
        "primary,user,jane@acme.com,reader,ann@acme.com,Yes\n"
        "ann@acme.com,user,jane@acme.com,reader,bob@acme.com,Yes\n"
        "bob@group.calendar.google.com,user,jane@acme.com,reader,bob@acme.com,Yes\n"
        "bob@group.calendar.google.com,user,Jane@acme.com,reader,bob@acme.com,Yes\n"
    )
    _, _, text, _ = of_users(rows, "--dry-run", "--format", "json")
    summary = json.loads(text)["summary"]
    assert (summary["list_entries"], summary["lists"]) == (2, 1), text


def test_the_results_of_several_users_say_who_was_acted_as_and_what_came_of_the_list(of_users, folder):
    """A list entry that failed has its books in the results, and the next run adds it and mails nobody again."""
    refused = {"method": "calendarList.insert", "fault": "error", "status": 403, "reason": "forbidden"}
    emulator, status, text, _ = of_users(ROWS_OF_USERS, "--threads", "1", faults=[refused])
    assert status == 1
    assert "(sharing_refused); created all the same (before: none)" in text
    assert "created: user:jane@acme.com has writer (before: none); added to the recipient's list" in text
    names = ("act_as", "add_to_list", "change", "previous_access", "acted_as", "list_entry", "error_code")
    assert [[line[name] for name in names] for line in results(folder / "people.results.csv")] == [
        ["ann@acme.com", "Yes", "created", "none", "ann@acme.com", "", "sharing_refused"],
        ["bob@acme.com", "Yes", "created", "none", "bob@acme.com", "added", ""],
        ["bob@acme.com", "", "created", "none", "bob@acme.com", "", ""],
    ]
    mails = list(emulator.mails)
    _, status, text, _ = of_users(ROWS_OF_USERS, "--threads", "1", emulator=emulator)
    assert status == 0
    assert text == (
        "line 2: 'Team' as ann@acme.com: unchanged: "
        "user:jane@acme.com has reader (before: reader); added to the recipient's list\n"
        "3 rows: 3 unchanged; 1 calendar added to the lists of 1 recipient\n"
        "results: people.results-2.csv\n"
    )
    assert [line["list_entry"] for line in results(folder / "people.results-2.csv")] == ["added", "present", ""]
    assert emulator.mails == mails


def test_a_key_that_is_deleted_in_the_middle_ends_the_run(of_users, folder):
    """The error names the key's id, is not tried again, and the rows behind it are told as not tried."""
    deleted = {"status": 400, "reason": "invalid_grant", "message": "Invalid JWT Signature."}
    nothing = {"method": "oauth2.token", "fault": "delayed", "seconds": 0}
    faults = [nothing, nothing, {"method": "oauth2.token", "fault": "error", **deleted}]
    emulator, status, text, _ = of_users(ROWS_OF_USERS, "--threads", "1", faults=faults)
    assert status == 1
    assert "line 2: 'Team' as ann@acme.com: failed: Google does not accept the key emulator-key" in text
    assert "3 rows: 1 failed, 2 not tried" in text
    assert emulator.calls.count("oauth2.token") == 3
    assert [line["error_code"] for line in results(folder / "people.results.csv")] == ["authorization_failed"] * 3
    assert emulator.mails == []
