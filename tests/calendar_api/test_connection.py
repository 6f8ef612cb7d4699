"""One account at Google: where requests go, how tokens are kept, and what threads and children share."""

from __future__ import annotations

import os
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from handler import AuthorizationFailed, HandlerError, InvalidInput, Unavailable, check, execute, execute_many, session
from handler.acting import ActingUser
from handler.calendar_api import Limits, connect, forget_all
from handler.calendar_api.credentials import RefreshToken
from handler.calendar_api.error_table import page_error
from handler.calendar_api.tokens import MOST_ACCOUNTS, account_of
from handler.testing.emulator import ACCOUNT

PARAMETERS = {"calendar_name": "primary", "scope": "user", "recipient": "a@acme.com", "calendar_access": "reader"}
LIMITS = Limits(10.0, 30.0, lambda: 120.0)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:1@evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
        "127.0.0.1:80/x", "http://127.0.0.1:80", "127.0.0.2:80", " 127.0.0.1:80", "127.0.0.1:80\n", "[::2]:80",
        "localhost.evil.example:80", "127.0.0.1:\u0661\u0662",
    ],
    ids=ascii,
)  # fmt: skip
def test_only_loopback_may_stand_in_for_google(monkeypatch, host):
    """Any other address is refused before a request: secrets would travel in clear."""
    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", host)
    with pytest.raises(InvalidInput, match=r"CALENDAR_EMULATOR_HOST: must be 127\.0\.0\.1, localhost or") as caught:
        execute(ACCOUNT, PARAMETERS)
    assert caught.value.details["fields"].keys() == {"CALENDAR_EMULATOR_HOST"}


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_loopback_names_lead_to_the_emulator(emulate, monkeypatch, name):
    """Each accepted name of this machine reaches the emulator."""
    port = emulate().host.partition(":")[2]
    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", f"{name}:{port}")
    assert execute(ACCOUNT, PARAMETERS)["change"] == "created"


