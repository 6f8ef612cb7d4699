"""Between this machine and Google: every way to get no answer is an error that says which."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import ipaddress
import logging
import socket
import ssl
import threading
import traceback
import zlib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from handler import HandlerError, InvalidInput, Unavailable
from handler.calendar_api import Limits, connection_pools, forget_all
from handler.calendar_api.connection_pools import MOST_POOLS
from handler.calendar_api.http_answers import MOST_BYTES
from handler.calendar_api.transport import send

LIMITS = Limits(10.0, 30.0, lambda: 120.0)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OTHER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"


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
    """Provide a function that serves connections by scripts, one for each, and gives port and what came in."""
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
    with pytest.raises(Unavailable, match=r"Nothing answers at port \d+ of 127\.0\.0\.1"):
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


def test_another_threads_preparations_are_not_waited_for_beyond_the_deadline():
    """A step whose time ends while another one reads the CA certificates says so."""
    with connection_pools._kept.lock, pytest.raises(Unavailable, match="before a connection could be made"):
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


INTERIM = b"HTTP/1.1 %d Interim\r\nLink: </x>\r\n\r\n"


@pytest.mark.parametrize("statuses", [[100], [102], [103], [199], [103, 100, 102, 103]], ids=str)
def test_interim_answers_are_skipped(listen, statuses):
    """What comes before the answer proper is none, and the next request reads its own answer."""
    interim = b"".join(INTERIM % status for status in statuses)
    port, received = listen(answers(interim + OTHER, ANSWER))
    assert [get(port).body, get(port).body] == [b"other", b"ok"]
    assert len(received) == 2


def test_interim_answers_without_an_end(listen):
    """A server that sends interim answers only is given up after a number of them, and is not listened to again."""
    port, _ = listen(answers(INTERIM % 103 * 50), answers(ANSWER))
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 sent interim answers only"):
        get(port)
    assert get(port).body == b"ok"


def test_interim_answers_end_with_the_step(listen):
    """However often an interim answer comes, a step waits no longer than its deadline."""
    times = iter([120.0, 60.0])

    def forever(connection, received):
        received.append(connection.recv(65536))
        connection.sendall(INTERIM % 103)
        connection.recv(1)

    port, _ = listen(forever)
    with pytest.raises(Unavailable, match="The time for the step ran out"):
        get(port, LIMITS._replace(left=lambda: next(times, 0.0)))


@pytest.mark.parametrize(
    "part",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nnoHTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 204 No Content\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\nmore",
    ],
    ids=["another protocol", "a page", "half a second answer", "a body where none may be", "more after the last chunk"],
)
def test_a_connection_whose_answer_was_odd_is_not_used_again(listen, part):
    """Nothing that came with an answer, or after it, is read as the answer to the next request."""
    port, received = listen(answers(part, OTHER), answers(ANSWER))
    get(port)
    assert get(port).body == b"ok"
    assert len(list(filter(None, received))) == 2


def test_a_second_answer_while_the_connection_is_idle(listen):
    """An answer that nobody asked for is not taken for that of the next request."""
    late = threading.Event()

    def twice(connection, received):
        answers(ANSWER)(connection, received)
        connection.sendall(OTHER)
        late.set()
        connection.recv(1)

    port, _ = listen(twice, answers(ANSWER))
    get(port)
    assert late.wait(10)
    assert get(port).body == b"ok"


def test_a_second_answer_within_tls(listen, secure, certificate, monkeypatch):
    """The same where the second answer lies decrypted already, which no look at the socket shows."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "ca.pem"))
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 8000\r\nX: "
    body = b"o" * 8000
    first = head + b"x" * (8192 - len(head) - 4 - len(body)) + b"\r\n\r\n" + body  # what is read at once
    port, _ = listen(answers(first + OTHER, OTHER), answers(ANSWER), wrap=secure)
    assert get(port, scheme="https").body == body
    assert get(port, scheme="https").body == b"ok"


