"""A connection test: what it finds out, what it calls a problem, and that it only reads."""

from __future__ import annotations

import json
import logging
import socket

import pytest

from handler import HandlerError, InvalidInput, check, execute
from handler.calendar_api import forget_all
from handler.descriptor import load
from handler.testing.emulator import ACCOUNT
from handler.testing.emulator.sign_in import SignIn
from handler.token_end import KEPT_AS

from .support.canaries import CANARIES

ROOT = "https://www.googleapis.com/auth/"
LIST, RULES, FULL = (f"{ROOT}calendar{rest}" for rest in (".calendarlist.readonly", ".acls", ""))
EXAMPLE = "example@group.calendar.google.com"
TEAM = "team@group.calendar.google.com"
HOLIDAYS = "holidays@group.calendar.google.com"
SIGN_IN, READ, CONFIRM = "oauth2.token", "calendarList.list", "acl.list"


FRONT_END = {
    "method": "calendarList.list",
    "fault": "answer",
    "status": 403,
    "body": {
        "error": {"code": 403, "message": "No.", "errors": [{"reason": "forbidden"}], "status": "PERMISSION_DENIED"}
    },
}
"""A refusal of the project or the client."""


def error(method, status, reason="", **more):
    """Order an error of Google's."""
    return {"method": method, "fault": "error", "status": status, "reason": reason, **more}


def codes(findings):
    """Return the codes of the problems, in order."""
    return [problem["code"] for problem in findings["problems"]]


def test_a_good_account_is_described_whole(emulate):
    """Account, scopes, owned calendars as the account sees them and the number of others, for two requests."""
    team = {"id": TEAM, "summary": "Team", "summaryOverride": "My team", "dataOwner": "hr@acme.com", "hidden": True}
    me = {"id": "jane@acme.com", "summary": "jane@acme.com", "primary": True}
    other = {"id": HOLIDAYS, "summary": "Holidays", "accessRole": "writer"}
    emulator = emulate({"account": {"email": "jane@acme.com"}, "calendars": [team, other, me]})
    findings = check(ACCOUNT)
    assert findings == {
        "ok": True,
        "account": "jane@acme.com",
        "service_account": None,
        "scopes": {"granted": [LIST, RULES], "needed": [LIST, RULES], "missing": []},
        "calendars": [
            {"calendar_id": TEAM, "title": "My team", "access_role": "owner", "data_owner": "hr@acme.com"},
            {"calendar_id": "jane@acme.com", "title": "jane@acme.com", "access_role": "owner", "data_owner": ""},
        ],
        "token_end": {"at": "", "past": False},
        "guard_rails": {},
        "others": [{"calendar_id": HOLIDAYS, "title": "Holidays", "access_role": "writer", "data_owner": ""}],
        "calendar": None,
        "problems": [],
        "remarks": [],
    }
    assert json.loads(json.dumps(findings)) == findings
    assert emulator.calls == [SIGN_IN, READ]


@pytest.mark.parametrize(
    ("kept", "at", "past"),
    [
        ("2027-01-15T08:00:01Z", "2027-01-15T08:00:01Z", False),
        ("2027-01-15T08:00:00Z", "2027-01-15T08:00:00Z", True),
        ("2027-01-15T10:00:00.500+01:00", "2027-01-15T09:00:00Z", False),
        ("2027-01-15 07:00", "2027-01-15T07:00:00Z", True),
        *((odd, "", False) for odd in (None, 5, "", "soon", "9999-99-99T00:00:00Z", "0001-01-01T00:00+14:00", ["x"])),
    ],
)
def test_the_end_of_the_token_is_told(emulate, time, kept, at, past):
    """What the info file says of the token's end is shown in UTC, with whether it is past; what says nothing is not."""
    emulate()
    assert time.waits == []
    assert check({**ACCOUNT, KEPT_AS: kept})["token_end"] == {"at": at, "past": past}