def test_without_the_variable_requests_go_to_google_alone(monkeypatch):
    """Token and API requests go to Google's two hosts over HTTPS, whatever Google's own variables say."""
    for name in ("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "GOOGLE_API_USE_MTLS_ENDPOINT", "GOOGLE_API_USE_CLIENT_CERTIFICATE"):
        monkeypatch.setenv(name, "evil.example")
    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", "")
    sent = []

    def answer(method, url, *_, **__):
        sent.append(url)
        body = (
            b'{"access_token": "t", "expires_in": 3600}'
            if "oauth2" in url
            else b'{"id": "user:a@acme.com", "role": "reader"}'
        )
        return _answer(200, body)

    monkeypatch.setattr("handler.calendar_api.token_endpoint.send", answer)
    monkeypatch.setattr("handler.calendar_api.connection.send", answer)
    forget_all()
    assert execute(ACCOUNT, PARAMETERS)["change"] == "unchanged"
    forget_all()
    assert [url.partition("?")[0] for url in sent] == [
        "https://oauth2.googleapis.com/token",
        "https://www.googleapis.com/calendar/v3/calendars/primary/acl/user%3Aa%40acme.com",
    ]


def _answer(status, body, **headers):
    from handler.calendar_api.transport import Answer  # not part of the face

    return Answer(status, headers, body)


def test_the_second_share_signs_in_no_more(emulate):
    """The access token is kept: the first share costs three requests by id, and the next one a single read."""
    emulator = emulate()
    execute(ACCOUNT, PARAMETERS)
    execute(ACCOUNT, PARAMETERS)
    assert emulator.calls == ["oauth2.token", "acl.get", "acl.insert", "acl.get"]


def test_a_token_near_its_end_is_not_used(emulate):
    """A token that lives for a minute still is renewed first."""
    emulator = emulate({"account": {"access_token_seconds": 60}})
    execute(ACCOUNT, PARAMETERS)
    assert emulator.calls == ["oauth2.token", "acl.get", "oauth2.token", "acl.insert"]


def test_another_secret_is_another_account(emulate):
    """A token is never used for credentials that differ in any part from those it was given to."""
    emulate()
    execute(ACCOUNT, PARAMETERS)
    for field in ACCOUNT:
        with pytest.raises(AuthorizationFailed):
            execute({**ACCOUNT, field: "another"}, PARAMETERS)


def test_threads_that_start_cold_sign_in_once(emulate):
    """64 threads without a token make one token request."""
    emulator = emulate()
    with ThreadPoolExecutor(64) as pool:
        changes = list(
            pool.map(lambda n: execute(ACCOUNT, {**PARAMETERS, "recipient": f"user{n}@acme.com"})["change"], range(64))
        )
    assert changes == ["created"] * 64
    assert emulator.calls.count("oauth2.token") == 1
    assert len(emulator.rules()["owner@example.com"]) == 64


class CountingLock:
    """A lock that tells when a number of threads want it."""

    def __init__(self, threads):
        self._lock = threading.Lock()
        self._waiting = threading.Semaphore(0)
        self._threads = threads
        self.release = self._lock.release

    def acquire(self, timeout):
        self._waiting.release()
        return self._lock.acquire(timeout=timeout)

    def wait_for_all(self):
        assert all(self._waiting.acquire(timeout=10) for _ in range(self._threads))


def test_threads_that_start_cold_share_a_failure(monkeypatch):
    """Threads that wait for one that fails to sign in fail with it, and do not try one after the other."""
    forget_all()
    account = account_of(RefreshToken("http://127.0.0.1:1/token", ACCOUNT))
    account._lock = CountingLock(16)
    asked = []

    def fail(*_, **__):
        asked.append(1)
        account._lock.wait_for_all()
        raise Unavailable("google_unavailable", "Down.", None, 3.0)

    monkeypatch.setattr("handler.calendar_api.token_endpoint.send", fail)

    def sign_in(_):
        with pytest.raises(Unavailable) as caught:
            account.token(LIMITS)
        return caught.value.retry_after

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(sign_in, range(16))) == [3.0] * 16
    assert len(asked) == 1


def test_a_failure_for_want_of_time_is_not_shared(monkeypatch):
    """A thread whose own time ends while it signs in fails alone; one that waited for it has time left, and asks."""
    forget_all()
    account = account_of(RefreshToken("http://127.0.0.1:1/token", ACCOUNT))
    account._lock = CountingLock(2)
    times = [1.0]
    with ThreadPoolExecutor(1) as pool:
        patient = []

        def send(*_, **__):
            if patient:
                return _answer(200, b'{"access_token": "a-token", "expires_in": 3600}')
            patient.append(pool.submit(account.token, LIMITS))
            account._lock.wait_for_all()
            times[0] = 0.0
            raise Unavailable("google_unavailable", "The time ran out.")

        monkeypatch.setattr("handler.calendar_api.token_endpoint.send", send)
        with pytest.raises(Unavailable, match="The time ran out"):
            account.token(LIMITS._replace(left=lambda: times[0]))
        assert patient[0].result() == "a-token"


def test_a_thread_does_not_wait_for_another_beyond_its_deadline(emulate):
    """A step whose time ends while another one signs in says so."""
    emulate()
    account = account_of(RefreshToken("http://127.0.0.1:1/token", ACCOUNT))
    with account._lock, pytest.raises(Unavailable, match="while another one signed in"):
        account.token(LIMITS._replace(left=lambda: 0.0))


def test_the_store_of_accounts_is_bounded():
    """A process that serves many accounts forgets the one unused longest."""
    forget_all()
    first = account_of(RefreshToken("url", {**ACCOUNT, "client_id": "first"}))
    second = account_of(RefreshToken("url", {**ACCOUNT, "client_id": "second"}))
    for number in range(MOST_ACCOUNTS - 1):
        account_of(RefreshToken("url", {**ACCOUNT, "client_id": "first"}))
        account_of(RefreshToken("url", {**ACCOUNT, "client_id": str(number)}))
    assert account_of(RefreshToken("url", {**ACCOUNT, "client_id": "first"})) is first
    assert account_of(RefreshToken("url", {**ACCOUNT, "client_id": "second"})) is not second


