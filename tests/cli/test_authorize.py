"""The verb authorize: a person's consent becomes an info file, or one clear error and no file."""

from __future__ import annotations

import errno
import functools
import io
import json
import logging
import os
import pickle
import queue
import re
import shlex
import socket
import stat
import sys
import traceback
import webbrowser
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from handler import check
from handler.__main__ import main
from handler.calendar_api.transport import send
from handler.cli.authorize.info_file import OWNER
from handler.documents import read
from handler.retry import going_by
from handler.testing.emulator import ACCOUNT
from handler.token_end import KEPT_AS

from ..support.canaries import CANARIES
from ..support.command_line import command, leave_to_the_file, without_note
from ..support.consenting import Person, consent, visit

ROOT = "https://www.googleapis.com/auth/"
LIST, RULES = f"{ROOT}calendar.calendarlist.readonly", f"{ROOT}calendar.acls"
ME = "owner@example.com"
NEW = {"access_token": "CANARY-4cc355", "expires_in": 3599, "scope": f"{LIST} {RULES}", "token_type": "Bearer"}
DISABLED = {"method": "calendarList.list", "fault": "error", "status": 403, "reason": "accessNotConfigured"}
RAILS = {"enable_debug_logging": "No", "_engine": {"id": 7}}
SECRET = ("code", "client_secret", "code_verifier", "refresh_token")
POSIX = pytest.mark.skipif(os.name != "posix", reason="elsewhere files have no modes")


@pytest.fixture(autouse=True)
def _client(monkeypatch, tmp_path):
    """Work in an empty folder, with the emulator's client in the environment and no browser."""
    monkeypatch.chdir(tmp_path)
    for name, value in ACCOUNT.items():
        monkeypatch.delenv(f"GOOGLE_{name.upper()}_FILE", raising=False)
        monkeypatch.setenv(f"GOOGLE_{name.upper()}", value)
    monkeypatch.delenv("GOOGLE_REFRESH_TOKEN")
    monkeypatch.setattr(webbrowser, "open", lambda _: True)


@pytest.fixture
def authorize(tmp_path):
    """Return a function that runs the verb before a person, and gives status, stdout, stderr and the person's page."""

    def run(*words, answer=consent, info="account.yaml"):
        screen, errors = Person(answer), io.StringIO()
        status = main(["authorize", "--info", info, *map(str, words)], io.StringIO(), screen, errors)
        page = screen.page
        left = sorted(path.name for path in tmp_path.glob(".*"))
        assert left == [], "a temporary file was left"
        return status, screen.getvalue(), without_note(errors.getvalue()), page.text if page else ""

    return run


@pytest.fixture
def info(tmp_path):
    """Return the path of the info file."""
    return tmp_path / "account.yaml"


@pytest.fixture
def client_file(tmp_path):
    """Return a function that writes a client's file."""

    def write(document):
        path = tmp_path / "client_secret.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return path

    return write


def told(errors):
    """Split an error as people see it into its message, code and remedy."""
    found = re.fullmatch(r"error: (.+)\ncode: (.+)\n(?:what to do: (.+)\n)?", errors)
    assert found, errors
    return found.groups("")


def faulty(*faults):
    """Return a state in which the token endpoint fails."""
    return {"faults": [{"method": "oauth2.token", **fault} for fault in faults]}


def astray_first(back):
    """Come back with what is no answer to the question, be told so, and then give the right address."""
    for wrong in ("code=CANARY-code&state=CANARY-state", "error=access_denied", "code=CANARY-code"):
        page = visit(f"{back.partition('?')[0]}?{wrong}")
        assert "<h1>Not what authorize waits for</h1>" in page.text
    return back


# What a consent becomes.


def test_a_consent_becomes_an_info_file(emulate, authorize, info):
    """Allowed, the new token is in the file with its client and whose it is, and every other verb takes it."""
    emulate()
    status, text, errors, page = authorize()
    assert (status, errors) == (0, "")
    held = read(info)
    assert list(held) == [OWNER, "client_id", "client_secret", "refresh_token"]
    assert held[OWNER] == ME
    assert held["refresh_token"] != ACCOUNT["refresh_token"]
    assert check(held)["ok"]
    assert "<h1>It worked</h1>" in page
    assert f"account.yaml holds the refresh token of {ME}." in page
    question, _, answer = text.partition(" s ...\n")
    assert question.startswith("Opening the browser; sign in as the account that owns the calendars.\n")
    assert (
        answer
        == f"""\
ok: account.yaml holds the refresh token of {ME}

Account    {ME}
Scopes     granted  {LIST}
           granted  {RULES}
Calendars  owns 2, only sees 1 other
           - 'Company Holidays', as reader

Title              Role   Data owner  Id
Example Calendar   owner  -           example@group.calendar.google.com
{ME}  owner  -           {ME}

Unset GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET: the file holds the account now.
Next, see what a share would change:
  google-apps-calendar-share share --info account.yaml --calendar primary \
--scope user --recipient jane@acme.com --access reader --dry-run
"""
    )