@pytest.mark.parametrize("size", [b"-5", b"-1", b"FFFFFFFFFFFFFFFFFFFF", b"7FFFFFFFFFFFFFFF", b"x", b""])
def test_a_piece_of_an_impossible_length(listen, size):
    """A chunk whose length is no length is no answer, or too long a one, and no error of Python's."""
    chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\nok" % size
    port, _ = listen(answers(chunk))
    with pytest.raises(HandlerError):
        get(port)


def endless(head, piece, ended=None):
    """Make a script that reads a request and sends a head, and then a piece again and again."""

    def script(connection, received):
        received.append(connection.recv(65536))
        try:
            connection.sendall(head)
            for _ in range(MOST_BYTES * 8 // len(piece)):
                connection.sendall(piece)
        except OSError:
            if ended:
                ended.set()
            raise

    return script


def gzipped(size):
    """Make an answer that unpacks to so many spaces."""
    packed = gzip.compress(b" " * size)
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
TOO_LONG = {
    "announced": answers(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MOST_BYTES + 1)),
    "announced as absurdly long": answers(b"HTTP/1.1 200 OK\r\nContent-Length: 1%s\r\n\r\n" % (b"0" * 400)),
    "in chunks": endless(CHUNKED + b"\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "in one chunk": endless(CHUNKED + b"\r\nFFFFFFFFFFFF\r\n", b" " * 65536),
    "until the connection closes": endless(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536),
    "in extensions of chunks": endless(CHUNKED + b"\r\n", b"1;" + b"x" * 32768 + b"\r\n \r\n"),
    "in trailers": endless(CHUNKED + b"\r\n0\r\n", b"X: " + b"x" * 32768 + b"\r\n"),
    "packed": answers(gzipped(MOST_BYTES + 1)),
    "packed a thousandfold": answers(gzipped(MOST_BYTES * 8)),
    "packed in chunks": answers(
        CHUNKED + b"Content-Encoding: gzip\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
        % (len(gzip.compress(b" " * MOST_BYTES * 8)), gzip.compress(b" " * MOST_BYTES * 8))
    ),
    "deflated": answers(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nConnection: close\r\n\r\n"
        + zlib.compress(b" " * (MOST_BYTES + 1))
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", TOO_LONG)
def test_an_answer_without_measure(listen, way):
    """More than 8 MiB is an unexpected answer, however it comes, and nothing more of that connection is read."""
    port, received = listen(TOO_LONG[way], answers(ANSWER))
    with pytest.raises(HandlerError, match="more than 8 MiB") as caught:
        get(port)
    assert (caught.value.code, caught.value.retryable) == ("unexpected_answer", False)
    assert get(port).body == b"ok"
    assert len(received) == 2


def test_an_endless_answer_to_a_write(listen):
    """Whose request may change something is told that it may have done so."""
    port, _ = listen(TOO_LONG["announced"])
    with pytest.raises(HandlerError, match="may have been done all the same"):
        get(port, method="POST", repeatable=False)


def test_an_endless_answer_on_a_kept_connection_is_not_asked_for_again(listen):
    """A kept connection that brings too long an answer was not dead."""

    def second(connection, received):
        answers(ANSWER)(connection, received)
        TOO_LONG["announced"](connection, received)

    port, received = listen(second, answers(ANSWER))
    get(port)
    with pytest.raises(HandlerError, match="more than 8 MiB"):
        get(port)
    assert len(received) == 2


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MOST_BYTES + b" " * MOST_BYTES, gzipped(MOST_BYTES)],
    ids=["plain", "packed"],
)
def test_the_longest_answer(listen, answer):
    """8 MiB are an answer still."""
    port, _ = listen(answers(answer))
    assert get(port).body == b" " * MOST_BYTES


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        (b"gzip", gzip.compress(b"text")),
        (b"GZIP", gzip.compress(b"text")),
        (b"x-gzip", gzip.compress(b"text")),
        (b"deflate", zlib.compress(b"text")),
        (b"deflate", zlib.compress(b"text")[2:-4]),
        (b"identity", b"text"),
    ],
    ids=["gzip", "capitals", "x-gzip", "deflate", "deflate without a header", "identity"],
)
def test_a_packed_answer_is_unpacked(listen, encoding, packed):
    """The body comes as it was before it was compressed."""
    port, _ = listen(
        answers(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(packed)) + packed
        )
    )
    assert get(port).body == b"text"


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(b"text")[:-9], gzip.compress(b"text") + b"more", b"text", b""],
    ids=["cut", "more behind it", "not packed", "empty"],
)
def test_a_packed_answer_that_does_not_unpack(listen, packed):
    """What is not compressed as it says comes as it is, for nobody to understand."""
    port, _ = listen(
        answers(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)
    )
    assert get(port).body == packed


