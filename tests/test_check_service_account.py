"""A connection test with a service account: who it is, for whom it acts, and what was delegated to it."""

from __future__ import annotations

import json

import pytest

from handler import HandlerError, InvalidInput, check
from handler.testing.emulator import ACCOUNT

ROOT = "https://www.googleapis.com/auth/calendar"
RULES, LIST, OWN_LIST = (f"{ROOT}.{name}" for name in ("acls", "calendarlist.readonly", "calendarlist"))
ROBOT = "robot@emulator.iam.gserviceaccount.com"
CLIENT_ID = "100000000000000000001"
FORM = "https://admin.google.com/ac/owl/domainwidedelegation"
ANN, BOB, JANE = (f"{name}@acme.com" for name in ("ann", "bob", "jane"))
TEAM = "team@group.calendar.google.com"
SIGN_IN, READ, CONFIRM = "oauth2.token", "calendarList.list", "acl.list"


@pytest.fixture
def robot(emulate):
    """Return a function that starts an emulator; gives it, and the info values of its service account."""

    def start(state=None, **info):
        emulator = emulate(state)
        return emulator, {"service_account": emulator.service_account_key(), **info}

    return start


def delegated(*scopes):
    """Return a state in which these scopes are delegated."""
    return {"service_accounts": {ROBOT: {"delegated_scopes": list(scopes)}}}


def asked_scopes(emulator):
    """Return the scopes of each request to sign in, in order."""
    return [record.body["scope"].split() for record in emulator.requests if record.method == SIGN_IN]


def codes(findings):
    """Return the codes of the problems, in order."""
    return [problem["code"] for problem in findings["problems"]]


def test_a_service_account_is_described_whole(robot):
    """Who it is, for whom it acts, its scopes, what to paste and where, for the requests of any check."""
    emulator, info = robot(act_as_by_default=ANN)
    findings = check(info)
    assert findings["service_account"] == {
        "email": ROBOT,
        "client_id": CLIENT_ID,
        "key_id": "emulator-key",
        "project": "emulator",
        "acts_as": ANN,
        "seconds_ahead": findings["service_account"]["seconds_ahead"],
        "scopes_to_paste": f"{LIST},{RULES}",
        "form": f"{FORM}?clientScopeToAdd={LIST},{RULES}&clientIdToAdd={CLIENT_ID}",
    }
    assert abs(findings["service_account"]["seconds_ahead"]) < 5
    assert (findings["ok"], findings["account"], findings["remarks"]) == (True, ANN, [])
    assert sorted(findings["scopes"]["granted"]) == sorted(findings["scopes"]["needed"]) == [RULES, LIST]
    assert [one["calendar_id"] for one in findings["calendars"]] == [TEAM, ANN]
    assert json.loads(json.dumps(findings)) == findings
    assert emulator.calls == [SIGN_IN, READ]


def test_the_user_may_be_named(robot):
    """Whose calendars are meant is the user's of `act_as`, before the installation's own."""
    _, info = robot(act_as_by_default=ANN, may_act_as=BOB)
    findings = check(info, "Team Calendar", act_as=BOB.upper())
    assert (findings["account"], findings["service_account"]["acts_as"]) == (BOB, BOB)
    assert codes(findings) == ["not_calendar_owner"]


@pytest.mark.parametrize("rails", [{}, {"may_act_as": "uni.edu"}, {"may_add_to_lists_of": "acme.com"}])
def test_a_user_whom_the_guard_rails_forbid_is_refused_before_any_request(robot, rails):
    """A check is no way around may_act_as, and the power over lists is none to look."""
    emulator, info = robot(act_as_by_default=ANN, **rails)
    with pytest.raises(HandlerError) as refused:
        check(info, act_as=BOB)
    assert (refused.value.code, emulator.calls) == ("policy_refused", [])


