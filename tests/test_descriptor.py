"""handler.yaml: what it may say, and what is said of inputs that break its rules."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from handler import InvalidDescriptor, InvalidInput, execute
from handler.access_rules import ROLES
from handler.calendar_api.connecting import OWNERS_SCOPES
from handler.descriptor import DESCRIPTOR, SCHEMA, Form, load
from handler.documents import rules_of

INFO = {"client_id": "id", "client_secret": "secret", "refresh_token": "token"}
PARAMETERS = {
    "calendar_name": "Example Calendar",
    "scope": "user",
    "recipient": "a@acme.com",
    "calendar_access": "reader",
}


@pytest.fixture
def changed(tmp_path):
    """Return a function that writes handler.yaml with a change and gives its path."""

    def write(change):
        document = yaml.safe_load(DESCRIPTOR.read_text(encoding="utf-8"))
        change(document)
        path = tmp_path / "handler.yaml"
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    return write


def leaf(document, *keys):
    """Walk down a document."""
    for key in keys:
        document = document[key]
    return document


def test_our_own_descriptor_is_right():
    """handler.yaml keeps its schema."""
    assert rules_of(SCHEMA).problems(yaml.safe_load(DESCRIPTOR.read_text(encoding="utf-8"))) == []


def test_editors_find_the_schema():
    """The first line names the schema file for editors, and the file is there."""
    line = DESCRIPTOR.read_text(encoding="utf-8").splitlines()[0]
    match = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", line)
    assert match is not None
    assert DESCRIPTOR.parent / match[1] == SCHEMA


def test_the_scopes_that_errors_name_are_the_declared_ones():
    """An error names as missing just the OAuth scopes that handler.yaml asks for."""
    assert {entry["scope"] for entry in load().document["oauth_scopes"]} == set(OWNERS_SCOPES)


def test_roles_are_compared_in_the_order_of_the_menu():
    """The menu lists every role, the weakest first, and a guard rail can be set to each but none."""
    parameters, info = load().parameters.fields, load().info.fields
    assert tuple(choice["const"] for choice in parameters["calendar_access"]["oneOf"]) == ROLES
    assert tuple(choice["const"] for choice in info["highest_access"]["oneOf"]) == ROLES[1:]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (text, choice["const"])
        for choice in load().parameters.fields["calendar_access"]["oneOf"]
        for text in (choice["title"], *choice.get("x-hints", ()))
    ],
)
def test_what_others_call_a_role_is_refused_with_the_role_that_is_meant(text, meant):
    """Google's own words, and those of other programs, are no aliases: the message asks whether a role was meant."""
    for spelling in (text, text.upper()):
        problem = load().parameters.read({"calendar_access": spelling})[1]["calendar_access"]
        assert problem.endswith(f"; did you mean {meant}?")


def test_a_word_for_no_role_is_given_no_hint():
    """Where nothing is known the menu is enough."""
    problem = load().parameters.read({"calendar_access": "boss"})[1]["calendar_access"]
    assert problem.endswith("writer, owner")