def test_a_fork_waits_until_nobody_is_importing(emulate, monkeypatch):
    """While a step imports Google's client and begins, it holds the lock that a fork in another thread waits for."""
    emulate()
    held = []
    monkeypatch.setattr(
        "handler.calendar_api.connect", lambda *given, **more: held.append(_is_held()) or connect(*given, **more)
    )
    execute(ACCOUNT, PARAMETERS)
    assert held == [True]
    assert not _is_held()


def _is_held():
    """Say whether another thread would have to wait before it forks."""

    def take():
        taken = session._importing.acquire(blocking=False)
        if taken:
            session._importing.release()
        return taken

    with ThreadPoolExecutor(1) as pool:
        return not pool.submit(take).result()


def test_a_token_that_another_thread_forgot_is_masked_all_the_same(monkeypatch):
    """An answer that echoes the access token of its request shows it to nobody, whoever dropped it meanwhile."""
    forget_all()
    monkeypatch.delenv("CALENDAR_EMULATOR_HOST", raising=False)
    monkeypatch.setattr("handler.calendar_api.tokens.SignedIn.token", lambda *_: "ya29.CANARY")
    echo = b'{"error": {"message": "no Bearer ya29.CANARY", "errors": [{"reason": "ya29.CANARY"}]}}'
    monkeypatch.setattr("handler.calendar_api.connection.send", lambda *_, **__: _answer(400, echo))
    with pytest.raises(HandlerError) as caught:
        list(connect(ACCOUNT, LIMITS, ActingUser("")).calendars())
    assert "***" in caught.value.message
    assert "CANARY" not in str(caught.value.to_dict())


def test_a_sign_in_that_echoes_its_form_shows_no_secret(emulate):
    """An error of the token endpoint that quotes the form, encoded as it was sent, is not quoted."""
    info = {**ACCOUNT, "client_secret": "CANARY/a+b", "refresh_token": "1//CANARY=="}
    echo = {"error": "bad request: client_secret=CANARY%2Fa%2Bb&refresh_token=1%2F%2FCANARY%3D%3D"}
    emulate({"faults": [{"method": "oauth2.token", "fault": "answer", "status": 400, "body": echo}]})
    with pytest.raises(HandlerError) as caught:
        execute(info, PARAMETERS)
    assert "CANARY" not in "".join(traceback.format_exception(caught.value)) + str(caught.value.to_dict())


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_begins_with_nothing_kept(emulate):
    """After a fork parent and child share over connections and tokens of their own."""
    emulator = emulate()
    execute(ACCOUNT, PARAMETERS)
    child = os.fork()
    if child == 0:
        try:
            change = execute(ACCOUNT, {**PARAMETERS, "recipient": "child@acme.com"})["change"]
            os._exit(0 if change == "created" else 1)
        except BaseException:  # noqa: BLE001 -- whatever it is, a forked test must not go on
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert execute(ACCOUNT, {**PARAMETERS, "recipient": "parent@acme.com"})["change"] == "created"
    assert emulator.calls.count("oauth2.token") == 2
    assert set(emulator.rules()["owner@example.com"]) == {
        "user:a@acme.com",
        "user:child@acme.com",
        "user:parent@acme.com",
    }


def test_a_very_long_calendar_id_is_still_read(emulate):
    """An address so long that the client sends its read as a POST is answered all the same."""
    name = "ä" * 400 + "@group.calendar.google.com"
    emulator = emulate({"calendars": [{"id": name, "summary": "Long"}]})
    assert execute(ACCOUNT, {**PARAMETERS, "calendar_name": name})["change"] == "created"
    assert emulator.rules() == {name: {"user:a@acme.com": "reader"}}


