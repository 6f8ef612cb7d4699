"""The place that the browser comes back to: one path of 127.0.0.1, the answer to one question, one page."""

from __future__ import annotations

import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from handler.cli.authorize.loopback import Loopback, _Visitor

from ..support.consenting import visit


@pytest.fixture
def loopback():
    """Provide one that listens."""
    with Loopback(0, "/", "s") as listening:
        yield listening


@pytest.fixture
def browser():
    """Provide a function that visits an address in a thread, and gives what will be its page."""
    with ThreadPoolExecutor() as pool:
        yield lambda address: pool.submit(visit, address)


def at(loopback, path):
    """Return the address of a path."""
    return f"http://127.0.0.1:{loopback.port}{path}"


def test_the_browser_is_shown_how_it_ended(loopback, browser):
    """What the browser brings is given out, and it waits for a page, which is shown as text and never kept."""
    page = browser(at(loopback, "/?code=c%2F1&state=s"))
    assert loopback.answer(10) == {"code": "c/1", "state": "s"}
    assert not page.done()
    loopback.tell("It <worked>", "One & two.")
    status, headers, text = page.result(10)
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    words = re.sub(r"<style>.*</style>|<[^>]+>", "", text).split("\n")
    assert list(filter(None, words)) == [
        "It &lt;worked&gt;", "It &lt;worked&gt;", "One &amp; two.", "You can close this window.",
    ]  # fmt: skip
    assert "c/1" not in text


