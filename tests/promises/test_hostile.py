"""Whatever comes in, from the engine, from a file or from the network: nothing but a HandlerError leaves."""

from __future__ import annotations

import collections
import json
import socket
import threading
import types
import unicodedata
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from handler import HandlerError, InvalidInput, execute
from handler.calendar_api import forget_all
from handler.calendar_api.transport import Answer
from handler.descriptor import DESCRIPTOR, load
from handler.documents import read
from handler.retry import going_by
from handler.testing.cases import StillClock, read_case
from handler.testing.emulator import ACCOUNT, Emulator
from handler.testing.emulator.wire import Server

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
DOCUMENT = yaml.safe_load(DESCRIPTOR.read_text(encoding="utf-8"))
EXAMPLE = "example@group.calendar.google.com"
VALID = {
    "calendar_name": EXAMPLE,
    "scope": "user",
    "recipient": "a@acme.com",
    "calendar_access": "reader",
}


def law(examples):
    """Return the settings of a law: the same examples each time, and no limit of time."""
    return settings(
        derandomize=True,
        deadline=None,
        max_examples=examples,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )


def outcome(info, parameters, attempts=None):
    """Return the results of a step and its HandlerError, one of them None; anything else goes through."""
    try:
        with going_by(StillClock().clock):
            return execute(info, parameters, attempts=attempts), None
    except HandlerError as error:
        return None, error


def assert_told(error):
    """Hold an error to what crosses process borders: JSON values, and a code that is declared."""
    assert json.loads(json.dumps(error.to_dict())) == error.to_dict()
    assert error.code in {row["code"] for row in DOCUMENT["errors"]}


# What an engine may hand over.


class OddText(str):
    """Text of a class of its own, as template engines make it."""

    __slots__ = ()

    def strip(self, *_):
        return OddText("stripped")

    def __str__(self):
        return "shown"


class OddMapping(Mapping):
    """A mapping that is none of Python's own, and names a field twice."""

    def __init__(self, values):
        self._values = values

    def __getitem__(self, key):
        return self._values[key]

    def __iter__(self):
        return iter([*self._values, *self._values])

    def __len__(self):
        return 1


class Nameless:
    """A value that cannot be shown."""

    __hash__ = object.__hash__

    def __repr__(self):
        raise RuntimeError("no repr")

    __str__ = __repr__


SURROGATES = st.text(st.characters(codec=None), max_size=12)
NASTY = st.sampled_from([
    "", " ", "\ud800", "x\x00y", "a\r\nX-Evil: 1", "\u202eevil", "{0.__class__}", "%s%n", "../../etc/passwd",
    "none", "None", "NONE", "true", "Yes", "primary", "a@acme.com", "acme.com", "A@ACME.COM", "a@b", "a@@acme.com",
    "Jane <a@acme.com>", "a@acme.com,b@acme.com", "e\u0301@acme.com", "public", "default", "user", "Raise Error",
    "Error Message", "owner", "reader", "writer", "x" * 100_000, "e\u0301" * 600, "\N{HANGUL SYLLABLE GAG}" * 2000,
    "https://acme.com", "user:a@acme.com", EXAMPLE, "?#/%2e%2e", "\ufeffa@acme.com", "\u00df@acme.com",
])  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=12) | SURROGATES | NASTY
    | st.sampled_from([float("nan"), 1j, ..., object(), int, OddText("user"), range(3)])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SURROGATES, inner, max_size=3) | st.tuples(inner),
    max_leaves=5,
)
KEYS = (
    SURROGATES
    | NASTY
    | st.integers()
    | st.none()
    | st.booleans()
    | st.binary(max_size=4)
    | st.tuples(st.text(max_size=3))
    | st.sampled_from(["_engine", "_\ud800", "recipent", "Calendar Name", float("nan")])
)
WRAPPERS = st.sampled_from([
    dict, types.MappingProxyType, collections.OrderedDict, collections.UserDict, collections.ChainMap, OddMapping,
    lambda values: collections.defaultdict(list, values),
])  # fmt: skip


