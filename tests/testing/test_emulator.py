"""What the emulator answers, and what it remembers, when nothing is made to fail."""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
import threading
import time
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.testing.emulator import ACCOUNT, METHODS, Emulator

from ..support.emulator_client import Client, Got, closing, ids

EXAMPLE = "example@group.calendar.google.com"
HOLIDAYS = "holidays@group.calendar.google.com"
RULES = f"calendars/{EXAMPLE}/acl"
JANE = {"role": "reader", "scope": {"type": "user", "value": "jane@acme.com"}}
ADDRESS = "http://127.0.0.1:8000/"
LIST_SCOPE = "https://www.googleapis.com/auth/calendar.calendarlist.readonly"
SCOPES = f"{LIST_SCOPE} https://www.googleapis.com/auth/calendar.acls"


_close_connections = pytest.fixture(autouse=True)(closing)


def test_a_stopped_emulator_closes_connections_that_stay_open() -> None:
    """An idle client sees the end of its connection as soon as the emulator stops."""
    with Emulator() as emulator:
        client = Client(emulator)
        client.sign_in()
        idle = client.connection.sock
        assert isinstance(idle, socket.socket)
    assert idle.recv(1) == b""


def test_stopping_is_quick_while_a_request_is_delayed() -> None:
    """A request that waits is dropped when the emulator stops, and its work not done."""
    order = {"method": "acl.insert", "fault": "delayed", "seconds": 600}
    with Emulator({"faults": [order]}) as emulator:
        client = Client(emulator)
        client.sign_in()
        thread = threading.Thread(target=_quietly_insert, args=(client,))
        thread.start()
        while emulator.calls != ["oauth2.token", "acl.insert"]:
            pass
        before = time.monotonic()
    assert time.monotonic() - before < 5
    thread.join()
    assert emulator.rules() == {}


def _quietly_insert(client: Client) -> None:
    with pytest.raises(ConnectionError):
        client.api("POST", RULES, JANE)


def test_host_is_known_only_while_running() -> None:
    """Before the start there is no address to give."""
    with pytest.raises(RuntimeError):
        _ = Emulator().host


def test_it_listens_on_the_loopback_only() -> None:
    """The address is one that no other machine can reach."""
    with Emulator() as emulator:
        assert emulator.host.startswith("127.0.0.1:")


def test_requests_are_recorded_in_order_without_secrets() -> None:
    """A record has what was asked and answered, and nothing that signs somebody in."""
    with Emulator() as emulator:
        client = Client(emulator)
        client.api("POST", f"{RULES}?sendNotifications=false&key=hidden", JANE)
        client.send("GET", "/elsewhere?access_token=hidden")
    token, insert, unknown = emulator.requests
    assert token.body == {"grant_type": "refresh_token"}
    assert (insert.http_method, insert.path) == ("POST", f"/calendar/v3/{RULES}")
    assert insert.query == {"sendNotifications": "false", "key": "***"}
    assert (insert.body, insert.status) == (JANE, 200)
    assert (unknown.method, unknown.status) == ("unknown", 404)
    told = repr(emulator.requests) + repr(emulator.__dict__)
    for secret in (client.token, "hidden", *list(ACCOUNT.values())[1:]):
        assert secret not in told


@pytest.mark.parametrize(
    ("http_method", "path"),
    [
        ("GET", "/calendar/v3/calendars//acl"),
        ("GET", "/calendar/v3/calendars/primary/secrets"),
        ("PUT", f"/calendar/v3/{RULES}"),
        ("HEAD", "/token"),
        ("FROB", "/token"),
    ],
)
def test_what_it_does_not_know_is_recorded_as_unknown(http_method: str, path: str) -> None:
    """A path or HTTP method without a method is a 404 and shows in the calls."""
    with Emulator() as emulator:
        got = Client(emulator).send(http_method, path)
    assert got.status == 404
    assert emulator.calls == ["unknown"]


