"""The emulator as a server on a developer's machine: what it refuses, whoever asks, and what it keeps."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from handler import execute
from handler.calendar_api import connection_pools, tokens
from handler.testing import ACCOUNT, Emulator
from handler.testing.emulator import wire
from handler.testing.emulator.sign_in import MOST_TOKENS

ROOT = Path(__file__).parent.parent.parent
DESCRIPTORS = Path("/dev/fd")
SCOPE = "https://www.googleapis.com/auth/calendar.acls"
TOKEN = urlencode({"grant_type": "refresh_token", **ACCOUNT}).encode()
RULES = "/calendar/v3/calendars/example@group.calendar.google.com/acl"
LOCAL = "Host: 127.0.0.1"
STATUS = re.compile(r"HTTP/1\.1 (\d{3}) ")


@pytest.fixture
def emulator():
    """Provide one that runs."""
    with Emulator() as running:
        yield running


def raw(emulator, *lines, body=b""):
    """Send lines as they stand, then a body, and give the whole answer: status, head and body."""
    host, _, port = emulator.host.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            head, _, found = stream.read().decode("latin-1").partition("\r\n\r\n")
    return int(STATUS.match(head)[1]), head, found


def post(emulator, *headers, body=TOKEN):
    """Ask for tokens with headers as they stand, and give the status."""
    return raw(emulator, "POST /token HTTP/1.1", *headers, body=body)[0]


def consent(emulator, address, *, method="POST"):
    """Allow everything on the consent page for a redirect address, and give the whole answer."""
    query = {"client_id": ACCOUNT["client_id"], "redirect_uri": address, "response_type": "code", "scope": SCOPE}
    form = urlencode({"decision": "allow", "scope": SCOPE}).encode()
    line = f"{method} /o/oauth2/v2/auth?{urlencode(query)} HTTP/1.1"
    return raw(emulator, line, LOCAL, f"Content-Length: {len(form)}", body=form)


# Who may ask.


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8085",
        "127.0.0.1.evil.example",
        "127.0.0.1.",
        "localhost.",
        "localhost.evil.example",
        "127.0.0.1@evil.example",
        "evil.example@127.0.0.1",
        "127.0.0.1:8085@evil.example",
        "127.0.0.2",
        "127.1",
        "2130706433",
        "0",
        "[::]",
        "[::ffff:127.0.0.1]",
        "::1",
        "127.0.0.1, evil.example",
        "127.0.0.1:x",
        "127.0.0.1:",
        "",
    ],
)
def test_a_host_that_is_not_loopback_is_refused(emulator, host):
    """A page whose name was made to lead here (DNS rebinding) reaches nothing, and is not recorded."""
    status, _, body = raw(
        emulator, "POST /token HTTP/1.1", f"Host: {host}", f"Content-Length: {len(TOKEN)}", body=TOKEN
    )
    assert status == 403
    assert "access_token" not in body
    assert "127.0.0.1, localhost or [::1]" in body
    assert emulator.calls == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8085", "localhost", "LocalHost:1", "[::1]", "[::1]:65535"])
def test_each_name_of_this_machine_will_do(emulator, host):
    """A client may have come through another port, and by any name of the loopback."""
    assert post(emulator, f"Host: {host}", f"Content-Length: {len(TOKEN)}") == 200


@pytest.mark.parametrize("hosts", [(), (LOCAL, LOCAL), (LOCAL, "Host: evil.example")], ids=["none", "twice", "another"])
def test_exactly_one_host_is_named(emulator, hosts):
    """HTTP/1.1 asks for one Host, as a server may take the first and a proxy the last."""
    assert post(emulator, *hosts, f"Content-Length: {len(TOKEN)}") == 400
    assert emulator.calls == []


def test_the_oldest_http_needs_no_host(emulator):
    """A client of HTTP/1.0 never had to name one."""
    assert raw(emulator, "GET /elsewhere HTTP/1.0")[0] == 404


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example:80",
        "file://",
        "",
    ],
)
def test_a_page_from_elsewhere_is_refused(emulator, origin):
    """A page of another site that a developer looks at can send forms here; nothing is done for it."""
    status = post(emulator, LOCAL, f"Origin: {origin}", f"Content-Length: {len(TOKEN)}")
    assert (status, emulator.calls) == (403, [])


def test_a_page_of_this_machine_is_served(emulator):
    """The emulator's own consent page, as a browser sends it, is such a page."""
    assert post(emulator, LOCAL, f"Origin: http://{emulator.host}", f"Content-Length: {len(TOKEN)}") == 200