@pytest.mark.parametrize(("day", "told"), [("14", True), ("16", False)])
def test_a_token_that_is_refused_after_its_end_is_said_to_have_ended(emulate, time, day, told):
    """A refused token whose end the info file names as past is told with that moment."""
    emulate()
    info = {**ACCOUNT, "refresh_token": "gone", KEPT_AS: f"2027-01-{day}T08:00:00Z"}
    problem = check(info)["problems"][0]
    assert problem["code"] == "authorization_failed"
    assert ("the refresh token ended on 2027-01-14 at 08:00 UTC" in problem["message"]) == told
    assert time.waits == []


@pytest.mark.parametrize(
    ("rails", "in_force"),
    [
        ({}, {}),
        ({"allowed_domains": " ", "allow_public": "yes", "highest_access": "OWNER"}, {}),
        (
            {"allowed_domains": "acme.com", "allow_public": False, "highest_access": "Reader"},
            {"allowed_domains": "acme.com", "allow_public": "No", "highest_access": "reader"},
        ),
    ],
    ids=["none", "idle", "all"],
)
def test_the_guard_rails_in_force_are_told(emulate, rails, in_force):
    """Whoever checks an account sees what its steps will be refused; what forbids nothing is no guard rail."""
    emulate()
    assert check({**ACCOUNT, **rails})["guard_rails"] == in_force


def test_each_page_of_the_list_is_read_once(emulate):
    """However many calendars there are, and whether or not one is asked for, the list is read once."""
    emulator = emulate({"page_size": 1})
    assert len(check(ACCOUNT, "Example Calendar")["calendars"]) == 2
    assert emulator.calls == [SIGN_IN, READ, READ, READ, CONFIRM]


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        pytest.param([RULES, LIST], [], id="both, in another order"),
        pytest.param([FULL], [], id="the full scope"),
        pytest.param([f"{FULL}.readonly", RULES], [], id="a wider one to read"),
        pytest.param([f"{FULL}.calendarlist", RULES], [], id="a wider one to read and write"),
        pytest.param([LIST, f"{RULES}.readonly"], [RULES], id="one that only reads"),
        pytest.param([LIST, f"{FULL}.app.created"], [RULES], id="one that sounds alike"),
        pytest.param([LIST, f"{ROOT}cal"], [RULES], id="the beginning of a name"),
        pytest.param([RULES], [LIST], id="one box not ticked"),
        pytest.param([f"{ROOT}drive"], [LIST, RULES], id="another service"),
    ],
)
def test_a_scope_is_missing_unless_it_or_a_wider_one_was_granted(emulate, granted, missing):
    """Each missing scope is one problem, which names it and what it is needed for."""
    emulate({"account": {"scopes": granted}})
    findings = check(ACCOUNT)
    assert findings["scopes"] == {"granted": granted, "needed": [LIST, RULES], "missing": missing}
    assert codes(findings) == ["scope_missing"] * len(missing)
    for scope, problem in zip(missing, findings["problems"], strict=True):
        needed_for = next(row["needed_for"] for row in load().document["oauth_scopes"] if row["scope"] == scope)
        assert f"{scope}, which is needed for {needed_for}." in problem["message"]


def test_a_kept_token_keeps_its_scopes(emulate):
    """A second check signs in no more and knows the scopes all the same, also after a step did the signing in."""
    emulator = emulate()
    parameters = {"calendar_name": "primary", "calendar_access": "none"}
    execute(ACCOUNT, parameters)
    assert check(ACCOUNT)["scopes"]["granted"] == [LIST, RULES]
    assert check(ACCOUNT)["ok"]
    assert emulator.calls.count(SIGN_IN) == 1


@pytest.mark.parametrize("said", [{}, {"scope": 1}], ids=["nothing", "a number"])
def test_scopes_that_google_does_not_name_are_not_missing(emulate, monkeypatch, said):
    """If the sign-in says nothing about scopes, only a refusal shows that one is missing."""
    issue = SignIn._issue_for
    monkeypatch.setattr(
        SignIn,
        "_issue_for",
        lambda *words: {key: value for key, value in issue(*words).items() if key != "scope"} | said,
    )
    emulate({"account": {"scopes": [LIST]}})
    assert check(ACCOUNT)["scopes"] == {"granted": [], "needed": [LIST, RULES], "missing": []}
    findings = check(ACCOUNT, EXAMPLE)
    assert findings["scopes"]["missing"] == [RULES]
    assert codes(findings) == ["scope_missing"]


