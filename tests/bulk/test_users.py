"""Rows of many users, and of recipients' lists: what they cost, what they share, and whom a failure stops."""

from __future__ import annotations

import threading

import pytest

from handler import AuthorizationFailed, HandlerError, Refused, Unavailable, execute_many
from handler.bulk.paced_calls import Calls
from handler.calendar_api import tokens

from ..support.crowds import Crowd, watched

TEAM = "team@group.calendar.google.com"


def of_user(name, *calendars):
    """Return a user's state: the primary calendar, and others by id and title."""
    own = {"id": f"{name}@acme.com", "summary": name, "primary": True}
    return {"calendars": [own, *({"id": id_, "summary": title} for id_, title in calendars)]}


def state(*names, calendars=2):
    """Return a Workspace whose users own so many calendars each, called C0, C1 and so on."""
    return {
        "users": {
            f"{name}@acme.com": of_user(
                name, *((f"{name}{number}@group.calendar.google.com", f"C{number}") for number in range(calendars))
            )
            for name in names
        }
    }


def account(emulator, **others):
    """Return info values whose service account may act as everybody, and use every list."""
    users = ", ".join(f"{name}@acme.com" for name in "abcdefghijklmn")
    key = emulator.service_account_key()
    return {"service_account": key, "may_act_as": users, "may_add_to_lists_of": "acme.com", **others}


def row(user, name, recipient, access="reader", **others):
    """Return a row of a user for another."""
    return {
        "calendar_name": name,
        "scope": "user",
        "recipient": f"{recipient}@acme.com",
        "calendar_access": access,
        "act_as": f"{user}@acme.com",
        **others,
    }


def told(outcomes, name="change"):
    """Return a result of each outcome, or the code of its error."""
    return [one["error"]["code"] if "error" in one else one["results"][name] for one in outcomes]


def test_each_user_signs_in_and_reads_once(emulate):
    """U users with C calendars each and N rows a calendar cost 2 U + U C + U C N requests."""
    emulator = emulate(state("a", "b", "c"))
    rows = [row(user, f"C{one}", f"x{number}") for number in range(4) for one in range(2) for user in "abc"]
    assert told(execute_many(account(emulator), rows, per_minute=None)) == ["created"] * 24
    counts = {method: emulator.calls.count(method) for method in set(emulator.calls)}
    assert counts == {"oauth2.token": 3, "calendarList.list": 3, "acl.list": 6, "acl.insert": 24}


def test_one_write_at_a_time_whoever_acts(emulate, monkeypatch):
    """Two users' rows for one calendar are never written side by side, and those for others are."""
    users = {f"{name}@acme.com": of_user(name, (TEAM, "Team"), (f"{name}@group.calendar.google.com", "Own"))
             for name in "ab"}  # fmt: skip
    emulator = emulate({"users": users})
    rows = [row(user, name, f"{user}{number}") for number in range(10) for user in "ab" for name in ("Team", "Own")]
    crowd = Crowd(3)
    watched(monkeypatch, "insert", crowd)
    assert told(execute_many(account(emulator), rows, threads=3, per_minute=None)) == ["created"] * 40
    assert (crowd.most, crowd.most_at_one) == (3, 1)


def test_a_recipient_signs_in_once_whatever_thread_asks(emulate):
    """Rows of one recipient in many calendars, done side by side, ask for one token."""
    emulator = emulate(state("a", "z", calendars=8))
    rows = [row("a", f"C{number}", "z", add_to_list=True) for number in range(8)]
    assert told(execute_many(account(emulator), rows, threads=4, per_minute=None), "list_entry") == ["added"] * 8
    assert emulator.calls.count("oauth2.token") == 2
    assert sorted(emulator.added_to_lists["z@acme.com"]) == [f"a{n}@group.calendar.google.com" for n in range(8)]


