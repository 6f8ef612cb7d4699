"""HTTP on the loopback: reads requests, sends answers, keeps connections open.

It knows nothing of calendars: what to answer is asked of a function, once a request is
one that a server on a developer's machine may take: for a name of this machine, not from
a page of elsewhere, of a length that makes sense. Nothing is ever logged, as requests
carry secrets.
"""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from email.errors import (
    FirstHeaderLineIsContinuationDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Thread
from time import time
from typing import Any

from .answers import BODILESS, Reply
from .routing import Request, read_form

POLL_SECONDS = 0.01
JOIN_SECONDS = 1.0
SILENT_SECONDS = 240.0
"""How long a client may say nothing, in a request or between two, before its connection is closed."""
MOST_BODY = 1 << 20
"""Bytes of the longest body that is read."""
PIECE_BYTES = 65536
MOST_DIGITS = 19
LINGER_SECONDS = 1.0
MOST_DROPPED = 1_000
"""How often more of a refused body is taken and thrown away."""
FORM_TYPE = "application/x-www-form-urlencoded"

HOST = r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?"
HOSTS = re.compile(HOST, re.IGNORECASE)
ORIGINS = re.compile(f"https?://{HOST}", re.IGNORECASE)
LENGTH = re.compile("[0-9]+")
BROKEN = (FirstHeaderLineIsContinuationDefect, MisplacedEnvelopeHeaderDefect, MissingHeaderBodySeparatorDefect)
"""Defects of the headers; all others are of a body in parts, which was not read with them."""
BREAK = re.compile("[\r\n]")

Respond = Callable[[Request], "Reply | None"]
"""Returns what to answer; None closes the connection without an answer."""


class HttpConnection(BaseHTTPRequestHandler):
    """One client's connection, for as many requests as it likes."""

    protocol_version = "HTTP/1.1"
    # Without it a request line that cannot be read would be answered without a status.
    default_request_version = "HTTP/1.0"
    timeout = SILENT_SECONDS
    server_version = "CalendarEmulator"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one piece
    server: Server

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Serve every HTTP method: one that is unknown has to be recorded, too."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def version_string(self) -> str:
        """Return the Server header, without the system's version."""
        return self.server_version

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the Date header, by the emulator's clock."""
        return super().date_time_string(self.server.now() if timestamp is None else timestamp)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- as inherited
        """Log nothing."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no request with a status alone: a sentence would quote it."""
        del message, explain
        self._refuse(Reply(code))

    def _serve(self) -> None:
        refusal = self._refusal()
        if refusal is not None:
            self._refuse(refusal)
            return
        body = self._read_body()
        if body is None:
            self.close_connection = True
            return
        answer = self.server.reply(self._request(body))
        if answer is None:
            self.close_connection = True
        else:
            self._send(answer)

    def _refusal(self) -> Reply | None:
        """Return why nobody is asked what to answer to this request."""
        hosts = self.headers.get_all("Host", ())
        broken = any(isinstance(one, BROKEN) for one in self.headers.defects)
        if broken or len(hosts) > 1 or not (hosts or self.request_version == "HTTP/1.0"):
            return Reply(HTTPStatus.BAD_REQUEST)
        # A name that somebody else made lead here (DNS rebinding), or a form of their page.
        if not all(map(HOSTS.fullmatch, hosts)):
            return Reply(HTTPStatus.FORBIDDEN, b"The Host must be 127.0.0.1, localhost or [::1].\n")
        if not all(map(ORIGINS.fullmatch, self.headers.get_all("Origin", ()))):
            return Reply(HTTPStatus.FORBIDDEN, b"The Origin must be a page of this machine.\n")
        return self._wrong_length()

    def _wrong_length(self) -> Reply | None:
        lengths = {*self.headers.get_all("Content-Length", ())}
        if "Transfer-Encoding" in self.headers:
            return Reply(HTTPStatus.BAD_REQUEST if lengths else HTTPStatus.LENGTH_REQUIRED)
        if len(lengths) > 1 or not all(map(LENGTH.fullmatch, lengths)):
            return Reply(HTTPStatus.BAD_REQUEST)
        # By its digits first: Python reads no number of thousands of them.
        too_long = any(len(length) > MOST_DIGITS or int(length) > MOST_BODY for length in lengths)
        return Reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE) if too_long else None

    def _refuse(self, answer: Reply) -> None:
        """Answer, and end this connection: where the next request would begin is unknown."""
        self._send(replace(answer, headers={"Connection": "close"}))
        # Closed before the rest of a body has come, it would be reset, and the answer be lost.
        self.connection.settimeout(LINGER_SECONDS)
        with suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            for _ in range(MOST_DROPPED):
                if not self.rfile.read1(MOST_BODY):
                    break

    def _read_body(self) -> bytes | None:
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        return body if len(body) == length else None

    def _request(self, body: bytes) -> Request:
        path, _, query = self.path.partition("?")
        http_method = self.command
        headers = {name.lower(): value for name, value in self.headers.items()}
        override = headers.get("x-http-method-override")
        if override and http_method == "POST":
            http_method = override.upper()
            # A query that is too long for a URL travels as the form of a POST.
            if headers.get("content-type", "").startswith(FORM_TYPE):
                query, body = body.decode("utf-8", "replace"), b""
        return Request(http_method, path, read_form(query), headers, body)

    def _send(self, answer: Reply) -> None:
        for status in answer.interim:
            self.send_response_only(status)
            self.end_headers()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(BREAK.sub(" ", name), BREAK.sub(" ", value))
        bodiless = answer.status in BODILESS
        if answer.chunked and not bodiless:
            self.send_header("Transfer-Encoding", "chunked")
        elif not bodiless:
            self.send_header("Content-Length", str(len(answer.body) + answer.padding))
        self.end_headers()
        if self.command != "HEAD" and not bodiless:
            self._send_body(answer)
        if answer.unasked:
            self._send(answer.unasked)
        if answer.sent is not None:
            self.close_connection = True

    def _send_body(self, answer: Reply) -> None:
        frame = (lambda piece: b"%x\r\n%b\r\n" % (len(piece), piece)) if answer.chunked else bytes
        if answer.body:
            self.wfile.write(frame(answer.body[: answer.sent]))
        for begin in range(0, answer.padding, PIECE_BYTES):
            self.wfile.write(frame(b" " * min(PIECE_BYTES, answer.padding - begin)))
        if answer.chunked:
            self.wfile.write(b"0\r\n\r\n")


class Server(ThreadingHTTPServer):
    """A server that stops at once and leaves no connection open."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, reply: Respond, now: Callable[[], float] = time) -> None:
        """Bind the port of 127.0.0.1 (0: a free one), and serve in a thread; `now` dates the answers."""
        self.reply = reply
        self.now = now
        self._open: dict[Any, Thread] = {}
        super().__init__(("127.0.0.1", port), HttpConnection)
        self._loop = Thread(target=self.serve_forever, args=(POLL_SECONDS,), daemon=True)
        self._loop.start()

    def stop(self) -> None:
        """Close the port and every connection; work under way is waited for."""
        self.shutdown()
        self._loop.join()
        self.server_close()
        self.hang_up()

    def hang_up(self) -> None:
        """Close every connection, as Google does with idle ones; work under way is waited for."""
        connections = self._open.copy()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in connections.values():
            thread.join(JOIN_SECONDS)

    def server_bind(self) -> None:
        """Bind without asking DNS for this machine's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own."""
        arguments = (request, client_address)
        thread = Thread(target=self.process_request_thread, args=arguments, daemon=True)
        self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection that is done."""
        super().shutdown_request(request)
        self._open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away, but do report an error of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
