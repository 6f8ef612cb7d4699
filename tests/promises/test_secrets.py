"""No info value and no access token is ever shown, whatever happens."""

from __future__ import annotations

import dataclasses
import io
import pickle
import socket
import threading
import traceback
from contextlib import contextmanager
from pathlib import Path

import pytest

from handler import HandlerError, execute
from handler.__main__ import main
from handler.calendar_api import forget_all
from handler.calendar_api.credentials import RefreshToken
from handler.calendar_api.error_table import retry_after
from handler.calendar_api.tokens import account_of
from handler.calendar_api.transport import Answer
from handler.cli.environment import read_environment
from handler.documents import read
from handler.engines.kinetic.bridge import read as read_document
from handler.testing.cases import perform, play, read_case
from handler.testing.emulator import ACCOUNT

from ..support.canaries import CANARIES, everything_logged

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
FILES = sorted(FIXTURES.rglob("*.yaml"))
PARAMETERS = {"calendar_name": "primary", "scope": "user", "recipient": "a@acme.com", "calendar_access": "reader"}


def planted(case):
    """Return the case with a canary in each info value, known to the emulator where the value was right."""
    info = case.info
    if isinstance(info, dict):
        info = {key: _canary(key, value) for key, value in info.items()}
    google = {**case.google, "account": {**CANARIES, **case.google.get("account", {})}}
    return dataclasses.replace(case, info=info, google=google)


def _canary(key, value):
    if key not in CANARIES or not isinstance(value, str) or not value.strip():
        return value
    return CANARIES[key] if value == ACCOUNT[key] else f"CANARY{value}"


@pytest.mark.long
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FIXTURES)))
def test_no_case_shows_a_secret(path, capfd):
    """Results, XML, errors, tracebacks, pickles, logs and output of every case hold no info value and no token."""
    seen = []

    def shown(case):
        try:
            results = execute(case.info, case.parameters, attempts=case.attempts)
            seen.extend([repr(results), results.to_xml(), repr(pickle.dumps(results))])
        except HandlerError as error:
            seen.extend([repr(error), str(error), str(error.to_dict()), repr(pickle.dumps(error))])
            seen.append("".join(traceback.format_exception(error)))
        tokens.append(_tokens(case.info))
        return perform(case)

    tokens = []
    with everything_logged() as log:
        play(planted(read_case(path)), shown)
    text = "\n".join([*seen, log.getvalue(), *capfd.readouterr()])
    for secret in ["CANARY", *filter(None, tokens)]:
        assert secret not in text


def _tokens(info):
    import os  # what the emulator's address is now

    if not isinstance(info, dict) or not all(isinstance(info.get(key), str) for key in CANARIES):
        return None
    return account_of(RefreshToken(f"http://{os.environ['CALENDAR_EMULATOR_HOST']}/token", info))._token


@pytest.mark.parametrize("method", ["oauth2.token", "acl.get", "acl.insert"])
def test_an_answer_that_echoes_secrets_is_masked(emulate, method):
    """What a proxy or Google quotes of a request does not reach the message."""
    echo = " ".join(CANARIES.values())
    bodies = {
        "oauth2.token": {"error": echo, "error_description": echo},
        "acl.get": {"error": {"errors": [{"reason": echo}], "message": echo, "status": echo}},
        "acl.insert": {"error": {"errors": [{"reason": "cannotChangeOwnAcl" + echo}], "message": echo}},
    }
    emulate(
        {"account": CANARIES, "faults": [{"method": method, "fault": "answer", "status": 418, "body": bodies[method]}]}
    )
    with pytest.raises(HandlerError) as caught:
        execute(CANARIES, PARAMETERS)
    text = "".join(traceback.format_exception(caught.value)) + str(caught.value.to_dict())
    assert ("***" in text) == (method != "oauth2.token")  # of a sign-in only known kinds of words are quoted
    for key in ("client_secret", "refresh_token"):
        assert CANARIES[key] not in text