def test_recipients_push_nobody_out(emulate, monkeypatch):
    """Recipients stay signed in for the run alone, so many at most, and never among the accounts of the process."""
    monkeypatch.setattr("handler.bulk.paced_calls.MOST_RECIPIENTS", 3)
    names = ["r0", "r1", "r2", "r3"]
    emulator = emulate(state("a", *names, calendars=1))
    rows = [row("a", name, one, add_to_list=True) for name in ("C0", "primary") for one in names]
    outcomes = execute_many(account(emulator), rows, per_minute=None, threads=1)
    assert told(outcomes, "list_entry") == ["added"] * len(rows)
    assert emulator.calls.count("oauth2.token") == 1 + 2 * len(names)  # the one who is needed next is the first to go
    assert len(tokens._store.accounts) == 2  # the user, and the account itself, which asked for nothing


def test_a_list_entry_is_made_up_for_without_a_second_mail(emulate, time):
    """The run after one whose list entry failed finds the access unchanged, adds the entry, and mails nobody."""
    refused = {"method": "calendarList.insert", "fault": "error", "status": 403, "reason": "forbidden"}
    emulator = emulate({**state("a", "z"), "faults": [refused]})
    info, rows = account(emulator), [row("a", "C0", "z", add_to_list=True)]
    (failed,) = execute_many(info, rows)
    books = {name: failed["error"]["details"][name] for name in ("change", "previous_access", "acted_as", "rule_id")}
    assert books == {
        "change": "created",
        "previous_access": "none",
        "acted_as": "a@acme.com",
        "rule_id": "user:z@acme.com",
    }
    (done,) = execute_many(info, rows)
    assert (done["results"]["change"], done["results"]["list_entry"]) == ("unchanged", "added")
    assert emulator.mails == ["user:z@acme.com"]


def test_a_removed_rule_is_known_to_the_other_user(emulate):
    """Access that one user took away is not taken away again by another's row."""
    users = {f"{name}@acme.com": of_user(name, (TEAM, "Team")) for name in "ab"}
    emulator = emulate({"users": users, "rules": {TEAM: {"user:x@acme.com": "reader"}}})
    rows = [row(user, TEAM, "x", "none") for user in "ab"]
    assert told(execute_many(account(emulator), rows)) == ["removed", "unchanged"]
    assert emulator.calls.count("acl.delete") == 1


def test_what_one_user_wrote_is_known_to_the_other(emulate):
    """A rule that Google does not show yet to the second user is not written again."""
    users = {f"{name}@acme.com": of_user(name, (TEAM, "Team")) for name in "ab"}
    stale = {"status": 200, "body": {"items": [{"id": "user:b@acme.com", "role": "owner"}]}}
    faults = [{"fault": "delayed", "seconds": 0}, {"fault": "answer", **stale}]
    emulator = emulate({"users": users, "faults": [{"method": "acl.list", **fault} for fault in faults]})
    assert told(execute_many(account(emulator), [row(user, TEAM, "x") for user in "ab"])) == ["created", "unchanged"]
    assert emulator.mails == ["user:x@acme.com"]


def test_a_rate_limit_holds_nobody_else(emulate, time):
    """Who met a rate limit waits; other users go on at once, and a recipient holds back no user."""
    calls = Calls(account(emulate()), None, None)

    def limited(method):
        failures = iter([Unavailable("rate_limited", "Too fast.", {"method": method}, 50.0)])

        def do():
            for failure in failures:
                raise failure

        return do

    def wait_of(user):
        return calls._pace(user).wait()

    calls.attempt(calls.begin("a@acme.com"), limited("acl.insert"), "a@acme.com")
    first = sum(time.waits)
    assert wait_of("b@acme.com") == 0.0
    assert wait_of("a@acme.com") == 50.0 - first
    before = sum(time.waits)
    calls.attempt(calls.begin("a@acme.com"), limited("calendarList.get"), "a@acme.com", "z@acme.com")
    waited = sum(time.waits) - before
    assert wait_of("a@acme.com") == 0.0
    assert wait_of("z@acme.com") == 50.0 - waited