@pytest.mark.parametrize(
    "body",
    [b"\xff", b"[" * 100_000, b"NaN", b'"text"', b"[]", b'{"items": {}}', b'{"items": [1]}', b'{"items": [{"id": 1}]}',
     b'{"nextPageToken": 1}', b'{"nextPageToken": "\\ud800"}', b'{"items": [{"id": "\\udfff"}]}'],
    ids=["not UTF-8", "too deep", "NaN", "text", "list", "items", "entry", "id", "token", "half a token", "half an id"],
)  # fmt: skip
def test_a_list_of_calendars_that_cannot_be_one(monkeypatch, body):
    """An answer of the wrong shape is an unexpected answer, and no exception of Python's."""
    monkeypatch.delenv("CALENDAR_EMULATOR_HOST", raising=False)
    monkeypatch.setattr("handler.calendar_api.tokens.SignedIn.token", lambda *_: "t")
    monkeypatch.setattr("handler.calendar_api.connection.send", lambda *_, **__: _answer(200, body))
    with pytest.raises(HandlerError) as caught:
        list(connect(ACCOUNT, LIMITS, ActingUser("")).calendars())
    assert caught.value.code == "unexpected_answer"


ODD_TOKENS = [
    {"refresh_token": None}, {"refresh_token": 5}, {"refresh_token": ""}, {"refresh_token": "1//CANARY-0THER"},
    {"refresh_token": ["a"]}, {"refresh_token": {}}, {"refresh_token": True}, {"scope": None}, {"scope": 5},
    {"scope": ["a"]}, {"token_type": None}, {"id_token": 5}, {"rapt_token": 5}, {"client_id": "another"},
    {"client_secret": None}, {"refresh_token_expires_in": "soon"}, {"expires_in": True},
]  # fmt: skip


@pytest.fixture
def odd_tokens(emulate, request):
    """Start an emulator whose token answers all have odd fields beside the right ones."""
    account = {"access_token_seconds": 60}  # so that each request signs in anew
    fault = {"method": "oauth2.token", "fault": "altered", "fields": request.param, "times": 60}
    return emulate({"account": account, "faults": [fault]})


@pytest.mark.parametrize("odd_tokens", ODD_TOKENS, ids=str, indirect=True)
def test_a_step_whose_token_answer_is_odd_passes(odd_tokens):
    """What else stands in a token answer changes no info value: this step passes, and the next one too."""
    assert execute(ACCOUNT, PARAMETERS)["change"] == "created"
    assert execute(ACCOUNT, {**PARAMETERS, "error_handling": "Error Message"})["change"] == "unchanged"
    assert check(ACCOUNT)["problems"] == []
    outcomes = list(execute_many(ACCOUNT, [PARAMETERS, {**PARAMETERS, "recipient": "b@acme.com"}]))
    assert [outcome["results"]["change"] for outcome in outcomes] == ["unchanged", "created"]
    assert odd_tokens.calls.count("oauth2.token") > 4


@pytest.mark.parametrize("answered", [None, 5, "", "another"], ids=ascii)
def test_the_info_values_are_masked_whatever_is_answered(emulate, answered):
    """After a sign-in whose answer has another refresh token, the one of the info values is masked as before."""
    info = {**ACCOUNT, "refresh_token": "1//CANARY-R3FR35H"}
    echo = {"error": {"message": f"You sent {info['refresh_token']}", "errors": [{"reason": "invalid"}]}}
    emulate(
        {
            "account": {"refresh_token": info["refresh_token"]},
            "faults": [
                {"method": "oauth2.token", "fault": "altered", "fields": {"refresh_token": answered}},
                {"method": "acl.insert", "fault": "answer", "status": 400, "body": echo},
            ],
        }
    )
    with pytest.raises(HandlerError, match="You sent") as caught:
        execute(info, PARAMETERS)
    assert "CANARY" not in str(caught.value.to_dict())