def raw(loopback, request):
    """Send a request as it stands, and give all that comes back."""
    with socket.create_connection(("127.0.0.1", loopback.port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            return answer.read().decode()


RIGHT = b"/?code=c&state=s"
LOCAL = b"Host: 127.0.0.1\r\n"
STRAYS = {
    "an icon": b"GET /favicon.ico HTTP/1.1\r\n" + LOCAL,
    "the path alone": b"GET / HTTP/1.1\r\n" + LOCAL,
    "another path": b"GET /other?code=c&state=s HTTP/1.1\r\n" + LOCAL,
    "no answer": b"GET /?state=s HTTP/1.1\r\n" + LOCAL,
    "an empty code": b"GET /?code=&state=s HTTP/1.1\r\n" + LOCAL,
    "no state": b"GET /?code=c HTTP/1.1\r\n" + LOCAL,
    "an empty state": b"GET /?code=c&state= HTTP/1.1\r\n" + LOCAL,
    "another state": b"GET /?code=c&state=other HTTP/1.1\r\n" + LOCAL,
    "a longer state": b"GET /?code=c&state=s%00 HTTP/1.1\r\n" + LOCAL,
    "a state that is not ASCII": b"GET /?code=c&state=%C3%A9 HTTP/1.1\r\n" + LOCAL,
    "raw bytes in the state": b"GET /?code=c&state=\xff HTTP/1.1\r\n" + LOCAL,
    "denied with another state": b"GET /?error=access_denied&state=other HTTP/1.1\r\n" + LOCAL,
    "a form": b"POST " + RIGHT + b" HTTP/1.1\r\n" + LOCAL + b"Content-Length: 0\r\n",
    "options": b"OPTIONS " + RIGHT + b" HTTP/1.1\r\n" + LOCAL,
    "a proxy's request": b"GET http://127.0.0.1" + RIGHT + b" HTTP/1.1\r\n" + LOCAL,
    "a tunnel": b"CONNECT 127.0.0.1:80 HTTP/1.1\r\n" + LOCAL,
    "another host": b"GET " + RIGHT + b" HTTP/1.1\r\nHost: evil.example\r\n",
    "a host that only begins well": b"GET " + RIGHT + b" HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n",
    "two hosts": b"GET " + RIGHT + b" HTTP/1.1\r\nHost: evil.example\r\n" + LOCAL,
    "no host": b"GET " + RIGHT + b" HTTP/1.1\r\n",
    "the oldest HTTP": b"GET " + RIGHT + b"\r\n",
    "a page loaded ahead": b"GET " + RIGHT + b" HTTP/1.1\r\n" + LOCAL + b"Sec-Purpose: prefetch;prerender\r\n",
    "a page loaded ahead, as it was": b"GET " + RIGHT + b" HTTP/1.1\r\n" + LOCAL + b"Purpose: prefetch\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "HTTP of tomorrow": b"GET " + RIGHT + b" HTTP/9.9\r\n" + LOCAL,
    "a long address": b"GET /?" + 70_000 * b"x" + b"&code=c&state=s HTTP/1.1\r\n" + LOCAL,
    "many headers": b"GET " + RIGHT + b" HTTP/1.1\r\n" + LOCAL + 200 * b"X: y\r\n",
}


@pytest.mark.parametrize("request_line", STRAYS.values(), ids=STRAYS)
def test_a_stray_does_not_end_the_wait(loopback, browser, request_line):
    """Whatever is not the answer is told so, without an echo, and the answer that follows is taken."""
    answer = raw(loopback, request_line + b"\r\n")
    head, _, page = answer.partition("\r\n\r\n")
    assert re.match(r"HTTP/1\.[01] [45]\d\d ", head)
    assert "<h1>Not what authorize waits for</h1>" in page
    assert "code=" not in answer
    right = browser(at(loopback, "/?code=right&state=s"))
    assert loopback.answer(10) == {"code": "right", "state": "s"}
    loopback.tell("It worked")
    assert "<h1>It worked</h1>" in right.result(10).text


def test_a_request_for_the_head_alone_is_a_stray(loopback):
    """A program that looks where a link leads gets no page, and does not use the answer up."""
    answer = raw(loopback, b"HEAD " + RIGHT + b" HTTP/1.1\r\n" + LOCAL + b"\r\n")
    assert re.match(r"HTTP/1\.[01] [45]\d\d ", answer)
    assert answer.endswith("\r\n\r\n")
    assert loopback.answer(0.01) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:80", "LOCALHOST:8086", "[::1]:8086"])
def test_the_answer_may_come_by_every_name_of_this_machine(loopback, host):
    """The redirect address of a client may say localhost, and ssh may forward another port."""
    with socket.create_connection(("127.0.0.1", loopback.port)) as connection:
        connection.sendall(b"GET " + RIGHT + f" HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert loopback.answer(10) == {"code": "c", "state": "s"}
        loopback.tell("Done")


def test_a_silent_connection_keeps_nobody_waiting(loopback, browser):
    """A connection that is opened ahead and sends nothing, or half a line, holds up neither answer nor end."""
    silent = [socket.create_connection(("127.0.0.1", loopback.port)) for _ in range(3)]
    silent[1].sendall(b"GET /?code")
    page = browser(at(loopback, "/?code=c&state=s"))
    assert loopback.answer(10) == {"code": "c", "state": "s"}
    loopback.tell("Done")
    assert page.result(10).status == 200
    for connection in silent:
        connection.close()


def test_the_first_answer_counts(loopback, browser):
    """A page that is loaded again is shown the same and changes nothing."""
    pages = [browser(at(loopback, "/?code=1&state=s"))]
    assert loopback.answer(10) == {"code": "1", "state": "s"}
    pages.append(browser(at(loopback, "/?code=2&state=s")))
    loopback.tell("First")
    loopback.tell("Second")
    assert all("<h1>First</h1>" in page.result(10).text for page in pages)
    assert loopback.answer(10) == {"code": "1", "state": "s"}


def test_it_is_bound_to_loopback_only(loopback):
    """Nobody else's machine can reach it."""
    assert loopback._server.server_address == ("127.0.0.1", loopback.port)


def test_a_path_of_its_own(browser):
    """It answers the path that it was given, and no other."""
    with Loopback(0, "/back/here", "s") as loopback:
        assert visit(at(loopback, "/?code=c&state=s")).status == 404
        page = browser(at(loopback, "/back/here?error=access_denied&state=s"))
        assert loopback.answer(10) == {"error": "access_denied", "state": "s"}
        loopback.tell("Done")
        assert page.result(10).status == 200


def test_giving_up_ends_the_wait(loopback):
    """What another thread gives up with is raised to whoever waits, unless an answer is there."""
    loopback.give_up(ValueError("no browser"))
    loopback.give_up(ValueError("too late"))
    with pytest.raises(ValueError, match="no browser"):
        loopback.answer(10)


def test_a_browser_is_not_left_waiting(browser):
    """If the program ends without a word, the browser is told that it did not work, and the port is closed."""
    with Loopback(0, "/", "s") as loopback:
        page = browser(at(loopback, "/?code=c&state=s"))
        loopback.answer(10)
    assert "It did not work" in page.result(10).text
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", loopback.port))


def test_the_end_waits_until_the_page_is_there(loopback, browser, monkeypatch):
    """A program that ends right after does not take the page away from the browser."""
    order = []
    show = _Visitor._show

    def noted(visitor, status, page):
        show(visitor, status, page)
        order.append("shown")

    monkeypatch.setattr(_Visitor, "_show", noted)
    browser(at(loopback, "/?code=c&state=s"))
    loopback.answer(10)
    loopback.tell("Done", "x" * 10_000_000)
    order.append("ended")
    assert order == ["shown", "ended"]


def test_a_port_that_is_taken_is_not_shared(loopback):
    """Two programs never listen on one port."""
    with pytest.raises(OSError, match="in use"):
        Loopback(loopback.port, "/", "s")


def test_nothing_is_logged(loopback, browser, capfd):
    """The request's address holds the code: neither it nor a browser that goes away is written anywhere."""
    gone = socket.create_connection(("127.0.0.1", loopback.port))
    gone.sendall(b"GET /?code=CANARY&state=s HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert loopback.answer(10) == {"code": "CANARY", "state": "s"}
    gone.close()
    loopback.tell("Done", "x" * 1_000_000)
    visit(at(loopback, "/favicon.ico"))
    assert capfd.readouterr() == ("", "")
