"""The proxy between this machine and Google: which one is asked, and what is told if it opens no way."""

from __future__ import annotations

import socket
import sys

import pytest

from handler import HandlerError, InvalidInput, Unavailable
from handler.calendar_api import connection_pools
from handler.calendar_api.connection_pools import MOST_POOLS

from ..support.listening import ANSWER, LIMITS, answers, get, silent, tunnelled

pytestmark = pytest.mark.usefixtures("fresh")

GOOGLE = "calendar.test"
NAMING = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\n\r\n"


def ask_google():
    """Send a request that only a proxy can bring to its host."""
    return get(443, scheme="https", host=GOOGLE)


def told(error=HandlerError):
    """Ask, and return the code and message of the error, which shows no password in any part."""
    with pytest.raises(error) as caught:
        ask_google()
    assert "CANA" not in str(caught.value.to_dict())
    assert caught.value.__cause__ is None
    return caught.value.code, caught.value.message


@pytest.mark.parametrize("variable", NAMING)
def test_a_proxy_is_named_by_each_of_the_usual_variables(listen, monkeypatch, variable):
    """The proxy is asked whichever variable names it, and messages say which it was."""
    port, received = listen(answers(FORBIDDEN))
    monkeypatch.setenv(variable, f"127.0.0.1:{port}")
    code, message = told()
    assert code == "unexpected_answer"
    assert message.startswith(f"The proxy 127.0.0.1:{port} ({variable}) forbids {GOOGLE} (403). ")
    assert received[0].startswith(b"CONNECT calendar.test:443 HTTP/1.")


def test_the_proxy_for_https_counts_before_the_one_for_all(listen, monkeypatch):
    """Of several variables the most special one counts."""
    port, _ = listen(answers(FORBIDDEN))
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    assert f"127.0.0.1:{port} (HTTPS_PROXY)" in told()[1]


@pytest.mark.parametrize("variable", NAMING)
def test_an_empty_variable_names_no_proxy(monkeypatch, variable):
    """A variable that is set to nothing is as good as none."""
    monkeypatch.setenv(variable, "")
    assert told(Unavailable)[1] == (
        "The name calendar.test could not be looked up. "
        "If only a proxy leads out of here, name it in HTTPS_PROXY, and not this host in NO_PROXY."
    )


@pytest.mark.parametrize(
    ("userinfo", "sent"),
    [
        ("user:p%40ss", b"Basic dXNlcjpwQHNz"),
        ("user:p@ss", b"Basic dXNlcjpwQHNz"),
        ("user:100%", b"Basic dXNlcjoxMDAl"),
        ("user", b"Basic dXNlcjo="),
        ("ACME\\user:a:b", b"Basic QUNNRVx1c2VyOmE6Yg=="),
        ("user:\u20ac%C3%A9", b"Basic dXNlcjrigqzDqQ=="),
    ],
)
def test_a_proxy_is_used_with_its_password_in_a_header(listen, monkeypatch, userinfo, sent):
    """User and password are decoded and sent to the proxy as UTF-8."""
    port, received = listen(answers(FORBIDDEN))
    monkeypatch.setenv("https_proxy", f"http://{userinfo}@127.0.0.1:{port}")
    told()
    assert sent in received[0]


REFUSED = {
    101: "opens no way to calendar.test (101): it may be a web server",
    204: "opens no way to calendar.test (204): it may be a web server",
    301: "leads to a page of its own in place of calendar.test (301). A login page does so",
    302: "leads to a page of its own in place of calendar.test (302). A login page does so",
    307: "leads to a page of its own in place of calendar.test (307). A login page does so",
    400: "opens no way to calendar.test (400): it may be a web server",
    401: "opens no way to calendar.test (401): it may be a web server",
    403: "forbids calendar.test (403). Have its administrator let this machine through to calendar.test.",
    404: "opens no way to calendar.test (404): it may be a web server",
    405: "opens no way to calendar.test (405): it may be a web server",
    407: "wants somebody to sign in, and does not name a way (407). Give a user and password as https_proxy=http://",
}
PASSING = {
    408: "could not connect to calendar.test (408).",
    429: "could not connect to calendar.test (429).",
    500: "could not connect to calendar.test (500).",
    502: "could not connect to calendar.test (502).",
    503: "could not connect to calendar.test (503).",
    504: "could not connect to calendar.test (504).",
    511: "leads to a page of its own in place of calendar.test (511). A login page does so",
}


