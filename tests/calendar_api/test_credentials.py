"""A service account's key: its forms, its signer, its tokens, and what is never obeyed of it."""

from __future__ import annotations

import json
import os
import pickle
import traceback
from base64 import urlsafe_b64decode
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from google.auth import crypt

from handler import HandlerError, InvalidInput, execute
from handler.calendar_api import credentials, forget_all
from handler.calendar_api.transport import Answer
from handler.service_account_key import flaw_of, read_key

from ..support.canaries import everything_logged

ANN = {"act_as_by_default": "ann@acme.com", "may_add_to_lists_of": "acme.com"}
PARAMETERS = {
    "calendar_name": "Team Calendar",
    "scope": "user",
    "recipient": "jane@acme.com",
    "calendar_access": "reader",
}
SIGN_IN = "oauth2.token"


@pytest.fixture
def emulator(emulate):
    """Return an emulator, with nothing kept of earlier ones."""
    forget_all()
    return emulate({})


@pytest.fixture
def posted(monkeypatch):
    """Return the list of assertions, which grows as they are signed."""
    assertions = []
    form = credentials.Assertion.form

    def signed(self):
        found = form(self)
        assertions.append(found["assertion"])
        return found

    monkeypatch.setattr(credentials.Assertion, "form", signed)
    return assertions


def pem(key, form=PrivateFormat.PKCS8, encryption=None):
    """Return a private key as text."""
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


def without_line(number, text):
    """Return a text that lost a line."""
    lines = text.split("\n")
    return "\n".join([*lines[:number], *lines[number + 1 :]])


def with_key(document, private_key):
    """Return the JSON of a key with another private key."""
    return json.dumps({**json.loads(document), "private_key": private_key})