TESTING = "as the consent screen of the OAuth client is in Testing, where tokens live for 7 days."
CHOSEN = "as whoever allowed the access chose how long it lasts (time-based access)."


@pytest.mark.parametrize(
    ("seconds", "at", "day", "why"),
    [
        (604799, "2027-01-22T07:59:59Z", "2027-01-22 at 07:59", TESTING),
        (604800.0, "2027-01-22T08:00:00Z", "2027-01-22 at 08:00", TESTING),
        (15551999, "2027-07-14T07:59:59Z", "2027-07-14 at 07:59", CHOSEN),
        (86400, "2027-01-16T08:00:00Z", "2027-01-16 at 08:00", CHOSEN),
    ],
)
def test_a_token_that_ends_is_said_and_kept(emulate, authorize, info, time, monkeypatch, seconds, at, day, why):
    """When and why the token ends is said on both sides, kept in the file, and shown by check in each form."""
    emulate(faulty({"fault": "altered", "fields": {"refresh_token_expires_in": seconds}}))
    status, text, _, page = authorize()
    assert status == 0
    said = f"The refresh token ends on {day} UTC, {why}"
    assert said in " ".join(text.split())
    assert said in page
    held = read(info)
    assert list(held)[:2] == [OWNER, KEPT_AS]
    assert held[KEPT_AS] == at
    assert check(held)["token_end"] == {"at": at, "past": False}
    leave_to_the_file(monkeypatch)
    shown = [command("check", "--info", str(info), "--format", form)[1] for form in ("text", "json", "xml")]
    for part, whole in zip((f"Token      ends on {day} UTC", at, f'<token_end past="false">{at}'), shown, strict=True):
        assert part in whole
    with going_by(time.clock._replace(epoch=lambda: 4e9)):
        assert f"Token      ended on {day} UTC" in command("check", "--info", str(info))[1]


@pytest.mark.parametrize("odd", [None, -1, 0, True, "604799", "x" * 5000, 1e99, [], {}, 10**400])
def test_an_odd_lifetime_says_nothing(emulate, authorize, info, odd):
    """A lifetime that makes no sense is no end: nothing is said of it, and none that was kept stays."""
    emulate(faulty({"fault": "altered", "fields": {"refresh_token_expires_in": odd}}))
    info.write_text(json.dumps({OWNER: ME, KEPT_AS: "2001-01-01T00:00:00Z", **ACCOUNT}))
    status, text, errors, _ = authorize()
    assert (status, errors) == (0, "")
    assert "Token " not in text
    assert KEPT_AS not in read(info)


def test_the_next_command_can_be_copied(emulate, authorize, monkeypatch):
    """What is proposed at the end is a command that passes, whatever the name of the file."""
    emulate()
    text = authorize(info="my account.yaml")[1]
    unset = "Unset GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET: the file holds the account now."
    assert unset in " ".join(text.split())
    leave_to_the_file(monkeypatch)
    assert "Unset" not in authorize("--client", "my account.yaml")[1]
    assert command(*shlex.split(text.splitlines()[-1])[1:])[0] == 0


def test_the_page_is_asked_for_as_google_wants_it(emulate, authorize):
    """The address asks for the two scopes of handler.yaml, offline, with a prompt, a long state and S256."""
    emulator = emulate()
    text = authorize()[1]
    address = urlsplit(re.search(r"^http\S+$", text, re.MULTILINE)[0])
    query = {name: " ".join(values) for name, values in parse_qs(address.query).items()}
    assert address.netloc == emulator.host
    assert len(query.pop("state")) >= 40
    assert len(query.pop("code_challenge")) == 43
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", query.pop("redirect_uri"))
    assert query == {
        "response_type": "code",
        "client_id": ACCOUNT["client_id"],
        "scope": f"{LIST} {RULES}",
        "code_challenge_method": "S256",
        "access_type": "offline",
        "prompt": "consent",
    }
    assert emulator.calls == ["oauth2.auth", "oauth2.auth", "oauth2.token", "oauth2.token", "calendarList.list"]


def test_without_the_emulator_the_page_is_googles(monkeypatch):
    """The address is that of Google's sign-in unless CALENDAR_EMULATOR_HOST names an emulator."""
    monkeypatch.delenv("CALENDAR_EMULATOR_HOST", raising=False)
    assert (
        command("authorize", "--info", "account.yaml", "--timeout", "0.01")[1]
        .splitlines()[3]
        .startswith("https://accounts.google.com/o/oauth2/v2/auth?")
    )