def test_broken_clients_leave_no_trace_on_stderr(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A client that goes away in the middle of anything is nobody's error."""
    with Emulator() as emulator:
        host, _, port = emulator.host.partition(":")
        for begun in (b"", b"GET", b"POST /token HTTP/1.1\r\nContent-Length: 9\r\n\r\na"):
            with socket.create_connection((host, int(port))) as broken:
                broken.sendall(begun)
        with socket.create_connection((host, int(port))) as broken:
            broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert emulator.calls == []
    assert capfd.readouterr() == ("", "")


def test_a_body_without_a_length_is_refused() -> None:
    """A chunked body is answered with 411, as it is not read."""
    with Emulator() as emulator:
        got = Client(emulator).send("POST", "/token", Transfer_Encoding="chunked")
    assert got.status == 411


def test_many_can_run_in_one_process() -> None:
    """A hundred emulators, one after the other, are a matter of seconds."""
    before = time.monotonic()
    for _ in range(100):
        with Emulator() as emulator:
            assert Client(emulator).sign_in().status == 200
    assert time.monotonic() - before < 20


def test_methods_are_the_ones_that_sharing_needs() -> None:
    """The list of methods is complete and has none twice."""
    assert METHODS == (
        "oauth2.token",
        "oauth2.auth",
        "calendarList.list",
        "calendarList.get",
        "calendarList.insert",
        "calendars.get",
        "acl.list",
        "acl.get",
        "acl.insert",
        "acl.update",
        "acl.patch",
        "acl.delete",
    )


def test_a_refresh_token_gets_an_access_token() -> None:
    """The answer is Google's: no new refresh token, all granted scopes."""
    with Emulator() as emulator:
        got = Client(emulator).sign_in()
    assert got.body.pop("access_token")
    assert got.body == {"expires_in": 3599, "scope": SCOPES, "token_type": "Bearer"}


def test_a_client_may_sign_in_with_a_header() -> None:
    """Client id and secret may come as HTTP Basic authentication."""
    packed = base64.b64encode(b"emulator-client:emulator-secret").decode()
    form = {"grant_type": "refresh_token", "refresh_token": ACCOUNT["refresh_token"]}
    with Emulator() as emulator:
        client = Client(emulator)
        got = client.send("POST", "/token", urlencode(form), Authorization=f"Basic {packed}")
        bad = client.send("POST", "/token", urlencode(form), Authorization="Basic ?")
    assert (got.status, bad.status) == (200, 401)


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"refresh_token": "wrong"}, 400, "invalid_grant"),
        ({"refresh_token": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "https://www.googleapis.com/auth/drive"}, 400, "invalid_scope"),
        ({"grant_type": "authorization_code", "code": "no"}, 400, "invalid_grant"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_wrong_token_request_is_refused(form: dict[str, str], status: int, error: str) -> None:
    """The token endpoint refuses in OAuth's form, and repeats nothing secret."""
    with Emulator() as emulator:
        got = Client(emulator).sign_in(**form)
    assert (got.status, got.body["error"]) == (status, error)
    assert "wrong" not in str(got.body)


@pytest.mark.parametrize("header", ["Bearer wrong", "Basic wrong"])
def test_without_a_good_access_token_nothing_is_answered(header: str) -> None:
    """An unknown access token is a 401 that says so."""
    with Emulator() as emulator:
        got = Client(emulator).api("GET", RULES, Authorization=header)
    assert (got.status, got.reason) == (401, "authError")
    assert got.body["error"]["errors"][0]["location"] == "Authorization"
    assert "invalid_token" in got.headers["WWW-Authenticate"]


def test_an_access_token_ends() -> None:
    """A token that lives for no seconds is refused at once."""
    with Emulator({"account": {"access_token_seconds": 0}}) as emulator:
        got = Client(emulator).api("GET", RULES)
    assert (got.status, got.reason) == (401, "authError")


def test_a_missing_oauth_scope_is_named() -> None:
    """A token without the needed scope is told which scopes would do."""
    with Emulator({"account": {"scopes": [LIST_SCOPE]}}) as emulator:
        client = Client(emulator)
        got = client.api("POST", RULES, JANE)
        assert client.api("GET", "users/me/calendarList").status == 200
    assert (got.status, got.reason) == (403, "insufficientPermissions")
    assert 'error="insufficient_scope"' in got.headers["WWW-Authenticate"]
    assert "auth/calendar.acls" in got.headers["WWW-Authenticate"]
    detail = got.body["error"]["details"][0]
    assert detail["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


def test_two_accounts_share_a_server_and_its_rules() -> None:
    """Each account has its own calendars; a rule is the same one for both."""
    entry = {"id": EXAMPLE, "summary": "Ours"}
    ann = {"email": "ann@acme.com", "refresh_token": "ann", "calendars": [entry]}
    bob = {"email": "bob@acme.com", "refresh_token": "bob"}
    with Emulator({"accounts": [ann, bob]}) as emulator:
        one, two = Client(emulator, refresh_token="ann"), Client(emulator, refresh_token="bob")
        one.api("POST", RULES, JANE)
        assert two.api("GET", f"{RULES}/user:jane@acme.com").body["role"] == "reader"
        assert ids(one.api("GET", "users/me/calendarList")) == [EXAMPLE]
        assert len(ids(two.api("GET", "users/me/calendarList"))) == 3
        assert one.api("GET", "calendars/primary/acl").status == 404
    assert emulator.rules() == {EXAMPLE: {"user:jane@acme.com": "reader"}}


@pytest.mark.parametrize("same", ["email", "refresh_token"])
def test_accounts_must_differ(same: str) -> None:
    """Two accounts that could not be told apart are refused."""
    one = {"email": "a@acme.com", "refresh_token": "a"}
    other = {"email": "b@acme.com", "refresh_token": "b", same: one[same]}
    with pytest.raises(ValueError, match=same):
        Emulator({"accounts": [one, other]})


def consent(client: Client, *, ticked: str = SCOPES, **query: str) -> dict[str, str]:
    """Go through the consent page; return what the program that asked is sent."""
    asked = {
        "client_id": ACCOUNT["client_id"],
        "redirect_uri": ADDRESS,
        "response_type": "code",
        "scope": SCOPES,
        "state": "s",
        **query,
    }
    path = f"/o/oauth2/v2/auth?{urlencode(asked)}"
    assert "Allow" in client.send("GET", path).body
    decision = [("decision", "allow"), *(("scope", one) for one in ticked.split())]
    got = client.send("POST", path, urlencode(decision))
    assert got.status == 302
    assert got.headers["Location"].startswith(f"{ADDRESS}?")
    found = parse_qs(urlsplit(got.headers["Location"]).query)
    return {name: values[0] for name, values in found.items()}


def redeem(client: Client, back: dict[str, str], **form: str) -> Got:
    """Fetch the tokens of a consent."""
    return client.sign_in(
        grant_type="authorization_code",
        code=back["code"],
        redirect_uri=ADDRESS,
        **form,
    )


def test_consent_leads_to_a_token_once() -> None:
    """A code is good for one exchange, with the scopes that were ticked."""
    with Emulator() as emulator:
        client = Client(emulator)
        back = consent(client, ticked=LIST_SCOPE)
        assert back["state"] == "s"
        got = redeem(client, back)
        assert got.body["scope"] == back["scope"] == LIST_SCOPE
        assert redeem(client, back).body["error"] == "invalid_grant"
        assert client.api("GET", "users/me/calendarList").status == 200


@pytest.mark.parametrize(("testing", "seconds"), [(True, 604_799), (False, None)])
def test_a_refresh_token_of_a_client_in_testing_says_when_it_ends(*, testing: bool, seconds: int | None) -> None:
    """It comes with the seconds of a week; a refresh of the access token does not repeat them."""
    with Emulator({"account": {"testing": testing}}) as emulator:
        client = Client(emulator)
        got = redeem(client, consent(client, access_type="offline", prompt="consent"))
        assert got.body.get("refresh_token_expires_in") == seconds
        assert "refresh_token_expires_in" not in redeem(client, consent(client)).body
        assert "refresh_token_expires_in" not in client.sign_in().body


@pytest.mark.parametrize(
    ("query", "token", "issued"),
    [
        ({}, "known", False),
        ({"access_type": "offline"}, "known", False),
        ({"access_type": "offline"}, None, True),
        ({"access_type": "offline", "prompt": "consent"}, "known", True),
        ({"prompt": "consent"}, None, False),
    ],
    ids=["online", "second time", "first time", "asked again", "online, asked again"],
)
def test_a_refresh_token_comes_with_offline_access_once_or_on_asking(
    query: dict[str, str], token: str | None, *, issued: bool
) -> None:
    """Without prompt=consent a second consent brings no refresh token."""
    with Emulator({"account": {"refresh_token": token}}) as emulator:
        client = Client(emulator)
        got = redeem(client, consent(client, **query)).body
        assert ("refresh_token" in got) is issued
        if issued:
            assert client.sign_in(refresh_token=got["refresh_token"]).status == 200


@pytest.mark.parametrize(
    ("verifier", "status"),
    [("v" * 43, 200), ("w" * 43, 400), ("", 400)],
    ids=["right", "wrong", "missing"],
)
@pytest.mark.parametrize("method", ["S256", "plain"])
def test_a_code_needs_the_verifier_of_its_challenge(method: str, verifier: str, status: int) -> None:
    """A code that was asked for with PKCE is of no use to anybody else."""
    challenge = "v" * 43
    if method == "S256":
        digest = hashlib.sha256(challenge.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    pkce = {"code_challenge": challenge, "code_challenge_method": method}
    with Emulator() as emulator:
        client = Client(emulator)
        back = consent(client, **pkce)
        assert redeem(client, back, code_verifier=verifier).status == status


def test_a_code_is_bound_to_its_redirect_address() -> None:
    """Another redirect address at the exchange is refused."""
    with Emulator() as emulator:
        client = Client(emulator)
        code = consent(client)["code"]
        got = client.sign_in(grant_type="authorization_code", code=code)
    assert got.body["error"] == "redirect_uri_mismatch"


@pytest.mark.parametrize(
    "form",
    [[("decision", "deny"), ("scope", LIST_SCOPE)], [("decision", "allow")]],
    ids=["denied", "nothing ticked"],
)
def test_a_refused_consent_goes_back_as_access_denied(
    form: list[tuple[str, str]],
) -> None:
    """The program that asked learns that it may not, with its state."""
    query = {
        "client_id": ACCOUNT["client_id"],
        "redirect_uri": f"{ADDRESS}?x=1",
        "response_type": "code",
        "scope": SCOPES,
        "state": "s",
    }
    with Emulator() as emulator:
        path = f"/o/oauth2/v2/auth?{urlencode(query)}"
        got = Client(emulator).send("POST", path, urlencode(form))
    assert got.headers["Location"] == f"{ADDRESS}?x=1&state=s&error=access_denied"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", "nobody"),
        ("redirect_uri", ""),
        ("redirect_uri", "https://evil.example/"),
        ("redirect_uri", "http://127.0.0.1@evil.example/"),
        ("redirect_uri", "http://[::1/"),
        ("response_type", "token"),
        ("scope", "<b>"),
        ("code_challenge_method", "S512"),
    ],
)
def test_a_wrong_consent_query_is_a_page_with_status_400(name: str, value: str) -> None:
    """A query that is wrong never sends the browser anywhere."""
    query = {
        "client_id": ACCOUNT["client_id"],
        "redirect_uri": ADDRESS,
        "response_type": "code",
        "scope": SCOPES,
        name: value,
    }
    with Emulator() as emulator:
        path = f"/o/oauth2/v2/auth?{urlencode(query)}"
        got = Client(emulator).send("GET", path)
    assert got.status == 400
    assert got.body.startswith("<!doctype html>")
    assert "Location" not in got.headers


def test_the_default_calendars() -> None:
    """Told nothing, the account owns two calendars and can read a third."""
    with Emulator() as emulator:
        page = Client(emulator).api("GET", "users/me/calendarList").body
    assert page["kind"] == "calendar#calendarList"
    assert page["nextSyncToken"]
    shown = [{key: item[key] for key in item if key not in ("kind", "etag")} for item in page["items"]]
    assert shown == [
        {"id": EXAMPLE, "summary": "Example Calendar", "accessRole": "owner"},
        {
            "id": "owner@example.com",
            "summary": "owner@example.com",
            "accessRole": "owner",
            "primary": True,
        },
        {
            "id": HOLIDAYS,
            "summary": "Company Holidays",
            "accessRole": "reader",
            "dataOwner": "hr@example.com",
        },
    ]


@pytest.mark.parametrize(
    ("state", "query"),
    [({}, "maxResults=1"), ({"page_size": 1}, "maxResults=250")],
    ids=["client's size", "server's size"],
)
def test_pages_cover_the_list_once(state: dict[str, Any], query: str) -> None:
    """Following nextPageToken shows every calendar once; the last page has none."""
    seen: list[str] = []
    with Emulator(state) as emulator:
        client, token = Client(emulator), ""
        while token is not None:
            path = f"users/me/calendarList?{query}&pageToken={quote(token)}"
            got = client.api("GET", path)
            token = got.body.get("nextPageToken")
            assert ("nextSyncToken" in got.body) is (token is None)
            seen += ids(got)
    assert seen == [EXAMPLE, "owner@example.com", HOLIDAYS]


def test_hidden_and_unlisted_calendars() -> None:
    """Hidden ones show on request, unlisted ones never, yet both can be shared."""
    entries = [
        {"id": "a@x.com", "summary": "a@x.com", "hidden": True},
        {"id": "b@x.com", "summary": "b@x.com", "listed": False},
        {"id": "c@x.com", "summary": "c@x.com", "summaryOverride": "Mine", "hidden": False},
    ]
    with Emulator({"calendars": entries}) as emulator:
        client = Client(emulator)
        assert ids(client.api("GET", "users/me/calendarList")) == ["c@x.com"]
        got = client.api("GET", "users/me/calendarList?showHidden=true")
        assert ids(got) == ["a@x.com", "c@x.com"]
        assert got.body["items"][0]["hidden"] is True
        assert "hidden" not in got.body["items"][1]
        assert client.api("GET", "users/me/calendarList/b@x.com").status == 404
        assert client.api("GET", "users/me/calendarList/a@x.com").status == 200
        for calendar_id in ("a@x.com", "b@x.com"):
            got = client.api("POST", f"calendars/{calendar_id}/acl", JANE)
            assert got.status == 200


def test_calendars_can_be_limited_to_a_role() -> None:
    """With minAccessRole weaker calendars are left out."""
    with Emulator() as emulator:
        got = Client(emulator).api("GET", "users/me/calendarList?minAccessRole=writer")
    assert ids(got) == [EXAMPLE, "owner@example.com"]


def test_primary_names_the_primary_calendar() -> None:
    """`primary` works wherever a calendar id does."""
    with Emulator() as emulator:
        client = Client(emulator)
        entry = client.api("GET", "users/me/calendarList/primary").body
        assert entry["id"] == "owner@example.com"
        client.api("POST", "calendars/primary/acl", JANE)
    assert emulator.rules() == {"owner@example.com": {"user:jane@acme.com": "reader"}}


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("maxResults=0", 400, "invalidParameter"),
        ("maxResults=-1", 400, "invalidParameter"),
        ("maxResults=many", 400, "invalidParameter"),
        ("minAccessRole=none", 400, "invalidParameter"),
        ("minAccessRole=Owner", 400, "invalidParameter"),
        ("showHidden=maybe", 400, "invalidParameter"),
        ("alt=xml", 400, "invalidParameter"),
        ("pageToken=guess", 400, "invalid"),
        ("pageToken=%C3%A9", 400, "invalid"),
        ("fields=items(", 400, "invalidParameter"),
        ("fields=items(id", 400, "invalidParameter"),
        ("fields=id,", 400, "invalidParameter"),
        ("fields=items/id)", 400, "invalidParameter"),
        ("fields=items(%21)", 400, "invalidParameter"),
        ("fields=items(sumary)", 400, "invalidParameter"),
        ("syncToken=old", 410, "fullSyncRequired"),
        ("showDeleted=false&syncToken=old", 400, "invalid"),
        ("showHidden=false&syncToken=old", 400, "invalid"),
        ("minAccessRole=owner&syncToken=old", 400, "invalid"),
        ("showOwnOrganizationOnly=true&syncToken=old", 400, "invalid"),
    ],
)
def test_wrong_query_values_are_refused(query: str, status: int, reason: str) -> None:
    """A value that Google refuses is refused, naming the parameter."""
    with Emulator() as emulator:
        got = Client(emulator).api("GET", f"users/me/calendarList?{query}")
    assert (got.status, got.reason) == (status, reason)
    assert got.body["error"]["errors"][0]["location"] == query.partition("=")[0]