def test_a_missing_scope_does_not_keep_the_list_from_being_read(emulate):
    """The calendars are listed though their rules may not be read, and the scope is one problem however often found."""
    emulator = emulate({"account": {"scopes": [LIST]}})
    findings = check(ACCOUNT, "Example Calendar")
    assert len(findings["calendars"]) == 2
    assert (codes(findings), findings["calendar"]["usable"]) == (["scope_missing"], False)
    assert emulator.calls == [SIGN_IN, READ, CONFIRM]


@pytest.mark.parametrize(
    ("name", "usable", "calls"),
    [
        pytest.param(EXAMPLE, True, [SIGN_IN, READ, CONFIRM], id="id"),
        pytest.param("primary", True, [SIGN_IN, READ, CONFIRM], id="primary"),
        pytest.param("Example Calendar", False, [SIGN_IN, READ], id="title"),
    ],
)
def test_without_the_list_an_id_can_still_be_used(emulate, name, usable, calls):
    """As in a step, only a title needs the list; the scope that is missing for it is the one problem."""
    emulator = emulate({"account": {"scopes": [RULES]}})
    findings = check(ACCOUNT, name)
    assert (findings["calendar"]["usable"], codes(findings)) == (usable, ["scope_missing"])
    assert emulator.calls == calls


@pytest.mark.parametrize(
    ("faults", "code", "calls"),
    [
        pytest.param([error(READ, 403, "accessNotConfigured")], "api_disabled", [SIGN_IN, READ], id="API disabled"),
        pytest.param([error(READ, 403, "notACalendarUser")], "not_a_calendar_user", [SIGN_IN, READ], id="suspended"),
        pytest.param([FRONT_END], "api_disabled", [SIGN_IN, READ], id="front end"),
        pytest.param([error(READ, 403, "quotaExceeded")], "usage_limit", [SIGN_IN, READ], id="used up"),
        pytest.param([error(READ, 429)], "rate_limited", [SIGN_IN, READ], id="too fast"),
        pytest.param([error(READ, 503)], "google_unavailable", [SIGN_IN, READ], id="list down"),
        pytest.param([{"method": READ, "fault": "not_json"}], "unexpected_answer", [SIGN_IN, READ], id="login page"),
        pytest.param(
            [error(READ, 401), error(READ, 401)],
            "authorization_failed",
            [SIGN_IN, READ, SIGN_IN, READ],
            id="token refused twice",
        ),
        pytest.param([error(SIGN_IN, 401, "invalid_client")], "authorization_failed", [SIGN_IN], id="wrong client"),
        pytest.param([error(SIGN_IN, 503)], "google_unavailable", [SIGN_IN], id="sign-in down"),
        pytest.param([{"method": SIGN_IN, "fault": "token_revoked"}], "authorization_failed", [SIGN_IN], id="revoked"),
        pytest.param([error(CONFIRM, 503)], "google_unavailable", [SIGN_IN, READ, CONFIRM], id="rules down"),
    ],
)
def test_an_error_of_google_is_a_problem_with_its_remedy(emulate, faults, code, calls):
    """What a step would raise is told, with what there is to do, and nothing more is asked in vain."""
    emulator = emulate({"faults": faults})
    findings = check(ACCOUNT, "Example Calendar", attempts=1)
    (problem,) = findings["problems"]
    declared = load().errors[code]
    assert problem["code"] == code
    assert problem["remedy"] == load().remedy({**problem, "details": {}})
    assert problem["retryable"] is declared["retryable"]
    assert (findings["ok"], findings["calendar"]["usable"]) == (False, False)
    assert (emulator.calls, emulator.unused_faults) == (calls, [])


def test_a_token_that_died_is_told_with_the_seven_days(emulate):
    """The most frequent cause is named, as the administrator sees no error of Google's."""
    emulate({"faults": [{"method": SIGN_IN, "fault": "token_revoked"}]})
    findings = check(ACCOUNT)
    assert "7 days" in findings["problems"][0]["message"]
    assert (findings["account"], findings["scopes"]["granted"], findings["calendars"]) == ("", [], [])