ENDS_ALL = [
    HandlerError("api_disabled", "Off."),
    AuthorizationFailed(
        "authorization_failed", "Gone.", {"method": "oauth2.token", "key_id": "k", "act_as": "z@x.com"}
    ),
]
ENDS_ONE = [
    AuthorizationFailed("authorization_failed", "401."),
    AuthorizationFailed("delegation_missing", "Missing.", {"method": "oauth2.token", "act_as": "a@acme.com"}),
    AuthorizationFailed("act_as_rejected", "Unknown.", {"method": "oauth2.token", "act_as": "a@acme.com"}),
    AuthorizationFailed("scope_missing", "Missing."),
    AuthorizationFailed("not_a_calendar_user", "Off.", {"method": "acl.list"}),
    Refused("usage_limit", "Used up.", {"method": "acl.insert"}),
    Unavailable("rate_limited", "Wait.", {"method": "acl.insert"}, 3600.0),
]
ENDS_NONE = [
    AuthorizationFailed("delegation_missing", "Missing.", {"method": "oauth2.token", "act_as": "z@acme.com"}),
    AuthorizationFailed("act_as_rejected", "Unknown.", {"method": "oauth2.token", "act_as": "z@acme.com"}),
    AuthorizationFailed("not_a_calendar_user", "Off.", {"method": "calendarList.get"}),
    AuthorizationFailed("authorization_failed", "401.", {"method": "calendarList.insert"}),
    Refused("usage_limit", "Used up.", {"method": "calendarList.insert"}),
    Unavailable("rate_limited", "Wait.", {"method": "calendarList.get"}, 3600.0),
    Refused("sharing_refused", "No."),
]


@pytest.mark.parametrize(
    ("error", "stopped"),
    [
        *((error, ["a@acme.com", "b@acme.com"]) for error in ENDS_ALL),
        *((error, ["a@acme.com"]) for error in ENDS_ONE),
        *((error, []) for error in ENDS_NONE),
    ],
    ids=lambda value: f"{value.code}-{value.details.get('method', '')}" if isinstance(value, HandlerError) else None,
)
def test_whom_an_error_stops(emulate, error, stopped):
    """The key and its project stop all, a user's own trouble that user, and a recipient's nobody."""
    calls = Calls(account(emulate()), None, None)
    calls.note(error, "a@acme.com")
    for user in stopped:
        with pytest.raises(HandlerError) as caught:
            calls.begin(user)
        assert (caught.value.code, caught.value.details["not_tried"]) == (error.code, True)
    for user in {"a@acme.com", "b@acme.com"} - set(stopped):
        calls.begin(user)


def test_ten_rows_without_google_end_the_run_whoever_acts(emulate, time):
    """Rows of many users tell together that Google is away, as there may be one row of each."""
    away = {"method": "acl.list", "fault": "error", "status": 503, "times": 14}
    emulator = emulate({**state(*"abcdefghijklmn"), "faults": [away]})
    rows = [row(user, "primary", "x") for user in "abcdefghijklmn"]
    outcomes = execute_many(account(emulator), rows, attempts=1, threads=1)
    assert told(outcomes) == ["google_unavailable"] * 14
    assert [one["error"]["details"].get("not_tried", False) for one in outcomes] == [False] * 10 + [True] * 4


def test_rate_limits_of_one_user_end_that_users_rows_alone(emulate, time):
    """Ten rows of a user that met a rate limit end that user's rows, and no other's."""
    limit = {"method": "acl.insert", "fault": "error", "status": 429, "reason": "rateLimitExceeded", "times": 10}
    emulator = emulate({**state("a", "b"), "faults": [limit]})
    rows = [row("a", "C0", f"x{number}") for number in range(12)] + [row("b", "C0", "x")]
    outcomes = execute_many(account(emulator), rows, attempts=1, threads=1)
    assert told(outcomes) == ["rate_limited"] * 12 + ["created"]


def test_a_key_that_signs_nothing_is_raised(emulate):
    """What is wrong with the key is nobody's row."""
    emulator = emulate()
    with pytest.raises(HandlerError) as caught:
        execute_many({"service_account": "{}", "may_act_as": "a@acme.com"}, [row("a", "C0", "x")])
    assert caught.value.code == "invalid_input"
    assert emulator.calls == []


def test_no_thread_is_left_of_many_users(emulate):
    """A run of many users ends as one of a single user does."""
    emulator = emulate(state("a", "b", "c"))
    before = threading.active_count()
    execute_many(account(emulator), [row(user, "C0", "x") for user in "abc"], threads=3)
    assert threading.active_count() <= before + 3  # the emulator's connections