@POSIX
def test_only_the_owner_can_read_the_file(emulate, authorize, info):
    """The new file has mode 0600, whatever the umask and the mode of the old one."""
    emulate()
    before = os.umask(0)
    try:
        assert authorize()[0] == 0
        assert stat.S_IMODE(info.stat().st_mode) == 0o600
        info.chmod(0o644)
        assert authorize()[0] == 0
        assert stat.S_IMODE(info.stat().st_mode) == 0o600
    finally:
        os.umask(before)


@POSIX
def test_the_file_is_private_from_the_first_byte_and_whole_or_not_there(emulate, authorize, info, monkeypatch):
    """While it is written the new file is a private one beside the old one, which stays whole."""
    seen = []

    def look(number):
        found = os.fstat(number)
        seen.append((stat.S_IMODE(found.st_mode), found.st_size > 0, info.exists()))

    monkeypatch.setattr(os, "fsync", look)
    emulate()
    assert authorize()[0] == 0
    assert seen == [(0o600, True, False)]


def test_a_full_disk_leaves_the_old_file(emulate, authorize, info, monkeypatch):
    """If the file cannot be written, that is said, on the browser's page too, and the old one is as it was."""
    emulate()
    authorize()
    before = info.read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    status, _, errors, page = authorize()
    assert status == 2
    assert told(errors)[0] == "--info: account.yaml: cannot be written: No space left on device"
    assert "<h1>It did not work</h1>" in page
    assert info.read_bytes() == before


def test_the_browser_hears_of_success_only_after_it(emulate, authorize, info):
    """When the page says that it worked, the file is there."""
    there = []

    def answer(address):
        page = consent(address)
        there.append(info.exists())
        return page

    emulate()
    assert authorize(answer=answer)[0] == 0
    assert there == [True]


def test_without_a_browser_the_way_over_ssh_is_told(emulate, authorize, monkeypatch):
    """--no-browser opens none, and says how a browser on another machine reaches this one."""
    emulate()
    monkeypatch.setattr(webbrowser, "open", None)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    status, text, errors, _ = authorize("--no-browser", "--port", port)
    assert (status, errors) == (0, "")
    assert f"\n  ssh -N -L {port}:127.0.0.1:{port} THIS_MACHINE\n" in text
    assert f"redirect_uri=http%3A%2F%2F127.0.0.1%3A{port}%2F&" in text


def test_the_browser_is_opened_at_the_address(emulate, authorize, monkeypatch):
    """Otherwise the browser is opened, even one that keeps its caller until it is closed."""
    emulate()
    pages = queue.SimpleQueue()
    monkeypatch.setattr(webbrowser, "open", lambda address: pages.put(consent(address)) is None)
    status, _, errors, _ = authorize(answer=lambda _: None)
    assert (status, errors) == (0, "")
    # The verb is done when it has sent the page; the browser may still be reading it.
    assert "It worked" in pages.get(timeout=10).text


# What a person can do instead.


@pytest.mark.parametrize(
    ("unticked", "need"),
    [(LIST, "finding a calendar by its title"), (RULES, "reading and changing who has access")],
    ids=["the list", "the rules"],
)
def test_an_unticked_box_is_named(emulate, authorize, info, unticked, need):
    """If one scope was not granted it is named with what it is needed for, and nothing is written."""
    emulate()
    status, _, errors, page = authorize(answer=functools.partial(consent, untick=(unticked,)))
    message, code, remedy = told(errors)
    assert (status, code) == (1, "scope_missing")
    assert message == f"The OAuth scope {unticked}, needed for {need}, was not granted on Google's page."
    assert "leave every box ticked" in remedy
    assert "<h1>It did not work</h1>" in page
    assert unticked in page
    assert not info.exists()


def test_what_google_says_with_the_token_counts(emulate, authorize, info):
    """The scopes that came with the refresh token are looked at before it is used."""
    body = {**NEW, "scope": LIST, "refresh_token": ACCOUNT["refresh_token"]}
    emulator = emulate(faulty({"fault": "answer", "status": 200, "body": body}))
    assert told(authorize()[2])[1] == "scope_missing"
    assert emulator.calls.count("oauth2.token") == 1
    assert not info.exists()


