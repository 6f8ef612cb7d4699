"""The verb check: one screen for a person, everything for a program, and a status for a script."""

from __future__ import annotations

import io
import json
import re
from xml.etree import ElementTree as ET

import pytest

from handler import check
from handler.__main__ import main
from handler.descriptor import load
from handler.testing.emulator import ACCOUNT

from ..support.canaries import CANARIES
from ..support.command_line import Screen, command, leave_to_the_file

ROOT = "https://www.googleapis.com/auth/"
LIST, RULES = f"{ROOT}calendar.calendarlist.readonly", f"{ROOT}calendar.acls"
FAR_AWAY = {"fault": "error", "status": 429, "reason": "rateLimitExceeded", "retry_after": 3600}


@pytest.fixture(autouse=True)
def _account(monkeypatch):
    """Set the environment as for the account that the emulator knows."""
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(f"GOOGLE_{name.upper()}", value)


def test_a_good_account_fits_one_aligned_screen(emulate):
    """A person sees the account, the scopes and the calendars at a glance."""
    emulate()
    assert command("check", "--calendar", "Example Calendar") == (
        0,
        """\
ok: the account can share 2 calendars

Account    owner@example.com
Scopes     granted  https://www.googleapis.com/auth/calendar.calendarlist.readonly
           granted  https://www.googleapis.com/auth/calendar.acls
Calendars  owns 2, only sees 1 other
           - 'Company Holidays', as reader
Asked for  'Example Calendar' can be shared (example@group.calendar.google.com)

Title              Role   Data owner  Id
Example Calendar   owner  -           example@group.calendar.google.com
owner@example.com  owner  -           owner@example.com
""",
        "",
    )


def test_each_problem_stands_with_what_to_do(emulate):
    """A missing scope is seen in the table, and told below with its remedy; two problems are both there."""
    emulate({"account": {"scopes": [LIST, f"{ROOT}drive"]}})
    status, text, errors = command("check", "--calendar", "Exmaple Calendar")
    assert (status, errors) == (1, "")
    head, *_, first, second = text.split("\n\n")
    assert head == "2 problems: see below"
    assert f"granted  {LIST}\n           MISSING  {RULES}\n           also     {ROOT}drive\n" in text
    assert "Asked for  'Exmaple Calendar' cannot be shared now; see below\n" in text
    for block, code in ((first, "scope_missing"), (second, "calendar_not_found")):
        assert f"\nCode        {code}\nWhat to do  " in block
        assert load().errors[code]["remedy"] in " ".join(block.split())
    assert max(map(len, text.splitlines())) <= 85


def test_what_is_not_known_is_called_unknown(emulate):
    """If the sign-in fails nothing is claimed about account, scopes and calendars."""
    emulate({"faults": [{"method": "oauth2.token", "fault": "token_revoked"}]})
    status, text, _ = command("check")
    assert status == 1
    assert text.startswith("1 problem: see below\n\nAccount    unknown\nScopes     unknown  https://")
    assert "\nCalendars  unknown\n" in text
    assert "7 days" in text
    assert "Title" not in text


def test_an_account_that_owns_nothing_sees_what_others_own(emulate):
    """Calendars of others are counted, and no empty table is shown."""
    emulate({"calendars": [{"id": "joe@acme.com", "summary": "Joe", "accessRole": "reader"}]})
    status, text, _ = command("check")
    assert status == 1
    assert (
        "\nCalendars  owns 0, only sees 1 other\n           - 'Joe', as reader\n\nProblem     The account owns none "
        in text
    )


def test_a_calendar_whose_role_is_not_known_is_called_so(emulate):
    """For a calendar beside the list, reading is no proof of owning it."""
    emulate({"calendars": [{"id": "joe@acme.com", "summary": "Joe", "listed": False}]})
    text = command("check", "--calendar", "joe@acme.com")[1]
    assert "Asked for  'joe@acme.com' can be shared if the account owns it, which cannot be seen (joe@acme.com)" in text