@pytest.fixture
def addresses(monkeypatch):
    """Return a function that sets how many addresses a name has, and a list of the waits for them."""
    waits, now = [], [0.0]

    def connect(address, seconds, **_):
        waits.append((address, seconds))
        now[0] += seconds
        raise TimeoutError

    def name(count):
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{n}", 443)) for n in range(count)]
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    monkeypatch.setattr("handler.calendar_api.sockets.time.monotonic", lambda: now[0])
    return name, waits


@pytest.mark.parametrize("count", [1, 2, 8, 64])
def test_all_addresses_of_a_name_share_one_time(addresses, count):
    """However many addresses swallow our packets, they do so for the time of one; ten are tried."""
    name, waits = addresses
    name(count)
    with pytest.raises(Unavailable, match=r"There was no connection to calendar\.test within 10 s"):
        get(443, host="calendar.test")
    assert sum(seconds for _, seconds in waits) == pytest.approx(10.0)
    assert len(waits) == min(count, 10)


def test_connecting_ends_with_the_step(addresses):
    """All addresses of a name have what is left of the step, if that is less."""
    name, waits = addresses
    name(2)
    with pytest.raises(Unavailable, match=r"There was no connection to calendar\.test within 3 s"):
        get(443, LIMITS._replace(left=lambda: 3.0), host="calendar.test")
    assert [seconds for _, seconds in waits] == [1.5, 1.5]


def test_the_next_address_is_tried(listen, monkeypatch):
    """An address that refuses is followed by the next one of the name."""
    port, _ = listen(answers(ANSWER))
    asked = socket.getaddrinfo

    def find(host, *arguments, **named):
        if host != "calendar.test":
            return asked(host, *arguments, **named)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    monkeypatch.setattr("socket.getaddrinfo", find)
    assert get(port, host="calendar.test").body == b"ok"