def forms(names, right):
    """Return mappings of all kinds, with fields that are right, wrong or strange, and things that are no mapping."""
    fields = {name: st.just(right[name]) if name in right else st.none() for name in names}
    changed = st.dictionaries(st.sampled_from(sorted(names)), NASTY | SURROGATES | st.booleans() | VALUES, max_size=3)
    foreign = st.dictionaries(KEYS, VALUES, max_size=2) | st.just({})
    mappings = st.builds(
        lambda base, changes, others, wrap: wrap({**base, **changes, **others}),
        st.fixed_dictionaries({}, optional=fields) | st.just(right),
        changed,
        foreign,
        WRAPPERS,
    )
    sensible = st.fixed_dictionaries(
        {},
        optional={
            name: st.sampled_from([choice["const"] for choice in field["oneOf"]]) | SURROGATES
            for name, field in names.items()
            if "oneOf" in field
        },
    ).map(lambda values: {**right, **values})
    return st.one_of(mappings, sensible, st.builds(lambda wrap, one: wrap(one), WRAPPERS, sensible), mappings, VALUES)


INFO = forms(DOCUMENT["info"]["properties"], ACCOUNT)
PARAMETERS = forms(DOCUMENT["parameters"]["properties"], VALID)


def test_whatever_comes_in_only_our_errors_leave(emulate):
    """Of any info and any parameters `execute` makes results of text or a HandlerError, and invalid ones ask nobody."""
    emulator = emulate()
    seen = collections.Counter()

    @law(600)
    @given(INFO | st.just(ACCOUNT), PARAMETERS, st.just(1) | st.none() | VALUES)
    @example({**ACCOUNT, "x" * 200_000: "x"}, {**VALID, "x" * 200_000: "x"}, 1)
    def any_input(info, parameters, attempts):
        before = len(emulator.requests)
        results, error = outcome(info, parameters, attempts)
        if error:
            assert_told(error)
        else:
            assert all(type(value) is str for value in results.values())
        code = error.code if error else results["handler_error_code"]
        if code == "invalid_input":
            assert len(emulator.requests) == before
        seen[(code or "done", bool(error))] += 1

    any_input()
    assert {("done", False), ("invalid_input", True), ("invalid_input", False)} <= seen.keys()


ODD_NAMES = {
    "a number too long to show": 10**5000,
    "a name that cannot be shown": Nameless(),
    "a lone surrogate": "\ud800",
    "text of another class": OddText("calendar name"),
    "bytes": b"calendar_name",
    "nothing": None,
}


@pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
@pytest.mark.parametrize("form", ["info", "parameters"])
def test_a_field_with_an_odd_name_is_invalid_input(emulate, form, name):
    """A field whose name is no text, or cannot even be shown, is reported like any other unknown field."""
    emulator = emulate()
    given_values = {"info": ACCOUNT, "parameters": VALID}
    given_values[form] = {**given_values[form], name: "x"}
    _, error = outcome(given_values["info"], given_values["parameters"])
    assert isinstance(error, InvalidInput)
    assert_told(error)
    assert emulator.requests == []


@pytest.mark.parametrize("value", [10**5000, Nameless()], ids=["a long number", "a value that cannot be shown"])
def test_a_value_that_cannot_be_shown_is_invalid_input(value):
    """A value that is no text is reported by its type, and is not shown."""
    _, error = outcome({**ACCOUNT, "client_id": value}, {**VALID, "dry_run": value})
    assert error.details["fields"].keys() == {"client_id", "dry_run"}


PLAIN = {name: Draft202012Validator(DOCUMENT[name]) for name in ("info", "parameters")}


@law(800)
@given(INFO, PARAMETERS)
def test_what_passes_keeps_the_schema(info, parameters):
    """Whatever the validator lets through is text that a plain JSON Schema validator accepts, defaults and all."""
    for name, values in (("info", info), ("parameters", parameters)):
        found, wrong = getattr(load(), name).read(values)
        if wrong:
            continue
        assert list(PLAIN[name].iter_errors(found)) == []
        for value in found.values():
            assert value
            assert value == unicodedata.normalize("NFC", value).strip()


def test_text_of_another_class_becomes_plain_text(emulate):
    """Text of a template engine's own class is read as the text that it is, and no result is of that class."""
    emulate()
    results, _ = outcome(
        {**ACCOUNT, "client_id": OddText(ACCOUNT["client_id"])},
        {**VALID, "calendar_name": OddText("primary"), "recipient": OddText("a@acme.com")},
    )
    assert results["calendar_id"] == "primary"
    assert results["rule_id"] == "user:a@acme.com"
    assert all(type(value) is str for value in results.values())


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | NASTY.filter(lambda text: text.isprintable())


def test_most_recipients_are_held_to_the_schema():
    """Enough of the generated parameters are valid that the law above is one."""
    valid = collections.Counter()

    @law(300)
    @given(PARAMETERS)
    def count(parameters):
        valid[not load().parameters.read(parameters)[1]] += 1

    count()
    assert valid[True] >= 30, valid