@pytest.mark.parametrize("status", [*REFUSED, *PASSING])
def test_a_proxy_that_refuses_is_told_with_its_status(listen, monkeypatch, status):
    """What the proxy itself answers names the proxy and the number, and is tried again only if it may pass."""
    port, _ = listen(answers(b"HTTP/1.1 %d CANARY\r\nX: CANARY\r\n\r\nCANARY" % status))
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    code, message = told()
    assert message.startswith(f"The proxy 127.0.0.1:{port} (https_proxy) {(REFUSED | PASSING)[status]}")
    assert code == ("google_unavailable" if status in PASSING else "unexpected_answer")


CANNOT = "which this handler cannot; only Basic works. Have its administrator offer Basic, or let this machine through"
OFFERS = {
    "Basic": (['Basic realm="CANARY, NTLM"'], "wants somebody to sign in by Basic (407). Give a user and password as"),
    "in capitals": (["BASIC"], "wants somebody to sign in by Basic (407). Give a user"),
    "NTLM": (["NTLM"], f"wants somebody to sign in by NTLM (407), {CANNOT}"),
    "Negotiate": (["Negotiate", "NTLM"], f"wants somebody to sign in by NTLM or Negotiate (407), {CANNOT}"),
    "in one line": (["Negotiate, NTLM TlRMTVNTUAACAAAA=="], f"sign in by NTLM or Negotiate (407), {CANNOT}"),
    "Digest": (['Digest realm="CANARY", nonce="basic"'], f"wants somebody to sign in by Digest (407), {CANNOT}"),
    "several": (["Negotiate", 'Basic realm="x"'], "sign in by Basic or Negotiate (407). Give a user and password as"),
    "unknown": (["CANARY x=1"], "wants somebody to sign in, and does not name a way (407)."),
}


@pytest.mark.parametrize("offer", OFFERS)
def test_what_a_proxy_offers_for_signing_in_is_told(listen, monkeypatch, offer):
    """Of 407 the message says by what the proxy signs in, and what of that works here."""
    challenges, expected = OFFERS[offer]
    lines = "".join(f"Proxy-Authenticate: {challenge}\r\n" for challenge in challenges)
    port, _ = listen(answers(f"HTTP/1.1 407 Sign in\r\n{lines}\r\n".encode()))
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    code, message = told()
    assert code == "unexpected_answer"
    assert expected in message
    if CANNOT not in expected:
        assert f"https_proxy=http://USER:PASSWORD@127.0.0.1:{port}, with %23 for #, %2F for /" in message
    assert ("Only Basic works." in message) == (offer in ("several", "unknown"))


def test_a_password_that_a_proxy_does_not_accept(listen, monkeypatch):
    """Who has given a user and password already is told that they are wrong, and how they are written."""
    port, _ = listen(answers(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n\r\n"))
    monkeypatch.setenv("https_proxy", f"http://user:CANARY@127.0.0.1:{port}")
    _, message = told()
    assert "(https_proxy) does not accept the user and password in https_proxy (407). Correct them: " in message
    assert "%40 for @ and %25 for % in them." in message


def test_a_proxy_that_answers_with_a_page(listen, monkeypatch):
    """A page that comes in place of the connection is told as a login page, and is final."""
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>CANARY</html>"
    port, _ = listen(answers(page))
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    code, message = told()
    assert code == "unexpected_answer"
    assert "opened no way to calendar.test: it sent a page in place of a connection. A login page does so" in message


def test_a_proxy_that_answers_with_a_page_later(listen, monkeypatch):
    """A page that comes once TLS is spoken is told with the host, the proxy and the login page that it may be."""
    port, _ = listen(tunnelled(answers(b"<html>CANARY</html>")))
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    code, message = told()
    assert code == "google_unavailable"
    assert f"no secure connection to calendar.test, though the proxy 127.0.0.1:{port} (https_proxy) opened" in message
    assert "login page" in message


def test_a_proxy_that_sends_interim_answers_only(listen, monkeypatch):
    """A proxy that never comes to an answer is told as such."""
    port, _ = listen(answers(b"HTTP/1.1 103 Interim\r\n\r\n" * 50))
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    assert "(https_proxy) opened no way to calendar.test: it sent interim answers only." in told()[1]


def test_a_proxy_over_tls_is_checked_with_the_same_ca_file(listen, secure, monkeypatch, certificate):
    """A proxy that is spoken to over TLS shows a certificate of the CA file that is named, or is refused by name."""
    port, received = listen(answers(FORBIDDEN), answers(FORBIDDEN), wrap=secure)
    monkeypatch.setenv("https_proxy", f"https://127.0.0.1:{port}")
    code, message = told()
    assert code == "unexpected_answer"
    assert f"The certificate that the proxy 127.0.0.1:{port} (https_proxy) showed does not verify: " in message
    assert "name its CA file in REQUESTS_CA_BUNDLE" in message
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate / "ca.pem"))
    assert f"The proxy 127.0.0.1:{port} (https_proxy) forbids calendar.test (403)" in told()[1]
    assert len(received) == 1


