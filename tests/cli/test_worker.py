"""The verb worker: which accounts it takes, and how it ends. What it does on an engine stands in tests/engines."""

from __future__ import annotations

import json
import logging
import sys
from types import SimpleNamespace

import pytest

from handler import InvalidInput
from handler.engines.attempt import attempt
from handler.testing.emulator import ACCOUNT, Emulator

from ..support.command_line import command

ADAPTER = "handler.engines.temporal_worker"
INFO = {**ACCOUNT, "client_secret": "CANARY-S3CR3T"}


class NoServerError(Exception):
    """As the adapter raises."""


@pytest.fixture
def engine(monkeypatch):
    """Put an adapter in the place of Temporal's that remembers what it is asked to do, and ends at once."""

    async def serve(*asked):
        asked[-1]("takes steps")
        served.asked = asked
        if served.error:
            raise served.error

    served = SimpleNamespace(serve=serve, NoServerError=NoServerError, error=None)
    monkeypatch.setitem(sys.modules, ADAPTER, served)
    return served


@pytest.fixture
def account(tmp_path):
    """Return a file with an account."""
    file = tmp_path / "account.yaml"
    file.write_text(json.dumps(INFO))
    file.chmod(0o600)
    return file


def test_each_connection_has_the_account_of_its_file(engine, account, tmp_path):
    """The names are those of the options; a name that was not given is a KeyError, as the adapter expects."""
    other = tmp_path / "other.yaml"
    other.write_text(json.dumps({**INFO, "client_id": "other"}))
    other.chmod(0o600)
    status, text, errors = command("worker", "temporal", "--info", f"default={account}", "--info", f"acme={other}")
    assert (status, text, errors) == (0, "connections: default, acme\ntakes steps\n", "")
    info_of, address, namespace, queue, _ = engine.asked
    assert (info_of("default"), info_of("acme")["client_id"]) == (INFO, "other")
    assert (address, namespace, queue) == (None, None, "google-apps-calendar-share")
    with pytest.raises(KeyError):
        info_of("example")


def test_what_is_said_about_the_engine_is_handed_on(engine, account):
    """Address, namespace and task queue are those of the options."""
    options = ("--address", "temporal.acme.com:7233", "--namespace", "sharing", "--task-queue", "q")
    assert command("worker", "temporal", "--info", f"default={account}", *options)[0] == 0
    assert engine.asked[1:4] == ("temporal.acme.com:7233", "sharing", "q")


def test_without_a_file_the_default_account_is_the_environments(engine, monkeypatch):
    """As with the other verbs, an account may come from the environment."""
    for name, value in INFO.items():
        monkeypatch.setenv(f"GOOGLE_{name.upper()}", value)
    assert command("worker", "temporal")[:2] == (0, "connections: default\ntakes steps\n")
    assert engine.asked[0]("default") == INFO


def test_the_environment_complements_the_default_account_alone(engine, account, monkeypatch, tmp_path):
    """Guard rails of the file called default go with the environment's secrets, which no other connection gets."""
    for name, value in INFO.items():
        monkeypatch.setenv(f"GOOGLE_{name.upper()}", value)
    rails = tmp_path / "rails.yaml"
    rails.write_text("allow_public: No\n")
    rails.chmod(0o600)
    options = ("--info", f"default={rails}", "--info", f"acme={account}")
    assert command("worker", "temporal", *options)[0] == 0
    assert engine.asked[0]("default") == {**INFO, "allow_public": False}
    status, _, errors = command("worker", "temporal", "--info", f"acme={rails}")
    assert status == 2
    assert "acme: refresh_token: is missing" in errors


def test_a_file_that_changes_is_read_again(engine, account):
    """Each step has the values that its file has then, so that a secret can be replaced while the worker runs."""

    async def serve(info_of, *_):
        assert info_of("default") == INFO
        account.write_text(json.dumps({**INFO, "refresh_token": "CANARY-N3W"}))
        assert info_of("default")["refresh_token"] == "CANARY-N3W"
        logging.getLogger("temporalio.worker").warning("lost %s and %s", INFO["client_secret"], "CANARY-N3W")

    engine.serve = serve
    status, _, errors = command("worker", "temporal", "--info", f"default={account}")
    assert status == 0
    assert errors.endswith(" lost *** and ***\n")


def test_a_file_of_the_environment_is_read_again(engine, monkeypatch, tmp_path):
    """The same holds for files that variables name, as mounted secrets are."""
    key = tmp_path / "key.json"
    key.write_text(Emulator().service_account_key())
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_FILE", str(key))

    async def serve(info_of, *_):
        key.write_text("{}")
        assert info_of("default") == {"service_account": "{}"}

    engine.serve = serve
    assert command("worker", "temporal")[0] == 0


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (None, "No such file or directory"),
        ("", "is empty; "),
        ("client_secret: {CANARY", "not well-formed YAML"),
        ("{}", None),
    ],
    ids=["away", "empty", "half of it", "nothing in it"],
)
def test_values_that_were_replaced_are_never_used(engine, account, now, says):
    """While a file is away or half-written its steps fail, naming connection and file, and no request is made."""

    async def serve(info_of, *_):
        account.unlink()
        if now is not None:
            account.write_text(now)
        with pytest.raises(InvalidInput) as caught:
            attempt(info_of, "default", {})
        if says:
            assert list(caught.value.details["fields"]) == ["connection"]
            assert says in caught.value.message
            assert str(account) in caught.value.message
        assert "CANARY" not in str(caught.value.to_dict())
        assert caught.value.__context__ is None
        account.write_text(json.dumps(INFO))
        assert info_of("default") == INFO

    engine.serve = serve
    assert command("worker", "temporal", "--info", f"default={account}")[0] == 0