def test_a_network_that_is_not_there_is_a_problem(monkeypatch):
    """Where nobody listens the check says so, and raises nothing."""
    forget_all()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        monkeypatch.setenv("CALENDAR_EMULATOR_HOST", f"127.0.0.1:{taken.getsockname()[1]}")
        findings = check(ACCOUNT, attempts=1)
    assert codes(findings) == ["google_unavailable"]
    assert findings["problems"][0]["retryable"]


def test_problems_are_gathered(emulate):
    """A missing scope and a misspelt title are both told at once."""
    emulate({"account": {"scopes": [LIST]}})
    assert codes(check(ACCOUNT, "Exmaple Calendar")) == ["scope_missing", "calendar_not_found"]


@pytest.mark.parametrize("calendars", [[], [{"id": HOLIDAYS, "summary": "Holidays", "accessRole": "writer"}]])
def test_an_account_that_owns_nothing_is_a_problem(emulate, calendars):
    """Whoever owns no calendar can do nothing; without a primary entry the account's name is not known."""
    emulate({"calendars": calendars})
    findings = check(ACCOUNT)
    assert (codes(findings), findings["account"], len(findings["others"])) == (
        ["not_calendar_owner"],
        "",
        len(calendars),
    )
    assert f"none of the calendars in its list ({len(calendars)})" in findings["problems"][0]["message"]


@pytest.mark.parametrize(
    ("name", "calendar_id", "role"),
    [
        pytest.param("My team", TEAM, "owner", id="title"),
        pytest.param(" My team ", TEAM, "owner", id="title with blanks"),
        pytest.param("Team", TEAM, "owner", id="original title"),
        pytest.param(TEAM, TEAM, "owner", id="id"),
        pytest.param("primary", "owner@example.com", "owner", id="primary"),
        pytest.param("unlisted@group.calendar.google.com", "unlisted@group.calendar.google.com", "", id="not listed"),
        pytest.param("joe@acme.com", "joe@acme.com", "", id="address"),
        pytest.param("<team@group.calendar.google.com>", TEAM, "owner", id="id in brackets"),
        pytest.param("PRIMARY", "owner@example.com", "owner", id="primary in capitals"),
        pytest.param("joe%40acme.com", "joe@acme.com", "", id="address encoded"),
    ],
)
def test_a_calendar_that_a_step_could_use(emulate, name, calendar_id, role):
    """A name is read as a step reads it; one read shows that the rules can be seen; no list, no role."""
    calendars = [
        {"id": TEAM, "summary": "Team", "summaryOverride": "My team"},
        {"id": "owner@example.com", "summary": "Me", "primary": True},
        {"id": "unlisted@group.calendar.google.com", "summary": "Unlisted", "accessRole": "writer", "listed": False},
        {"id": "joe@acme.com", "summary": "Joe", "listed": False},
    ]
    emulator = emulate({"calendars": calendars})
    findings = check(ACCOUNT, name)
    asked = findings["calendar"]
    assert findings["ok"]
    assert (asked["name"], asked["usable"]) == (name.strip(), True)
    assert (asked["calendar_id"], asked["access_role"]) == (calendar_id, role)
    assert emulator.calls == [SIGN_IN, READ, CONFIRM]