def test_a_proxy_where_nobody_listens(monkeypatch):
    """A proxy that refuses the connection is told apart from Google, with host and port, without its password."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("https_proxy", f"user:CANARY@127.0.0.1:{port}")
    assert told(Unavailable)[1] == (
        f"Nothing listens at the proxy 127.0.0.1:{port} (https_proxy). "
        "Check the address in https_proxy, and whether the proxy runs."
    )


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        (
            OSError(101, "Network is unreachable"),
            "There is no way from this machine to the proxy 127.0.0.1:3128 (https",
        ),
        (TimeoutError(), "There was no connection to the proxy 127.0.0.1:3128 (https_proxy) within 10 s."),
    ],
    ids=["no way", "late"],
)
def test_a_proxy_that_cannot_be_reached(monkeypatch, failed, expected):
    """A network without a way to the proxy, and one that swallows our packets, are told as such."""

    def connect(*_, **__):
        raise failed

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    monkeypatch.setenv("https_proxy", "http://user:CANARY@127.0.0.1:3128")
    assert told(Unavailable)[1].startswith(expected)


def test_a_proxy_whose_name_is_not_known(monkeypatch):
    """The name that could not be looked up is the proxy's, and not Google's."""
    monkeypatch.setenv("https_proxy", "http://user:CANARY@nowhere.invalid:3128")
    assert told(Unavailable)[1] == (
        "The name of the proxy nowhere.invalid:3128 (https_proxy) could not be looked up. "
        "Check the address in https_proxy."
    )


def test_a_proxy_that_says_nothing_is_given_up(listen, monkeypatch):
    """A proxy that takes the connection and opens no way in time is told as such."""
    port, _ = listen(silent)
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    with pytest.raises(Unavailable) as caught:
        get(443, LIMITS._replace(connect_seconds=0.05), scheme="https", host=GOOGLE)
    assert caught.value.message == (
        f"The proxy 127.0.0.1:{port} (https_proxy) opened no way to calendar.test within 0.05 s."
    )


def test_a_proxy_without_tls_that_is_written_with_https(listen, monkeypatch):
    """A proxy that speaks HTTP in clear where https:// is written is told with what to write."""
    port, _ = listen(answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    monkeypatch.setenv("https_proxy", f"https://user:CANARY@127.0.0.1:{port}")
    assert told(Unavailable)[1] == (
        f"The proxy 127.0.0.1:{port} (https_proxy) does not speak TLS, as https:// in https_proxy has it. "
        "Most proxies are written with http://."
    )


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.6\r\n"], ids=["closed", "another protocol"])
def test_a_proxy_that_answers_in_no_http(listen, monkeypatch, answer):
    """What closes the connection, or speaks another protocol, is the proxy, and may speak TLS."""
    port, _ = listen(answers(answer))
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    _, message = told(Unavailable)
    assert message.startswith(f"The proxy 127.0.0.1:{port} (https_proxy) closed the connection without an answer, or")
    assert message.endswith("If it speaks TLS, write https:// in place of http:// in https_proxy.")


def test_a_proxy_with_tls_that_is_written_with_http(listen, monkeypatch):
    """A proxy whose alert shows that it speaks TLS is told with what to write."""
    port, _ = listen(answers(b"\x15\x03\x01\x00\x02\x02\x46"))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    assert told(Unavailable)[1] == (
        f"The proxy 127.0.0.1:{port} (HTTPS_PROXY) speaks TLS. Write https:// in place of http:// in HTTPS_PROXY."
    )


@pytest.mark.parametrize(
    "listed",
    [
        "*", "acme.com, *", "calendar.test", "CALENDAR.TEST", ".test", "test", "*.test", "calendar.test:443",
        "acme.com calendar.test", "acme.com,\tcalendar.test ,x",
    ],
)  # fmt: skip
def test_a_host_that_no_proxy_lists_is_reached_directly(monkeypatch, listed):
    """NO_PROXY is honoured in each of its usual forms: the name is looked up here."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", listed)
    assert told(Unavailable)[1].startswith("The name calendar.test could not be looked up.")


@pytest.mark.parametrize("listed", ["", ",", "acme.com", "dar.test", "calendar.test:8443", "10.0.0.0/8", "localhost"])
def test_a_host_that_no_proxy_does_not_list(monkeypatch, listed):
    """What NO_PROXY lists of others, addresses and networks included, leaves Google behind the proxy."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", listed)
    assert told()[1].startswith("Nothing listens at the proxy 127.0.0.1:1 (https_proxy).")


