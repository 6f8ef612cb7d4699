"""Faults that are ordered: each happens once, on its method only, in order, or is reported."""

from __future__ import annotations

import gzip
import json
import socket
from http.client import HTTPConnection, IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from handler.testing.emulator import ACCOUNT, FAULT_KINDS, Emulator
from handler.testing.emulator.faults import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = "example@group.calendar.google.com"
RULES = f"/calendar/v3/calendars/{EXAMPLE}/acl"
JANE = {"role": "reader", "scope": {"type": "user", "value": "jane@acme.com"}}
SHARED = {EXAMPLE: {"user:jane@acme.com": "reader"}}
OPENED: list[HTTPConnection] = []


@pytest.fixture(autouse=True)
def _close_connections() -> Iterator[None]:
    """Close what a test has opened."""
    yield
    while OPENED:
        OPENED.pop().close()


def send(emulator: Emulator, method: str, path: str, body: str = "", token: str = "") -> tuple[int, bytes, Any]:
    """Send one request; return status, body and headers."""
    connection = HTTPConnection(emulator.host, timeout=10)
    OPENED.append(connection)
    connection.request(method, path, body or None, {"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


def sign_in(emulator: Emulator) -> tuple[int, dict[str, Any]]:
    """Ask for an access token."""
    form = {"grant_type": "refresh_token", **ACCOUNT}
    status, body, _ = send(emulator, "POST", "/token", urlencode(form))
    return status, json.loads(body)


def insert(emulator: Emulator, token: str) -> tuple[int, bytes, Any]:
    """Share the example calendar with Jane."""
    return send(emulator, "POST", RULES, json.dumps(JANE), token)


def ordered(fault: str, **arguments: Any) -> Emulator:
    """Return an emulator on whose next insert this fault happens."""
    return Emulator({"faults": [{"method": "acl.insert", "fault": fault, **arguments}]})


ORDERS: dict[str, dict[str, Any]] = {
    "error": {"status": 503},
    "error_after": {"status": 503},
    "answer": {"status": 418, "body": "tea"},
    "dropped": {},
    "dropped_after": {},
    "truncated": {},
    "not_json": {},
    "interim": {"statuses": [103, 102]},
    "second_answer": {},
    "huge": {"mib": 1},
    "altered": {"fields": {"role": "owner"}},
    "delayed": {"seconds": 0},
    "token_expired": {},
    "token_revoked": {},
    "meanwhile": {"calendar": EXAMPLE, "rule": "default", "role": "reader"},
}
"""One order of each kind."""


def test_every_kind_is_tried_here() -> None:
    """The table of orders below and the table of kinds name the same kinds."""
    assert tuple(ORDERS) == FAULT_KINDS
    assert all(KINDS[name].name == name and KINDS[name].meaning for name in KINDS)


@pytest.mark.parametrize("fault", ORDERS)
def test_a_fault_happens_once_and_on_its_method_only(fault: str) -> None:
    """Other methods do not take a fault; its own takes it once, and then all is well."""
    with ordered(fault, **ORDERS[fault]) as emulator:
        assert [line.split()[:2] for line in emulator.unused_faults] == [["acl.insert:", fault]]
        token = sign_in(emulator)[1]["access_token"]
        assert send(emulator, "GET", RULES, token=token)[0] == 200
        assert len(emulator.unused_faults) == 1
        try:
            insert(emulator, token)
        except (RemoteDisconnected, IncompleteRead):
            assert fault in {"dropped", "dropped_after", "truncated"}
        assert emulator.unused_faults == []
        if not fault.startswith("token_"):
            assert insert(emulator, token)[0] == 200
        assert emulator.calls[:3] == ["oauth2.token", "acl.list", "acl.insert"]


def test_faults_happen_in_the_order_of_the_orders() -> None:
    """Several faults of one method come one by one, each as often as ordered."""
    orders = [
        {"method": "acl.list", "fault": "error", "status": 404},
        {"method": "acl.insert", "fault": "error", "status": 500, "times": 2},
        {"method": "acl.insert", "fault": "error", "status": 429},
    ]
    with Emulator({"faults": orders}) as emulator:
        token = sign_in(emulator)[1]["access_token"]
        assert [insert(emulator, token)[0] for _ in range(4)] == [500, 500, 429, 200]
    assert emulator.unused_faults == ["acl.list: error status=404"]


@pytest.mark.parametrize(
    "order",
    [
        {"method": "acl.insert", "fault": "explode"},
        {"method": "acl.insert"},
        {"method": "events.insert", "fault": "dropped"},
        {"method": "acl.insert", "fault": "error"},
        {"method": "acl.insert", "fault": "dropped", "status": 500},
    ],
    ids=["unknown kind", "no kind", "unknown method", "missing argument", "unknown argument"],
)
def test_an_order_that_cannot_happen_is_refused(order: dict[str, Any]) -> None:
    """A misspelt order is an error at once, not a test that passes for nothing."""
    with pytest.raises(ValueError, match="fault"):
        Emulator({"faults": [order]})


@pytest.mark.parametrize(
    ("status", "given", "reason", "domain", "message"),
    [
        (400, None, "badRequest", "global", "Bad Request"),
        (403, None, "forbidden", "global", "Forbidden"),
        (403, "rateLimitExceeded", "rateLimitExceeded", "usageLimits", "Rate Limit Exceeded"),
        (403, "quotaExceeded", "quotaExceeded", "usageLimits", "Calendar usage limits exceeded."),
        (
            403,
            "requiredAccessLevel",
            "requiredAccessLevel",
            "calendar",
            "You need to have owner access to this calendar.",
        ),
        (404, None, "notFound", "global", "Not Found"),
        (408, None, "requestTimeout", "global", "Request Timeout"),
        (412, None, "conditionNotMet", "global", "Precondition Failed"),
        (429, None, "rateLimitExceeded", "usageLimits", "Rate Limit Exceeded"),
        (500, None, "backendError", "global", "Backend Error"),
        (503, None, "backendError", "global", "Backend Error"),
        (599, "novel", "novel", "global", "Unknown Error"),
    ],
)
def test_an_error_has_googles_documented_body(
    status: int, given: str | None, reason: str, domain: str, message: str
) -> None:
    """Status alone is enough; reason, domain and message follow from the table."""
    arguments = {"reason": given} if given else {}
    with ordered("error", status=status, **arguments) as emulator:
        got, body, headers = insert(emulator, sign_in(emulator)[1]["access_token"])
    error = json.loads(body)["error"]
    assert (got, error["code"], error["message"]) == (status, status, message)
    entry = error["errors"][0]
    assert (entry["reason"], entry["domain"], entry["message"]) == (reason, domain, message)
    assert headers["Retry-After"] is None
    assert emulator.rules() == {}


@pytest.mark.parametrize(
    ("reason", "info"),
    [("accessNotConfigured", "SERVICE_DISABLED"), ("insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT")],
)
def test_front_end_errors_have_both_forms(reason: str, info: str) -> None:
    """Errors of Google's front end have status and details beside errors."""
    with ordered("error", status=403, reason=reason) as emulator:
        _, body, _ = insert(emulator, sign_in(emulator)[1]["access_token"])
    error = json.loads(body)["error"]
    assert error["errors"][0]["reason"] == reason
    assert error["status"] == "PERMISSION_DENIED"
    assert error["details"][-1]["reason"] == info


def test_an_error_says_what_it_is_told_to_say() -> None:
    """Message and Retry-After are those of the order."""
    with ordered("error", status=429, message="Slower.", retry_after=7) as emulator:
        _, body, headers = insert(emulator, sign_in(emulator)[1]["access_token"])
    assert json.loads(body)["error"]["message"] == "Slower."
    assert headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("arguments", "error", "description"),
    [
        ({"status": 400}, "invalid_grant", "Token has been expired or revoked."),
        ({"status": 401}, "invalid_client", "Unauthorized"),
        ({"status": 429}, "rate_limit_exceeded", "Rate Limit Exceeded"),
        ({"status": 503}, "internal_failure", "Backend Error"),
        ({"status": 401, "reason": "deleted_client"}, "deleted_client", "The OAuth client was deleted."),
        ({"status": 400, "reason": "novel", "message": "New."}, "novel", "New."),
    ],
)
def test_errors_of_the_token_endpoint_have_oauths_form(arguments: dict[str, Any], error: str, description: str) -> None:
    """On oauth2.token the same order makes OAuth's two keys."""
    order = {"method": "oauth2.token", "fault": "error", **arguments}
    with Emulator({"faults": [order]}) as emulator:
        status, body = sign_in(emulator)
    assert status == arguments["status"]
    assert body == {"error": error, "error_description": description}


def test_an_error_of_the_consent_page_is_a_page() -> None:
    """On oauth2.auth the same order makes a page."""
    order = {"method": "oauth2.auth", "fault": "error", "status": 403, "reason": "access_denied"}
    with Emulator({"faults": [order]}) as emulator:
        status, body, _ = send(emulator, "GET", "/o/oauth2/v2/auth")
    assert status == 403
    assert b"access_denied" in body


@pytest.mark.parametrize(
    ("fault", "rules"), [("error", {}), ("error_after", SHARED), ("dropped", {}), ("dropped_after", SHARED)]
)
def test_before_and_after_differ_in_whether_the_work_is_done(fault: str, rules: dict[str, Any]) -> None:
    """Only the `_after` twin of a fault leaves a rule behind."""
    with ordered(fault, **ORDERS[fault]) as emulator:
        token = sign_in(emulator)[1]["access_token"]
        if fault.startswith("dropped"):
            with pytest.raises(RemoteDisconnected):
                insert(emulator, token)
            assert emulator.requests[-1].status is None
        else:
            assert insert(emulator, token)[0] == 503
    assert emulator.rules() == rules


@pytest.mark.parametrize(
    ("arguments", "body", "content_type"),
    [
        ({}, b"", "text/html; charset=UTF-8"),
        ({"body": "<p>"}, b"<p>", "text/html; charset=UTF-8"),
        ({"body": "x", "headers": {"content-type": "text/plain"}}, b"x", "text/plain"),
        ({"body": ["a"]}, b'["a"]', "application/json; charset=UTF-8"),
        ({"body": None}, b"null", "application/json; charset=UTF-8"),
    ],
    ids=["nothing", "text", "text with a type", "list", "null"],
)
def test_an_answer_is_sent_as_it_stands(arguments: dict[str, Any], body: bytes, content_type: str) -> None:
    """Text is sent as HTML unless a header says otherwise, all else as JSON."""
    with ordered("answer", status=302, **arguments) as emulator:
        status, got, headers = insert(emulator, sign_in(emulator)[1]["access_token"])
    assert (status, got, headers["Content-Type"]) == (302, body, content_type)
    assert emulator.rules() == {}


def test_an_answer_without_content_keeps_the_connection_good() -> None:
    """A 204 has no body, whatever the order says."""
    with ordered("answer", status=204, body="x", headers={"X-Number": "1"}) as emulator:
        status, body, headers = insert(emulator, sign_in(emulator)[1]["access_token"])
    assert (status, body, headers["X-Number"]) == (204, b"", "1")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_truncated_answer_is_shorter_than_announced(method: str) -> None:
    """The work is done, but the answer ends too early, even one that has no body."""
    called = {"POST": "acl.insert", "DELETE": "acl.delete"}[method]
    state = {"faults": [{"method": called, "fault": "truncated"}], "rules": {EXAMPLE: {"default": "reader"}}}
    path, body = (RULES, json.dumps(JANE)) if method == "POST" else (f"{RULES}/default", "")
    with Emulator(state) as emulator:
        token = sign_in(emulator)[1]["access_token"]
        with pytest.raises(IncompleteRead):
            send(emulator, method, path, body, token)
    expected = {"default": "reader", "user:jane@acme.com": "reader"} if method == "POST" else {}
    assert emulator.rules() == {EXAMPLE: expected}


def test_not_json_does_the_work() -> None:
    """The answer is a page with status 200, as of a captive portal."""
    with ordered("not_json") as emulator:
        status, body, headers = insert(emulator, sign_in(emulator)[1]["access_token"])
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    assert body.startswith(b"<!doctype html>")
    assert emulator.rules() == SHARED


def raw(fault: str, **arguments: Any) -> bytes:
    """Return all bytes that an insert with this fault is answered with."""
    with ordered(fault, **arguments) as emulator:
        body = json.dumps(JANE).encode()
        token = sign_in(emulator)[1]["access_token"]
        head = f"POST {RULES} HTTP/1.1\r\nHost: {emulator.host}\r\nAuthorization: Bearer {token}\r\n"
        with socket.create_connection(emulator.host.split(":"), timeout=10) as connection:
            connection.sendall(f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert emulator.rules() == SHARED
    return received


def test_interim_answers_come_first() -> None:
    """The statuses go out in order, without a body, and the usual answer follows."""
    first, second, answer = raw("interim", statuses=[103, 102]).split(b"\r\n\r\n", 2)
    assert (first.split()[1], second.split()[1], answer.split()[1]) == (b"103", b"102", b"200")


def test_a_second_answer_follows_the_usual_one() -> None:
    """Behind the answer comes another, whole one."""
    assert [part[:3] for part in raw("second_answer").split(b"HTTP/1.1 ")[1:]] == [b"200", b"200"]


@pytest.mark.parametrize("arguments", [{}, {"chunked": True}, {"gzip": True}, {"gzip": True, "chunked": True}], ids=str)
def test_a_huge_answer_would_be_right_but_for_its_size(arguments: dict[str, Any]) -> None:
    """The usual JSON comes with so many spaces behind it, packed and in pieces as ordered."""
    with ordered("huge", mib=1, **arguments) as emulator:
        status, body, headers = insert(emulator, sign_in(emulator)[1]["access_token"])
    assert status == 200
    assert (headers["Transfer-Encoding"] == "chunked") == ("chunked" in arguments)
    if "gzip" in arguments:
        body = gzip.decompress(body)
    assert len(body) == len(body.rstrip()) + 2**20
    assert json.loads(body)["id"] == "user:jane@acme.com"


def test_an_altered_answer_has_other_fields() -> None:
    """The fields of the order take the place of those of the answer, or stand beside them; the work is done."""
    with ordered("altered", fields={"role": "king", "more": None}) as emulator:
        body = json.loads(insert(emulator, sign_in(emulator)[1]["access_token"])[1])
    assert (body["id"], body["role"], body["more"]) == ("user:jane@acme.com", "king", None)
    assert emulator.rules() == SHARED


def test_delayed_goes_on_as_usual() -> None:
    """After the wait the request is answered."""
    with ordered("delayed", seconds=0.01) as emulator:
        assert insert(emulator, sign_in(emulator)[1]["access_token"])[0] == 200
    assert emulator.rules() == SHARED


def test_token_expired_is_cured_by_a_new_token() -> None:
    """The request is a natural 401, and a new access token works."""
    with ordered("token_expired") as emulator:
        old = sign_in(emulator)[1]["access_token"]
        status, body, _ = insert(emulator, old)
        assert (status, json.loads(body)["error"]["errors"][0]["reason"]) == (401, "authError")
        assert insert(emulator, old)[0] == 401
        assert insert(emulator, sign_in(emulator)[1]["access_token"])[0] == 200


def test_token_revoked_is_cured_by_nothing() -> None:
    """The request is a natural 401, and the refresh token is refused from then on."""
    with ordered("token_revoked") as emulator:
        assert insert(emulator, sign_in(emulator)[1]["access_token"])[0] == 401
        status, body = sign_in(emulator)
    assert (status, body["error"]) == (400, "invalid_grant")
    assert body["error_description"] == "Token has been expired or revoked."


def test_a_revoked_token_can_be_ordered_on_the_token_endpoint() -> None:
    """Revoked just before it is used, the refresh token is refused as Google does."""
    order = {"method": "oauth2.token", "fault": "token_revoked"}
    with Emulator({"faults": [order]}) as emulator:
        assert sign_in(emulator)[1]["error"] == "invalid_grant"


@pytest.mark.parametrize(("role", "rules"), [("writer", {"default": "writer"}), ("none", {})])
def test_meanwhile_somebody_else_writes(role: str, rules: dict[str, str]) -> None:
    """The other one's write is there before this one's work; role none removes."""
    order = {"method": "acl.insert", "fault": "meanwhile", "calendar": EXAMPLE, "rule": "default", "role": role}
    with Emulator({"faults": [order], "rules": {EXAMPLE: {"default": "reader"}}}) as emulator:
        assert insert(emulator, sign_in(emulator)[1]["access_token"])[0] == 200
    assert emulator.rules() == {EXAMPLE: {**rules, "user:jane@acme.com": "reader"}}
    assert emulator.mails == ["user:jane@acme.com"]