# What the network may answer.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXTS, inner, max_size=3)
        | st.fixed_dictionaries(
            {},
            optional=dict.fromkeys((
                    "id", "role", "items", "nextPageToken", "access_token", "expires_in", "error", "errors", "reason",
                    "message", "details", "status", "summary", "summaryOverride", "accessRole", "dataOwner",
                    "token_type",
                    "scope", "error_description", "error_subtype", "refresh_token",
                ), inner),
        )
    ),
    max_leaves=8,
)  # fmt: skip
RULE = st.fixed_dictionaries({"id": TEXTS, "role": st.sampled_from(["reader", "none", "owner", "", "x"])})
ITEMS = st.fixed_dictionaries(
    {
        "items": st.lists(
            st.fixed_dictionaries({"id": TEXTS}, optional={"summary": TEXTS, "accessRole": TEXTS}), max_size=3
        )
    }
)
BODIES = JSON | RULE | ITEMS | TEXTS
STATUSES = st.integers(200, 599) | st.sampled_from(
    [200, 200, 200, 201, 204, 206, 302, 304, 400, 401, 403, 404, 410, 429]
)
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "Location", "Content-Encoding", "Content-Type", "WWW-Authenticate", "X-Odd"]),
    st.sampled_from(
        ["", "0", "7", "-1", "1e9", "Wed, 21 Oct 2099 07:28:00 GMT", "gzip", "deflate", "text/html; charset=x"]
    ),
    max_size=2,
)
METHODS = {
    "oauth2.token": ("Example Calendar", "none", "reader"),
    "calendarList.list": ("Example Calendar", "none", "reader"),
    "acl.get": (EXAMPLE, "none", "reader"),
    "acl.list": (EXAMPLE, "none", "none"),
    "acl.insert": (EXAMPLE, "none", "reader"),
    "acl.update": (EXAMPLE, "writer", "reader"),
    "acl.delete": (EXAMPLE, "reader", "none"),
}
"""Calendar name, present and wanted access of a step that calls each method."""


@pytest.fixture(scope="module")
def stage():
    """Provide a server that plays one emulator after the other."""

    class Stage:
        emulator = None

        def answer(self, request):
            return self.emulator._answer(request)

    stage = Stage()
    server = Server(0, stage.answer)
    stage.host = f"127.0.0.1:{server.server_port}"
    yield stage
    server.stop()


@pytest.mark.parametrize("method", METHODS)
def test_whatever_is_answered(stage, monkeypatch, method):
    """Any status, headers and body as an answer end in a HandlerError, or in results that say what was answered."""
    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", stage.host)
    name, present, wanted = METHODS[method]
    rule = "user:a@acme.com"

    @law(150)
    @given(STATUSES, HEADERS, BODIES)
    def any_answer(status, headers, body):
        forget_all()
        fault = {"method": method, "fault": "answer", "status": status, "headers": headers, "body": body}
        before = {EXAMPLE: {rule: present}} if present != "none" else {EXAMPLE: {}}
        emulator = stage.emulator = Emulator({"rules": before, "faults": [fault]})
        parameters = {**VALID, "calendar_name": name, "calendar_access": wanted}
        results, error = outcome(ACCOUNT, parameters)
        if error:
            assert_told(error)
            return
        assert emulator.unused_faults == []
        after = emulator.rules().get(EXAMPLE, {}).get(rule, "none")
        if after == wanted:
            assert results["calendar_access"] == wanted or status in range(200, 300)
        else:
            # Nothing was written, so it is only true if just that was answered.
            assert_answered(fault, results)

    any_answer()


def assert_answered(fault, results):
    """Hold results that the emulator's rules do not bear out to the answer that stood in for the emulator's."""
    method, status, body = fault["method"], fault["status"], fault["body"]
    if method == "acl.delete":
        # Of a body that is said to be compressed and is too short for it, nothing is left.
        empty = not body or "Content-Encoding" in fault["headers"]
        assert status in (204, 404, 410) or (200 <= status < 300 and empty)
    elif method == "acl.get" and status == 404:
        assert results["previous_access"] == "none"
    else:
        assert 200 <= status < 300
        assert isinstance(body, dict)
        assert (results["rule_id"], results["calendar_access"]) == (body["id"], body["role"])