def test_a_page_token_belongs_to_its_list() -> None:
    """The token of one list is of no use for another."""
    with Emulator({"page_size": 1}) as emulator:
        client = Client(emulator)
        token = quote(client.api("GET", "users/me/calendarList").body["nextPageToken"])
        assert client.api("GET", f"users/me/calendarList?pageToken={token}").status == 200
        assert client.api("GET", f"{RULES}?pageToken={token}").reason == "invalid"


@pytest.mark.parametrize(
    "query",
    ["key=k", "prettyPrint=false", "quotaUser=q", "alt=json", "maxResults=999", "x=y"],
)
def test_usual_query_parameters_change_nothing(query: str) -> None:
    """Parameters that every method takes are accepted."""
    with Emulator() as emulator:
        got = Client(emulator).api("GET", f"users/me/calendarList?{query}")
    assert len(ids(got)) == 3


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ("role", {"role": "reader"}),
        ("id,role", {"id": "user:jane@acme.com", "role": "reader"}),
        ("scope/type", {"scope": {"type": "user"}}),
        ("scope(value)", {"scope": {"value": "jane@acme.com"}}),
        ("scope/type,scope/value", {"scope": JANE["scope"]}),
        ("scope,scope/value", {"scope": JANE["scope"]}),
        ("scope/*", {"scope": JANE["scope"]}),
        ("scope( type )", {"scope": {"type": "user"}}),
    ],
)
def test_a_mask_keeps_only_what_it_names(mask: str, expected: dict[str, Any]) -> None:
    """`fields` trims the answer, at any depth."""
    with Emulator({"rules": {EXAMPLE: {"user:jane@acme.com": "reader"}}}) as emulator:
        path = f"{RULES}/user:jane@acme.com?fields={quote(mask)}"
        assert Client(emulator).api("GET", path).body == expected