@pytest.mark.parametrize(("number", "rest"), [(5, ""), (6, "... and 1 more"), (9, "... and 4 more")])
def test_calendars_that_are_only_seen_are_named(emulate, number, rest):
    """As text five are named and the others counted; as JSON and XML all are there."""
    others = [{"id": f"{one}@acme.com", "summary": f"Room {one}", "accessRole": "writer"} for one in range(number)]
    emulate({"calendars": [{"id": "me@acme.com", "summary": "Mine"}, *others]})
    text = command("check")[1]
    assert text.count("\n           - 'Room ") == min(number, 5)
    assert (f"\n           {rest}\n" in text) == bool(rest)
    assert len(json.loads(command("check", "--format", "json")[1])["others"]) == number
    assert command("check", "--format", "xml")[1].count("<other ") == number


def test_guard_rails_are_seen(emulate, tmp_path):
    """Those in force stand on the screen and in XML; without any nothing is said of them."""
    emulate()
    assert "Guard rails" not in command("check")[1]
    file = tmp_path / "account.json"
    file.write_text(json.dumps({"allow_public": "No", "highest_access": "reader"}), encoding="utf-8")
    file.chmod(0o600)
    text = command("check", "--info", file)[1]
    assert "\nGuard rails  allow_public: No\n             highest_access: reader\nCalendars    owns 2" in text
    root = ET.fromstring(command("check", "--info", file, "--format", "xml")[1])  # noqa: S314 -- ours
    assert {rail.get("id"): rail.text for rail in root.iter("guard_rail")} == {
        "allow_public": "No",
        "highest_access": "reader",
    }


@pytest.mark.parametrize(
    ("number", "rows", "rest"), [(20, 20, ""), (21, 20, "... and 1 more"), (200, 20, "... and 180 more")]
)
def test_many_calendars_still_fit_the_screen(emulate, number, rows, rest):
    """As text 20 calendars are listed and the others counted; as JSON and XML all are there."""
    calendars = [{"id": f"{place}@group.calendar.google.com", "summary": f"Room {place}"} for place in range(number)]
    emulate({"calendars": calendars})
    text = command("check")[1]
    assert text.count("Room") == rows
    assert text.endswith(f"{rest}\n")
    assert ("more" in text) == bool(rest)
    assert len(json.loads(command("check", "--format", "json")[1])["calendars"]) == number
    assert command("check", "--format", "xml")[1].count("<calendar ") == number


def test_titles_cannot_break_the_screen(emulate):
    """A title of somebody else's making stays on its line, cut, and moves no other column."""
    emulate({"calendars": [{"id": "a@acme.com", "summary": "x\x1b[2J\ny" + "z" * 200, "dataOwner": "hr@acme.com"}]})
    *_, header, row = command("check")[1].splitlines()
    assert "\x1b" not in row
    assert row.index("owner") == header.index("Role")
    assert row.endswith("a@acme.com")
    assert len(row) < 150


def test_json_is_what_python_gives(emulate):
    """A program reads the findings of `check` as they are, problems included, on stdout."""
    emulate({"account": {"scopes": [LIST]}})
    status, text, errors = command("check", "--calendar", "primary", "--format", "json")
    assert (status, errors) == (1, "")
    assert json.loads(text) == check(ACCOUNT, "primary")


def test_xml_holds_the_same(emulate):
    """Each scope, calendar and problem is an element, and the calendar that was asked for is one more."""
    emulate({"account": {"scopes": [LIST]}})
    findings = check(ACCOUNT, "Example Calendar")
    status, text, errors = command("check", "--calendar", "Example Calendar", "--format", "xml")
    assert (status, errors) == (1, "")
    root = ET.fromstring(text)  # noqa: S314 -- ours
    assert root.attrib == {"ok": "false", "account": findings["account"]}
    assert [(scope.text, scope.get("state")) for scope in root.iter("scope")] == [(LIST, "granted"), (RULES, "missing")]
    assert [{"title": one.text, **one.attrib} for one in root.iter("calendar")] == findings["calendars"]
    assert [{"title": one.text, **one.attrib} for one in root.iter("other")] == findings["others"]
    (asked,) = root.iter("asked")
    assert {"name": asked.text, **asked.attrib} == {**findings["calendar"], "usable": "false"}
    (problem,) = root.iter("problem")
    (told,) = findings["problems"]
    assert problem.attrib == {"code": told["code"], "retryable": "false"}
    assert [part.text for part in problem] == [told["message"], told["remedy"]]