@pytest.mark.parametrize("method", METHODS)
def test_whatever_bytes_are_answered(stage, monkeypatch, method):
    """Any bytes as the body of an answer, JSON or not, UTF-8 or not, end in a HandlerError or in results."""
    from handler.calendar_api import connection, token_endpoint

    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", stage.host)
    name, present, wanted = METHODS[method]
    original, todo = connection.send, []
    fits = {
        "GET": ("calendarList", "acl/", "acl?"),
        "POST": ("/acl", "/token"),
        "PUT": ("/acl/",),
        "DELETE": ("/acl/",),
    }
    verbs = {"oauth2.token": "POST", "acl.insert": "POST", "acl.update": "PUT", "acl.delete": "DELETE"}
    places = {"oauth2.token": "/token", "calendarList.list": "calendarList", "acl.list": "/acl?", "acl.insert": "/acl?"}

    def send(verb, url, *rest, **options):
        right = verb == verbs.get(method, "GET") and places.get(method, "/acl/") in url
        assert any(part in url for part in fits[verb])
        return todo.pop() if right and todo else original(verb, url, *rest, **options)

    monkeypatch.setattr(token_endpoint, "send", send)
    monkeypatch.setattr(connection, "send", send)

    @law(150)
    @given(
        st.sampled_from([200, 200, 403, 404, 500]),
        st.binary(max_size=40) | BODIES.map(lambda b: json.dumps(b).encode("utf-16")),
    )
    @example(200, b"[" * 100_000)
    @example(200, b'{"id": ' + b"9" * 5000 + b"}")
    @example(403, b'{"error": ' + b"9" * 5000 + b"}")
    @example(403, b'{"error":' * 5000)
    @example(200, b"\xff\xfe")
    @example(200, b"\x1f\x8b")
    @example(200, b'{"id": "\\ud800", "role": "\\ud800"}')
    def any_bytes(status, body):
        forget_all()
        todo[:] = [Answer(status, {}, body)]
        roles = {"user:a@acme.com": present} if present != "none" else {}
        stage.emulator = Emulator({"rules": {EXAMPLE: roles}})
        results, error = outcome(ACCOUNT, {**VALID, "calendar_name": name, "calendar_access": wanted})
        if error:
            assert_told(error)
        else:
            assert all(type(value) is str for value in results.values())
        assert not todo

    any_bytes()


