"""Between this machine and Google: every way to get no answer is an error that says which."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import logging
import socket
import ssl
import threading
import traceback

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from handler import HandlerError, InvalidInput, Unavailable
from handler.calendar_api import Limits, forget_all
from handler.calendar_api.transport import send

LIMITS = Limits(10.0, 30.0, lambda: 120.0)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Begin with no connections, and with an environment that names no proxy and no CA file."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    forget_all()
    yield
    forget_all()


@pytest.fixture
def listen():
    """Give a function that serves connections by scripts, one for each, and gives port and what came in."""
    with contextlib.ExitStack() as stack:

        def start(*scripts, wrap=lambda connection: connection):
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            received = []

            def serve():
                for script in scripts:
                    try:
                        raw, _ = server.accept()
                    except OSError:
                        return
                    with raw, contextlib.suppress(OSError), wrap(raw) as connection:
                        script(connection, received)

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(server.shutdown, socket.SHUT_RDWR)
            return server.getsockname()[1], received

        yield start


def answers(*parts):
    """Make a script that reads a request and sends a part for each."""

    def script(connection, received):
        for part in parts:
            received.append(connection.recv(65536))
            connection.sendall(part)

    return script


def silent(connection, received):
    """Read the request and say nothing until the client hangs up."""
    received.append(connection.recv(65536))
    connection.recv(1)


def get(port, limits=LIMITS, method="GET", *, repeatable=True, scheme="http", host="127.0.0.1"):
    """Send a request to the port."""
    return send(
        method, f"{scheme}://{host}:{port}/x", b"body" if method == "POST" else None, {}, limits, repeatable=repeatable
    )


def test_an_answer_comes_as_it_is(listen):
    """Status, headers and body are those of the server, redirects and errors too."""
    port, _ = listen(answers(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nno"))
    answer = get(port)
    assert (answer.status, answer.headers["location"], answer.body) == (302, "http://127.0.0.1:1/", b"no")


def test_a_connection_is_kept(listen):
    """Two requests go over one connection."""
    port, received = listen(answers(ANSWER, ANSWER))
    assert [get(port).body, get(port).body] == [b"ok", b"ok"]
    assert len(received) == 2


def test_nobody_listens():
    """A refused connection may pass later."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unavailable, match=r"There is no connection to 127\.0\.0\.1"):
        get(port)


def test_a_name_that_is_not_known():
    """A host that cannot be looked up is told by its name."""
    with pytest.raises(Unavailable, match=r"The name nowhere\.invalid could not be looked up"):
        get(1, host="nowhere.invalid")


def test_no_answer_in_time(listen):
    """A server that says nothing is given up after the time for reading."""
    port, _ = listen(silent)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 did not answer within 0\.05 s"):
        get(port, LIMITS._replace(read_seconds=0.05))


def test_time_outs_shrink_with_the_deadline(listen):
    """No wait is longer than what is left of the step."""
    port, _ = listen(silent)
    with pytest.raises(Unavailable, match=r"did not answer within 0\.05 s"):
        get(port, LIMITS._replace(left=lambda: 0.05))


@pytest.mark.parametrize(
    "part",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", b"HTTP/1.1 200 OK\r\nX-Slow", b"HT"],
    ids=["body", "header", "status line"],
)
def test_an_answer_that_drips_ends_with_the_step(listen, part):
    """However often a little more of an answer comes, a step waits no longer than its deadline."""
    times = iter([120.0, 60.0, 1.0])  # before the request, before the first part, before the second one
    dripping = answers(part)

    def drip(connection, received):
        dripping(connection, received)
        connection.recv(1)

    port, _ = listen(drip)
    with pytest.raises(Unavailable, match=r"The time for the step ran out before 127\.0\.0\.1 had answered"):
        get(port, LIMITS._replace(left=lambda: next(times, 0.0)))


def test_a_wait_in_the_middle_of_an_answer_shrinks_with_the_deadline(listen):
    """The wait for the rest of an answer is bound by what is left of the step then."""

    def half(connection, received):
        answers(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")(connection, received)
        connection.recv(1)

    port, _ = listen(half)
    times = iter([120.0, 120.0])
    with pytest.raises(Unavailable, match=r"did not answer within 30 s"):
        get(port, LIMITS._replace(left=lambda: next(times, 0.05)))


def test_no_request_after_the_deadline():
    """A step without time left sends nothing."""
    with pytest.raises(Unavailable, match="The time for the step ran out"):
        get(1, LIMITS._replace(left=lambda: 0.0))


def test_no_connection_in_time(monkeypatch):
    """A host that does not let us in is given up after the time for connecting."""
    monkeypatch.setattr(
        "urllib3.util.connection.create_connection", lambda *_, **__: (_ for _ in ()).throw(TimeoutError("slow"))
    )
    with pytest.raises(Unavailable, match=r"There was no connection to 127\.0\.0\.1 within 10 s"):
        get(1)


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok",
    ],
    ids=["dropped", "shorter than announced", "chunk cut off"],
)
def test_half_an_answer_is_none(listen, part):
    """A connection that closes before the answer is complete may do better later, and is not asked again at once."""
    port, received = listen(answers(part), answers(ANSWER))
    with pytest.raises(Unavailable, match="closed the connection before its answer was complete"):
        get(port)
    assert len(received) == 1