MISTAKES = {
    "unknown key": (lambda d: d.update(titel="x"), "unknown key titel"),
    "missing key": (lambda d: d.pop("results"), "missing results"),
    "wrong type": (lambda d: d.update(version="1"), "version: must be of the type integer"),
    "misspelt keyword in a field": (
        lambda d: leaf(d, "info", "properties", "client_id").update(maxLenght=3),
        "info.properties.client_id: has the unknown key maxLenght",
    ),
    "misspelt keyword in a menu": (
        lambda d: leaf(d, "parameters", "properties", "scope", "oneOf", 0).update(alias="x"),
        "unknown key alias",
    ),
    "misspelt keyword in a rule": (
        lambda d: leaf(d, "parameters", "allOf", 0, "then").update(requierd=["scope"]),
        "unknown key requierd",
    ),
    "misspelt keyword in an inner rule": (
        lambda d: leaf(d, "parameters", "allOf", 1, "then", "properties", "recipient").update(patern="x"),
        "unknown key patern",
    ),
    "rule for no field": (
        lambda d: leaf(d, "parameters", "allOf", 0, "then").update(required=["scop"]),
        "a rule names scop",
    ),
    "condition on no field": (
        lambda d: leaf(d, "parameters", "allOf", 3, "if").update(dependentRequired={"recipent": ["scope"]}),
        "a rule names recipent",
    ),
    "default outside the menu": (
        lambda d: leaf(d, "parameters", "properties", "scope").update(default="public"),
        "scope.default: is not in the menu",
    ),
    "menu that may be left out and has no default": (
        lambda d: leaf(d, "parameters", "properties", "dry_run").pop("default"),
        "parameters.properties.dry_run: is a menu without a default; name one of its values, or list it in required",
    ),
    "menu of info without a default": (
        lambda d: leaf(d, "info", "properties", "highest_access").pop("default"),
        "info.properties.highest_access: is a menu without a default",
    ),
    "no regular expression": (
        lambda d: leaf(d, "info", "properties", "client_id").update(pattern="("),
        "breaks the rule format",
    ),
    "value twice in a menu": (
        lambda d: leaf(d, "parameters", "properties", "scope", "oneOf", 1).update(const="Default"),
        "parameters.properties.scope.oneOf: 'default' stands there twice",
    ),
    "alias that is another value": (
        lambda d: leaf(d, "parameters", "properties", "scope", "oneOf", 0).update({"x-aliases": ["USER"]}),
        "parameters.properties.scope.oneOf: 'user' stands there twice",
    ),
    "info value and parameter": (
        lambda d: leaf(d, "info", "properties").update(scope=leaf(d, "parameters", "properties", "scope")),
        "scope: is declared both",
    ),
    "result twice": (
        lambda d: leaf(d, "results").append(leaf(d, "results", 0)),
        "results: calendar_id is declared twice",
    ),
    "rule about no field": (
        lambda d: leaf(d, "parameters", "allOf", 0, "then").update(dependentRequired={"scope": ["recipient"]}),
        "unknown key dependentRequired",
    ),
    "no attempt": (lambda d: leaf(d, "retry").update(attempts=0), "retry.attempts: breaks the rule minimum"),
}