FORMS = {
    "as Google wrote it": lambda text: text,
    "in one line": lambda text: json.dumps(json.loads(text)),
    "with the line feeds of Windows": lambda text: text.replace("\n", "\r\n"),
    "the document's line feeds as escapes": lambda text: text.replace("\n", "\\n"),
    "all of it escaped": lambda text: json.dumps(text)[1:-1],
    "all of it as a JSON string": json.dumps,
    "the key's escapes undone": lambda text: text.replace("\\n", "\n"),
    "the key's escapes escaped": lambda text: text.replace("\\n", "\\\\n"),
    "the key's line feeds as CR LF": lambda text: text.replace("\\n", "\\r\\n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_understood_as_engines_store_it(emulator, form):
    """Line feeds may have become escapes, once or twice, in the key or in the whole document."""
    info = {**ANN, "service_account": FORMS[form](emulator.service_account_key())}
    assert execute(info, PARAMETERS)["change"] == "created"


@pytest.mark.parametrize(
    ("private_key", "said"),
    [
        (lambda: pem(ec.generate_private_key(ec.SECP256R1())), "not of RSA"),
        (lambda: pem(ec.generate_private_key(ec.SECP256R1()), PrivateFormat.TraditionalOpenSSL), "not of RSA"),
        (lambda: pem(ed25519.Ed25519PrivateKey.generate()), "not of RSA"),
        (lambda: pem(rsa.generate_private_key(65537, 2048))[:-60], "cut or damaged"),
        (lambda: "\n".join(pem(rsa.generate_private_key(65537, 2048)).split("\n")[1:]), "cut or damaged"),
        (lambda: without_line(5, pem(rsa.generate_private_key(65537, 2048))), "cut or damaged"),
        (lambda: pem(rsa.generate_private_key(65537, 2048), encryption=BestAvailableEncryption(b"x")), "passphrase"),
        (lambda: "CANARY", "cut or damaged"),
    ],
    ids=["EC", "EC of the old form", "Ed25519", "no end", "no beginning", "a line lost", "encrypted", "no PEM"],
)  # fmt: skip
def test_a_key_that_cannot_sign_is_refused_before_any_request(emulator, private_key, said):
    """Another kind of key and one that was cut are told in one line, unquoted."""
    key = private_key()
    with pytest.raises(InvalidInput) as caught:
        execute({**ANN, "service_account": with_key(emulator.service_account_key(), key)}, PARAMETERS)
    assert said in caught.value.details["fields"]["service_account"]
    assert not any(line in caught.value.message for line in key.split("\n") if line)
    assert emulator.calls == []


def test_a_key_that_only_looks_whole_is_refused_too(emulator):
    """What the library refuses is input as well: nothing is asked, and nothing of the key is quoted."""
    lines = pem(rsa.generate_private_key(65537, 2048)).split("\n")
    lines[7] = lines[7][::-1]
    with pytest.raises(InvalidInput, match="cannot be used for signing") as caught:
        execute({**ANN, "service_account": with_key(emulator.service_account_key(), "\n".join(lines))}, PARAMETERS)
    assert lines[3] not in "".join(traceback.format_exception(caught.value))
    assert emulator.calls == []


def test_an_older_form_of_the_key_signs_as_well(emulator):
    """A key of the form PKCS #1, as other tools write it, is taken."""
    document = json.loads(emulator.service_account_key())
    older = pem(load_pem_private_key(document["private_key"].encode(), None), PrivateFormat.TraditionalOpenSSL)
    assert not flaw_of(with_key(emulator.service_account_key(), older))
    info = {**ANN, "service_account": with_key(emulator.service_account_key(), older)}
    assert execute(info, PARAMETERS)["change"] == "created"


def test_fifty_users_have_one_signer_and_fifty_tokens(emulator, monkeypatch):
    """The key is loaded once a process, a token is asked for once for each user, and a later share asks for none."""
    loaded = []
    load = crypt.RSASigner.from_string
    monkeypatch.setattr(crypt.RSASigner, "from_string", lambda *given: loaded.append(1) or load(*given))
    users = [f"user{number}@acme.com" for number in range(50)]
    state = {
        "users": {
            user: {"calendars": [{"id": f"{user[:-9]}@group.calendar.google.com", "summary": "Own"}]} for user in users
        }
    }
    emulator = type(emulator)(state)
    info = {"service_account": emulator.service_account_key(), "may_act_as": "acme.com"}
    with emulator, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CALENDAR_EMULATOR_HOST", emulator.host)
        own = [{**PARAMETERS, "calendar_name": "Own", "act_as": user} for user in users]
        with ThreadPoolExecutor(8) as pool:
            assert {results["change"] for results in pool.map(lambda one: execute(info, one), own * 2)} <= {
                "created",
                "unchanged",
            }
        assert emulator.calls.count(SIGN_IN) == 50
        before = len(emulator.calls)
        assert execute(info, own[7])["acted_as"] == users[7]
        assert emulator.calls[before:] == ["calendarList.list", "acl.get"]
    assert loaded == [1]


def test_no_token_of_another_key_is_used(emulator):
    """Whoever puts a new key in the old one's place signs in with it at the next step, as messages name its id."""
    document = emulator.service_account_key()
    execute({**ANN, "service_account": document}, PARAMETERS)
    with pytest.raises(HandlerError, match="deleted-key"):
        execute({**ANN, "service_account": document.replace("emulator-key", "deleted-key")}, PARAMETERS)


def test_tokens_of_recipients_are_dropped(emulator):
    """A recipient's token is for one step, so that recipients push no owner's token out; owners keep theirs."""
    info = {**ANN, "service_account": emulator.service_account_key()}
    for _ in range(2):
        execute(info, {**PARAMETERS, "add_to_list": True})
    assert emulator.calls.count(SIGN_IN) == 3


def test_each_token_is_for_exactly_the_scopes_of_its_calls(emulator, posted):
    """The owner's token is for rules and the list, read alone; the recipient's for the list; none for more."""
    execute({**ANN, "service_account": emulator.service_account_key()}, {**PARAMETERS, "add_to_list": True})
    root = "https://www.googleapis.com/auth/calendar."
    assert [(one["sub"], one["scope"]) for one in map(_claims, posted)] == [
        ("ann@acme.com", f"{root}acls {root}calendarlist.readonly"),
        ("jane@acme.com", f"{root}calendarlist"),
    ]


def test_no_address_in_a_key_is_obeyed(emulator, monkeypatch):
    """Wherever a key, or the environment, says that tokens come from: they come from Google, and so do answers."""
    document = {
        **json.loads(emulator.service_account_key()),
        **dict.fromkeys(("token_uri", "auth_uri"), "https://evil.example/token"),
        "universe_domain": "evil.example",
        "quota_project_id": "evil",
    }
    for variable in ("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "GCE_METADATA_HOST", "GCE_METADATA_IP", "GCE_METADATA_ROOT"):
        monkeypatch.setenv(variable, "evil.example")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", os.devnull)
    monkeypatch.delenv("CALENDAR_EMULATOR_HOST")
    asked = []

    def send(_method, url, body, *_, **__):
        asked.append(
            (
                url.partition("?")[0],
                _claims(parse_qs(body.decode())["assertion"][0])["aud"] if url.endswith("/token") else "",
            )
        )
        token = b'{"access_token": "a-token", "expires_in": 3600}'
        return Answer(200, {}, token if url.endswith("/token") else b'{"id": "user:jane@acme.com", "role": "reader"}')

    monkeypatch.setattr("handler.calendar_api.token_endpoint.send", send)
    monkeypatch.setattr("handler.calendar_api.connection.send", send)
    forget_all()
    info = {"service_account": json.dumps(document)}
    assert execute(info, {**PARAMETERS, "calendar_name": "x@group.calendar.google.com"})["change"] == "unchanged"
    forget_all()
    google = "https://oauth2.googleapis.com/token"
    rule = "https://www.googleapis.com/calendar/v3/calendars/x%40group.calendar.google.com/acl/user%3Ajane%40acme.com"
    assert asked == [(google, google), (rule, "")]


def test_a_child_begins_with_no_signer(emulator):
    """After a fork nothing that another thread may have held is left: the store of signers is a new one."""
    credentials._signers.encoder_of(read_key(emulator.service_account_key()))
    before = credentials._signers
    forget_all()
    assert credentials._signers is not before


STAGES = {
    "reading the key": "handler.calendar_api.connecting.read_key",
    "loading the key": "google.auth.crypt.RSASigner.from_string",
    "signing": "google.auth.crypt.RSASigner.sign",
    "encoding": "google.auth.jwt._helpers.unpadded_urlsafe_b64encode",
    "posting": "handler.calendar_api.token_endpoint.urlencode",
    "sending the assertion": "handler.calendar_api.token_endpoint.send",
    "reading the token": "handler.calendar_api.token_endpoint.json_or_none",
    "sending the token": "handler.calendar_api.connection.send",
    "reading the rule": "handler.calendar_api.connection.read_wanted_rule",
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_crash_at_any_stage_shows_no_piece_of_a_secret(emulator, monkeypatch, posted, stage, capfd):
    """Whatever breaks, no twenty characters of key, assertion or token are in what is raised, logged or written."""

    def crash(*_, **__):
        raise RuntimeError("planted")

    document = emulator.service_account_key()
    monkeypatch.setattr(STAGES[stage], crash)
    forget_all()
    with everything_logged() as log, pytest.raises((RuntimeError, HandlerError)) as caught:
        execute({**ANN, "service_account": document, "enable_debug_logging": "Yes"}, PARAMETERS, attempts=1)
    shown = [log.getvalue(), *capfd.readouterr(), *traceback.format_exception(caught.value), repr(caught.value)]
    shown.append(repr(pickle.dumps(caught.value)))
    shown += [str(one.args) for one in (caught.value.__cause__, caught.value.__context__) if one]
    secrets = [json.loads(document)["private_key"], *posted]
    for secret in secrets:
        for start in range(0, len(secret) - 20, 7):
            assert secret[start : start + 20] not in "\n".join(shown).replace("-----", "")


@pytest.mark.parametrize("part", ["assertion", "private key", "a line of the key", "the key escaped"])
def test_a_sign_in_that_quotes_its_question_is_masked(emulator, posted, part):
    """Words of the token endpoint that quote what was sent, or the key, reach no message."""
    document = emulator.service_account_key()
    key = json.loads(document)["private_key"]
    info = {**ANN, "service_account": document}
    texts = {"private key": key, "a line of the key": key.split("\n")[3], "the key escaped": json.dumps(key)}

    def refuse(*_, **__):
        words = texts.get(part) or posted[-1]
        body = {"error": "invalid_grant", "error_description": f"You sent {words} here"}
        return Answer(400, {}, json.dumps(body).encode())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("handler.calendar_api.token_endpoint.send", refuse)
        with pytest.raises(HandlerError, match="You sent") as caught:
            execute(info, PARAMETERS)
    for secret in (*key.split("\n")[1:-2], posted[-1][:100]):
        assert secret not in str(caught.value.to_dict())


def _claims(assertion):
    """Return what an assertion claims."""
    part = assertion.split(".")[1]
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