def test_a_mask_reaches_into_lists() -> None:
    """A mask applies to each item of a page; `*` keeps all."""
    with Emulator({"page_size": 1}) as emulator:
        client = Client(emulator)
        path = "users/me/calendarList?fields="
        got = client.api("GET", f"{path}nextPageToken,items(id,summary)")
        assert set(got.body) == {"nextPageToken", "items"}
        assert got.body["items"] == [{"id": EXAMPLE, "summary": "Example Calendar"}]
        whole = client.api("GET", f"{path}*").body
        assert whole == client.api("GET", "users/me/calendarList").body
        assert client.api("GET", f"{path}items/id").body == {"items": [{"id": EXAMPLE}]}


def test_a_wrong_mask_writes_nothing() -> None:
    """A mask is read before the work is done."""
    with Emulator() as emulator:
        got = Client(emulator).api("POST", f"{RULES}?fields=rolle", JANE)
    assert got.status == 400
    assert emulator.rules() == {}


def test_a_get_may_travel_as_a_post() -> None:
    """X-HTTP-Method-Override makes a POST with a form body the GET that it means."""
    with Emulator() as emulator:
        got = Client(emulator).api(
            "POST",
            "users/me/calendarList",
            "maxResults=1&fields=items/id",
            X_HTTP_Method_Override="GET",
            Content_Type="application/x-www-form-urlencoded",
        )
    assert got.body == {"items": [{"id": EXAMPLE}]}
    assert emulator.requests[-1].query["maxResults"] == "1"
    assert emulator.requests[-1].http_method == "GET"


