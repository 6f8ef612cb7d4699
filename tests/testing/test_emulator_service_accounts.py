"""Service accounts on the emulator: assertions, delegation, users with calendars of their own, and their lists."""

from __future__ import annotations

import json
import os
import time
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from google.auth import crypt, jwt
from google.oauth2 import service_account
from googleapiclient.discovery import build

from handler.emulator_host import VARIABLE
from handler.testing import Emulator, play, read_case
from handler.testing.cases import KEY

from ..support.emulator_client import Client, Got, closing, ids

ROOT = "https://www.googleapis.com/auth/"
RULES, READ_RULES = f"{ROOT}calendar.acls", f"{ROOT}calendar.acls.readonly"
LIST, READ_LIST = f"{ROOT}calendar.calendarlist", f"{ROOT}calendar.calendarlist.readonly"
ROBOT = "robot@emulator.iam.gserviceaccount.com"
ANN, BOB, JANE = "ann@acme.com", "bob@acme.com", "jane@acme.com"
TEAM = "team@group.calendar.google.com"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
BAD_SIGNATURE = (400, "invalid_grant", "Invalid JWT Signature.")
SHORT_LIVED = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values and use a clock with skew to account for clock differences between systems."
)
BAD_TIME = (400, "invalid_grant", SHORT_LIVED)
UNAUTHORIZED = (
    "Client is unauthorized to retrieve access tokens using this method, "
    "or client not authorized for any of the scopes requested."
)
NOT_DELEGATED = (401, "unauthorized_client", UNAUTHORIZED)

_close_connections = pytest.fixture(autouse=True)(closing)


@pytest.fixture
def emulator():
    """Provide one that runs."""
    with Emulator() as running:
        yield running


def robot(**stated: Any) -> dict[str, Any]:
    """Return a state whose service account is as stated."""
    return {"service_accounts": {ROBOT: stated}}


def signed(emulator: Emulator, *, kid: str | None = None, **claims: Any) -> str:
    """Return an assertion as google-auth makes it, with other claims; None leaves one out."""
    key = json.loads(emulator.service_account_key())
    now = int(time.time())
    usual = {
        "iss": key["client_email"],
        "aud": key["token_uri"],
        "iat": now,
        "exp": now + 3600,
        "scope": f"{RULES} {READ_LIST}",
    }
    said = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    signer = crypt.RSASigner.from_service_account_info(key)
    return jwt.encode(signer, said, key_id=kid).decode()


def ask(client: Client, assertion: str) -> Got:
    """Ask for a token for an assertion."""
    got = client.send("POST", "/token", urlencode({"grant_type": GRANT_TYPE, "assertion": assertion}))
    if got.status == 200:
        client.token = got.body["access_token"]
    return got


def acting(emulator: Emulator, user: str | None, *scopes: str) -> Client:
    """Return a client that is signed in as a user, or as the service account itself."""
    client = Client(emulator)
    got = ask(client, signed(emulator, sub=user, scope=" ".join(scopes or (RULES, READ_LIST))))
    assert got.status == 200, got.body
    return client


def refusal(got: Got) -> tuple[int, str, str]:
    """Return how the token endpoint refused."""
    return got.status, got.body["error"], got.body["error_description"]


def share(client: Client, calendar: str, user: str, role: str = "reader") -> None:
    """Share a calendar with a user."""
    body = {"role": role, "scope": {"type": "user", "value": user}}
    assert client.api("POST", f"calendars/{calendar}/acl", body).status == 200


# The key.