def test_a_scope_that_is_missed_only_later_is_named_too(emulate, authorize, info):
    """If Google does not say what was granted, what the new token can do decides."""
    left_out = {name: value for name, value in NEW.items() if name != "scope"}
    body = {**left_out, "refresh_token": ACCOUNT["refresh_token"]}
    emulate({**faulty({"fault": "answer", "status": 200, "body": body}), "account": {"scopes": [LIST]}})
    status, _, errors, _ = authorize()
    assert status == 1
    assert told(errors)[:2] == (
        f"The OAuth scope {RULES}, needed for reading and changing who has access, was not granted on Google's page.",
        "scope_missing",
    )
    assert not info.exists()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param(functools.partial(consent, decision="deny"), "Access was denied on Google's page.", id="denied"),
        pytest.param(
            functools.partial(consent, decision="deny", turn=lambda back: back.replace("access_", "x_")),
            "Google's page ended with 'x_denied'.",
            id="another error",
        ),
        pytest.param(
            functools.partial(consent, decision="deny", turn=lambda back: back.replace("access_denied", "%3Cb%3EX")),
            "Google's page ended with an error.",
            id="an odd error",
        ),
    ],
)  # fmt: skip
def test_what_is_no_consent_is_said(emulate, authorize, info, answer, says):
    """Denied or an error: each is one line, the page says so too, and no token is asked for."""
    emulator = emulate()
    status, _, errors, page = authorize(answer=answer)
    message, code, remedy = told(errors)
    assert (status, message, code) == (1, says, "authorization_failed")
    assert remedy.startswith("Run authorize again, ")
    assert "<h1>It did not work</h1>" in page
    assert "Nothing was written." in page
    assert "oauth2.token" not in emulator.calls
    assert not info.exists()


@pytest.mark.parametrize(
    ("error", "says", "code"),
    [
        ("admin_policy_enforced", "Admin console, Security > Access and data control", "authorization_failed"),
        ("org_internal", "is Internal", "authorization_failed"),
        ("disallowed_useragent", "ordinary browser", "authorization_failed"),
        ("access_denied&error_description=Account+restricted", "Admin console", "authorization_failed"),
        ("access_denied&error_subtype=admin_policy_enforced", "Admin console", "authorization_failed"),
        ("access_denied&error_description=Requested+client+not+authorized.", "Admin console", "authorization_failed"),
        ("rate_limit_exceeded&error_description=Too+many", "(rate_limit_exceeded, 'Too many'). Try", "rate_limited"),
        ("RESOURCE_EXHAUSTED", "Try again in a minute", "rate_limited"),
        ("temporarily_unavailable", "Try again later", "google_unavailable"),
    ],
)
def test_what_an_administrator_blocks_is_said(emulate, authorize, info, error, says, code):
    """What the page itself cannot allow names who can, where, and for which client; nothing asks for a new token."""
    emulate()

    def turn(back):
        return back.replace("access_denied", error)

    status, _, errors, _ = authorize(answer=functools.partial(consent, decision="deny", turn=turn))
    message, told_code, remedy = told(errors)
    assert (status, told_code) == (75 if code != "authorization_failed" else 1, code)
    assert says in message
    if code == "authorization_failed":
        assert ACCOUNT["client_id"] in message
        assert "Workspace administrator" in message
        assert "token" not in message + remedy
    assert not info.exists()


def test_a_stray_does_not_end_the_wait(emulate, authorize, info):
    """An answer to another question is not used, and the right one that follows is."""
    emulator = emulate()
    status, _, errors, page = authorize(answer=functools.partial(consent, turn=astray_first))
    assert (status, errors) == (0, "")
    assert "<h1>It worked</h1>" in page
    assert emulator.calls.count("oauth2.token") == 2  # for the code, and to see what the token is worth
    assert check(read(info))["ok"]


def test_nobody_comes_back_in_time(emulate, authorize, info):
    """After --timeout it ends with an error that names the time and what else may have gone wrong."""
    emulate()
    status, _, errors, _ = authorize("--timeout", "0.01", answer=visit)
    message, code, remedy = told(errors)
    assert (status, code) == (1, "authorization_failed")
    assert message == "The browser did not come back from Google's page within 0.01 s."
    assert "--timeout" in remedy
    assert "redirect_uri_mismatch" in remedy
    for page, way_out in [
        ("Google hasn't verified this app", "Advanced"),
        ("App has not completed the Google verification process", "test users"),
        ("This app is blocked", "Workspace administrator"),
    ]:
        assert way_out in remedy.partition(page)[2]
    assert not info.exists()


def test_an_interrupt_tells_the_browser(emulate, authorize, info, monkeypatch):
    """Ctrl-C ends it with 130 and no file, and a browser that comes back meanwhile hears of it."""

    def interrupt(*_):
        raise KeyboardInterrupt

    emulate()
    monkeypatch.setattr("handler.cli.authorize.granted_account", interrupt)
    status, _, errors, page = authorize()
    assert (status, errors) == (130, "")
    assert "It did not work" in page
    assert not info.exists()


# What can fail on the way.


@pytest.mark.parametrize("opened", [False, webbrowser.Error("none"), OSError("none")], ids=["no", "error", "OSError"])
def test_a_browser_that_cannot_be_opened_is_said(emulate, authorize, monkeypatch, opened):
    """Where there is no browser it ends at once, with the option that helps."""

    def browser(_):
        if isinstance(opened, Exception):
            raise opened
        return opened

    emulate()
    monkeypatch.setattr(webbrowser, "open", browser)
    status, text, errors, _ = authorize(answer=lambda _: None)
    message, code, remedy = told(errors)
    assert (status, text, code) == (2, "", "invalid_input")  # no address that leads to a closed port
    assert message.startswith("no browser can be opened here")
    assert "--no-browser" in remedy