def test_insert_answers_with_the_rule() -> None:
    """A new rule has Google's kind, id, etag and a value in lower case."""
    body = {"role": "owner", "scope": {"type": "group", "value": "Team@Acme.com"}}
    with Emulator() as emulator:
        rule = Client(emulator).api("POST", RULES, body).body
    assert rule.pop("etag").startswith('"')
    assert rule == {
        "kind": "calendar#aclRule",
        "id": "group:team@acme.com",
        "scope": {"type": "group", "value": "team@acme.com"},
        "role": "owner",
    }
    assert emulator.rules() == {EXAMPLE: {"group:team@acme.com": "owner"}}


@pytest.mark.parametrize(
    ("body", "reason", "message"),
    [
        ({}, "required", "Missing scope type."),
        ({"role": "reader"}, "required", "Missing scope type."),
        ({"role": "reader", "scope": "user"}, "required", "Missing scope type."),
        ({"scope": JANE["scope"]}, "required", None),
        ({**JANE, "role": "boss"}, "invalid", None),
        ({**JANE, "role": 1}, "invalid", None),
        ({**JANE, "scope": {"type": "team", "value": "x"}}, "invalid", None),
        (
            {**JANE, "scope": {"type": "user", "value": "jane"}},
            "invalid",
            "Invalid scope value.",
        ),
        (
            {**JANE, "scope": {"type": "user", "value": "a@b.com,c@d.com"}},
            "invalid",
            "Invalid scope value.",
        ),
        ({**JANE, "scope": {"type": "group"}}, "invalid", "Invalid scope value."),
        (
            {**JANE, "scope": {"type": "domain", "value": "jane@acme.com"}},
            "invalid",
            "Invalid scope value.",
        ),
        (
            {"role": "writer", "scope": {"type": "default"}},
            "illegalAccessRoleForDefault",
            None,
        ),
        ("{", "parseError", None),
        ("[]", "parseError", None),
        ("[" * 100_000, "parseError", None),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_body_is_refused(body: object, reason: str, message: str | None) -> None:
    """A rule that Google refuses is a 400 with its reason, and nothing is written."""
    with Emulator() as emulator:
        got = Client(emulator).api("POST", RULES, body)
    assert (got.status, got.reason) == (400, reason)
    assert message in (None, got.body["error"]["message"])
    assert (emulator.rules(), emulator.mails) == ({}, [])


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "calendars/none@x.com/acl", 404, "notFound"),
        ("POST", "calendars/none@x.com/acl", 404, "notFound"),
        ("GET", f"calendars/{HOLIDAYS}/acl", 403, "requiredAccessLevel"),
        ("GET", f"calendars/{HOLIDAYS}/acl/default", 403, "requiredAccessLevel"),
        ("POST", f"calendars/{HOLIDAYS}/acl", 403, "requiredAccessLevel"),
        ("GET", f"{RULES}/user:jane@acme.com", 404, "notFound"),
        ("PUT", f"{RULES}/user:jane@acme.com", 404, "notFound"),
        ("PATCH", f"{RULES}/user:jane@acme.com", 404, "notFound"),
        ("DELETE", f"{RULES}/user:jane@acme.com", 404, "notFound"),
        ("PUT", f"{RULES}/user:owner@example.com", 403, "cannotChangeOwnAcl"),
        ("DELETE", f"{RULES}/user:owner@example.com", 403, "cannotChangeOwnAcl"),
    ],
)
def test_who_may_do_what(method: str, path: str, status: int, reason: str) -> None:
    """Absent, invisible and forbidden things are refused with Google's reasons."""
    own = {"role": "reader", "scope": {"type": "user", "value": "owner@example.com"}}
    body = (own if "owner" in path else JANE) if method in ("POST", "PUT") else None
    with Emulator() as emulator:
        got = Client(emulator).api(method, path, body)
    assert (got.status, got.reason) == (status, reason)