@pytest.mark.parametrize(
    ("name", "code", "says", "confirmed"),
    [
        pytest.param("Exmaple", "calendar_not_found", "Did you mean 'Example'?", False, id="misspelt"),
        pytest.param(
            "Ex\u00adample", "calendar_not_found", "U+00AD (soft hyphen) as character 3", False, id="looks alike"
        ),
        pytest.param("Twice", "calendar_ambiguous", "a@group.calendar", False, id="ambiguous"),
        pytest.param("Holidays", "not_calendar_owner", "the role writer", False, id="title not owned"),
        pytest.param(HOLIDAYS, "not_calendar_owner", "owner is hr@acme.com", False, id="id not owned"),
        pytest.param(
            "b@group.calendar.google.com",
            "not_calendar_owner",
            "needs owner to share it.",
            False,
            id="without an owner",
        ),
        pytest.param("none@group.calendar.google.com", "calendar_not_found", "contain the", True, id="no such id"),
        pytest.param("joe@acme.com", "not_calendar_owner", "may not change", True, id="not listed, only seen"),
    ],
)
def test_a_calendar_that_a_step_could_not_use(emulate, name, code, says, confirmed):
    """The problem says why, in the words of a step; what the list shows needs no further request."""
    calendars = [
        {"id": EXAMPLE, "summary": "Example"},
        {"id": "a@group.calendar.google.com", "summary": "Twice", "accessRole": "reader"},
        {"id": "b@group.calendar.google.com", "summary": "Twice", "accessRole": "reader"},
        {"id": HOLIDAYS, "summary": "Holidays", "accessRole": "writer", "dataOwner": "hr@acme.com"},
        {"id": "joe@acme.com", "summary": "Joe", "accessRole": "reader", "listed": False},
    ]
    emulator = emulate({"calendars": calendars})
    findings = check(ACCOUNT, name)
    assert (codes(findings), findings["calendar"]["usable"]) == ([code], False)
    assert says in findings["problems"][0]["message"]
    assert emulator.calls == [SIGN_IN, READ, *([CONFIRM] if confirmed else [])]


def test_a_calendar_that_was_just_created_is_waited_for(emulate, time):
    """Google refuses its owner for a moment: as in a step this is tried again, and may pass."""
    refusal = error(CONFIRM, 403, "requiredAccessLevel")
    emulate({"faults": [refusal]})
    assert check(ACCOUNT, "Example Calendar")["ok"]
    assert time.waits == [1.0]
    emulate({"faults": [refusal]})
    assert codes(check(ACCOUNT, "Example Calendar", attempts=1)) == ["calendar_not_ready"]


@pytest.mark.parametrize("name", ["primary", "example@group.calendar.google.com"])
def test_a_calendar_by_its_id_is_refused_as_a_step_is(emulate, name, time):
    """A step with an id sees no list, so that a check of the same name says the same: not its owner, and no waiting."""
    refusal = {"method": "acl.get", "fault": "error", "status": 403, "reason": "requiredAccessLevel"}
    emulate({"faults": [refusal, error(CONFIRM, 403, "requiredAccessLevel")]})
    with pytest.raises(HandlerError) as refused:
        execute(
            ACCOUNT, {"calendar_name": name, "scope": "user", "recipient": "jane@acme.com", "calendar_access": "reader"}
        )
    assert codes(check(ACCOUNT, name)) == [refused.value.code] == ["not_calendar_owner"]
    assert time.waits == []


def test_another_refusal_to_an_owner_is_not_waited_for(emulate):
    """Only the reason that Google gives just after a calendar was created may pass."""
    emulate({"faults": [error(CONFIRM, 403, "forbidden")]})
    assert codes(check(ACCOUNT, "Example Calendar")) == ["not_calendar_owner"]


def test_what_may_pass_is_tried_again(emulate, time):
    """Sign-in, list and calendar are each tried again as the descriptor says."""
    emulator = emulate({"faults": [error(method, 503) for method in (SIGN_IN, READ, CONFIRM)]})
    assert check(ACCOUNT, "Example Calendar")["ok"]
    assert emulator.calls == [SIGN_IN, SIGN_IN, READ, READ, CONFIRM, CONFIRM]
    assert time.waits == [1.0] * 3


def test_the_deadline_is_that_of_a_step(emulate, time):
    """A wait that would end after the deadline is not begun, and all questions share the deadline."""
    emulate({"faults": [error(SIGN_IN, 429, retry_after=110), error(READ, 429, retry_after=11)]})
    assert codes(check(ACCOUNT)) == ["rate_limited"]
    assert time.waits == [110.0]


def test_a_token_that_google_forgot_is_renewed(emulate):
    """A kept token that no longer does costs another sign-in, and is no problem."""
    emulator = emulate({"faults": [{"method": READ, "fault": "token_expired"}]})
    assert check(ACCOUNT)["ok"]
    assert emulator.calls == [SIGN_IN, READ, SIGN_IN, READ]