def test_xml_of_a_good_account_has_no_problem(emulate):
    """Without a name and a problem there is no element for either."""
    emulate()
    root = ET.fromstring(command("check", "--format", "xml")[1])  # noqa: S314 -- ours
    assert root.get("ok") == "true"
    assert {element.tag for element in root} == {"scope", "calendar", "other"}


@pytest.mark.parametrize(
    ("scopes", "faults", "status"),
    [
        pytest.param([LIST, RULES], [], 0, id="ok"),
        pytest.param([LIST], [], 1, id="a problem"),
        pytest.param([LIST, RULES], [{"method": "calendarList.list", **FAR_AWAY}], 75, id="only such as may pass"),
        pytest.param([LIST], [{"method": "calendarList.list", **FAR_AWAY}], 1, id="both kinds"),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "xml"])
def test_the_status_says_what_a_script_can_do(emulate, scopes, faults, status, form):
    """0: all is well; 75: the same check may pass later; 1: somebody has to do something."""
    emulate({"account": {"scopes": scopes}, "faults": faults})
    ended, text, errors = command("check", "--format", form)
    assert (ended, errors) == (status, "")
    assert text


@pytest.mark.parametrize("name", ["", " ", "x" * 1025], ids=["empty", "blank", "too long"])
def test_a_wrong_name_is_wrong_input(emulate, name):
    """A variable that is not set does not pass for a calendar that is fine."""
    emulator = emulate()
    status, text, errors = command("check", "--calendar", name, "--format", "json")
    assert (status, text, emulator.calls) == (2, "", [])
    assert json.loads(errors)["error"]["details"]["fields"].keys() == {"calendar_name"}


def test_an_account_that_is_not_given_is_wrong_input(monkeypatch):
    """Without info values nothing is asked, and the message says where to give them."""
    for name in ACCOUNT:
        monkeypatch.delenv(f"GOOGLE_{name.upper()}")
    status, text, errors = command("check")
    assert (status, text) == (2, "")
    assert "--info" in errors


@pytest.mark.parametrize(
    ("scopes", "coloured"), [([LIST, RULES], "\033[32mok\033[0m"), ([LIST], "\033[31m1 problem\033[0m")]
)
def test_only_a_terminal_gets_colours(emulate, monkeypatch, scopes, coloured):
    """The verdict is green or red for a person, and plain in a file."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    emulate({"account": {"scopes": scopes}})
    screen = Screen()
    main(["check"], io.StringIO(), screen, io.StringIO())
    assert screen.getvalue().startswith(coloured)
    assert "\033" not in command("check")[1]


@pytest.mark.parametrize("form", ["text", "json", "xml"])
@pytest.mark.parametrize("secret", [CANARIES["refresh_token"], "CANARY-wrong"], ids=["good", "bad"])
def test_no_secret_is_shown(emulate, tmp_path, monkeypatch, form, secret):
    """Whether the sign-in works or not, neither output nor log holds an info value."""
    leave_to_the_file(monkeypatch)
    emulate({"account": CANARIES})
    file = tmp_path / "account.json"
    file.write_text(json.dumps({**CANARIES, "refresh_token": secret, "enable_debug_logging": "Yes"}), encoding="utf-8")
    file.chmod(0o600)
    _, text, errors = command("check", "--info", file, "--format", form)
    assert "signed in" in errors or "authorization_failed" in errors
    assert "CANARY" not in text + errors


@pytest.fixture
def robot(emulate, monkeypatch, tmp_path):
    """Return a function that starts an emulator and leaves the account to its service account, acting as Ann."""

    def start(state=None, user="ann@acme.com"):
        leave_to_the_file(monkeypatch)
        emulator = emulate(state)
        key = tmp_path / "key.json"
        key.write_text(emulator.service_account_key(), encoding="utf-8")
        key.chmod(0o600)
        monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_FILE", str(key))
        if user:
            monkeypatch.setenv("GOOGLE_ACT_AS", user)
        return emulator

    return start


def steady(text):
    """Return a screen as if the clocks had been read in the same second."""
    return re.sub(r"1 second (ahead of|behind) Google's", "as Google's", text)


def test_a_service_account_fits_the_screen_too(robot):
    """A person sees who signs, for whom, the clock, and what an administrator would paste where."""
    robot()
    status, text, errors = command("check")
    assert (status, errors) == (0, "")
    assert (
        steady(text)
        == f"""\