WRONG = {
    "socks5h://user:CANARY@x:1": "names a SOCKS proxy, which is not supported; give one such as http://",
    "socks5://x:1": "names a SOCKS proxy, which is not supported",
    "SOCKS4://x:1": "names a SOCKS proxy, which is not supported",
    "socks4a://x:1": "names a SOCKS proxy, which is not supported",
    "http://user:CANA#RY@x:1": "has a # in the user or password; write it as %23",
    "user:CANA#RY@x:1": "has a # in the user or password; write it as %23",
    "http://user:CANA/RY@x:1": "has a / in the user or password; write it as %2F",
    "http://user:CANA?RY@x:1": "has a ? in the user or password; write it as %3F",
    "user:CANA://RY@x:1": "has a / in the user or password; write it as %2F",
    "http://user:CANA RY@x:1": "has a blank or an invisible character in it; take it out, or write a password's",
    " http://x:1": "has a blank or an invisible character in it",
    "http://x:1\u00a0": "has a blank or an invisible character in it",
    "http://x:1\u200b": "has a blank or an invisible character in it",
    "   ": "has a blank or an invisible character in it",
    "'http://user:CANARY@x:1'": "stands in quotes; take them away",
    '"http://user:CANARY@x:1"': "stands in quotes; take them away",
    "gopher://user:CANARY@x:1": "is not the address of a proxy, which begins with http:// or https://; give one such",
    "http://": "names no host; give one such as http://proxy.acme.com:3128",
    "http://user:CANARY@": "names no host",
    "http://user:CANARY@:3128": "names no host",
    ":3128": "names no host",
    "http:///": "names no host",
    "http://x:CANARY": "has no port from 1 to 65535 behind its host; give one such as http://",
    "http://user:CANARY@x:": "has no port from 1 to 65535",
    "http://user:CANARY@x:0": "has no port from 1 to 65535",
    "http://user:CANARY@x:65536": "has no port from 1 to 65535",
    "http://user:CANARY@x:-1": "has no port from 1 to 65535",
    "http://user:CANARY@x:\u0663128": "has no port from 1 to 65535",
    "x:3128:user:CANARY": "has no port from 1 to 65535",
    "http:/CANARY:3128": "has no port from 1 to 65535",
    "http=CANARY:80;https=CANARY:80": "is not the address of a proxy; give one such as http://",
    "http://$CANARY": "is not the address of a proxy; give one such as http://",
    "http://[::1:3128": "is not the address of a proxy",
    "http://\u00fc\u00fc.CANARY:1": "is not the address of a proxy",
}


@pytest.mark.parametrize("address", WRONG)
def test_a_wrong_address_of_a_proxy(monkeypatch, address):
    """What is wrong with a proxy's address is told with its variable, and nothing of it is shown."""
    monkeypatch.setenv("HTTPS_PROXY", address)
    monkeypatch.setitem(sys.modules, "idna", None)  # without which urllib3 takes ASCII alone
    code, message = told(InvalidInput)
    assert code == "invalid_input"
    assert message.startswith(f"HTTPS_PROXY: {WRONG[address]}")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "HTTP://127.0.0.1:1", "http://127.0.0.1:1/", "127.0.0.1:1/x?y#z"])
def test_a_right_address_of_a_proxy(monkeypatch, address):
    """The scheme may be missing, and what stands behind the port means nothing."""
    monkeypatch.setenv("HTTPS_PROXY", address)
    assert told()[1].startswith("Nothing listens at the proxy 127.0.0.1:1 (HTTPS_PROXY).")