def test_a_port_that_is_taken_is_said(emulate, authorize):
    """A port that somebody else listens on is named, with the option for another."""
    emulate()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, text, errors, _ = authorize("--port", port)
    assert (status, text) == (2, "")
    assert told(errors)[0].startswith(f"port {port}: Address already in use; name another with --port")


@pytest.mark.parametrize("host", ["accounts.example.com:80", "127.0.0.1:1@evil.example", "10.0.0.1:8085"])
def test_only_loopback_is_spoken_to_in_clear(authorize, monkeypatch, host):
    """An emulator anywhere else is refused before the browser is opened, and nothing of the process is changed."""
    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", host)
    before = dict(os.environ)
    status, text, errors, _ = authorize()
    assert (status, text) == (2, "")
    assert told(errors)[0].startswith("CALENDAR_EMULATOR_HOST: ")
    assert dict(os.environ) == before


def test_the_environment_is_left_as_it_is(emulate, authorize):
    """No variable allows plain http, or fewer scopes, for the whole process."""
    emulate()
    before = dict(os.environ)
    assert authorize()[0] == 0
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("fault", "status", "code", "says"),
    [
        pytest.param(
            {"fault": "error", "status": 401, "reason": "invalid_client"},
            1, "authorization_failed", "Google does not accept the client id or client secret (invalid_client).",
            id="invalid_client",
        ),
        pytest.param(
            {"fault": "error", "status": 400, "reason": "invalid_grant"},
            1, "authorization_failed", "Google does not accept the code of its own page: it is too old, or was used.",
            id="invalid_grant",
        ),
        pytest.param(
            {"fault": "error", "status": 503, "retry_after": 3600},
            75, "google_unavailable", "Google failed at signing the account in: status 503 ('Backend Error').",
            id="unavailable",
        ),
        pytest.param(
            {"fault": "answer", "status": 200, "body": "<html>Welcome to the hotel</html>"},
            1, "unexpected_answer", "An answer to the sign-in that cannot be Google's: status 200.",
            id="a login page",
        ),
        pytest.param(
            {"fault": "answer", "status": 200, "body": NEW},
            1, "authorization_failed", "Google gave an access token for an hour, and no refresh token.",
            id="no refresh token",
        ),
        pytest.param(
            {"fault": "answer", "status": 200, "body": {**NEW, "refresh_token": "nobody's"}},
            1, "authorization_failed", "Google does not accept the refresh token (invalid_grant).",
            id="a refresh token that does not work",
        ),
    ],
)  # fmt: skip
def test_what_the_token_endpoint_says_is_told(emulate, authorize, info, fault, status, code, says):
    """Each failure is one line with what to do, a code and the status that a script goes by; nothing is written."""
    emulate(faulty(fault))
    ended, _, errors, page = authorize()
    message, named, remedy = told(errors)
    assert (ended, named) == (status, code)
    assert message.startswith(says)
    assert remedy or message.count(". ") > 0
    assert "<h1>It did not work</h1>" in page
    assert not info.exists()


@pytest.mark.parametrize("token", [["x"], 7, "", " ", "a\nb", "tok\u00e9n"])
def test_what_can_be_no_refresh_token_is_none(emulate, authorize, info, token):
    """An answer with something else in its place is one without a refresh token."""
    emulate(faulty({"fault": "answer", "status": 200, "body": {**NEW, "refresh_token": token}}))
    status, _, errors, _ = authorize()
    assert status == 1
    assert told(errors)[0] == "Google gave an access token for an hour, and no refresh token."
    assert not info.exists()


def test_what_may_pass_is_tried_again(emulate, authorize, time):
    """A token endpoint that fails once does not cost the person a second consent."""
    emulate(faulty({"fault": "error", "status": 503}))
    assert authorize()[0] == 0


def test_a_wrong_client_secret_is_not_shown(emulate, authorize, monkeypatch):
    """Google's refusal of the client is told without the secret."""
    emulate()
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET", "CANARY-wrong")
    status, text, errors, page = authorize()
    assert status == 1
    assert "(invalid_client)" in errors
    assert "CANARY" not in text + errors + page


def test_an_answer_that_echoes_the_secret_is_masked(emulate, authorize, monkeypatch):
    """A server that sends the secret back as the name of its error does not bring it onto the screen."""
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET", "nobody_may_see")
    emulate(faulty({"fault": "answer", "status": 400, "body": {"error": "not_nobody_may_see"}}))
    status, text, errors, page = authorize()
    assert status == 1
    assert "not_***" in errors
    assert "nobody_may_see" not in text + errors + page


