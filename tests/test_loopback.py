"""The place that the browser comes back to: one path of 127.0.0.1, one answer, one page."""

from __future__ import annotations

import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from handler.cli.loopback import Loopback, _Visitor

from .consenting import visit


@pytest.fixture
def loopback():
    """Give one that listens."""
    with Loopback(0) as listening:
        yield listening


@pytest.fixture
def browser():
    """Give a function that visits an address in a thread, and gives what will be its page."""
    with ThreadPoolExecutor() as pool:
        yield lambda address: pool.submit(visit, address)


def at(loopback, path):
    """Give the address of a path."""
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


@pytest.mark.parametrize("path", ["/favicon.ico", "/", "/?state=s", "/other?code=c", "/?", "/?code="])
def test_other_requests_lead_nowhere(loopback, path):
    """Icons, other paths and requests without an answer are answered 404, and waiting goes on."""
    assert visit(at(loopback, path)).status == 404
    assert loopback.answer(0.01) is None


def test_other_methods_lead_nowhere(loopback):
    """A form that some page posts here is no answer."""
    assert visit(at(loopback, "/?code=c"), {"code": "c"}).status == 501
    assert loopback.answer(0.01) is None


def test_a_silent_connection_keeps_nobody_waiting(loopback, browser):
    """A connection that is opened ahead and sends nothing, or half a line, holds up neither answer nor end."""
    silent = [socket.create_connection(("127.0.0.1", loopback.port)) for _ in range(3)]
    silent[1].sendall(b"GET /?code")
    page = browser(at(loopback, "/?code=c"))
    assert loopback.answer(10) == {"code": "c"}
    loopback.tell("Done")
    assert page.result(10).status == 200
    for connection in silent:
        connection.close()


def test_the_first_answer_counts(loopback, browser):
    """A page that is loaded again is shown the same and changes nothing."""
    pages = [browser(at(loopback, "/?code=1"))]
    assert loopback.answer(10) == {"code": "1"}
    pages.append(browser(at(loopback, "/?code=2")))
    loopback.tell("First")
    loopback.tell("Second")
    assert all("<h1>First</h1>" in page.result(10).text for page in pages)
    assert loopback.answer(10) == {"code": "1"}


def test_it_is_bound_to_loopback_only(loopback):
    """Nobody else's machine can reach it."""
    assert loopback._server.server_address == ("127.0.0.1", loopback.port)


def test_a_path_of_its_own(browser):
    """It answers the path that it was given, and no other."""
    with Loopback(0, "/back/here") as loopback:
        assert visit(at(loopback, "/?code=c")).status == 404
        page = browser(at(loopback, "/back/here?error=access_denied"))
        assert loopback.answer(10) == {"error": "access_denied"}
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
    with Loopback(0) as loopback:
        page = browser(at(loopback, "/?code=c"))
        loopback.answer(10)
    assert "It did not work" in page.result(10).text
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", loopback.port))


def test_the_end_waits_until_the_page_is_there(loopback, browser, monkeypatch):
    """A program that ends right after does not take the page away from the browser."""
    order = []
    show = _Visitor._show

    def noted(visitor, page):
        show(visitor, page)
        order.append("shown")

    monkeypatch.setattr(_Visitor, "_show", noted)
    browser(at(loopback, "/?code=c"))
    loopback.answer(10)
    loopback.tell("Done", "x" * 10_000_000)
    order.append("ended")
    assert order == ["shown", "ended"]


def test_a_port_that_is_taken_is_not_shared(loopback):
    """Two programs never listen on one port."""
    with pytest.raises(OSError, match="in use"):
        Loopback(loopback.port)


def test_nothing_is_logged(loopback, browser, capfd):
    """The request's address holds the code: neither it nor a browser that goes away is written anywhere."""
    gone = socket.create_connection(("127.0.0.1", loopback.port))
    gone.sendall(b"GET /?code=CANARY HTTP/1.1\r\n\r\n")
    assert loopback.answer(10) == {"code": "CANARY"}
    gone.close()
    loopback.tell("Done", "x" * 1_000_000)
    visit(at(loopback, "/favicon.ico"))
    assert capfd.readouterr() == ("", "")
