"""Between this machine and Google: every way to get no answer is an error that says which."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
import traceback
import zlib
from pathlib import Path

import pytest

from handler import HandlerError, Unavailable
from handler.calendar_api import connection_pools
from handler.calendar_api.connection_pools import MOST_POOLS
from handler.calendar_api.http_answers import MOST_BYTES

from ..support.listening import ANSWER, LIMITS, answers, get, silent

pytestmark = pytest.mark.usefixtures("fresh")

OTHER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"


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


def test_an_emulator_that_speaks_tls(listen):
    """What speaks TLS where an emulator is said to be is told as none, with its port and the variable."""
    port, _ = listen(answers(b"\x15\x03\x01\x00\x02\x02\x46"))
    with pytest.raises(Unavailable, match=rf"What answers at port {port} of 127\.0\.0\.1 speaks TLS, so it is no emul"):
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
    lefts = iter([120.0, 120.0, 90.0, 60.0] if proxy else [120.0, 120.0])  # for the proxy's address, and its answer
    port, _ = listen(answers(b"HTTP/1.1 200 Connection established\r\n\r\n") if proxy else silent)
    if proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    with pytest.raises(Unavailable, match=r"There was no connection to 127\.0\.0\.1 within 10 s"):
        get(port, LIMITS._replace(left=lambda: next(lefts, 0.05)), scheme="https")
    assert waits == [0.05]


def test_a_server_that_speaks_no_tls(listen):
    """Plain text where TLS is wanted may be a passing fault, and names the host."""
    port, _ = listen(answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    with pytest.raises(Unavailable, match=r"There is no secure connection to 127\.0\.0\.1"):
        get(port, scheme="https")


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