def test_without_the_extra_one_line_says_what_to_install(monkeypatch):
    """Where google-auth-oauthlib is missing, the pip command is the whole answer, and the status is 2."""
    monkeypatch.delitem(sys.modules, "handler.calendar_api.consent", raising=False)
    monkeypatch.setitem(sys.modules, "google_auth_oauthlib.flow", None)
    assert command("authorize", "--info", "account.yaml") == (
        2,
        "",
        "error: authorize needs google-auth-oauthlib, which is not installed; pip install google-auth-oauthlib\n",
    )


@pytest.mark.parametrize("seconds", ["0", "-1", "x", "nan", "inf", "86401"])
def test_a_timeout_is_a_number_of_seconds(seconds):
    """What can be no time to wait is wrong usage."""
    status, _, errors = command("authorize", "--info", "account.yaml", f"--timeout={seconds}")
    assert status == 2
    assert "must be a number of seconds above 0, and at most 86400" in errors


# Where the client comes from.


@pytest.mark.parametrize(
    "document",
    [
        {"installed": {**ACCOUNT, "project_id": "x", "auth_uri": "https://evil.example", "redirect_uris": ["http://localhost"]}},
        {"client_id": ACCOUNT["client_id"], "client_secret": ACCOUNT["client_secret"]},
        {OWNER: ME, **ACCOUNT},
    ],
    ids=["Google's console", "two values", "an info file"],
)  # fmt: skip
def test_a_file_holds_the_client(emulate, authorize, client_file, monkeypatch, document):
    """--client takes the console's file and an info file, before the environment; addresses in it are not followed."""
    emulate()
    monkeypatch.setenv("GOOGLE_CLIENT_ID", "another")
    status, _, errors, _ = authorize("--client", client_file(document))
    assert (status, errors) == (0, "")


@pytest.mark.parametrize("name", ["service_account", "act_as_by_default", "may_act_as", "may_add_to_lists_of"])
@pytest.mark.parametrize("force", [[], ["--force"]], ids=["asked", "forced"])
def test_the_file_of_a_service_account_is_not_mixed_with_a_token(authorize, info, name, force):
    """A file that no verb would take is not made: nobody is asked for anything, and the file stays."""
    info.write_text(f"{name}: acme.com\n")
    status, text, errors, _ = authorize(*force, "--timeout", "5")
    assert (status, text) == (2, "")
    assert f"holds {name}, which goes with a service account and no refresh token; name another file" in errors
    assert info.read_text() == f"{name}: acme.com\n"


def test_the_environment_names_files_that_hold_the_client(emulate, authorize, tmp_path, monkeypatch):
    """The variables have their twins here too."""
    emulate()
    (tmp_path / "secret").write_text(f"{ACCOUNT['client_secret']}\n")
    monkeypatch.delenv("GOOGLE_CLIENT_SECRET")
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET_FILE", "secret")
    assert authorize()[0] == 0


def test_no_client_is_answered_with_where_to_give_it(authorize, monkeypatch):
    """Without a client the option and the variables are named, and no refresh token is asked for."""
    monkeypatch.delenv("GOOGLE_CLIENT_ID")
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET", " ")
    status, text, errors, _ = authorize()
    assert (status, text) == (2, "")
    assert "client_id: is missing; give --client FILE, or set GOOGLE_CLIENT_ID" in errors
    assert "refresh_token" not in errors


@pytest.mark.parametrize(("secret", "says"), [(" ", "is missing"), ("CANARY\x07", "holds the control character")])
def test_a_client_in_the_environment_is_held_to_handler_yaml(authorize, monkeypatch, secret, says):
    """What can be no client secret is refused before anybody is asked, and not shown."""
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET", secret)
    status, text, errors, _ = authorize()
    assert (status, text) == (2, "")
    assert told(errors)[0].startswith(f"client_secret: {says}")
    assert "CANARY" not in errors