@contextmanager
def babbler(content):
    """Listen, read whatever comes, say `content[0]` and hang up, again and again."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    with client, suppress(OSError):
                        client.recv(65536)
                        client.sendall(content[0])
                        client.shutdown(socket.SHUT_WR)
                        while client.recv(65536):
                            pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=10)


HEAD = b"HTTP/1.1 200 OK\r\n"
PIECES = st.lists(
    st.sampled_from([
        HEAD, b"HTTP/1.1 ", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0 204 No\r\n", b"HTTP/9.9 999 x\r\n",
        b"HTTP/1.1 -1 x\r\n",
        b"\r\n", b"\r\n\r\n", b"Content-Length: 5\r\n", b"Content-Length: -5\r\n", b"Content-Length: x\r\n",
        b"Content-Length: 3, 4\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n",
        b"Content-Encoding: br, zstd, deflate\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"zz\r\n", b"ffffffffffffffff\r\n",
        b"{}",
        b"Location: http://[::1\r\n", b" folded\r\n", b":\r\n", b"Retry-After: \xff\r\n",
        b"X: " + b"a" * 70_000 + b"\r\n",
        b"a: b\r\n" * 200, b"Set-Cookie: a=b\r\n", b"\x00", b"\xff" * 9,
        b'{"access_token": "t", "expires_in": 3599}',
    ])
    | st.binary(max_size=9),
    max_size=6,
).map(b"".join)  # fmt: skip


def test_whatever_the_connection_says(monkeypatch):
    """A server that does not speak HTTP, or breaks its rules, ends in a HandlerError, at sign-in and later."""
    content = [b""]
    with babbler(content) as host:
        monkeypatch.setenv("CALENDAR_EMULATOR_HOST", host)

        @law(300)
        @given(PIECES | PIECES.map(lambda piece: HEAD + piece), st.booleans())
        def any_stream(said, signed_in):
            forget_all()
            content[0] = said
            with monkeypatch.context() as patch, suppress(HandlerError):
                if signed_in:
                    patch.setattr("handler.calendar_api.tokens.SignedIn.token", lambda *_: "t")
                execute(ACCOUNT, VALID, attempts=1)
                raise AssertionError("no such answer can be true")

        any_stream()
    forget_all()


# What a file may hold.

YAML_PIECES = st.lists(
    st.sampled_from([
        "&a ", "*a", "!!python/object:os.system ", "!", "!!binary ", "{", "}", "[", "]", "- ", ": ", ":", "? ", "|\n",
        ">-\n",
        "\n", "  ", "\t", "'", '"', "#", "%YAML 1.1\n", "%TAG ! x\n", "---\n", "...\n", "<<: ", "0x1F", "1e999",
        "-.inf",
        ".nan", "2020-01-01", "0o9", "1_000", "12:30:45", "=", "~", "null", "yes", "\ufeff", "\x85", "\u2028", "\x00",
        "\ud7ff",
        "what: A.", "parameters", "google", "calls", "expect", "faults", "attempts: 1", "9" * 5000, "\\x", '"\\ud800"',
        "[" * 60, "{a: " * 60, "x" * 2000, "@", "`",
    ])
    | st.text(max_size=5),
    max_size=20,
).map("".join)  # fmt: skip
CASES = sorted(path.read_text(encoding="utf-8") for path in (FIXTURES / "cases").rglob("*.yaml"))


@st.composite
def changed_cases(draw):
    """Return a case file of ours with a piece of it replaced."""
    text = draw(st.sampled_from(CASES[::5]))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 30)))
    return text[:start] + draw(YAML_PIECES) + text[end:]


FILES = (
    st.binary(max_size=60)
    | (YAML_PIECES | changed_cases() | st.text(max_size=60) | JSON.map(json.dumps)).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    )
    | YAML_PIECES.map(lambda text: text.encode("utf-16", "surrogatepass"))
)


def test_whatever_a_file_holds(tmp_path):
    """Of any file `read` makes JSON values, `read_case` a case, or both say InvalidInput."""
    path = tmp_path / "case.yaml"
    seen = collections.Counter()

    @law(1500)
    @given(FILES)
    @example(b"\xef\xbb\xbf" + CASES[0].encode())
    @example(b"a: &a [x]\nb: [*a, *a]\n")
    @example(b"? [a, b]\n: c\n")
    @example(b"a: 1\na: 2\n")
    @example(b"[" * 100_000)
    @example(b"a: " + b"9" * 5000)
    @example(b"a: 0x" + b"f" * 5000)
    @example(b"a: 1:" + b"9" * 5000)
    @example(b"a: -0b_")
    @example(b"a: +_")
    def any_file(content):
        path.write_bytes(content)
        with suppress(InvalidInput):
            seen["document"] += assert_plain(read(path))
        with suppress(InvalidInput):
            seen["case"] += bool(read_case(path).what)
        seen["file"] += 1

    any_file()
    assert 10 <= seen["case"] < seen["document"] < seen["file"] - 10, seen


def assert_plain(value):
    """Hold a document to the types of JSON."""
    if isinstance(value, dict):
        assert all(type(key) is str and assert_plain(inner) for key, inner in value.items())
    elif isinstance(value, list):
        assert all(map(assert_plain, value))
    else:
        assert value is None or type(value) in (str, int, float, bool)
    return True


# What the list of calendars may hold.

IDS = ("a@acme.com", "b@acme.com", "c@group.calendar.google.com", "Team", "caf\u00e9", "#x", "primary ")
TITLES = st.sampled_from(
    ["Team", " Team ", "team", "Teams", "caf\u00e9", "cafe\u0301", "", "  ", "a@acme.com", "primary", "Other", "#x"]
)
ROLES = st.sampled_from(["owner", "owner", "writer", "reader", "freeBusyReader", ""])
ENTRIES = st.fixed_dictionaries(
    {"id": st.sampled_from(IDS)},
    optional={"summary": TITLES, "summaryOverride": TITLES, "accessRole": ROLES, "dataOwner": TITLES},
)
LISTS = st.lists(ENTRIES, max_size=6, unique_by=lambda entry: entry["id"])
NAMES = st.sampled_from(
    ["Team", " Team", "cafe\u0301", "caf\u00e9", "a@acme.com", "z@acme.com", "Tea", "Other", "#x", "b@acme"]
)


def chosen(entries, name):
    """Say which calendar is meant, by the rules of the design: ("calendar", id) or (code, what belongs to it)."""
    name = plain(name)
    matches = [entry for entry in entries if entry["id"] == name]
    if not matches:
        matches = [entry for entry in entries if shown_title(entry) == name]
    if not matches:
        matches = [entry for entry in entries if plain(entry.get("summary", "")) == name]
    if len(matches) > 1:
        owned = [entry for entry in matches if entry.get("accessRole") == "owner"]
        if len(owned) != 1:
            return "calendar_ambiguous", sorted(entry["id"] for entry in matches)
        matches = owned
    if matches:
        owned = matches[0].get("accessRole") == "owner"
        return ("calendar", matches[0]["id"]) if owned else ("not_calendar_owner", matches[0].get("accessRole", ""))
    local, at, domain = name.partition("@")
    if at and local and "." in domain:
        return "calendar", name
    return "calendar_not_found", {shown_title(entry) for entry in entries if entry.get("accessRole") == "owner"}


def shown_title(entry):
    """Return the title that the account sees: its own, if it gave one."""
    return plain(entry.get("summaryOverride", "")) or plain(entry.get("summary", ""))


def plain(text):
    """Return text as it is compared."""
    return unicodedata.normalize("NFC", text).strip()


@pytest.fixture
def google(monkeypatch):
    """Return a Google that is asked without a network; its list of calendars can be set, page by page."""
    world = types.SimpleNamespace(pages=[[]], inserted=[])

    def send(verb, url, body, *_, **__):
        path = urlsplit(url).path
        if path.endswith("/users/me/calendarList"):
            number = int(dict(part.split("=") for part in urlsplit(url).query.split("&")).get("pageToken", 0))
            following = {"nextPageToken": str(number + 1)} if number + 1 < len(world.pages) else {}
            return Answer(200, {}, json.dumps({"items": world.pages[number], **following}).encode())
        if verb == "GET":
            return Answer(404, {}, b'{"error": {"code": 404, "message": "Not Found"}}')
        world.inserted.append(unquote(path.split("/")[-2]))
        return Answer(200, {}, b'{"id": "user:a@acme.com", "role": "reader"}')

    monkeypatch.delenv("CALENDAR_EMULATOR_HOST", raising=False)
    monkeypatch.setattr("handler.calendar_api.tokens.SignedIn.token", lambda *_: "t")
    monkeypatch.setattr("handler.calendar_api.connection.send", send)
    return world


def share_by(name):
    """Share the calendar of that name, and give what came of it in the words of `chosen`."""
    results, error = outcome(ACCOUNT, {**VALID, "calendar_name": name}, attempts=1)
    if results:
        return "calendar", results["calendar_id"]
    if error.code == "calendar_ambiguous":
        return error.code, sorted(error.details["calendar_ids"])
    if error.code == "not_calendar_owner":
        return error.code, error.details["access_role"]
    return error.code, error.details.get("nearest")


def test_the_calendar_that_is_chosen_is_the_right_one(google):
    """In any list of calendars, on any pages, titles and ids lead to one calendar or to the right error."""
    seen = collections.Counter()

    @law(800)
    @given(LISTS, NAMES, st.integers(0, 6))
    def any_list(entries, name, cut):
        google.pages, google.inserted = [entries[:cut], entries[cut:]], []
        code, what = share_by(name)
        right, wanted = chosen(entries, name)
        seen[right] += 1
        assert code == right
        if right == "calendar_not_found":
            assert len(what) <= 3
            assert set(what) <= wanted
        else:
            assert what == wanted
        assert google.inserted == ([what] if code == "calendar" else [])

    any_list()
    assert seen.keys() == {"calendar", "calendar_ambiguous", "not_calendar_owner", "calendar_not_found"}


ODD_ENTRIES = (
    ENTRIES | JSON | st.fixed_dictionaries({"summary": TITLES}) | st.fixed_dictionaries({"id": JSON, "summary": TITLES})
)


def test_a_list_with_entries_that_cannot_be_calendars(google):
    """A list with an entry that has no id is no list of Google's, unless the calendar was found before that entry."""

    @law(400)
    @given(st.lists(ODD_ENTRIES, max_size=5), NAMES)
    def any_list(entries, name):
        broken = [not (isinstance(entry, dict) and isinstance(entry.get("id"), str)) for entry in entries]
        assume(any(broken))
        google.pages, google.inserted = [entries], []
        code, what = share_by(name)
        if code == "calendar":
            assert what == plain(name)
            assert what in [entry["id"] for entry in entries[: broken.index(True)]]
        else:
            assert code in ("unexpected_answer", "not_calendar_owner")
            assert google.inserted == []

    any_list()


def test_a_title_that_is_null_is_no_title(google):
    """An entry whose title is null has none, and is never found by the word None."""
    google.pages = [[{"id": "a@acme.com", "summary": None, "accessRole": "owner"}]]
    assert share_by("None") == ("calendar_not_found", [])
    assert google.inserted == []
