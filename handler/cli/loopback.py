"""Waits on 127.0.0.1 for the browser to come back, and shows it one page at the end.

It answers one path, and only a request that brings an answer; whatever else a browser
asks for (an icon, a connection opened ahead) leads nowhere. Nothing is logged: the
address of the request holds the code.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from html import escape
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from types import TracebackType

POLL_SECONDS = 0.01
SILENT_SECONDS = 10.0
"""How long a connection may stay without a request."""
FAREWELL_SECONDS = 5.0
"""How long the end waits for the browser to take its page."""
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
}


class Loopback:
    """The place that the browser comes back to, as a context; leaving it closes the port."""

    def __init__(self, port: int, path: str = "/") -> None:
        """Bind the port of 127.0.0.1 (0: a free one); raises OSError if it cannot be had."""
        self._server = _Server(port, path)
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
        try:
            return self._server.query.result(seconds)
        except Late:
            return None

    def give_up(self, error: Exception) -> None:
        """Let `answer` raise this instead of waiting on; for another thread."""
        with suppress(InvalidStateError):
            self._server.query.set_exception(error)

    def tell(self, title: str, *sentences: str) -> None:
        """Show the browser how it ended, and wait until it has that page; only the first time counts."""
        with suppress(InvalidStateError):
            self._server.page.set_result(_page(title, sentences))
        if self._server.asked.is_set():
            self._server.told.wait(FAREWELL_SECONDS)


class _Server(ThreadingTCPServer):
    daemon_threads = True
    # On Windows this would let another program take the port over.
    allow_reuse_address = os.name == "posix"

    def __init__(self, port: int, path: str) -> None:
        self.path = path
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
    server: _Server

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        answer = dict(parse_qsl(query))
        if path != self.server.path or not answer.keys() & {"code", "error"}:
            self.send_error(404)
            return
        self.server.asked.set()
        with suppress(InvalidStateError):  # the first one counts
            self.server.query.set_result(answer)
        try:
            self._show(self.server.page.result())
        finally:
            self.server.told.set()

    def _show(self, page: bytes) -> None:
        self.send_response(200)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- as inherited
        """Log nothing."""


def _page(title: str, sentences: tuple[str, ...]) -> bytes:
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