def test_a_key_has_the_shape_of_google_s() -> None:
    """It is the document that the console writes; one pair serves a process, and nothing of it is in a repr."""
    state = {"service_accounts": {"a@one.iam.gserviceaccount.com": {"keys": ["first"]}, ROBOT: {"client_id": "7"}}}
    emulator = Emulator(state)
    first, second = json.loads(emulator.service_account_key()), json.loads(emulator.service_account_key(ROBOT))
    assert list(first) == [
        "type",
        "project_id",
        "private_key_id",
        "private_key",
        "client_email",
        "client_id",
        "auth_uri",
        "token_uri",
        "auth_provider_x509_cert_url",
        "client_x509_cert_url",
        "universe_domain",
    ]
    assert (first["type"], first["project_id"], first["private_key_id"]) == ("service_account", "one", "first")
    assert (second["client_email"], second["client_id"], second["project_id"]) == (ROBOT, "7", "emulator")
    assert first["client_id"] == "100000000000000000001"
    assert first["private_key"] == second["private_key"]
    assert first["private_key"].startswith("-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(ValueError, match="no such service account"):
        emulator.service_account_key("nobody@example.com")
    with pytest.raises(ValueError, match="no such service account"):
        Emulator({"service_accounts": {}}).service_account_key()


def test_google_s_own_library_signs_in_with_it(emulator: Emulator) -> None:
    """google-auth and Google's client do a round as a user, with nothing but the address of the tokens changed."""
    key = {**json.loads(emulator.service_account_key()), "token_uri": f"http://{emulator.host}/token"}
    credentials = service_account.Credentials.from_service_account_info(key, scopes=[LIST], subject=JANE)
    endpoint = {"api_endpoint": f"http://{emulator.host}/calendar/v3/"}
    share(acting(emulator, ANN), TEAM, JANE)
    with build("calendar", "v3", credentials=credentials, client_options=endpoint) as google:
        added = google.calendarList().insert(body={"id": TEAM, "selected": True}).execute()
        assert added == google.calendarList().get(calendarId=TEAM).execute()
    assert (added["summary"], added["accessRole"], added["selected"]) == ("Team Calendar", "reader", True)
    assert emulator.added_to_lists == {JANE: [TEAM]}


# Assertions, and how Google refuses them.


def test_an_assertion_gets_a_token(emulator: Emulator) -> None:
    """The answer has no scope and no refresh token; the record says who asked for what, and nothing secret."""
    assertion = signed(emulator, sub=ANN)
    got = ask(Client(emulator), assertion)
    assert list(got.body) == ["access_token", "expires_in", "token_type"]
    assert (got.body["expires_in"], got.body["token_type"]) == (3599, "Bearer")
    scope = f"{RULES} {READ_LIST}"
    assert emulator.requests[0].body == {"grant_type": GRANT_TYPE, "iss": ROBOT, "sub": ANN, "scope": scope}
    assert assertion.rpartition(".")[2] not in repr(emulator.requests)


@pytest.mark.parametrize(
    ("state", "claims", "refused"),
    [
        (robot(delegated_scopes=[]), {"sub": ANN}, NOT_DELEGATED),
        (robot(delegated_scopes=[RULES]), {"sub": ANN}, NOT_DELEGATED),
        (robot(delegated_scopes=[f"{ROOT}calendar"]), {"sub": ANN}, NOT_DELEGATED),
        ({}, {"sub": "who@acme.com"}, (400, "invalid_grant", "Invalid email or User ID")),
        ({}, {"sub": "ann@gmail.com"}, (400, "invalid_grant", "Invalid email or User ID")),
        ({"users": {ANN: {"status": "deleted"}}}, {"sub": ANN}, (400, "invalid_grant", "Account has been deleted")),
        ({}, {"sub": "ann"}, (400, "invalid_request", "Invalid impersonation &quot;sub&quot; field: ann")),
        ({}, {"sub": ""}, (400, "invalid_request", "Invalid impersonation &quot;sub&quot; field: ")),
        (robot(status="disabled"), {"sub": ANN}, (400, "invalid_grant", "Robot is disabled.")),
        (robot(status="deleted"), {}, (400, "invalid_grant", "Invalid grant: account not found")),
        (
            {},
            {"iss": "other@emulator.iam.gserviceaccount.com"},
            (400, "invalid_grant", "Invalid grant: account not found"),
        ),
        ({}, {"iss": ANN}, (400, "invalid_grant", "Invalid JWT: No valid verifier found for issuer")),
        ({}, {"iss": None}, (400, "invalid_grant", "Invalid JWT: No valid verifier found for issuer")),
        ({}, {"scope": ""}, (400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")),
        ({}, {"scope": None}, (400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")),
        ({}, {"aud": "https://evil.example/token"}, (400, "invalid_grant", "Invalid JWT: Failed audience check.")),
        (robot(keys=[]), {"sub": ANN}, BAD_SIGNATURE),
        (robot(keys=["old"]), {"sub": ANN, "kid": "new"}, BAD_SIGNATURE),
        ({}, {"iat": None}, BAD_TIME),
        ({}, {"exp": None}, BAD_TIME),
        ({}, {"exp": "soon"}, BAD_TIME),
    ],
)
def test_each_refusal_is_in_google_s_words(state, claims, refused) -> None:
    """What is wrong with a service account, its key, its delegation or the user is told as Google was quoted to."""
    with Emulator(state) as emulator:
        assert refusal(ask(Client(emulator), signed(emulator, **claims))) == refused


@pytest.mark.parametrize(
    ("offset", "life", "good"),
    [
        (0, 3600, True),
        (0, 3601, False),
        (250, 3600, True),
        (-250, 3600, True),
        (-400, 3600, False),
        (3000, 3600, True),
        (4000, 3600, False),
        (0, -301, False),
    ],
)
def test_a_clock_that_is_off_is_told(offset: int, life: int, good: bool) -> None:  # noqa: FBT001 -- a table
    """An assertion lives an hour at most, by Google's clock, which each answer carries in its Date header."""
    now = int(time.time())
    with Emulator({"clock_offset": offset}) as emulator:
        client = Client(emulator)
        got = ask(client, signed(emulator, sub=ANN, iat=now, exp=now + life))
        seen = [got, client.api("GET", "users/me/calendarList"), client.send("GET", "/nothing")]
    assert got.status == 200 if good else refusal(got) == BAD_TIME
    for answer in seen:
        assert abs(parsedate_to_datetime(answer.headers["Date"]).timestamp() - now - offset) < 30


def test_only_the_key_signs(emulator: Emulator) -> None:
    """Changed claims, a foreign signature, another algorithm and no signature are all the same to Google."""
    good = signed(emulator, sub=ANN)
    header, claims, signature = good.split(".")
    other = signed(emulator, sub=BOB).split(".")
    none = jwt._helpers.unpadded_urlsafe_b64encode(b'{"alg": "none", "kid": "emulator-key"}').decode()
    for wrong in (
        f"{header}.{other[1]}.{signature}",
        f"{header}.{claims}.{other[2]}",
        f"{header}.{claims}.{signature[:-8]}",
        f"{header}.{claims}.",
        f"{none}.{claims}.{signature}",
        f"{header}.{claims}.{'_' * len(signature)}",
    ):
        assert refusal(ask(Client(emulator), wrong)) == BAD_SIGNATURE
    assert ask(Client(emulator), good).status == 200


@pytest.mark.parametrize("text", [".", "a.b", "a.b.c", "..", "W10.W10.", "e30.e30", "\x00.é.ü", "[" * 5000 + ".e30."])
def test_what_is_no_assertion_is_refused(emulator: Emulator, text: str) -> None:
    """Something else in its place is refused, and recorded without its content."""
    got = ask(Client(emulator), text)
    assert (got.status, got.body["error"]) == (400, "invalid_grant")
    assert emulator.requests[0].body == {"grant_type": GRANT_TYPE}


def test_an_assertion_has_to_be_there(emulator: Emulator) -> None:
    """A request without one says what is missing."""
    assert refusal(ask(Client(emulator), ""))[:2] == (400, "invalid_request")


# What a token is good for.


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("GET", "users/me/calendarList", (LIST, READ_LIST)),
        ("GET", f"users/me/calendarList/{TEAM}", (LIST, READ_LIST)),
        ("POST", "users/me/calendarList", (LIST,)),
        ("GET", f"calendars/{TEAM}/acl", (RULES, READ_RULES)),
        ("GET", f"calendars/{TEAM}/acl/user:{ANN}", (RULES, READ_RULES)),
        ("POST", f"calendars/{TEAM}/acl", (RULES,)),
        ("PUT", f"calendars/{TEAM}/acl/user:{JANE}", (RULES,)),
        ("DELETE", f"calendars/{TEAM}/acl/user:{JANE}", (RULES,)),
    ],
)
def test_a_method_takes_its_scopes_and_no_others(method: str, path: str, scopes: tuple[str, ...]) -> None:
    """A token for other scopes is told so by the front end; with one of its own a method goes on."""
    every = (RULES, READ_RULES, LIST, READ_LIST)
    with Emulator(robot(delegated_scopes=list(every))) as emulator:
        for scope in every:
            got = acting(emulator, ANN, scope).api(method, path)
            said = got.reason if got.status >= 400 else ""
            assert (said != "insufficientPermissions") == (scope in scopes), scope


def test_a_user_sees_the_own_calendars(emulator: Emulator) -> None:
    """The list, `primary` and the rights are those of whoever is acted as."""
    ann, bob = acting(emulator, ANN), acting(emulator, BOB)
    assert ids(ann.api("GET", "users/me/calendarList")) == [TEAM, ANN]
    assert ids(bob.api("GET", "users/me/calendarList")) == [BOB, TEAM]
    assert ids(ann.api("GET", "calendars/primary/acl")) == [f"user:{ANN}"]
    assert ids(bob.api("GET", "calendars/primary/acl")) == [f"user:{BOB}"]
    assert bob.api("GET", f"calendars/{TEAM}/acl").reason == "requiredAccessLevel"
    assert bob.api("GET", f"calendars/{ANN}/acl").reason == "notFound"
    assert ann.api("DELETE", f"calendars/{TEAM}/acl/user:{ANN}").reason == "cannotChangeOwnAcl"


def test_roles_follow_from_the_rules(emulator: Emulator) -> None:
    """What one user grants another has at once, by the own address, the domain or the public; taken away it is gone."""
    ann, bob, jane = (acting(emulator, user) for user in (ANN, BOB, JANE))
    team = f"calendars/{TEAM}/acl"
    assert jane.api("GET", team).reason == "notFound"
    ann.api("POST", team, {"role": "reader", "scope": {"type": "domain", "value": "acme.com"}})
    assert jane.api("GET", team).reason == "requiredAccessLevel"
    share(ann, TEAM, JANE, "owner")
    share(jane, TEAM, BOB, "writer")
    assert bob.api("GET", team).status == 200
    assert bob.api("GET", "users/me/calendarList").body["items"][1]["accessRole"] == "writer"
    for rule in (f"user:{BOB}", "domain:acme.com"):
        assert jane.api("DELETE", f"{team}/{rule}").status == 204
    assert ids(bob.api("GET", "users/me/calendarList")) == [BOB]
    assert bob.api("GET", team).reason == "notFound"


def test_without_a_user_it_is_the_service_account(emulator: Emulator) -> None:
    """Its list is empty; what was shared with it, it may use by its id; as its own subject it is not taken."""
    alone = acting(emulator, None)
    assert alone.api("GET", "users/me/calendarList").body["items"] == []
    assert alone.api("GET", f"calendars/{TEAM}/acl").reason == "notFound"
    share(acting(emulator, ANN), TEAM, ROBOT, "owner")
    share(alone, TEAM, JANE)
    assert emulator.rules() == {TEAM: {f"user:{JANE}": "reader", f"user:{ROBOT}": "owner"}}
    assert acting(emulator, ROBOT).api("GET", f"calendars/{TEAM}/acl").reason == "authError"


def test_it_needs_no_delegation_for_itself() -> None:
    """What was shared with the service account is no matter of the domain's administrator."""
    with Emulator({**robot(delegated_scopes=[]), "rules": {TEAM: {f"user:{ROBOT}": "owner"}}}) as emulator:
        share(acting(emulator, None), TEAM, JANE)


@pytest.mark.parametrize("path", ["users/me/calendarList", "calendars/primary/acl"])
def test_a_user_without_calendar_gets_a_token_and_no_more(path: str) -> None:
    """A suspended user is refused by Calendar, on every method."""
    with Emulator({"users": {ANN: {"status": "suspended"}}}) as emulator:
        got = acting(emulator, ANN).api("GET", path)
    assert (got.status, got.reason) == (403, "notACalendarUser")


def test_an_api_that_is_off_in_the_key_s_project_is_told() -> None:
    """The front end refuses every method of the project, and nobody else's."""
    with Emulator({**robot(api_enabled=False)}) as emulator:
        got = acting(emulator, ANN).api("GET", "users/me/calendarList")
        assert (got.status, got.reason) == (403, "accessNotConfigured")
        assert Client(emulator).api("GET", "users/me/calendarList").status == 200


# The recipient's list.


def test_a_shared_calendar_comes_into_a_list_on_request_alone(emulator: Emulator) -> None:
    """It is absent, added with what was said of it, and then present."""
    jane = acting(emulator, JANE, LIST)
    entry = f"users/me/calendarList/{TEAM}"
    share(acting(emulator, ANN), TEAM, JANE, "writer")
    assert jane.api("GET", entry).reason == "notFound"
    token = jane.api("GET", "users/me/calendarList").body["nextSyncToken"]
    body = {"id": TEAM, "selected": True, "summaryOverride": "Us", "accessRole": "owner", "summary": "Mine"}
    added = jane.api("POST", "users/me/calendarList?colorRgbFormat=false", body).body
    assert added == jane.api("GET", entry).body
    assert jane.api("GET", f"users/me/calendarList?syncToken={token}").body["items"] == [added]
    assert {name: value for name, value in added.items() if name != "etag"} == {
        "kind": "calendar#calendarListEntry",
        "id": TEAM,
        "summary": "Team Calendar",
        "dataOwner": ANN,
        "summaryOverride": "Us",
        "selected": True,
        "accessRole": "writer",
    }
    assert ids(jane.api("GET", "users/me/calendarList")) == [JANE, TEAM]
    assert emulator.added_to_lists == {JANE: [TEAM]}


@pytest.mark.parametrize(
    ("user", "body", "status", "reason"),
    [
        (BOB, {"id": TEAM}, 409, "duplicate"),
        (JANE, {"id": JANE}, 409, "duplicate"),
        (JANE, {"id": "primary"}, 409, "duplicate"),
        (JANE, {"id": TEAM}, 404, "notFound"),
        (JANE, {"id": "none@group.calendar.google.com"}, 404, "notFound"),
        (JANE, {"selected": True}, 400, "required"),
        (JANE, {"id": 5}, 400, "required"),
        (JANE, "[", 400, "parseError"),
    ],
)
def test_what_cannot_be_added_is_refused(emulator: Emulator, user, body, status, reason) -> None:
    """There already, without access, unknown or unnamed: nothing is added, and Google's reason says why."""
    got = acting(emulator, user, LIST).api("POST", "users/me/calendarList", body)
    assert (got.status, got.reason) == (status, reason)
    assert emulator.added_to_lists == {}


def test_a_hidden_entry_is_there() -> None:
    """What a recipient has hidden is seen by its id, and not added once more."""
    mine = [{"id": TEAM, "summary": "Team Calendar", "accessRole": "reader", "hidden": True}]
    with Emulator({"users": {JANE: {"calendars": mine}}}) as emulator:
        jane = acting(emulator, JANE, LIST)
        assert jane.api("GET", f"users/me/calendarList/{TEAM}").body["hidden"] is True
        assert ids(jane.api("GET", "users/me/calendarList")) == []
        assert jane.api("POST", "users/me/calendarList", {"id": TEAM}).reason == "duplicate"


# Faults.


@pytest.mark.parametrize(
    ("order", "status", "added"),
    [
        ({"fault": "error", "status": 404, "reason": "notFound"}, 404, {}),
        ({"fault": "error", "status": 503}, 503, {}),
        ({"fault": "error_after", "status": 503}, 503, {JANE: [TEAM]}),
        ({"fault": "token_expired"}, 401, {}),
        ({"fault": "token_revoked"}, 401, {}),
    ],
)
def test_an_insert_into_a_list_may_fail_before_and_after(order, status, added) -> None:
    """An ordered fault strikes once; what was done before the answer was lost stays."""
    state = {"rules": {TEAM: {f"user:{JANE}": "reader"}}, "faults": [{"method": "calendarList.insert", **order}]}
    with Emulator(state) as emulator:
        jane = acting(emulator, JANE, LIST)
        assert jane.api("POST", "users/me/calendarList", {"id": TEAM}).status == status
        assert emulator.added_to_lists == added
        assert emulator.unused_faults == []


def test_a_revoked_key_gets_no_more_tokens() -> None:
    """A key that is deleted in between ends tokens, and every later assertion that it signs."""
    with Emulator({"faults": [{"method": "calendarList.list", "fault": "token_revoked"}]}) as emulator:
        ann = acting(emulator, ANN)
        assert ann.api("GET", "users/me/calendarList").reason == "authError"
        assert refusal(ask(ann, signed(emulator, sub=ANN))) == BAD_SIGNATURE


def test_the_token_endpoint_fails_on_order() -> None:
    """A fault of oauth2.token strikes assertions, too, in words of the order's own."""
    words = "Unauthorized client or scope in request."
    order = {"method": "oauth2.token", "fault": "error", "status": 401, "reason": "unauthorized_client"}
    with Emulator({"faults": [{**order, "message": words}]}) as emulator:
        assert refusal(ask(Client(emulator), signed(emulator, sub=ANN))) == (401, "unauthorized_client", words)
        assert ask(Client(emulator), signed(emulator, sub=ANN)).status == 200


# States.


def test_two_service_accounts_have_two_client_ids() -> None:
    """A state that gives one id twice is refused."""
    accounts = {f"{name}@x.iam.gserviceaccount.com": {"client_id": "1"} for name in "ab"}
    with pytest.raises(ValueError, match="same client_id"):
        Emulator({"service_accounts": accounts})


@pytest.mark.parametrize(
    "state",
    [{"users": {ANN: {"status": "away"}}}, {"users": {ANN: None}}, robot(key="x"), {"clock_offset": "1 h"}],
    ids=repr,
)
def test_a_state_says_nothing_else(state) -> None:
    """Unknown words for users, service accounts and the clock are refused like any others."""
    with pytest.raises(ValueError, match=r"users|service_accounts|clock_offset"):
        Emulator(state)


def test_an_account_that_is_a_user_has_one_list() -> None:
    """One person who signs in both ways sees the calendars of the account."""
    state = {"account": {"email": ANN}, "calendars": [{"id": TEAM, "summary": "Team"}]}
    with Emulator(state) as emulator:
        assert ids(acting(emulator, ANN).api("GET", "users/me/calendarList")) == [TEAM]
        assert ids(Client(emulator).api("GET", "users/me/calendarList")) == [TEAM]


# Parameter files.

NOTHING = {"error": {"code": "none", "message": "", "details": {}}}


def written(path, **said: Any):
    """Return the case of a file that says this, and expects an error of its own."""
    path.write_text(json.dumps({"what": "A step.", "parameters": {}, "expect": {"error": {"code": "none"}}, **said}))
    return read_case(path)


def test_a_parameter_file_names_a_key_that_it_does_not_hold(tmp_path) -> None:
    """The step is handed a key of the file's own emulator; the report keeps the words of the file."""
    steps = []
    info = {"service_account": f" {KEY}\n", "client_id": "of a person", "odd": 5}
    case = written(tmp_path / "case.json", info=info, google=robot(client_id="7"))
    report = play(case, lambda given: steps.append(given) or NOTHING)
    assert report.differences == []
    given = steps[0].info
    assert json.loads(given.pop("service_account"))["client_id"] == "7"
    assert given == {"client_id": "of a person", "odd": 5}
    assert report.case.info == info


def test_a_parameter_file_says_what_came_into_lists(tmp_path) -> None:
    """What a step puts into somebody's list is held to the file, which expects nothing unless it says so."""
    unlisted = [{"id": TEAM, "summary": "Team", "listed": False}]
    google = {"account": {"email": BOB, "scopes": [LIST]}, "calendars": unlisted}

    def step(_case):
        Client(SimpleNamespace(host=os.environ[VARIABLE])).api("POST", "users/me/calendarList", {"id": TEAM})
        return NOTHING

    expected = {"added_to_lists": {BOB: [TEAM]}}
    assert play(written(tmp_path / "case.json", google=google, after=expected), step).differences == []
    (difference,) = play(written(tmp_path / "case.json", google=google), step).differences
    assert difference.startswith("added to lists:")