def test_a_server_that_sends_our_request_back_shows_nothing_of_it(listen):
    """What stands where a status line should, perhaps our own token, is in no traceback."""
    port, _ = listen(answers(b"Bearer CANARY\r\n\r\n"))
    with pytest.raises(Unavailable) as caught:
        get(port)
    assert "CANARY" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.details == {"cause": "ProtocolError"}


def test_a_request_sent_back_among_the_headers_is_not_logged(listen, caplog):
    """Header lines that are none, perhaps our own token, are no answer, and stand in nobody's log."""
    caplog.set_level(logging.DEBUG)
    port, _ = listen(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nauthorization Bearer CANARY\r\n\r\nok"))
    with pytest.raises(Unavailable, match="sent an answer whose headers are none"):
        get(port)
    assert "CANARY" not in caplog.text


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_kept_connection_found_dead(listen, repeatable):
    """A read goes once more over a new connection, and a write does not."""
    port, received = listen(answers(ANSWER, b""), answers(ANSWER))
    get(port)
    if repeatable:
        assert get(port, method="POST").body == b"ok"
        assert len(received) == 3
    else:
        with pytest.raises(Unavailable, match="closed the connection"):
            get(port, method="POST", repeatable=False)
        assert len(received) == 2


def test_a_connection_closed_while_idle_is_noticed(listen):
    """A kept connection that the server closed in between is not used, not even for a write."""
    closed = threading.Event()

    def once(connection, received):
        answers(ANSWER)(connection, received)
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    port, received = listen(once, answers(ANSWER))
    get(port)
    assert closed.wait(10)
    assert get(port, method="POST", repeatable=False).body == b"ok"
    assert len(received) == 2


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Make a certificate for 127.0.0.1 that only its own CA file vouches for."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "emulator")])
    now = dt.datetime.now(dt.timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    return folder


@pytest.fixture
def secure(certificate):
    """Give a function that makes a connection a TLS one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "ca.pem", certificate / "key.pem")
    return lambda connection: context.wrap_socket(connection, server_side=True)


def test_a_certificate_that_does_not_verify_is_no_reason_to_try_again(listen, secure):
    """A server that is not who it says is told as such, and not retryable."""
    port, _ = listen(answers(ANSWER), wrap=secure)
    with pytest.raises(HandlerError) as caught:
        get(port, scheme="https")
    assert (caught.value.code, caught.value.retryable) == ("unexpected_answer", False)
    assert "does not verify" in caught.value.message


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_ca_file_of_ones_own(listen, secure, certificate, monkeypatch, variable):
    """The usual variables name a CA file, and its certificates are accepted."""
    monkeypatch.setenv(variable, str(certificate / "ca.pem"))
    port, _ = listen(answers(ANSWER), wrap=secure)
    assert get(port, scheme="https").body == b"ok"


def test_a_ca_file_that_is_none(monkeypatch, tmp_path):
    """A CA file that cannot be read is an input to correct, named by its variable."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(InvalidInput, match="SSL_CERT_FILE: is not a readable file of CA certificates"):
        get(1, scheme="https")


def test_a_server_that_speaks_no_tls(listen):
    """Plain text where TLS is wanted may be a passing fault, and names the host."""
    port, _ = listen(answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    with pytest.raises(Unavailable, match=r"There is no secure connection to 127\.0\.0\.1"):
        get(port, scheme="https")


def test_a_proxy_is_used_with_its_password_in_a_header(listen, monkeypatch):
    """The proxy of the environment is asked for a tunnel, with its decoded password; no address shows it."""
    port, received = listen(answers(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"))
    monkeypatch.setenv("https_proxy", f"http://user:p%40ss@127.0.0.1:{port}")
    with pytest.raises(Unavailable, match="The proxy could not be reached, or it refused the connection"):
        get(443, scheme="https", host="calendar.test")
    assert received[0].startswith(b"CONNECT calendar.test:443 HTTP/1.")
    assert b"Basic dXNlcjpwQHNz" in received[0]


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
    monkeypatch.setattr("handler.calendar_api.transport.proxy_bypass", lambda _: False)
    assert get(443, scheme="https").body == b"ok"
    assert received[0].startswith(b"CONNECT 127.0.0.1:443 ")
    assert received[1].startswith(b"GET /x HTTP/1.1\r\n")


def test_a_proxy_that_is_not_there(monkeypatch):
    """A proxy that cannot be reached is told apart from Google, without its password."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("https_proxy", f"user:CANARY@127.0.0.1:{port}")
    with pytest.raises(Unavailable, match="The proxy could not be reached") as caught:
        get(443, scheme="https", host="calendar.test")
    assert "CANARY" not in repr(caught.value.__cause__)


def test_a_host_that_bypasses_the_proxy(listen, monkeypatch):
    """NO_PROXY is honoured: the name is looked up here."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "nowhere.invalid")
    with pytest.raises(Unavailable, match=r"nowhere\.invalid could not be looked up"):
        get(443, scheme="https", host="nowhere.invalid")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_never_reached_through_a_proxy(listen, monkeypatch, host):
    """What is meant for an emulator on this machine stays on it."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    port, _ = listen(answers(ANSWER))
    assert get(port, host=host).body == b"ok"


def test_a_proxy_address_that_is_none(monkeypatch):
    """A proxy variable that holds no address is an input to correct, and is not quoted."""
    monkeypatch.setenv("https_proxy", "gopher://user:CANARY@x:1")
    with pytest.raises(InvalidInput, match="HTTPS_PROXY: is not the address of a proxy") as caught:
        get(443, scheme="https", host="calendar.test")
    assert "CANARY" not in caught.value.message