def test_a_writer_reads_rules_and_an_owner_writes_them() -> None:
    """The words of the refusal are Google's."""
    entry = {"id": EXAMPLE, "summary": "Example", "accessRole": "writer"}
    with Emulator({"calendars": [entry]}) as emulator:
        client = Client(emulator)
        assert client.api("GET", RULES).status == 200
        error = client.api("POST", RULES, JANE).body["error"]
    assert error["message"] == "You need to have owner access to this calendar."
    assert error["errors"][0]["domain"] == "calendar"


def test_the_data_owner_keeps_access() -> None:
    """Nobody changes the rule of the data owner."""
    entry = {"id": EXAMPLE, "summary": "Example", "dataOwner": "Boss@acme.com"}
    body = {"role": "none", "scope": {"type": "user", "value": "boss@acme.com"}}
    with Emulator({"calendars": [entry]}) as emulator:
        client = Client(emulator)
        assert client.api("POST", RULES, body).reason == "cannotChangeOwnerAcl"
        assert "user:boss@acme.com" in ids(client.api("GET", RULES))
    assert emulator.rules() == {}


def test_update_and_patch_change_a_rule_in_place() -> None:
    """Both answer with the rule as it is now; patch keeps what is left out."""
    path = f"{RULES}/user%3AJane%40acme.com"
    with Emulator({"rules": {EXAMPLE: {"user:jane@acme.com": "reader"}}}) as emulator:
        client = Client(emulator)
        got = client.api("PUT", path, {**JANE, "role": "writer"})
        assert got.body["role"] == "writer"
        got = client.api("PATCH", path, {"role": "owner"})
        assert (got.body["role"], got.body["scope"]) == ("owner", JANE["scope"])
        assert client.api("PUT", path, {"role": "reader"}).reason == "required"
        other = {"role": "reader", "scope": {"type": "default"}}
        assert client.api("PUT", path, other).reason == "invalid"
        assert client.api("PATCH", path, other).reason == "invalid"
    assert emulator.rules() == {EXAMPLE: {"user:jane@acme.com": "owner"}}