def test_a_shared_failure_is_an_error_of_its_own_in_each_thread(monkeypatch):
    """Threads that fail together raise errors that no other thread has in its hands."""
    forget_all()
    account = account_of(RefreshToken("http://127.0.0.1:1/token", ACCOUNT))
    account._lock = CountingLock(8)

    def fail(*_, **__):
        account._lock.wait_for_all()
        raise Unavailable("google_unavailable", "Down.")

    monkeypatch.setattr("handler.calendar_api.token_endpoint.send", fail)

    def sign_in(_):
        with pytest.raises(Unavailable) as caught:
            account.token(LIMITS)
        return caught.value

    with ThreadPoolExecutor(8) as pool:
        errors = list(pool.map(sign_in, range(8)))
    assert len({*map(id, errors), id(account._failed)}) == 9  # a kept one would keep its frames


def test_forgetting_a_token_waits_for_nobody(monkeypatch):
    """A token that was refused is dropped at once, also while another thread signs in for as long as it may."""
    forget_all()
    account = account_of(RefreshToken("http://127.0.0.1:1/token", ACCOUNT))
    tokens = iter(["first", "second"])
    body = b'{"access_token": "%s", "expires_in": 3600}'
    monkeypatch.setattr(
        "handler.calendar_api.token_endpoint.send", lambda *_, **__: _answer(200, body % next(tokens).encode())
    )
    assert account.token(LIMITS) == "first"
    with ThreadPoolExecutor(1) as pool, account._lock:
        pool.submit(account.forget, "first").result(timeout=10)
    assert account.token(LIMITS) == "second"
    account.forget("first")
    assert account.token(LIMITS) == "second"


def test_a_rate_limit_of_the_consent_page_says_how_long_to_wait():
    """It names no time itself, so that one is drawn as everywhere else."""
    error = page_error({"error": "rate_limit_exceeded"}, "client")
    assert 15 <= error.retry_after <= 45
    assert error.details["wait_chosen"] is True


def test_a_refused_token_is_dropped_once(monkeypatch):
    """After a 401 the connection can do something about it, and after that no more until the next 401."""
    forget_all()
    monkeypatch.delenv("CALENDAR_EMULATOR_HOST", raising=False)
    sent = []

    def sign_in(*_, **__):
        sent.append(1)
        return _answer(200, b'{"access_token": "token%d", "expires_in": 3600}' % len(sent))

    monkeypatch.setattr("handler.calendar_api.token_endpoint.send", sign_in)
    monkeypatch.setattr(
        "handler.calendar_api.connection.send", lambda *_, **__: _answer(401, b'{"error": {"code": 401}}')
    )
    connection = connect(ACCOUNT, LIMITS, ActingUser(""))
    assert not connection.renew()
    with pytest.raises(AuthorizationFailed):
        list(connection.calendars())
    assert connection.renew()
    assert not connection.renew()
    connection.sign_in()
    assert len(sent) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"access_token": ""}', b'{"access_token": 1}', b'{"access_token": "a b"}',
        b'{"access_token": "a\\nX-Evil: 1"}', b'{"access_token": "\\u00e4"}',
        b'{"access_token": "a", "expires_in": "x"}',
        b'{"access_token": "a", "expires_in": -1}', b'{"access_token": "a", "expires_in": 1e400}',
        b'{"access_token": "a", "expires_in": 99999999999}',
    ],
    ids=ascii,
)  # fmt: skip
def test_a_token_that_cannot_be_one(monkeypatch, body):
    """An access token that could not be sent in a header, or never ends, is an unexpected answer."""
    forget_all()
    monkeypatch.setattr("handler.calendar_api.token_endpoint.send", lambda *_, **__: _answer(200, body))
    with pytest.raises(HandlerError) as caught:
        account_of(RefreshToken("http://127.0.0.1:1/token", ACCOUNT)).token(LIMITS)
    assert caught.value.code == "unexpected_answer"