# Where the consent page may lead.

FOREIGN = [
    r"http://evil.example\@127.0.0.1/",
    r"http://evil\@127.0.0.1",
    r"http://127.0.0.1\@evil.example/",
    r"http://127.0.0.1\evil.example/",
    "http://127.0.0.1@evil.example/",
    "http://evil.example@127.0.0.1/",
    "http://127.0.0.1:80@evil.example/",
    "http://:@127.0.0.1/",
    "http://127.0.0.1.evil.example/",
    "http://127.0.0.1./",
    "http://localhost./",
    "http://localhost.evil.example/",
    "http://LOCALHOST/",
    "HTTP://127.0.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://0/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::1",
    "http://127.0.0.1\t/",
    "http://127.0.0.1/\t",
    "\thttp://127.0.0.1/",
    " http://127.0.0.1/",
    "http://127.0.0.1/ ",
    "http://127.0.0.1/\r\nSet-Cookie: a=b",
    "http://127.0.0.1/\nSet-Cookie: a=b",
    "http://127.0.0.1/\r\n\r\n<h1>",
    "http://127.0.0.1/\n",
    "http://127.0.0.1/%0d%0aSet-Cookie:%20a=b",
    "http://127.0.0.1/%0ASet-Cookie:%20a=b",
    "http://127.0.0.1/%00",
    "http://127.0.0.1/%",
    "http://127.0.0.1/\x00",
    "http://127.0.0.1/\x85",
    "http://127.0.0.1/\u2028",
    "http://127.0.0.1/\u560d\u560a",
    "http://127.0.0.1/é",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://127\u30020\u30020\u30021/",
    "http://127.0.0.1/#evil",
    "http://127.0.0.1:/",
    "http://127.0.0.1:65536/",
    "http://127.0.0.1:-1/",
    "http://127.0.0.1:٨٠/",
    "http:/127.0.0.1/",
    "http:127.0.0.1",
    "http:///127.0.0.1/",
    r"http:\\127.0.0.1/",
    "//127.0.0.1/",
    "https://127.0.0.1/",
    "javascript://127.0.0.1/%0aalert(1)",
]  # fmt: skip


@pytest.mark.parametrize("address", FOREIGN, ids=ascii)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_code_goes_to_no_address_but_loopback(emulator, address, method):
    """Whatever a browser might read as another address, or as a header more, is answered with a page."""
    status, head, body = consent(emulator, address, method=method)
    assert (status, body.partition("\n")[0]) == (400, "<!doctype html>")
    assert "Location" not in head
    assert "Set-Cookie" not in head


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1",
        "http://127.0.0.1:8086/",
        "http://localhost:1/a/b%20c",
        "http://[::1]:65535/x",
        "http://127.0.0.1:80?x=1",
    ],
)
def test_a_code_goes_to_the_loopback(emulator, address):
    """Each plain address of this machine is one that the browser may be sent back to, as it stands."""
    status, head, _ = consent(emulator, address)
    assert status == 302
    assert f"\r\nLocation: {address}{'&' if '?' in address else '?'}code=" in head


def test_no_header_can_be_split():
    """Whatever was put into a header leaves as one line."""
    order = {
        "method": "oauth2.token",
        "fault": "answer",
        "status": 200,
        "headers": {"X-Odd": "a\r\nSet-Cookie: b\n\nc"},
    }
    with Emulator({"faults": [order]}) as emulator:
        _, head, _ = raw(emulator, "POST /token HTTP/1.1", LOCAL, "Content-Length: 0")
    assert "\r\nX-Odd: a  Set-Cookie: b  c\r\n" in f"{head}\r\n"