def test_a_domain_lets_everything_but_the_primary_be_looked_at(robot):
    """Whoever may be acted as by the domain has calendars that can be used, and a primary one that cannot."""
    emulator, info = robot(act_as_by_default=BOB, may_act_as="acme.com")
    assert check(info, "Team Calendar", act_as=ANN)["ok"]
    findings = check(info, "primary", act_as=ANN)
    assert (codes(findings), findings["calendar"]["usable"]) == (["policy_refused"], False)
    assert "does not cover people's primary calendars" in findings["remarks"][0]
    assert emulator.calls.count(CONFIRM) == 1


def test_a_refresh_token_acts_as_nobody_else(emulate):
    """Whoever names a user beside a refresh token is told with the field, before any request."""
    emulator = emulate()
    with pytest.raises(InvalidInput, match=r"^act_as: needs a service account"):
        check(ACCOUNT, act_as=ANN)
    assert emulator.calls == []


@pytest.mark.parametrize("user", ["ann", "a@acme.com, b@acme.com", 5])
def test_a_user_is_held_to_the_rules_of_the_parameter(robot, user):
    """What no step would take is refused here too."""
    _, info = robot()
    with pytest.raises(InvalidInput, match=r"^act_as: "):
        check(info, act_as=user)


@pytest.mark.parametrize("user", [None, "", " "])
def test_without_a_user_it_says_that_it_finds_ids_alone(robot, user):
    """A service account as itself has an empty list, which is no problem, and is said."""
    emulator, info = robot()
    findings = check(info, act_as=user)
    assert (findings["ok"], findings["account"], findings["calendars"]) == (True, ROBOT, [])
    assert (findings["service_account"]["acts_as"], findings["service_account"]["form"]) == ("", "")
    (remark,) = findings["remarks"]
    assert "acts as itself" in remark
    assert "by their ids alone" in remark
    assert emulator.calls == [SIGN_IN, READ]


def test_a_title_cannot_be_found_without_a_user(robot):
    """The problem is the one of a step, and the remark says why."""
    _, info = robot()
    findings = check(info, "Team Calendar")
    assert codes(findings) == ["calendar_not_found"]
    assert "acts as itself" in findings["remarks"][0]


@pytest.mark.parametrize(
    ("scopes", "granted", "tokens"),
    [
        pytest.param((), [], [[RULES, LIST], [f"{RULES}.readonly", LIST], [LIST], [RULES]], id="none"),
        pytest.param(
            (RULES,), [RULES], [[RULES, LIST], [f"{RULES}.readonly", LIST], [LIST], [RULES]], id="the rules alone"
        ),
        pytest.param(
            (LIST,), [LIST], [[RULES, LIST], [f"{RULES}.readonly", LIST], [LIST], [RULES]], id="the list alone"
        ),
    ],
)
def test_what_is_delegated_is_asked_for_scope_by_scope(robot, scopes, granted, tokens):
    """Google refuses all together, so each is asked for by itself, and what is missing is one problem with the line."""
    emulator, info = robot(delegated(*scopes), act_as_by_default=ANN)
    findings = check(info)
    assert findings["scopes"]["granted"] == granted
    assert findings["scopes"]["missing"] == [scope for scope in (LIST, RULES) if scope not in granted]
    (problem,) = findings["problems"]
    assert (problem["code"], problem["retryable"]) == ("delegation_missing", False)
    for scope in findings["scopes"]["missing"]:
        assert f"the OAuth scope {scope}, needed for " in problem["message"]
    assert f"the client id {CLIENT_ID} with the scopes {LIST},{RULES} beside" in problem["message"]
    assert findings["service_account"]["form"] in problem["message"]
    assert asked_scopes(emulator) == tokens


