"""What a caller's signal handler raises in the middle of a request: it leaves, and nothing is sent twice."""

from __future__ import annotations

import contextlib
import functools
import gc
import signal
import socket
import ssl
import threading
from unittest.mock import Mock

import pytest

from handler import Unavailable, execute
from handler.calendar_api import Limits, forget_all
from handler.calendar_api.transport import send
from handler.testing.emulator import ACCOUNT, server

LIMITS = Limits(10.0, 30.0, lambda: 120.0)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HALF = ANSWER[:-1]
PARAMETERS = {"calendar_name": "primary", "scope": "user", "recipient": "a@acme.com", "calendar_access": "reader"}

pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system has no signals for a thread"),
    # A signal may come between the making of a socket and its being kept: nobody is left to close that one.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


class Limit(TimeoutError):
    """A time limit of somebody's own."""


RAISED = [TimeoutError, Limit, OSError, ConnectionResetError, BrokenPipeError, ssl.SSLError, ValueError]


@pytest.fixture
def raising():
    """Provide a function that lets the signal raise an exception in the main thread."""
    before = signal.getsignal(signal.SIGUSR1)

    def handle(error):
        def handler(_number, _frame):
            raise error

        signal.signal(signal.SIGUSR1, handler)
        return error

    yield handle
    signal.signal(signal.SIGUSR1, before)
    gc.collect()  # here, where the warning about a lost socket is expected


def interrupt():
    """Send the signal to the main thread, which waits for an answer."""
    signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)


@pytest.fixture
def listen():
    """Provide a function that serves one connection: it says a part for each request, and interrupts the next one."""
    forget_all()
    with contextlib.ExitStack() as stack:

        def start(*parts, then=interrupt):
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            received = []

            def serve():
                connection, _ = listening.accept()
                with connection, contextlib.suppress(OSError):
                    for part in parts:
                        received.append(connection.recv(65536))
                        connection.sendall(part)
                    if parts[-1] == ANSWER:
                        received.append(connection.recv(65536))
                    then()
                    connection.recv(1)  # until the client hangs up

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
            return f"http://127.0.0.1:{listening.getsockname()[1]}/x", received

        yield start
    forget_all()


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 2", HALF], ids=["nothing", "half a status line", "half a body"])
@pytest.mark.parametrize("kind", RAISED)
def test_what_a_handler_raises_leaves_the_request(listen, raising, kind, part):
    """Whatever class it is of, and however much of the answer is there, the caller gets its own exception."""
    error = raising(kind("the caller's"))
    url, received = listen(part)
    with pytest.raises(kind) as caught:
        send("POST", url, b"body", {}, LIMITS, repeatable=False)
    assert caught.value is error
    assert caught.value.__cause__ is None
    assert len(received) == 1


@pytest.mark.parametrize("kind", RAISED)
def test_a_read_that_was_interrupted_is_not_repeated(listen, raising, kind):
    """On a kept connection a handler's exception does not look like a dead connection."""
    error = raising(kind("the caller's"))
    url, received = listen(ANSWER)
    send("GET", url, None, {}, LIMITS, repeatable=True)
    with pytest.raises(kind) as caught:
        send("GET", url, None, {}, LIMITS, repeatable=True)
    assert caught.value is error
    assert len(received) == 2


@pytest.mark.parametrize("kind", RAISED)
def test_what_a_handler_raises_while_a_request_is_sent_leaves(listen, raising, monkeypatch, kind):
    """An exception that urllib3 forgives while it sends, and then waits for an answer, leaves as well."""
    error = raising(kind("the caller's"))
    send_all = socket.socket.sendall

    def send_and_interrupt(self, *arguments):
        send_all(self, *arguments)
        if threading.current_thread() is threading.main_thread():
            signal.raise_signal(signal.SIGUSR1)

    url, _ = listen(b"", then=lambda: None)
    monkeypatch.setattr(socket.socket, "sendall", send_and_interrupt, raising=False)
    with pytest.raises(kind) as caught:
        send("POST", url, b"body", {}, LIMITS, repeatable=False)
    assert caught.value is error


class Handlers:
    """Handlers of every shape, all of which raise a TimeoutError."""

    def method(self, _number, _frame):
        """Raise, bound to an object."""
        raise TimeoutError

    def __call__(self, *_):
        """Raise, as an object that is called."""
        raise TimeoutError


def deep(number, frame):
    """Raise further down."""
    Handlers().method(number, None)
    return frame


@pytest.mark.parametrize(
    "handler",
    [
        Handlers().method,
        Handlers(),
        deep,
        lambda *both: deep(*both) or None,
        functools.partial(lambda _own, *_: deep(0, None), "own"),
        Mock(side_effect=TimeoutError),
    ],
    ids=["method", "object", "further down", "lambda", "partial", "mock"],
)
@pytest.mark.usefixtures("raising")
def test_every_shape_of_a_handler(listen, handler):
    """A handler may be anything that can be called, and raise from further down."""
    signal.signal(signal.SIGUSR1, handler)
    url, _ = listen(b"")
    with pytest.raises(TimeoutError):
        send("POST", url, b"body", {}, LIMITS, repeatable=False)


@pytest.mark.parametrize("method", ["oauth2.token", "acl.get", "acl.insert"])
@pytest.mark.parametrize("kind", RAISED)
def test_a_step_that_was_interrupted_sends_nothing_more(emulate, raising, monkeypatch, method, kind):
    """The exception leaves the step, whichever request it hits, and no second write goes out."""
    error = raising(kind("the caller's"))
    emulator = emulate()
    record = server._record

    def record_and_interrupt(name, request):
        if name == method:
            interrupt()
        return record(name, request)

    monkeypatch.setattr(server, "_record", record_and_interrupt)
    with pytest.raises(kind) as caught:
        execute(ACCOUNT, PARAMETERS)
    assert caught.value is error
    assert emulator.calls.count(method) <= 1
    assert emulator.calls.count("acl.insert") == (method == "acl.insert")


def test_what_a_handler_raised_before_is_not_taken_for_the_request_s(raising):
    """A step that is begun because another one was interrupted has errors of its own."""
    raising(TimeoutError("earlier"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    try:
        signal.raise_signal(signal.SIGUSR1)
    except TimeoutError:
        with pytest.raises(Unavailable, match="Nothing answers at port"):
            send("GET", f"http://127.0.0.1:{port}/x", None, {}, LIMITS, repeatable=True)