# How long a request may be.


@pytest.mark.parametrize(
    ("lengths", "status"),
    [
        (["-1"], 400),
        (["+5"], 400),
        (["5.0"], 400),
        (["0x5"], 400),
        (["five"], 400),
        ([""], 400),
        (["5 5"], 400),
        (["5, 6"], 400),
        (["5", "6"], 400),
        (["6", "5"], 400),
        (["²"], 400),
        (["9" * 4301], 413),
        (["0" * 4301 + "5"], 413),
        (["99999999999999999999"], 413),
        ([str(wire.MOST_BODY + 1)], 413),
    ],
    ids=repr,
)
def test_an_absurd_length_is_refused(emulator, lengths, status, capfd):
    """A length that is none, or none that is wanted, is neither read nor recorded, and the connection ends."""
    named = [f"Content-Length: {length}" for length in lengths]
    assert post(emulator, LOCAL, *named, body=b"GET /second HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") == status
    assert emulator.calls == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("encoding", ["chunked", "identity", "", "chunked, gzip"])
def test_a_length_beside_a_transfer_encoding_is_refused(emulator, encoding):
    """Two answers to where a request ends are one too many."""
    assert post(emulator, LOCAL, f"Transfer-Encoding: {encoding}", f"Content-Length: {len(TOKEN)}") == 400
    assert emulator.calls == []


def test_the_longest_body_is_read(emulator):
    """A body of exactly the limit is looked at like any other."""
    assert post(emulator, LOCAL, f"Content-Length: {wire.MOST_BODY}", body=b"x" * wire.MOST_BODY) == 401


@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
def test_a_refused_body_does_not_hide_the_answer(emulator, host):
    """A client that sends all of a long body before it reads still learns why it was refused."""
    connection = HTTPConnection(emulator.host, timeout=10)
    connection.request("POST", "/token", b"x" * (4 * wire.MOST_BODY), {"Host": host})
    answer = connection.getresponse()
    assert answer.status == (413 if host == "127.0.0.1" else 403)
    assert answer.headers["Connection"] == "close"
    connection.close()


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Type: multipart/mixed; boundary=x"],
        ["Content-Type: multipart/mixed"],
        ["Content-Type: multipart/mixed; boundary=x", "Content-Transfer-Encoding: base64"],
        ["Content-Type: multipart/form-data; boundary=x", "MIME-Version: 1.0"],
        ["Content-Type: message/rfc822"],
    ],
    ids=["mixed", "no boundary", "encoded", "form", "message"],
)
@pytest.mark.parametrize(("body", "status"), [(b"--x--", 501), (b"", 501), (b"x" * (wire.MOST_BODY + 1), 413)])
def test_a_body_in_parts_is_a_body_like_any_other(emulator, headers, body, status):
    """Its length alone decides whether it is read, and a batch is told that nobody plays it."""
    line, length = "POST /batch/calendar/v3 HTTP/1.1", f"Content-Length: {len(body)}"
    assert raw(emulator, line, LOCAL, *headers, length, body=body)[0] == status
    assert emulator.calls == (["batch"] if status == 501 else [])


def test_one_length_may_be_told_twice(emulator):
    """The same number again says nothing new."""
    assert post(emulator, LOCAL, *[f"Content-Length: {len(TOKEN)}"] * 2) == 200


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["GET /" + "x" * 70_000 + " HTTP/1.1", LOCAL], 414),
        (["GET / HTTP/1.1", LOCAL, "X: " + "y" * 70_000], 431),
        (["GET / HTTP/1.1", LOCAL, *["X: y"] * 200], 431),
        (["GET / HTTP/1.1", LOCAL, "Content-Length : 5"], 400),
        (["GET / HTTP/1.1", LOCAL, "no colon"], 400),
        (["GET / HTTP/9.9", LOCAL], 505),
        (["GET / HTTP/x", LOCAL], 400),
        (["<h1> CANARY"], 400),
    ],
    ids=["line", "header", "headers", "blank", "no header", "version", "no version", "no HTTP"],
)
def test_what_is_no_request_is_refused_without_an_echo(emulator, lines, status):
    """Long lines, many headers and what is no HTTP end with a status that fits, and nothing of them comes back."""
    found, _, body = raw(emulator, *lines)
    assert (found, body) == (status, "")
    assert emulator.calls == []