def test_delete_answers_without_a_body() -> None:
    """A removed rule is gone, and shows as role none with showDeleted only."""
    with Emulator({"rules": {EXAMPLE: {"default": "reader"}}}) as emulator:
        client = Client(emulator)
        got = client.api("DELETE", f"{RULES}/default")
        assert (got.status, got.body) == (204, "")
        assert ids(client.api("GET", RULES)) == ["user:owner@example.com", f"user:{EXAMPLE}"]
        shown = client.api("GET", f"{RULES}?showDeleted=true").body["items"]
        assert [(rule["id"], rule["role"]) for rule in shown][2:] == [("default", "none")]
    assert emulator.rules() == {EXAMPLE: {}}


def test_a_rule_can_be_there_with_role_none() -> None:
    """A rule that the beginning state gives role none is answered so, and is no rule."""
    with Emulator({"rules": {EXAMPLE: {"default": "none"}}}) as emulator:
        client = Client(emulator)
        assert client.api("GET", f"{RULES}/default").body["role"] == "none"
        assert ids(client.api("GET", RULES)) == ["user:owner@example.com", f"user:{EXAMPLE}"]
    assert emulator.rules() == {EXAMPLE: {}}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_stale_etag_stops_a_write(method: str) -> None:
    """If-Match lets a write through only if the rule is still the one that was read."""
    path = f"{RULES}/user:jane@acme.com"
    body = None if method == "DELETE" else JANE
    with Emulator({"rules": {EXAMPLE: {"user:jane@acme.com": "writer"}}}) as emulator:
        client = Client(emulator)
        etag = client.api("GET", path).body["etag"]
        got = client.api(method, path, body, If_Match='"other"')
        assert (got.status, got.reason) == (412, "conditionNotMet")
        assert emulator.rules() == {EXAMPLE: {"user:jane@acme.com": "writer"}}
        assert client.api(method, path, body, If_Match=etag).status in (200, 204)
        if body:
            assert client.api("GET", path).body["etag"] != etag