@pytest.mark.parametrize("form", ["text", "json", "xml"])
@pytest.mark.parametrize("name", ["Example Calendar", "Nothing"], ids=["success", "error"])
def test_the_command_line_shows_no_secret(emulate, tmp_path, form, name):
    """Neither output nor log of a share on the command line holds an info value."""
    emulate({"account": CANARIES})
    info = tmp_path / "info.yaml"
    info.write_text(
        "\n".join(f"{key}: {value}" for key, value in {**CANARIES, "enable_debug_logging": "'Yes'"}.items())
    )
    info.chmod(0o600)
    out, err = io.StringIO(), io.StringIO()
    jane = ["--scope", "user", "--recipient", "jane@acme.com", "--access", "reader"]
    status = main(["share", "--calendar", name, *jane, "--info", str(info), "--format", form], stdout=out, stderr=err)
    assert (status == 0) == (name == "Example Calendar"), "it has to reach Google"
    assert "calendar 'Example Calendar' is" in err.getvalue() or "calendar_not_found" in err.getvalue()
    assert "CANARY" not in out.getvalue() + err.getvalue()


BODIES = {
    "no JSON": b"<title>CANARY",
    "no text": b"\xff CANARY",
    "half of a JSON": b'{"id": "CANARY',
    "another JSON": b'["CANARY"]',
    "an odd token": b'{"access_token": ["CANARY"], "token_type": "Bearer", "refresh_token": "CANARY"}',
    "an odd lifetime": b'{"access_token": "CANARY", "expires_in": "CANARY"}',
    "an error": b'{"error": {"message": "", "errors": [{"reason": "CANARY"}]}, "CANARY": 1}',
}


def everything_about(error):
    """Yield what can be read from an exception and from all that led to it, hidden contexts too."""
    waiting, seen = [error], []
    while waiting:
        one = waiting.pop()
        if one is not None and not any(one is other for other in seen):
            seen.append(one)
            waiting += [one.__cause__, one.__context__]
            own = [getattr(one, name) for name in dir(one) if not name.startswith("__")]
            if not isinstance(one, HandlerError):
                yield repr([one, one.args, getattr(one, "__notes__", ()), own])


@contextmanager
def answering(*answers):
    """Answer one request a connection with these bytes; give the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            for answer in answers:
                with listening.accept()[0] as client:
                    client.recv(65536)
                    client.sendall(answer)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(65536):
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        thread.join(timeout=10)
        assert not thread.is_alive()


def answered(status, body, headers=b""):
    """Return the bytes of an answer after which the connection is closed."""
    return b"HTTP/1.1 %d x\r\n%sConnection: close\r\n\r\n%s" % (status, headers, body)


TOKEN = answered(200, b'{"access_token": "t", "expires_in": 3599}')
ABSENT = answered(404, b'{"error": {"code": 404, "message": "Not Found", "errors": [{"reason": "notFound"}]}}')
BEFORE = {"oauth2.token": (), "acl.get": (TOKEN,), "acl.insert": (TOKEN, ABSENT)}
"""The answers to what is asked before a method."""


@pytest.mark.parametrize("method", BEFORE)
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    "headers", [b"", b"CANARY no header\r\n", b"Content-Length: 999\r\n"], ids=["whole", "odd", "short"]
)
def test_no_exception_on_the_way_keeps_an_answer(monkeypatch, method, body, headers):
    """What led to an error holds nothing of the answer, which may quote a token: no cause, context or attribute."""
    forget_all()
    with answering(*BEFORE[method], answered(200, BODIES[body], headers)) as host:
        monkeypatch.setenv("CALENDAR_EMULATOR_HOST", host)
        with pytest.raises(HandlerError) as caught:
            execute({**CANARIES, "client_id": "id"}, PARAMETERS, attempts=1)
    assert "CANARY" not in "".join(everything_about(caught.value))


def test_no_exception_keeps_a_file_of_secrets(tmp_path, monkeypatch):
    """A file with secrets that is not text is refused by an error whose contexts hold nothing of it."""
    file = tmp_path / "secret"
    file.write_bytes(b"\xff CANARY")
    with pytest.raises(HandlerError) as caught:
        read(file)
    assert "CANARY" not in "".join(everything_about(caught.value))
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET_FILE", str(file))
    with pytest.raises(HandlerError) as caught:
        read_environment(["client_secret"], "x")
    assert "CANARY" not in "".join(everything_about(caught.value))
    with pytest.raises(HandlerError) as caught:
        read_document(b"<?xml version='1.0' encoding='utf-8'?>\xff CANARY")
    assert "CANARY" not in "".join(everything_about(caught.value))


@pytest.mark.parametrize("text", ["9" * 60, "9" * 400, "1e3", "-1", "\u0663", ""], ids=ascii)
def test_an_absurd_retry_after_counts_as_none(text):
    """A Retry-After that is no number of seconds anybody would wait is not used, and raises nothing."""
    assert retry_after(Answer(429, {"Retry-After": text}, b"")) is None