@pytest.mark.parametrize(
    ("info", "says"),
    [
        ("account.yaml", "argument --info: must be NAME=FILE, such as default=account.yaml"),
        ("=account.yaml", "argument --info: must be NAME=FILE"),
        ("default=", "argument --info: must be NAME=FILE"),
        ("default=no.yaml", "no.yaml: No such file or directory"),
        (
            "acme={wrong}",
            "acme: client_secret: is of the type int, but must be text\n       acme: refresh_token: is miss",
        ),
    ],
)
def test_wrong_accounts_are_said_before_a_server_is_asked(engine, tmp_path, info, says):
    """What is wrong with an account is said with the connection's name, at once, and the status is 2."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("client_id: CANARY\nclient_secret: 12345678")
    wrong.chmod(0o600)
    status, text, errors = command("worker", "temporal", "--info", info.format(wrong=wrong))
    assert (status, text) == (2, "")
    assert says in errors
    assert "CANARY" not in errors
    assert "12345678" not in errors
    assert not hasattr(engine, "asked")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"installed": {"client_secret": "CANARY"}}', "run the verb authorize with --client"),
        ('{"token": "CANARY", "token_uri": "x"}', "keep client_id, client_secret and refresh_token of it"),
        ("GOOGLE_CLIENT_SECRET=CANARY", "line 1: is no mapping; write client_id, client_secret"),
        ("[google]\nclient_secret = CANARY", "line 2, column 1: not well-formed YAML; write client_id"),
    ],
    ids=["client", "token.json", ".env", "INI"],
)
def test_another_file_is_told_as_it_is_without_a_worker(engine, tmp_path, text, says):
    """What people take for an info file is called what it is, with the file's name, whatever the verb."""
    file = tmp_path / "other.json"
    file.write_text(text)
    file.chmod(0o600)
    status, _, errors = command("worker", "temporal", "--info", f"acme={file}")
    assert status == 2
    assert f"{file}: " in errors
    assert says in errors
    assert "CANARY" not in errors
    assert not hasattr(engine, "asked")


def test_a_connection_has_one_file(engine, account):
    """Two files for one name are a mistake that is said, and not the last of them."""
    status, _, errors = command("worker", "temporal", "--info", f"a={account}", "--info", f"a={account}")
    assert status == 2
    assert errors.startswith("error: a: is given twice")


def test_a_server_that_does_not_answer_may_answer_later(engine, account):
    """Whoever starts the worker is told in one line, with the status for trying again."""
    engine.error = NoServerError("No Temporal server answers at 'there:7233'.")
    status, _, errors = command("worker", "temporal", "--info", f"default={account}")
    assert (status, errors) == (75, "error: No Temporal server answers at 'there:7233'.\n")


def test_without_the_extra_it_says_how_to_get_it(monkeypatch, account):
    """One line with the command, and status 2."""
    for name in [name for name in sys.modules if name.startswith((ADAPTER, "handler.engines.temporal_activity"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "temporalio", None)
    status, text, errors = command("worker", "temporal", "--info", f"default={account}")
    assert (status, text) == (2, "")
    assert errors == (
        "error: the verb worker needs the extra temporal: pip install 'google-apps-calendar-share[temporal]'\n"
    )


def test_a_broken_installation_is_not_taken_for_a_missing_extra(monkeypatch, account):
    """Another module that is missing is a fault of its own, and not hidden."""
    monkeypatch.setitem(sys.modules, "handler.engines.temporal_worker", None)
    status, text, errors = command("worker", "temporal", "--info", f"default={account}")
    assert (status, text) == (1, "")
    assert errors.startswith("error: The handler's own folder lacks handler.engines.temporal_worker, ")


def test_the_engines_log_has_no_secret_and_no_source_line(engine, account):
    """What the engine logs of an exception shows neither a secret, in whatever form, nor the code around it."""
    secret = INFO["client_secret"]

    async def serve(*_):
        error = ValueError(f"sent {secret}")
        error.__notes__ = [f"client_secret={secret}"]
        try:
            raise error  # not "CANARY-S3CR3T"
        except ValueError:
            logging.getLogger("temporalio.worker").warning("lost %r", secret.encode(), exc_info=True)

    engine.serve = serve
    status, _, errors = command("worker", "temporal", "--info", f"default={account}")
    assert status == 0
    assert " lost b'***'\n" in errors
    assert "\nValueError: sent ***\nclient_secret=***\n" in errors
    assert "raise error" not in errors
    assert "CANARY" not in errors
