"""Waits on 127.0.0.1 for the browser to come back, and shows it one page at the end.

The only request that counts is a GET of one path that brings the state of the question
and an answer to it. Whatever else comes in (an icon, a page loaded ahead, the answer to
an earlier question, another program) is told so, and the wait goes on. Nothing is
logged: the address of the request holds the code.
"""

from __future__ import annotations

import hmac
import os
import re
import sys
import time
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from ...retry import LONGEST_BLOCK

if TYPE_CHECKING:
    from types import TracebackType

POLL_SECONDS = 0.01
SILENT_SECONDS = 10.0
"""How long a connection may stay without a request."""
FAREWELL_SECONDS = 5.0
"""How long the end waits for the browser to take its page."""
HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]+)?", re.IGNORECASE)
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
}
STRAY = (
    "Not what authorize waits for",
    "This is not the answer of Google's page to the question of authorize, and it was not used.",
    "Open the address that the terminal shows, and answer the page that appears.",
)


class Loopback:
    """The place that the browser comes back to, as a context; leaving it closes the port."""

    def __init__(self, port: int, path: str, state: str) -> None:
        """Bind the port of 127.0.0.1 (0: a free one), for the answer to the question with this `state`.

        Raises OSError if the port cannot be had.
        """
        self._server = _LoopbackServer(port, path, state)
        self._loop = Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True)

    def __enter__(self) -> Loopback:  # noqa: PYI034 -- typing.Self needs Python 3.11
        """Serve in a thread."""
        self._loop.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let no browser wait, and close the port."""
        self.tell("It did not work", "The program was ended; nothing was written.")
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def answer(self, seconds: float) -> dict[str, str] | None:
        """Wait for the query that the browser comes back with, None if it does not in time.

        Raises what was handed to `give_up`. The browser waits for `tell` from then on.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with suppress(Late):
                return self._server.query.result(min(left, LONGEST_BLOCK))
        return None

    @property
    def has_given_up(self) -> bool:
        """Whether `answer` raises instead of waiting."""
        return self._server.query.done() and self._server.query.exception() is not None

    def give_up(self, error: Exception) -> None:
        """Let `answer` raise this instead of waiting on; for another thread."""
        with suppress(InvalidStateError):
            self._server.query.set_exception(error)

    def tell(self, title: str, *sentences: str) -> None:
        """Show the browser how it ended, and wait until it has that page; only the first time counts."""
        with suppress(InvalidStateError):
            self._server.page.set_result(_page(title, *sentences))
        if self._server.asked.is_set():
            self._server.told.wait(FAREWELL_SECONDS)


class _LoopbackServer(ThreadingTCPServer):
    daemon_threads = True
    # On Windows this would let another program take the port over.
    allow_reuse_address = os.name == "posix"

    def __init__(self, port: int, path: str, state: str) -> None:
        self.path, self.state = path, state
        self.query: Future[dict[str, str]] = Future()
        self.page: Future[bytes] = Future()
        self.asked, self.told = Event(), Event()
        super().__init__(("127.0.0.1", port), _Visitor)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away, but do report an error of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Visitor(BaseHTTPRequestHandler):
    timeout = SILENT_SECONDS
    server_version, sys_version = "Loopback", ""
    # Without it a request line that cannot be read would be answered without a status.
    default_request_version = "HTTP/1.0"
    server: _LoopbackServer

    def do_GET(self) -> None:
        wrong = self._wrong()
        if wrong:
            self.send_error(wrong)
            return
        self.server.asked.set()
        with suppress(InvalidStateError):  # the first one counts
            self.server.query.set_result(self._query())
        try:
            self._show(HTTPStatus.OK, self.server.page.result())
        finally:
            self.server.told.set()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Tell a stray what it is, and nothing of its request."""
        del message, explain
        self.close_connection = True
        self._show(code, _page(*STRAY))

    def _wrong(self) -> HTTPStatus | None:
        """Return the status of a request that is not the one that is waited for."""
        hosts = self.headers.get_all("Host", ())
        query = self._query()
        if len(hosts) != 1 or not HOST.fullmatch(hosts[0]):
            return HTTPStatus.FORBIDDEN
        if self.path.partition("?")[0] != self.server.path:
            return HTTPStatus.NOT_FOUND
        if not hmac.compare_digest(query.get("state", "").encode(), self.server.state.encode()):
            return HTTPStatus.BAD_REQUEST
        if not query.keys() & {"code", "error"}:
            return HTTPStatus.BAD_REQUEST
        # A page that a browser loads ahead may never be looked at; refused, it is loaded when it is.
        ahead = (self.headers.get("Sec-Purpose", ""), self.headers.get("Purpose", ""))
        return HTTPStatus.SERVICE_UNAVAILABLE if "prefetch" in " ".join(ahead) else None

    def _query(self) -> dict[str, str]:
        return dict(parse_qsl(self.path.partition("?")[2]))

    def _show(self, status: int, page: bytes) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- as inherited
        """Log nothing."""


def _page(title: str, *sentences: str) -> bytes:
    paragraphs = "\n".join(f"<p>{escape(sentence)}</p>" for sentence in (*sentences, "You can close this window."))
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{escape(title)}</title>
<style>body {{ font: 1.1em sans-serif; max-width: 40em; margin: 4em auto; padding: 0 1em }}</style>
<h1>{escape(title)}</h1>
{paragraphs}
</html>
""".encode()