ok: the account can share 2 calendars

Account     ann@acme.com
Signed by   robot@emulator.iam.gserviceaccount.com, as ann@acme.com
            client id 100000000000000000001, key emulator-key
            project emulator
Clock       as Google's
Delegation  {LIST},{RULES}
            https://admin.google.com/ac/owl/domainwidedelegation?clientScopeToAdd={LIST},{RULES}&clientIdToAdd=\
100000000000000000001
Scopes      granted  {LIST}
            granted  {RULES}
Calendars   owns 2, only sees 0 others

Title          Role   Data owner  Id
Team Calendar  owner  -           team@group.calendar.google.com
ann@acme.com   owner  -           ann@acme.com
"""
    )


def test_a_service_account_as_itself_is_said_to_find_ids(robot):
    """What does not keep a step from working is a note, and the status is good."""
    robot(user="")
    status, text, errors = command("check")
    assert (status, errors) == (0, "")
    assert text.startswith("ok: the service account signs in as itself\n")
    assert "gserviceaccount.com, as itself\n" in text
    assert "\nNote        The service account acts as itself, and its own list" in text


def test_scopes_that_are_not_delegated_are_seen(robot):
    """Each stands as granted or MISSING, and the problem has the line to paste."""
    robot({"service_accounts": {"robot@emulator.iam.gserviceaccount.com": {"delegated_scopes": [LIST]}}})
    status, text, _ = command("check")
    assert status == 1
    assert f"granted  {LIST}\n            MISSING  {RULES}\n" in text
    assert "Code        delegation_missing\n" in text


def test_xml_of_a_service_account_holds_the_same(robot):
    """Who signs, what to paste and each remark are elements."""
    robot({"clock_offset": 60})
    findings = json.loads(command("check", "--format", "json")[1])
    root = ET.fromstring(command("check", "--format", "xml")[1])  # noqa: S314 -- ours
    told = dict(findings["service_account"])
    (account,), (delegation,) = root.iter("service_account"), root.iter("delegation")
    assert (delegation.text, delegation.get("form")) == (told.pop("scopes_to_paste"), told.pop("form"))
    assert abs(int(account.attrib.pop("seconds_ahead")) - told.pop("seconds_ahead")) <= 1
    assert {"email": account.text, **account.attrib} == told
    assert [remark.text.split(" is ")[0] for remark in root.iter("remark")] == ["The clock of this machine"]


def test_the_user_may_be_named_as_far_as_guard_rails_allow(robot, tmp_path):
    """--act-as is held to may_act_as before any request."""
    emulator = robot()
    assert command("check", "--act-as", "ANN@acme.com")[0] == 0
    before = list(emulator.calls)
    status, text, errors = command("check", "--act-as", "bob@acme.com", "--format", "json")
    assert (status, text, emulator.calls) == (1, "", before)
    assert json.loads(errors)["error"]["code"] == "policy_refused"
    rails = tmp_path / "rails.yaml"
    rails.write_text("may_act_as: bob@acme.com\n")
    rails.chmod(0o600)
    assert "Account      bob@acme.com\n" in command("check", "--act-as", "bob@acme.com", "--info", rails)[1]


@pytest.mark.parametrize("user", ["", " ", "ann"])
def test_a_wrong_user_is_wrong_input(robot, user):
    """A variable that is not set does not pass for a user who is fine."""
    emulator = robot()
    status, text, errors = command("check", "--act-as", user, "--format", "json")
    assert (status, text, emulator.calls) == (2, "", [])
    assert json.loads(errors)["error"]["details"]["fields"].keys() == {"act_as"}