@pytest.mark.parametrize("address", ["http://localhost:{}", "http://127.0.0.1:{}/back/here"])
@pytest.mark.parametrize("given", [True, False], ids=["--port", "no port"])
def test_a_web_client_that_may_come_back_here_will_do(emulate, authorize, client_file, address, given):
    """Of a web client the first address that this machine can answer is used as it stands, path and all."""
    emulate()  # before a port is looked for, else it might get that one
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    fitting = address.format(port)
    web = {**ACCOUNT, "redirect_uris": ["https://acme.com/back", 7, "http://localhost", "http://localhost:0/", fitting]}
    status, text, errors, _ = authorize("--client", client_file({"web": web}), *(["--port", port] if given else []))
    assert (status, errors) == (0, "")
    assert f"&{urlencode({'redirect_uri': fitting})}&" in text


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"web": {**ACCOUNT, "redirect_uris": ["https://acme.com/"]}}, "is a client of the type Web application,"),
        ({"web": {**ACCOUNT, "redirect_uris": ["http://localhost:81/"]}}, "add the address http://127.0.0.1:8086/"),
        ({"web": ACCOUNT}, "is a client of the type Web application,"),
        ({"type": "service_account", "client_id": "1", "private_key": "CANARY"}, "needs nobody's consent"),
        ({"installed": ["CANARY"]}, "holds no OAuth client; make an OAuth client of the type Desktop app"),
        (["CANARY"], "holds no OAuth client"),
        ({"installed": {"client_id": "x"}}, "client_secret is missing"),
        ({"installed": {"client_id": "x\n", "client_secret": 7}}, "client_secret is of the type int"),
        ("{", "not well-formed YAML"),
    ],
    ids=["web", "web, another port", "web, no address", "service account", "odd", "list", "half", "no text", "broken"],
)  # fmt: skip
def test_a_file_without_a_fitting_client_is_refused(authorize, client_file, document, says):
    """What is wrong with a client's file is said with its name and what to make instead, and without its values."""
    status, text, errors, _ = authorize("--client", client_file(document), "--port", "8086", "--timeout", "5")
    assert (status, text) == (2, "")
    message = told(errors)[0]
    assert message.startswith(f"{client_file('')}: ")
    assert says in message
    assert "CANARY" not in errors
    assert ACCOUNT["client_secret"] not in errors


# What is there already.


def test_a_dead_token_of_the_same_account_is_replaced(emulate, authorize, info):
    """Renewing needs no --force; the account is suggested to Google, and all other values of the file stay."""
    emulate()
    client = {name: ACCOUNT[name] for name in ("client_id", "client_secret")}
    info.write_text(json.dumps({**RAILS, OWNER: ME.upper(), **client, "refresh_token": "dead"}))
    status, text, errors, _ = authorize("--client", "account.yaml")
    assert (status, errors) == (0, "")
    assert "&login_hint=OWNER%40EXAMPLE.COM" in text
    held = read(info)
    assert {name: held[name] for name in RAILS} == RAILS
    assert held[OWNER] == ME
    assert check(held)["ok"]


OTHERS = {
    "another's": ({OWNER: "jane@acme.com", **ACCOUNT}, "holds the account 'jane@acme.com', and 'owner@"),
    "nobody knows whose": (ACCOUNT, "holds an account and does not say which (_account)"),
}  # fmt: skip


@pytest.mark.parametrize("whose", OTHERS)
def test_a_file_of_another_account_is_not_replaced(emulate, authorize, info, whose):
    """A token of another account, or of one that cannot be told, stays unless --force is given."""
    emulate()
    document, says = OTHERS[whose]
    before = json.dumps({**RAILS, **document})
    info.write_text(before)
    status, _, errors, page = authorize()
    message, code, _ = told(errors)
    assert (status, code) == (2, "invalid_input")
    assert message.startswith(f"--info: account.yaml: {says}")
    assert "--force" in message
    assert info.read_text() == before
    assert ("It did not work" in page) == (whose == "another's")  # the other is refused before anybody is asked


@pytest.mark.parametrize("whose", OTHERS)
def test_force_replaces_it(emulate, authorize, info, whose):
    """With --force the account is replaced, no account is suggested to Google, and the other values stay."""
    emulate()
    info.write_text(json.dumps({**RAILS, **OTHERS[whose][0]}))
    status, text, errors, _ = authorize("--force")
    assert (status, errors) == (0, "")
    assert "login_hint" not in text
    held = read(info)
    assert held[OWNER] == ME
    assert {name: held[name] for name in RAILS} == RAILS


@pytest.mark.parametrize("whose", OTHERS)
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_a_file_that_appears_meanwhile_is_not_replaced(emulate, authorize, info, whose, known):
    """Whose file it is counts when it is written, not only when the person was asked."""
    other = json.dumps(OTHERS[whose][0])

    def answer(address):
        info.write_text(other)
        return consent(address)

    emulate({} if known else {"faults": [DISABLED]})
    status, _, errors, _ = authorize(answer=answer)
    assert status == 2
    assert "--info: account.yaml: holds the account" in told(errors)[0]
    assert info.read_text() == other


@pytest.mark.parametrize("content", ["", "# nothing yet\n", json.dumps({**RAILS, "client_id": "x"})])
def test_a_file_without_a_token_is_free(emulate, authorize, info, content):
    """An empty file, or one with other info values only, is filled without --force."""
    emulate()
    info.write_text(content)
    assert authorize()[0] == 0
    assert check(read(info))["ok"]