def test_wrong_input_is_raised_all_at_once(monkeypatch):
    """Info, name and attempts are held to their rules before any request, and no value of info is quoted."""
    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", "127.0.0.1:1")
    with pytest.raises(InvalidInput) as caught:
        check({"client_id": "CANARY\0", "client_secret": "x"}, "a\0b", attempts=0)
    assert caught.value.details["fields"].keys() == {"client_id", "refresh_token", "calendar_name", "attempts"}
    assert "CANARY" not in str(caught.value.to_dict())


def test_a_guard_rail_that_cannot_be_understood_is_raised(monkeypatch):
    """A check finds the mistake in a guard rail before a step does."""
    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", "127.0.0.1:1")
    with pytest.raises(InvalidInput) as caught:
        check({**ACCOUNT, "allowed_domains": "*.acme.com", "highest_access": "all", "allow_public": "sometimes"})
    assert caught.value.details["fields"].keys() == {"allowed_domains", "highest_access", "allow_public"}


@pytest.mark.parametrize("name", ["x" * 1025, 1, ["x"]], ids=["too long", "a number", "a list"])
def test_a_name_is_held_to_the_rules_of_the_parameter(name):
    """What no step would take is refused here too."""
    with pytest.raises(InvalidInput, match=r"^calendar_name: "):
        check(ACCOUNT, name)


@pytest.mark.parametrize("name", [None, "", " "])
def test_a_blank_name_is_none(emulate, name):
    """As everywhere, blank means not given; a parameter that a step needs besides is not asked for."""
    emulator = emulate()
    assert check(ACCOUNT, name)["calendar"] is None
    assert emulator.calls == [SIGN_IN, READ]


@pytest.mark.parametrize(
    ("variable", "value"), [("CALENDAR_EMULATOR_HOST", "evil.example:80"), ("HTTPS_PROXY", "ftp://proxy")]
)
def test_a_wrong_environment_is_raised(monkeypatch, variable, value):
    """What is wrong on this machine is wrong input, as in a step, and no problem of the account's."""
    forget_all()
    monkeypatch.delenv("CALENDAR_EMULATOR_HOST", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidInput, match=f"^{variable}: "):
        check(ACCOUNT)


def test_nothing_is_written(emulate):
    """Beside the sign-in a check sends nothing but GETs, and Google holds what it held."""
    before = {EXAMPLE: {"user:jane@acme.com": "reader"}}
    emulator = emulate({"rules": before})
    for name in (None, "Example Calendar", EXAMPLE, "primary", "Company Holidays", "x@acme.com"):
        check(ACCOUNT, name)
    assert {record.http_method for record in emulator.requests if record.method != SIGN_IN} == {"GET"}
    assert (emulator.rules(), emulator.mails) == (before, [])


def test_the_stages_are_lines_of_the_log(emulate, caplog):
    """Debug logging shows a check as it shows a step, problems included."""
    emulate()
    with caplog.at_level(logging.INFO, "google_apps_calendar_share"):
        check({**ACCOUNT, "enable_debug_logging": "Yes"}, "Nothing")
    lines = [message.partition(" ")[2] for message in caplog.messages]
    assert lines[:2] == ["input checked", "signed in"]
    assert lines[-1].startswith("calendar_not_found: Invalid Calendar Name")


@pytest.mark.parametrize("name", [None, "Nothing"])
def test_no_secret_is_shown(emulate, caplog, monkeypatch, name):
    """Neither findings nor log hold an info value or a token, though Google echoes them all."""
    issued = []
    issue = SignIn._issue_for

    def echo(*words):
        answer = issue(*words)
        issued.append(answer["access_token"])
        return answer | {"scope": f"{answer['scope']} {' '.join(CANARIES.values())} {answer['access_token']}"}

    monkeypatch.setattr(SignIn, "_issue_for", echo)
    emulate({"account": CANARIES})
    with caplog.at_level(logging.DEBUG):
        findings = check(CANARIES, name)
    assert issued
    assert findings["scopes"]["granted"].count("***") == 3
    shown = json.dumps(findings) + caplog.text
    for secret in (CANARIES["client_secret"], CANARIES["refresh_token"], *issued):
        assert secret not in shown
