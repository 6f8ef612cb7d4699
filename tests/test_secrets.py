"""No info value and no access token is ever shown, whatever happens."""

from __future__ import annotations

import dataclasses
import io
import logging
import pickle
import traceback
from pathlib import Path

import pytest

from handler import HandlerError, execute
from handler.__main__ import main
from handler.calendar_api.accounts import account_of
from handler.cases import perform, play, read_case
from handler.emulator import ACCOUNT

FIXTURES = Path(__file__).parent.parent / "fixtures"
FILES = sorted(FIXTURES.rglob("*.yaml"))
CANARIES = {
    "client_id": "CANARY-1d.apps.example.com",
    "client_secret": "CANARY-S3CR3T",
    "refresh_token": "1//CANARY-R3FR35H",
}
PARAMETERS = {"calendar_name": "primary", "scope": "user", "recipient": "a@acme.com", "calendar_access": "reader"}


def planted(case):
    """Give the case with a canary in each info value, known to the emulator where the value was right."""
    info = case.info
    if isinstance(info, dict):
        info = {key: _canary(key, value) for key, value in info.items()}
    google = {**case.google, "account": {**CANARIES, **case.google.get("account", {})}}
    return dataclasses.replace(case, info=info, google=google)


def _canary(key, value):
    if key not in CANARIES or not isinstance(value, str) or not value.strip():
        return value
    return CANARIES[key] if value == ACCOUNT[key] else f"CANARY{value}"


@pytest.fixture
def everything_logged():
    """Collect what any logger of the process writes, at any level."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FIXTURES)))
def test_no_case_shows_a_secret(path, everything_logged, capfd):
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
    play(planted(read_case(path)), shown)
    text = "\n".join([*seen, everything_logged.getvalue(), *capfd.readouterr()])
    for secret in ["CANARY", *filter(None, tokens)]:
        assert secret not in text


def _tokens(info):
    import os  # what the emulator's address is now

    if not isinstance(info, dict) or not all(isinstance(info.get(key), str) for key in CANARIES):
        return None
    return account_of(f"http://{os.environ['CALENDAR_EMULATOR_HOST']}/token", info)._token


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
    arguments = ["share", "--calendar", name, "--access", "reader", "--info", str(info), "--format", form]
    main(arguments, stdout=out, stderr=err)
    assert out.getvalue() + err.getvalue()
    assert "CANARY" not in out.getvalue() + err.getvalue()