@pytest.mark.parametrize("content", ['{"name": "a package"}', "[1]", "{", "just text"])
@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "--force"])
def test_what_is_no_info_file_is_never_replaced(emulate, authorize, info, content, force):
    """Somebody else's file is left alone whatever --force says, before anybody is asked."""
    emulator = emulate()
    info.write_text(content)
    status, text, errors, _ = authorize(*force)
    assert (status, text, emulator.calls) == (2, "", [])
    assert "account.yaml: " in told(errors)[0]
    assert info.read_text() == content


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (".", "--info: .: is not a file"),
        ("no/account.yaml", "--info: no/account.yaml: the folder "),
        ("/dev/null", "--info: /dev/null: is not a file"),
    ],
)
def test_a_place_where_no_file_can_be_is_said_first(emulate, authorize, name, says):
    """A folder, a device, or a folder that is missing: said before anybody is asked."""
    emulator = emulate()
    status, text, errors, _ = authorize(info=name)
    assert (status, text, emulator.calls) == (2, "", [])
    assert told(errors)[0].startswith(says)


def test_a_folder_that_cannot_be_written_is_said_first(emulate, authorize, monkeypatch):
    """Nobody consents for a file that cannot be made."""
    emulator = emulate()
    monkeypatch.setattr(os, "access", lambda *_: False)
    status, _, errors, _ = authorize()
    assert (status, emulator.calls) == (2, [])
    assert "cannot be written to" in told(errors)[0]


def test_a_link_stays_a_link(emulate, authorize, info, tmp_path):
    """Where the info file is a link, what it leads to is replaced."""
    emulate()
    info.symlink_to(tmp_path / "real.yaml")
    assert authorize()[0] == 0
    assert info.is_symlink()
    assert check(read(tmp_path / "real.yaml"))["ok"]


def test_a_problem_of_the_account_does_not_cost_the_token(emulate, authorize, info):
    """If only the API is not enabled yet, the good token is written, and the problem told with the status of check."""
    emulate({"faults": [DISABLED]})
    status, text, errors, page = authorize()
    assert (status, errors) == (1, "")
    assert "1 problem: account.yaml holds the refresh token of an account that cannot be told\n" in text
    assert "Code        api_disabled" in text
    assert text.endswith("mended:\n  google-apps-calendar-share check --info account.yaml\n")
    assert "It worked" in page
    held = read(info)
    assert OWNER not in held
    assert check(held)["ok"]


def test_an_account_that_cannot_be_told_replaces_none(emulate, authorize, info):
    """If nobody knows who signed in, a file that holds an account stays."""
    emulate({"faults": [DISABLED]})
    before = json.dumps({OWNER: ME, **ACCOUNT})
    info.write_text(before)
    status, _, errors, _ = authorize()
    assert status == 2
    assert "and an account that cannot be told has signed in" in told(errors)[0]
    assert info.read_text() == before


# What nobody may see.


@pytest.mark.parametrize(
    ("answer", "faults"),
    [
        pytest.param(consent, [], id="allowed"),
        pytest.param(functools.partial(consent, untick=(LIST,)), [], id="unticked"),
        pytest.param(functools.partial(consent, decision="deny"), [], id="denied"),
        pytest.param(functools.partial(consent, turn=astray_first), [], id="wrong state"),
        pytest.param(
            consent,
            [{"fault": "answer", "status": 400, "body": {"error": "CANARY", "error_description": "CANARY"}}],
            id="an echo",
        ),
        pytest.param(consent, [{"fault": "answer", "status": 200, "body": NEW}], id="no refresh token"),
        pytest.param(consent, [{"fault": "answer", "status": 200, "body": {**NEW, "error": "CANARY"}}], id="both"),
        pytest.param(consent, [{"fault": "answer", "status": 200, "body": "CANARY"}], id="no JSON"),
        pytest.param(consent, [{"fault": "error", "status": 503, "retry_after": 3600}], id="unavailable"),
    ],
)  # fmt: skip
def test_no_secret_is_shown(emulate, authorize, info, caplog, capfd, monkeypatch, answer, faults):
    """Neither streams, page and logs nor the error with its traceback hold a secret, a code or a token."""
    caplog.set_level(logging.DEBUG)
    sent, seen = [], []

    def noted(verb, url, body, *others, **more):
        sent.append(parse_qs(body.decode()))
        return send(verb, url, body, *others, **more)

    def shown(error, *_):
        seen.extend([*traceback.format_exception(error), repr(error), str(error.to_dict()), repr(pickle.dumps(error))])

    monkeypatch.setattr("handler.calendar_api.token_endpoint.send", noted)
    monkeypatch.setattr("handler.cli.print_error", shown)
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET", CANARIES["client_secret"])
    emulate({**faulty(*faults), "account": {"client_secret": CANARIES["client_secret"]}})
    status, text, errors, page = authorize()
    secrets = {"CANARY", *(value for form in sent for name in SECRET for value in form.get(name, ()))}
    if status == 0:
        secrets.add(read(info)["refresh_token"])
    assert (status == 0) == (not seen)
    everything = "\n".join([text, errors, page, caplog.text, *seen, *capfd.readouterr()])
    for secret in secrets:
        assert secret not in everything