@pytest.mark.parametrize(("change", "problem"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_a_descriptor_is_found(changed, change, problem):
    """A handler.yaml with a mistake is refused, and the mistake is named."""
    with pytest.raises(InvalidDescriptor) as caught:
        load(changed(change))
    assert caught.value.code == "invalid_descriptor"
    assert problem in caught.value.message


def test_a_missing_descriptor_is_an_error_of_the_descriptor(tmp_path):
    """A handler without its handler.yaml says so."""
    with pytest.raises(InvalidDescriptor, match=r"nowhere\.yaml"):
        load(tmp_path / "nowhere.yaml")


def test_a_descriptor_that_lets_a_needed_value_be_left_out(monkeypatch, changed):
    """A handler.yaml that does not require what the step rests on is told as such, before any request."""
    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", "127.0.0.1:1")
    path = changed(lambda d: leaf(d, "parameters", "required").remove("calendar_name"))
    monkeypatch.setattr("handler.task.load", lambda: load(path))
    with pytest.raises(InvalidDescriptor, match="calendar_name"):
        execute(INFO, {key: value for key, value in PARAMETERS.items() if key != "calendar_name"})


def test_a_missing_schema_is_an_error_of_the_descriptor(monkeypatch, changed, tmp_path):
    """A handler that lost the schema beside its code says which file it is."""
    monkeypatch.setattr("handler.descriptor.SCHEMA", tmp_path / "descriptor.schema.json")
    with pytest.raises(InvalidDescriptor, match=r"descriptor\.schema\.json: is missing"):
        load(changed(lambda _: None))


def test_an_invalid_descriptor_is_raised_even_as_error_message(monkeypatch, changed):
    """A wrong handler.yaml is raised whatever Error Handling says."""
    path = changed(lambda document: document.pop("retry"))
    monkeypatch.setattr("handler.task.load", lambda: load(path))
    with pytest.raises(InvalidDescriptor):
        execute(INFO, {**PARAMETERS, "error_handling": "Error Message"})


def test_every_keyword_of_our_schemas_is_known():
    """No schema of ours holds a misspelt keyword, which JSON Schema would ignore."""
    known = {
        "$schema", "$id", "$defs", "$ref", "title", "description", "type", "additionalProperties", "required",
        "properties", "items", "minItems", "uniqueItems", "minProperties", "maxProperties", "propertyNames", "const",
        "enum", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "minLength", "default",
    }  # fmt: skip

    def keywords(schema):
        if not isinstance(schema, dict):
            return
        yield from schema
        for key in ("properties", "$defs"):
            for inner in schema.get(key, {}).values():
                yield from keywords(inner)
        for key in ("items", "additionalProperties", "propertyNames"):
            yield from keywords(schema.get(key))

    for path in SCHEMA.parent.glob("*.schema.json"):
        assert set(keywords(json.loads(path.read_text(encoding="utf-8")))) <= known


@pytest.mark.parametrize("values", [None, [], "text", 5], ids=repr)
def test_both_mappings_are_checked_at_once(values):
    """Neither info nor parameters may be anything but a mapping, and both are told."""
    with pytest.raises(InvalidInput) as caught:
        execute(values, values)
    assert caught.value.details["fields"].keys() == {"info", "parameters"}


def test_problems_of_info_and_parameters_come_together():
    """One error has a line for each wrong field of both mappings."""
    with pytest.raises(InvalidInput) as caught:
        execute({**INFO, "client_id": ""}, {**PARAMETERS, "scope": "users", "dry_run": 3})
    assert caught.value.details["fields"].keys() == {"client_id", "scope", "dry_run"}
    assert len(caught.value.message.splitlines()) == 3


def test_a_field_in_the_wrong_mapping_is_told_for_both():
    """What is missing in info and unknown in the parameters is one line that says both."""
    info = {key: value for key, value in INFO.items() if key != "client_id"}
    with pytest.raises(InvalidInput, match=r"client_id: is missing.*; in the parameters it is unknown"):
        execute(info, {**PARAMETERS, "client_id": "id"})


@pytest.mark.parametrize("attempts", [0, -1, True, "2", 1.5], ids=repr)
def test_attempts_must_be_a_count(attempts):
    """A number of attempts that is none is refused like any other input."""
    with pytest.raises(InvalidInput, match="attempts: must be a whole number"):
        execute(INFO, PARAMETERS, attempts=attempts)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Client Secret", "Client Secret: is unknown; did you mean client_secret"), ("GOCSPX-123", "(a name not shown)")],
    ids=["a label", "perhaps a value"],
)
def test_an_unknown_info_key_is_shown_only_if_it_looks_like_a_name(name, shown):
    """A secret that stands where a name should is not shown."""
    _, wrong = load().info.read({**INFO, name: "x"})
    assert shown in "; ".join(f"{key}: {problem}" for key, problem in wrong.items())


@given(
    st.dictionaries(st.text(), st.text() | st.none() | st.booleans() | st.integers()),
    st.sampled_from(["info", "parameters"]),
)
def test_whatever_comes_in_the_answer_is_a_list_of_problems(values, form):
    """Reading any mapping gives values and problems, and no exception."""
    read: Form = getattr(load(), form)
    found, wrong = read.read(values)
    assert all(isinstance(value, str) for value in found.values())
    assert all("\n" not in problem for problem in wrong.values())


def test_a_rule_without_words_of_its_own_is_named():
    """A rule that says nothing itself is told by its keyword, and the value is quoted."""
    field = {"type": "string", "title": "A", "description": "A.", "pattern": "^x"}
    form = Form("parameters", {"properties": {"a": field}}, secret=False)
    assert form.read({"a": "y"})[1] == {"a": "'y' breaks the rule pattern of handler.yaml"}


@given(st.text(min_size=1))
def test_no_value_of_info_is_quoted(text):
    """What is said of a wrong info value does not depend on the value's text."""
    secret = f"{text}-CANARY"
    for field in INFO:
        _, wrong = load().info.read({**INFO, field: f"\x01{secret}" + "x" * 5000})
        assert "CANARY" not in " ".join(wrong.values())


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("client_id", "https://1234-abc.apps.googleusercontent.com", "has a scheme"),
        ("client_id", "GOCSPX-CANARY", "is a client secret"),
        ("client_id", "jane@acme.com", "is an e-mail address"),
        ("client_secret", "1234-canary.apps.googleusercontent.com", "is a client id"),
        ("client_id", "123456789012", "is a project's number"),
        ("client_id", "client_id: canary", "begins with the name of the value"),
        ("client_secret", "GOOGLE_CLIENT_SECRET=canary", "begins with the name of the value"),
        ("client_secret", "https://canary.example", "is an address"),
        ("refresh_token", "refresh_token=1//0canary", "begins with the name of the value"),
        ("client_secret", "1//CANARY", "is a refresh token"),
        ("client_secret", "GOCSPX-CAN ARY", "holds a blank"),
        ("client_secret", "\u201cCANARY\u201d", "has a quote at an end"),
        ("refresh_token", "4/0CANARY", "is an authorization code"),
        ("refresh_token", "4%2F0CANARY", "is an authorization code"),
        ("refresh_token", "ya29.CANARY", "is an access token"),
        ("refresh_token", "1%2F%2F0CANARY", "is written for a URL"),
        ("refresh_token", '"1//0CANARY"', "has a quote at an end"),
        ("refresh_token", "1//0CAN\u200bARY", "U+200B"),
        ("refresh_token", "***", "is masked"),
        ("refresh_token", "xxxx", "is masked"),
        ("refresh_token", "<your CANARY>", "is a placeholder"),
        ("refresh_token", "${CANARY}", "is a placeholder"),
        ("refresh_token", "{{ CANARY }}", "is a placeholder"),
        ("refresh_token", "YOUR_CANARY", "is a placeholder"),
        ("refresh_token", "Bearer CANARY", "is an access token"),
        ("client_secret", "bearer CANARY", "is a token, a code or an API key"),
        ("client_id", "Bearer CANARY", "is a token, a code or a key"),
        ("refresh_token", '{"refresh_token": "1//0CANARY"}', "is JSON, of which one value is meant"),
        ("client_secret", '["CANARY"]', "is JSON, of which one value is meant"),
        ("refresh_token", "-----BEGIN PRIVATE KEY-----CANARY", "is a private key or a certificate"),
        ("client_secret", "export GOOGLE_CLIENT_SECRET=CANARY", "begins with the name of the value"),
        ("refresh_token", "refresh-token: CANARY", "begins with the name of the value"),
        ("client_secret", "1/CANARY", "is a refresh token"),
        ("client_secret", "1%2f%2f0CANARY", "is a refresh token"),
        ("client_id", "1/CANARY", "is a token, a code or a key"),
        ("client_secret", "canary@acme.com", "is an e-mail address"),
        ("refresh_token", "canary@acme.iam.gserviceaccount.com", "is an e-mail address"),
        ("refresh_token", "1//0CANARY,", "has a comma, a semicolon, a colon or a line feed"),
        ("client_secret", "CANARY\\n", "has a comma, a semicolon, a colon or a line feed"),
        ("client_secret", "GOCSPX-\u2022\u2022\u2022\u2022", "is masked"),
        ("client_secret", "[REDACTED]", "is masked"),
        ("client_secret", "--------", "is masked"),
        ("client_secret", "xxxx-xxxx", "is masked"),
        ("client_id", "your-client-id", "is a placeholder"),
        ("client_id", "1234-xxxxxxxxxx.apps.googleusercontent.com", "is masked"),
        ("client_secret", "YourClientSecret", "is a placeholder"),
        ("client_secret", "INSERT-SECRET-HERE", "is a placeholder"),
        ("client_secret", "change-me", "is a placeholder"),
        ("client_secret", "REPLACE_ME", "is a placeholder"),
        ("client_secret", "client_secret", "is a placeholder"),
        ("refresh_token", "(canary)", "is a placeholder"),
        ("refresh_token", "__CANARY__", "is a placeholder"),
        ("refresh_token", "process.env.CANARY", "is a placeholder"),
        ("refresh_token", "vault:CANARY", "is a placeholder"),
    ],
)
def test_what_can_be_no_credential_is_said_to_be_what_it_is(name, value, says):
    """A credential that Google cannot have made is refused before any request, and not quoted."""
    _, wrong = load().info.read({**INFO, name: value})
    assert says in wrong[name]
    assert "canary" not in wrong[name].lower()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", "407408718192.apps.googleusercontent.com"),
        ("client_id", "123456789012-a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6.apps.googleusercontent.com"),
        ("client_id", "emulator-client"),
        ("client_secret", "GOCSPX-__aB-3xXxXyY--zZ_0123456789"),
        ("client_secret", "_aB-cD3fGh1jKlMnOpQrStUv"),
        ("client_secret", "eyJaB-cD3fGh1jKlMnOpQrSt"),
        ("client_secret", "notasecret"),
        ("refresh_token", "1//0gAb-cD_eFxxxXYZ"),
        ("refresh_token", "1/fFAGRNJru1FTz70BzhT3Zg"),
        ("refresh_token", "emulator-refresh-token"),
        ("refresh_token", "some.plain~token+/="),
    ],
)
def test_what_google_makes_or_another_may_is_taken(name, value):
    """No rule refuses a form that Google has or had, the emulator's values, or a plain token of any other kind."""
    assert name not in load().info.read({**INFO, name: value})[1]