@pytest.mark.parametrize("proxy", [False, True], ids=["direct", "behind a proxy"])
def test_a_handshake_ends_with_the_step(listen, monkeypatch, proxy):
    """A host that takes the connection is waited for no longer than the step has left by then."""
    waits = []

    def handshake(_, connected, **__):
        waits.append(connected.gettimeout())
        raise TimeoutError

    monkeypatch.setattr("ssl.SSLContext.wrap_socket", handshake)
    monkeypatch.setattr("handler.calendar_api.connection_pools.proxy_bypass", lambda _: False)
    lefts = iter([120.0, 120.0, 90.0, 60.0] if proxy else [120.0, 120.0])  # for the proxy's address, and its answer
    port, _ = listen(answers(b"HTTP/1.1 200 Connection established\r\n\r\n") if proxy else silent)
    if proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    with pytest.raises(Unavailable, match=r"There was no connection to 127\.0\.0\.1 within 10 s"):
        get(port, LIMITS._replace(left=lambda: next(lefts, 0.05)), scheme="https")
    assert waits == [0.05]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Make a certificate for 127.0.0.1 that only its own CA file vouches for."""
    return signed(
        tmp_path_factory.mktemp("certificate"),
        "emulator",
        [x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])],
    )


def signed(folder, name, extensions):
    """Make a certificate that signs itself, and its key, as files of a folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    (folder / "ca.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    return folder


@pytest.fixture
def secure(certificate):
    """Return a function that makes a connection a TLS one."""
    return shown_by(certificate)


def shown_by(folder):
    """Make a function that makes a connection a TLS one with the certificate of a folder."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return lambda connection: context.wrap_socket(connection, server_side=True)


@pytest.mark.parametrize(
    "extensions", [[], [x509.SubjectAlternativeName([x509.RFC822Name("a@acme.com")])]], ids=["no SAN", "no name in it"]
)
def test_a_name_that_stands_only_in_the_subject(listen, tmp_path, monkeypatch, extensions):
    """A certificate that names its host nowhere but in the CN is refused, as browsers do."""
    folder = signed(tmp_path, "localhost", extensions)
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
    port, received = listen(answers(ANSWER), wrap=shown_by(folder))
    with pytest.raises(HandlerError, match="does not verify"):
        get(port, scheme="https", host="localhost")
    assert received == []


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
    with pytest.raises(HandlerError, match="status 407"):
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
    monkeypatch.setattr("handler.calendar_api.connection_pools.proxy_bypass", lambda _: False)
    assert get(443, scheme="https").body == b"ok"
    assert received[0].startswith(b"CONNECT 127.0.0.1:443 ")
    assert received[1].startswith(b"GET /x HTTP/1.1\r\n")


def test_a_proxy_over_tls_is_checked_with_the_same_ca_file(listen, secure, monkeypatch, certificate):
    """A proxy that is spoken to over TLS shows a certificate of the CA file that is named, or is refused by name."""
    monkeypatch.setattr("handler.calendar_api.connection_pools.proxy_bypass", lambda _: False)
    refusal = answers(b"HTTP/1.1 403 Forbidden\r\n\r\n")
    port, received = listen(refusal, refusal, wrap=secure)
    monkeypatch.setenv("https_proxy", f"https://127.0.0.1:{port}")
    with pytest.raises(HandlerError, match="The certificate that the proxy showed does not verify"):
        get(443, scheme="https", host="calendar.test")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate / "ca.pem"))
    with pytest.raises(HandlerError, match=r"The proxy forbids calendar\.test \(403\)"):
        get(443, scheme="https", host="calendar.test")
    assert len(received) == 1


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


@pytest.mark.parametrize(
    ("proxy", "told"),
    [
        ("socks5h://user:CANARY@x:1", "a SOCKS proxy, which is not supported"),
        ("socks4://x:1", "a SOCKS proxy, which is not supported"),
        ("http://user:CANA#RY@x:1", "has a # in the user or password; write it as %23"),
        ("user:CANA#RY@x:1", "has a # in the user or password; write it as %23"),
        ("http://user:CANA/RY@x:1", "has a / in the user or password; write it as %2F"),
        ("http://user:CANA?RY@x:1", r"has a \? in the user or password; write it as %3F"),
    ],
)
def test_a_proxy_address_with_a_known_mistake(monkeypatch, proxy, told):
    """What is wrong with a proxy's address is told, and nothing of its password."""
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(InvalidInput, match=f"HTTPS_PROXY: .*{told}") as caught:
        get(443, scheme="https", host="calendar.test")
    assert "CANA" not in str(caught.value.to_dict())


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "unexpected_answer"), (403, "unexpected_answer"), (407, "unexpected_answer"),
        (429, "google_unavailable"), (502, "google_unavailable"), (504, "google_unavailable"),
    ],
)  # fmt: skip
def test_a_proxy_that_refuses_is_told_with_its_status(listen, monkeypatch, status, code):
    """What the proxy itself answers names the proxy and the number, and is tried again only if it may pass."""
    port, _ = listen(answers(b"HTTP/1.1 %d CANARY\r\n\r\n" % status))
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    with pytest.raises(HandlerError, match=rf"The proxy .*calendar\.test.*{status}") as caught:
        get(443, scheme="https", host="calendar.test")
    assert caught.value.code == code
    assert "CANARY" not in str(caught.value.to_dict())