def test_a_reader_s_key_can_look(robot):
    """With calendar.acls.readonly alone everything is read, and what a step lacks for writing is said."""
    emulator, info = robot(delegated(f"{RULES}.readonly", LIST), act_as_by_default=ANN)
    findings = check(info, "Team Calendar")
    assert findings["scopes"]["granted"] == [f"{RULES}.readonly", LIST]
    assert (findings["scopes"]["missing"], codes(findings)) == ([RULES], ["delegation_missing"])
    assert (findings["calendar"]["usable"], len(findings["calendars"])) == (True, 2)
    assert emulator.calls == [SIGN_IN, SIGN_IN, READ, CONFIRM]


@pytest.mark.parametrize(("more", "missing"), [([OWN_LIST], []), ([], [OWN_LIST])])
def test_the_scope_for_recipients_lists_is_needed_where_they_may_be_added_to(robot, more, missing):
    """It is asked for by itself, as the acting user, as no step asks for it together with the others."""
    emulator, info = robot(delegated(RULES, LIST, *more), act_as_by_default=ANN, may_add_to_lists_of="acme.com")
    findings = check(info)
    assert findings["scopes"]["missing"] == missing
    assert codes(findings) == ["delegation_missing"] * len(missing)
    assert findings["service_account"]["scopes_to_paste"] == f"{LIST},{RULES},{OWN_LIST}"
    assert asked_scopes(emulator) == [[RULES, LIST], [OWN_LIST]]
    assert len(findings["calendars"]) == 2


def test_without_a_user_nobody_can_be_asked_for_recipients_lists(robot):
    """Delegation is a matter of users; without one it is said that it is not known."""
    _, info = robot(may_add_to_lists_of="acme.com")
    findings = check(info)
    assert findings["ok"]
    assert any(OWN_LIST in remark for remark in findings["remarks"])


@pytest.mark.parametrize(("offset", "ahead"), [(-120, 120), (60, -60)])
def test_a_clock_that_is_off_is_remarked_on(robot, offset, ahead):
    """By Google's own Date, in seconds, before it is off by so much that nothing works."""
    _, info = robot({"clock_offset": offset}, act_as_by_default=ANN)
    findings = check(info)
    assert findings["ok"]
    assert abs(findings["service_account"]["seconds_ahead"] - ahead) <= 2
    (remark,) = findings["remarks"]
    assert remark.endswith("Set the clock, best by NTP.")
    assert ("ahead of" if ahead > 0 else "behind") in remark


def test_a_clock_that_google_refuses_is_a_problem_with_its_offset(robot):
    """What was not signed in time is told with the offset, in the findings too."""
    _, info = robot({"clock_offset": -3000}, act_as_by_default=ANN)
    findings = check(info)
    assert codes(findings) == ["authorization_failed"]
    assert abs(findings["service_account"]["seconds_ahead"] - 3000) <= 2
    assert findings["account"] == ""


@pytest.mark.parametrize(
    ("state", "user", "code"),
    [
        ({}, "nobody@acme.com", "act_as_rejected"),
        ({"users": {ANN: {"status": "suspended"}}}, ANN, "not_a_calendar_user"),
        ({"service_accounts": {ROBOT: {"status": "disabled"}}}, ANN, "authorization_failed"),
        ({"service_accounts": {ROBOT: {"api_enabled": False}}}, ANN, "api_disabled"),
    ],
)
def test_what_google_refuses_is_a_problem(robot, state, user, code):
    """Each refusal is told as a step tells it, and who it was is known all the same."""
    _, info = robot(state, act_as_by_default=user)
    findings = check(info)
    assert codes(findings) == [code]
    assert findings["service_account"]["email"] == ROBOT


def test_no_part_of_the_key_is_shown(robot, caplog):
    """Neither findings nor log hold a line of the private key, or a token."""
    emulator, info = robot(delegated(LIST), act_as_by_default=ANN, enable_debug_logging="Yes")
    shown = json.dumps(check(info, "Team Calendar")) + caplog.text
    key = json.loads(emulator.service_account_key())["private_key"]
    assert not any(line in shown for line in key.splitlines() if line)
    assert "emulator-access" not in shown