SEEN = {"user": "jane@acme.com", "group": "jane@acme.com", "domain": "acme.com"}
LISTED = {
    "may_act_as": "acme.com, jane@acme.com",
    "may_add_to_lists_of": "jane@acme.com",
    "allowed_domains": "acme.com",
}
HIDDEN = "\u200b\u00ad\u2060\ue000\U000f0000\u0378\ufe0f\U000e0101\ufffc\ufffd\u3164\u00a0\u202e\ufeff"


@pytest.mark.parametrize("hidden", HIDDEN, ids=ascii)
def test_what_is_not_seen_in_an_address_is_told_wherever_one_is_given(hidden):
    """Recipients, users to act as and guard rails hold nothing invisible or private; character and place are named."""
    told = f"U+{ord(hidden):04X}"
    for scope, value in SEEN.items():
        row = {"calendar_name": "Team", "scope": scope, "calendar_access": "reader"}
        assert told in load().rows.read({**row, "recipient": value[:2] + hidden + value[2:]})[1]["recipient"]
    assert told in load().rows.read({**row, "act_as": f"ja{hidden}ne@acme.com"})[1]["act_as"]
    for name, value in {**LISTED, "act_as_by_default": "jane@acme.com"}.items():
        assert told in load().info.read({"service_account": "x", name: value[:2] + hidden + value[2:]})[1][name]