def test_mails_are_counted_as_google_would_send_them() -> None:
    """Insert, update and patch mail unless told not to; a removal never does."""
    path = f"{RULES}/user:jane@acme.com"
    with Emulator() as emulator:
        client = Client(emulator)
        client.api("POST", f"{RULES}?sendNotifications=false", JANE)
        assert emulator.mails == []
        client.api("POST", RULES, JANE)
        client.api("PUT", f"{path}?sendNotifications=true", JANE)
        client.api("PATCH", path, {"role": "none"})
        client.api("POST", RULES, {**JANE, "role": "none"})
        assert client.api("DELETE", path).status == 404
    assert emulator.mails == ["user:jane@acme.com"] * 2


def test_rules_of_an_untouched_calendar_show_only_if_named() -> None:
    """Implicit rules are left out; a calendar that the state names is always there."""
    with Emulator({"rules": {HOLIDAYS: {}}}) as emulator:
        assert emulator.rules() == {HOLIDAYS: {}}


def test_threads_lose_no_write_and_no_record() -> None:
    """Writes of many threads at once are all there, and all recorded."""
    with Emulator() as emulator:

        def share(number: int) -> None:
            value = {"type": "user", "value": f"{number}@acme.com"}
            client = Client(emulator)
            assert client.api("POST", RULES, {**JANE, "scope": value}).status == 200

        threads = [threading.Thread(target=share, args=(n,)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(emulator.rules()[EXAMPLE]) == len(emulator.mails) == 16
    assert sorted(emulator.calls) == ["acl.insert"] * 16 + ["oauth2.token"] * 16


VALUES = st.sampled_from(["user:a@x.com", "group:b@x.com", "domain:x.com", "default"])
WRITES = st.tuples(
    st.sampled_from(["POST", "PUT", "DELETE"]),
    VALUES,
    st.sampled_from(["none", "freeBusyReader", "reader"]),
)


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.lists(WRITES, max_size=12))
def test_any_sequence_of_writes_ends_like_a_plain_dict(
    writes: list[tuple[str, str, str]],
) -> None:
    """Insert, update and delete do to the rules what they would do to a dict."""
    model: dict[str, str] = {}
    with Emulator({"rules": {EXAMPLE: {}}}) as emulator:
        client = Client(emulator)
        for method, rule_id, role in writes:
            kind, _, value = rule_id.partition(":")
            scope = {"type": kind, "value": value} if value else {"type": kind}
            path = RULES if method == "POST" else f"{RULES}/{rule_id}"
            body = None if method == "DELETE" else {"role": role, "scope": scope}
            got = client.api(method, path, body)
            known = method == "POST" or rule_id in model
            assert got.status == (404 if not known else 204 if body is None else 200)
            if known:
                model[rule_id] = role if body else "none"
            model = {key: role for key, role in model.items() if role != "none"}
    assert emulator.rules() == {EXAMPLE: model}