@pytest.fixture
def through_a_proxy(listen, secure, certificate, monkeypatch):
    """Return a function that serves scripts behind a proxy, over TLS, and gives what came in."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "ca.pem"))
    monkeypatch.setattr("handler.calendar_api.connection_pools.proxy_bypass", lambda _: False)

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


def test_a_proxy_that_says_nothing_is_given_up(listen, monkeypatch):
    """A proxy that opens no way in time is told as such."""
    port, _ = listen(silent)
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    with pytest.raises(Unavailable, match=r"The proxy could not be reached, or opened no way to calendar\.test"):
        get(443, LIMITS._replace(connect_seconds=0.05), scheme="https", host="calendar.test")


def test_the_environment_of_now_counts(listen, secure, certificate, monkeypatch):
    """A proxy that is named after the first request is asked for the next one, and none once it is no longer named."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "ca.pem"))
    monkeypatch.setattr("handler.calendar_api.connection_pools.proxy_bypass", lambda _: False)
    port, received = listen(answers(ANSWER, ANSWER), wrap=secure)
    proxy, asked = listen(answers(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"))
    get(port, scheme="https")
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy}")
    with pytest.raises(Unavailable, match="The proxy could not connect"):
        get(port, scheme="https")
    monkeypatch.delenv("https_proxy")
    assert get(port, scheme="https").body == b"ok"
    assert (len(received), len(asked)) == (2, 1)


def test_a_ca_file_that_is_named_no_more_vouches_for_nobody(listen, secure, certificate, monkeypatch):
    """A connection that a CA file opened is not used once the environment no longer names that file."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "ca.pem"))
    port, received = listen(answers(ANSWER), answers(ANSWER), wrap=secure)
    get(port, scheme="https")
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(HandlerError, match="does not verify"):
        get(port, scheme="https")
    assert len(received) == 1


DESCRIPTORS = Path("/proc/self/fd")


def serve_once(server):
    """Answer one request of one connection, and close it."""
    with server.accept()[0] as connection:
        answers(ANSWER)(connection, [])


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="this system does not tell descriptors in /proc")
def test_connections_of_hosts_that_are_gone_are_closed(listen):
    """A process that talks to one emulator after the other keeps the connections of the last few."""
    get(listen(answers(ANSWER))[0])
    begun = len(list(DESCRIPTORS.iterdir()))
    for _ in range(20):
        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=serve_once, args=(server,))
            thread.start()
            get(server.getsockname()[1])
            thread.join()
    assert len(list(DESCRIPTORS.iterdir())) - begun <= MOST_POOLS


def test_pools_are_bounded(listen, secure, monkeypatch):
    """A process whose proxy is named anew again and again keeps the pools of the last few."""
    port, _ = listen(*[answers(b"")] * 20)
    for number in range(20):
        monkeypatch.setenv("https_proxy", f"http://user{number}:password@127.0.0.1:{port}")
        with pytest.raises(Unavailable):
            get(443, scheme="https", host="calendar.test")
    assert len(connection_pools._kept.pools) <= MOST_POOLS


def test_ca_files_are_bounded(certificate, tmp_path, monkeypatch):
    """The same for CA files, which take a megabyte each."""
    for number in range(20):
        file = tmp_path / f"{number}.pem"
        file.write_bytes((certificate / "ca.pem").read_bytes())
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        with pytest.raises(Unavailable):
            get(1, scheme="https")
    assert len(connection_pools._kept.contexts) <= MOST_POOLS