@pytest.mark.parametrize("mark", "\"'`|\u00a6\u00ab\u00b4\u2018\u201d\u2032\uff02\uff5c", ids=ascii)
def test_a_quote_or_a_bar_at_an_end_of_an_address_is_told_wherever_one_is_given(mark):
    """What copying left around a recipient, a user or an entry of a guard rail is named."""
    told = "has a quote or a bar at an end"
    row = {"calendar_name": "Team", "calendar_access": "reader"}
    for around in ("{0}{1}", "{1}{0}", "{0}{1}{0}"):
        for scope, value in SEEN.items():
            given = {**row, "scope": scope, "recipient": around.format(mark, value)}
            assert told in load().rows.read(given)[1]["recipient"]
        given = {**row, "scope": "default", "act_as": around.format(mark, "jane@acme.com")}
        assert told in load().rows.read(given)[1]["act_as"]
        for name, value in {**LISTED, "act_as_by_default": "jane@acme.com"}.items():
            assert told in load().info.read({"service_account": "x", name: around.format(mark, value)})[1][name]


@pytest.mark.parametrize("name", LISTED)
@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("@acme.com", "'@acme.com'"), ("a.com; b.com", "'a.com; b.com'"), ("a.com b.com", "'a.com b.com'"),
        ("", "empty"),
        ("*.acme.com", "'*.acme.com'"), ("'acme.com'", '"\'acme.com\'"'), ("acme", "'acme'"),
        ("GOCSPX-CANARY-0123456789abcdef", "too long to be shown"),
    ],
)  # fmt: skip
def test_the_wrong_entry_of_a_long_list_is_named(name, entry, told):
    """Guard rails are no secrets: the entry is quoted with its number, unless it may be a secret in the wrong place."""
    entries = [f"d{number}.acme.com" for number in range(1, 51)]
    entries[29] = entry
    problem = load().info.read({"service_account": "x", name: ", ".join(entries)})[1][name]
    assert f": entry 30 is {told}" in problem
    assert "CANARY" not in problem
    assert "d29" not in problem