def test_a_client_that_goes_silent_is_let_go(monkeypatch):
    """A connection with half a request, or with none, does not hold its thread for ever."""
    monkeypatch.setattr(wire.HttpConnection, "timeout", 0.05)
    with Emulator() as emulator:
        host, _, port = emulator.host.partition(":")
        for begun in (b"", b"POST", b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\na"):
            with socket.create_connection((host, int(port)), timeout=10) as silent:
                silent.sendall(begun)
                assert silent.recv(1) == b""


# What is kept.


def test_the_newest_requests_are_kept():
    """Of more requests than are to be kept the oldest are forgotten, and of mails too."""
    with Emulator(kept=3) as emulator:
        for number in range(5):
            raw(emulator, f"GET /{number} HTTP/1.1", LOCAL)
        assert [request.path for request in emulator.requests] == ["/2", "/3", "/4"]


def test_a_test_has_all_its_requests():
    """Unless told otherwise it keeps more than a test makes."""
    assert Emulator()._records.maxlen == 100_000


def test_mails_and_tokens_are_bounded_too(emulator):
    """Neither mails nor what was issued grows without end."""
    state, sign_in = emulator._world.state, emulator._world.sign_in
    assert state._mails.maxlen == 100_000
    connection = HTTPConnection(emulator.host, timeout=10)
    for issued in (sign_in._access, sign_in._codes):
        issued.update((str(number), None) for number in range(MOST_TOKENS))
    connection.request("POST", "/token", TOKEN)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    consent(emulator, "http://127.0.0.1/")
    assert len(sign_in._access) == len(sign_in._codes) == MOST_TOKENS
    assert sign_in.grant(answer["access_token"]).email == "owner@example.com"


# How it begins and ends.


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"calender": []}, "has the unknown key calender; did you mean calendars"),
        ({"rules": {"a@x.com": {"user:b@x.com": "boss"}}}, "must be one of none, freeBusyReader, "),
        ({"account": {"scopes": "all"}}, "account.scopes: must be of the type array"),
        ([], "must be of the type object"),
    ],
    ids=["key", "role", "type", "no mapping"],
)
def test_a_wrong_state_is_refused(state, says):
    """What a state file may not say, the constructor does not take either."""
    with pytest.raises(ValueError, match=says):
        Emulator(state)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_stopped_emulator_leaves_nothing_behind(name, monkeypatch):
    """Neither the server's connections nor the handler's, nor a token for it, outlive an emulator; others' do."""
    step = {"calendar_name": "primary", "scope": "public", "calendar_access": "reader"}
    with Emulator() as other:
        monkeypatch.setenv("CALENDAR_EMULATOR_HOST", other.host)
        execute(ACCOUNT, step)
        before = len(list(DESCRIPTORS.iterdir())), set(connection_pools._kept.pools), set(tokens._store.accounts)
        for _ in range(3):
            with Emulator() as emulator:
                monkeypatch.setenv("CALENDAR_EMULATOR_HOST", f"{name}:{emulator.host.rpartition(':')[2]}")
                assert execute(ACCOUNT, step)["change"] == "created"
        assert (
            len(list(DESCRIPTORS.iterdir())),
            set(connection_pools._kept.pools),
            set(tokens._store.accounts),
        ) == before
        monkeypatch.setenv("CALENDAR_EMULATOR_HOST", other.host)
        execute(ACCOUNT, step)
        assert other.calls.count("oauth2.token") == 1


@pytest.mark.long
def test_an_emulator_alone_brings_no_client_of_googles():
    """Starting and stopping one does not import what only a share needs."""
    program = (
        "import sys; from handler.testing import Emulator\n"
        "with Emulator(): pass\n"
        "print('googleapiclient' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