def test_a_proxy_of_an_ipv6_address(monkeypatch):
    """An IPv6 address stands in brackets."""
    monkeypatch.setenv("HTTPS_PROXY", "http://[::1]:1")
    assert "the proxy [::1]:1 (HTTPS_PROXY)" in told()[1]


def test_a_tunnel_through_a_proxy_is_secure_to_its_end(listen, secure, certificate, monkeypatch):
    """Behind the proxy's answer the host's own certificate is checked, and the request is for the host alone."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "ca.pem"))

    def tunnel(connection, received):
        received.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with secure(connection) as inner:
            answers(ANSWER)(inner, received)

    port, received = listen(tunnel)
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    assert get(443, scheme="https").body == b"ok"
    assert received[0].startswith(b"CONNECT 127.0.0.1:443 ")
    assert received[1].startswith(b"GET /x HTTP/1.1\r\n")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_never_reached_through_a_proxy(listen, monkeypatch, host):
    """What is meant for an emulator on this machine stays on it."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    port, _ = listen(answers(ANSWER))
    assert get(port, host=host).body == b"ok"


@pytest.fixture
def through_a_proxy(listen, secure, certificate, monkeypatch):
    """Return a function that serves scripts behind a proxy, over TLS, and gives what came in."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "ca.pem"))

    def behind(script):
        def tunnel(connection, received):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with secure(connection) as inner:
                script(inner, received)

        return tunnel

    def start(*scripts):
        port, received = listen(*map(behind, scripts))
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        return received

    return start


def test_a_kept_connection_found_dead_behind_a_proxy(through_a_proxy):
    """A read goes once more over a new connection there too."""
    received = through_a_proxy(answers(ANSWER, b""), answers(ANSWER))
    assert get(443, scheme="https").body == b"ok"
    assert get(443, scheme="https").body == b"ok"
    assert len(received) == 3


def test_a_write_on_a_kept_connection_found_dead_behind_a_proxy(through_a_proxy):
    """A write does not go once more, and the host is told to have hung up, not the proxy."""
    received = through_a_proxy(answers(ANSWER, b""), answers(ANSWER))
    get(443, scheme="https")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 closed the connection before its answer was complete"):
        get(443, scheme="https", method="POST", repeatable=False)
    assert len(received) == 2


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (answers(b""), "127.0.0.1 closed the connection"),
        (answers(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), "127.0.0.1 closed the connection"),
        (silent, "127.0.0.1 did not answer within 0.2 s"),
    ],
    ids=["lost", "cut", "late"],
)
def test_a_proxy_is_not_blamed_for_a_lost_answer(through_a_proxy, script, message):
    """Once the way to the host is open, what goes wrong is told as the host's."""
    through_a_proxy(script)
    with pytest.raises(Unavailable) as caught:
        get(443, LIMITS._replace(read_seconds=0.2), scheme="https")
    assert caught.value.message.startswith(message)


def test_a_host_without_tls_behind_a_proxy_is_told_as_the_host(listen, monkeypatch):
    """A handshake that fails behind an open tunnel is not the proxy's doing."""
    port, _ = listen(answers(b"HTTP/1.1 200 OK\r\n\r\n", b"no TLS here\r\n"))
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    with pytest.raises(Unavailable, match=r"There is no secure connection to calendar\.test"):
        get(443, scheme="https", host="calendar.test")


def test_the_environment_of_now_counts(listen, secure, certificate, monkeypatch):
    """A proxy that is named after the first request is asked for the next one, and none once it is no longer named."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "ca.pem"))
    port, received = listen(answers(ANSWER, ANSWER), wrap=secure)
    proxy, asked = listen(answers(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"))
    get(port, scheme="https")
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy}")
    with pytest.raises(Unavailable, match=r"The proxy 127\.0\.0\.1:\d+ \(https_proxy\) could not connect"):
        get(port, scheme="https")
    monkeypatch.delenv("https_proxy")
    assert get(port, scheme="https").body == b"ok"
    assert (len(received), len(asked)) == (2, 1)


def test_pools_are_bounded(listen, secure, monkeypatch):
    """A process whose proxy is named anew again and again keeps the pools of the last few."""
    port, _ = listen(*[answers(b"")] * 20)
    for number in range(20):
        monkeypatch.setenv("https_proxy", f"http://user{number}:password@127.0.0.1:{port}")
        with pytest.raises(Unavailable):
            get(443, scheme="https", host="calendar.test")
    assert len(connection_pools._kept.pools) <= MOST_POOLS