@pytest.mark.parametrize("word", ["act_as", "actAs", "subject", "impersonate", "GOOGLE_ACT_AS", "delegated_user"])
def test_what_others_call_the_user_to_act_as_is_no_guard_rail(word):
    """A hint wins over a name that only looks alike: whom to act as never becomes who may be acted as."""
    assert load().info.read({"service_account": "x", word: "a@b.com"})[1][word] == (
        "is unknown; did you mean act_as_by_default"
    )


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("service_account_file", "GOOGLE_SERVICE_ACCOUNT_FILE=key.json"),
        ("keyFilePath", "GOOGLE_SERVICE_ACCOUNT_FILE=key.json"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT_FILE=key.json"),
        ("client_secret_file", "GOOGLE_CLIENT_SECRET_FILE"),
    ],
)  # fmt: skip
def test_the_name_of_a_file_is_no_info_value(word, says):
    """Whoever gives a file's name is told that an info value is what the file holds, and of the variable for a name."""
    problem = load().info.read({word: "key.json"})[1][word]
    assert "takes what" in problem
    assert "did you mean" not in problem
    assert says in problem


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"installed": {"client_secret": "CANARY"}}, "authorize with --client"),
        ({"web": {"client_secret": "CANARY"}}, "authorize with --client"),
        ({"type": "service_account", "private_key": "CANARY"}, "as the value service_account"),
        ({"type": "external_account", "audience": "CANARY"}, "not supported yet"),
        ({"type": "authorized_user", **INFO}, "keep client_id, client_secret and refresh_token"),
        ({"token": "CANARY", "token_uri": "x", **INFO}, "keep client_id, client_secret and refresh_token"),
        ({"access_token": "CANARY", "refresh_token": "CANARY"}, "keep refresh_token"),
    ],
)
def test_files_of_google_s_are_told_from_info_values(other, says):
    """What Google's console and libraries write is called what it is, with what to do, and nothing of it is shown."""
    _, wrong = load().info.read(other)
    assert list(wrong) == ["info"]
    assert says in wrong["info"]
    assert "CANARY" not in wrong["info"]


@pytest.mark.parametrize(
    ("word", "field"),
    [
        ("scope.value", "recipient"), ("emailAddress", "recipient"), ("E-Mail", "recipient"), ("grantee", "recipient"),
        ("role", "calendar_access"), ("calendarId", "calendar_name"), ("scope.type", "scope"), ("type", "scope"),
    ],
)  # fmt: skip
def test_the_words_of_others_hint_at_a_field(word, field):
    """A field that GAM and Google call otherwise is asked for by our name."""
    assert load().rows.read({word: "x"})[1][word] == f"is unknown; did you mean {field}"


def test_fields_that_have_no_place_in_a_row_are_not_offered():
    """The known names are those that a row may have."""
    assert "error_handling" not in load().rows.read({"zzz": "x"})[1]["zzz"]


def test_a_list_is_answered_with_how_the_value_is_written():
    """A list in place of text is told with an example of the text."""
    problem = load().info.read({**INFO, "allowed_domains": ["acme.com"]})[1]["allowed_domains"]
    assert problem == "is of the type list, but must be text, such as 'acme.com, sales.acme.com'"
