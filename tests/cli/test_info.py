"""Where the command line takes info values from, and that none of them is ever shown."""

from __future__ import annotations

import json
import re

import pytest

from handler.testing.emulator import ACCOUNT

from ..support.command_line import command

SHARE = ("share", "--calendar", "Example Calendar", "--scope", "default", "--access", "reader")
VARIABLES = ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "GOOGLE_REFRESH_TOKEN")
OTHERS = ("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_ACT_AS")
SECRET = "nobody-may-see-this"


@pytest.fixture(autouse=True)
def emulator(monkeypatch, emulate):
    """Begin without any info value, and with an emulator to share on."""
    for variable in (*VARIABLES, *OTHERS):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(f"{variable}_FILE", raising=False)
    return emulate()


@pytest.fixture
def account_file(tmp_path):
    """Return a function that writes an info file."""

    def write(text, mode=0o600):
        path = tmp_path / "account.yaml"
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [json.dumps(ACCOUNT), "\n".join(f"{name}: {value}" for name, value in ACCOUNT.items())],
    ids=["json", "yaml"],
)
def test_a_file_holds_the_info_values(text, account_file):
    """--info takes YAML and JSON, and a file that is private causes no warning."""
    status, _, errors = command(*SHARE, "--info", account_file(text))
    assert (status, errors) == (0, "")


@pytest.mark.parametrize("verb", [SHARE, ("check",), ("bulk", "rows.csv")], ids=lambda verb: verb[0])
def test_what_authorize_keeps_in_a_file_disturbs_no_verb(verb, account_file, tmp_path, monkeypatch):
    """The account and the end of its token, dates that YAML need not quote, are no info values and no mistake."""
    notes = "_account: me@example.com\n_refresh_token_ends: 2001-01-22T07:59:59Z\n"
    text = notes + "\n".join(f"{name}: {value}" for name, value in ACCOUNT.items())
    rows = "calendar_name,scope,recipient,calendar_access\nExample Calendar,user,jane@acme.com,reader\n"
    (tmp_path / "rows.csv").write_text(rows, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    status, output, errors = command(*verb, "--info", account_file(text))
    assert status == 0, output + errors


def test_the_environment_holds_the_info_values(monkeypatch):
    """Without --info each value is taken from its variable."""
    for variable, value in zip(VARIABLES, ACCOUNT.values(), strict=True):
        monkeypatch.setenv(variable, value)
    status, _, errors = command(*SHARE)
    assert (status, errors) == (0, "")


def test_the_environment_names_files_that_hold_the_info_values(monkeypatch, tmp_path):
    """Each variable has a twin that names a file, whose last line may end; an empty variable is not set."""
    for variable, value in zip(VARIABLES, ACCOUNT.values(), strict=True):
        file = tmp_path / variable
        file.write_text(f"{value}\r\n", encoding="utf-8")
        file.chmod(0o600)
        monkeypatch.setenv(f"{variable}_FILE", str(file))
        monkeypatch.setenv(variable, "")
    status, _, errors = command(*SHARE)
    assert (status, errors) == (0, "")


def test_debug_logging_shows_the_stages(account_file):
    """With Enable Debug Logging in the info file, each stage is a line on stderr, without a secret."""
    status, _, errors = command(*SHARE, "--info", account_file(json.dumps({**ACCOUNT, "enable_debug_logging": "Yes"})))
    assert status == 0
    assert "default has none and is to have reader" in errors
    assert not any(ACCOUNT[name] in errors for name in ("client_secret", "refresh_token"))


def test_nothing_given_is_answered_with_where_to_give_it():
    """Whoever gives no account is told of --info and of each variable."""
    status, _, errors = command(*SHARE)
    assert status == 2
    assert "--info" in errors
    for variable in VARIABLES:
        assert f"{variable}, or {variable}_FILE" in errors


def test_only_what_is_missing_is_asked_for(monkeypatch):
    """A variable that is set is not complained about."""
    monkeypatch.setenv("GOOGLE_CLIENT_ID", "x")
    errors = command(*SHARE)[2]
    assert "GOOGLE_CLIENT_ID" not in errors
    assert "GOOGLE_CLIENT_SECRET" in errors


def test_a_value_from_two_places_is_refused(monkeypatch):
    """A variable and its twin together are a mistake, and both are named."""
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET_FILE", f"/{SECRET}")
    status, _, errors = command(*SHARE)
    assert status == 2
    assert "both GOOGLE_CLIENT_SECRET and GOOGLE_CLIENT_SECRET_FILE are set" in errors
    assert SECRET not in errors


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: {file}: No such file"),
        ("a directory", "cannot be read: {file}: Is a directory"),
        (b"\xff" + SECRET.encode(), "is not UTF-8 text: {file}"),
        (SECRET.encode("utf-16"), "is not UTF-8 text: {file}"),
        (b" \n", "is empty: {file}"),
    ],
    ids=["absent", "a directory", "binary", "UTF-16", "empty"],
)
@pytest.mark.parametrize("rails", ["", "may_act_as: acme.com\nallow_public: No\n"], ids=["alone", "beside rails"])
@pytest.mark.parametrize("name", ["refresh_token", "service_account"])
def test_all_that_is_said_of_a_variable_whose_file_cannot_be_read_is_that(
    name, rails, content, says, monkeypatch, tmp_path, account_file
):
    """The variable and its file are named, nothing that they would have given is missed, and no content is shown."""
    file = tmp_path / "value"
    if content == "a directory":
        file.mkdir()
    elif content:
        file.write_bytes(content)
    monkeypatch.setenv(f"GOOGLE_{name.upper()}_FILE", str(file))
    status, _, errors = command(*SHARE, *(("--info", account_file(rails)) if rails else ()))
    assert status == 2
    told = f"{name}: GOOGLE_{name.upper()}_FILE names a file that {says.format(file=file)}"
    assert (
        [line for line in errors.splitlines() if "GOOGLE" in line or "needs" in line]
        == [line for line in errors.splitlines() if told in line]
        != []
    )
    assert SECRET not in errors


@pytest.mark.parametrize("value", [f"1//{SECRET}", SECRET, f'{{"private_key": "{SECRET}"}}', "x" * 5000 + SECRET])
def test_a_secret_in_place_of_a_file_s_name_is_not_shown(value, monkeypatch):
    """What looks like no name of a file may be the secret itself."""
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_FILE", value)
    errors = command(*SHARE)[2]
    assert "GOOGLE_SERVICE_ACCOUNT_FILE names a file that cannot be read" in errors
    assert SECRET not in errors


@pytest.mark.parametrize("variable", ["GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_FILE"])
@pytest.mark.parametrize("rails", ["may_act_as: acme.com", "act_as_by_default: ann@acme.com", "allow_public: No"])
def test_an_empty_variable_of_a_service_account_is_named(rails, variable, monkeypatch, account_file):
    """Where a service account was meant, no refresh token is asked for, and the variable is said to be empty."""
    monkeypatch.setenv(variable, "")
    status, _, errors = command(*SHARE, "--info", account_file(rails))
    assert status == 2
    assert f"service_account: is missing (its variable {variable} is set, but empty)" in errors
    assert "client_id" not in errors
    assert "needs a service account" not in errors


def test_a_file_of_a_variable_that_others_can_read_is_warned_about(monkeypatch, tmp_path):
    """A secret's file is held to what an info file is; whom to act as and the client's id are no secrets."""
    for variable, value in zip(VARIABLES, ACCOUNT.values(), strict=True):
        file = tmp_path / variable
        file.write_text(value, encoding="utf-8")
        file.chmod(0o600 if variable == "GOOGLE_REFRESH_TOKEN" else 0o644)
        monkeypatch.setenv(f"{variable}_FILE", str(file))
    status, _, errors = command(*SHARE)
    file = tmp_path / "GOOGLE_CLIENT_SECRET"
    assert (status, errors) == (0, f"warning: {file} can be read by other users; chmod 600 keeps it private\n")


@pytest.mark.parametrize(
    "text",
    [
        f"client_secret: [{SECRET}",
        f"- {SECRET}",
        f"{SECRET}",
        f"client_secret: {{{SECRET}: 1}}",
        f"{SECRET}: x",
        f"client_secret: !x {SECRET}",
        f"client_secret: {SECRET}\nclient_secret: {SECRET}",
    ],
    ids=["broken", "a list", "a text", "nested", "as a key", "with a tag", "twice"],
)
@pytest.mark.parametrize("form", ["text", "json", "xml"])
def test_a_wrong_file_is_refused_without_its_content(text, form, account_file):
    """Whatever is wrong with an info file, what it holds is never shown."""
    status, out, errors = command(*SHARE, "--format", form, "--info", account_file(text))
    assert status == 2
    assert "invalid_input" in errors
    assert SECRET not in out + errors


def test_a_file_that_is_not_there_is_named(tmp_path):
    """A misspelt --info is said with the name of the file."""
    status, _, errors = command(*SHARE, "--info", tmp_path / "nothing.yaml")
    assert status == 2
    assert "nothing.yaml: No such file" in errors


@pytest.mark.parametrize("mode", [0o640, 0o604], ids=oct)
def test_a_file_that_others_can_read_is_warned_about(mode, account_file):
    """Secrets that other users can read are worth a line, and the step goes on."""
    file = account_file(json.dumps(ACCOUNT), mode)
    status, _, errors = command(*SHARE, "--info", file)
    assert (status, errors) == (0, f"warning: {file} can be read by other users; chmod 600 keeps it private\n")


def test_where_files_have_no_modes_nobody_is_warned(account_file, monkeypatch):
    """On Windows the mode says nothing about who may read a file."""
    monkeypatch.setattr("handler.cli.environment.HAS_MODES", False)
    assert command(*SHARE, "--info", account_file(json.dumps(ACCOUNT), 0o644))[2] == ""


def test_credentials_that_are_refused_are_not_shown(monkeypatch):
    """What Google does not accept is said without the values."""
    for variable in VARIABLES:
        monkeypatch.setenv(variable, SECRET)
    status, out, errors = command(*SHARE)
    assert status == 1
    assert "code: authorization_failed" in errors
    assert SECRET not in out + errors


@pytest.mark.parametrize("text", [f"- {SECRET}", SECRET, f"GOOGLE_CLIENT_SECRET={SECRET}"])
def test_a_file_of_another_form_is_told_the_form(text, account_file):
    """A list, a text or a .env file is answered with what an info file looks like."""
    errors = command(*SHARE, "--info", account_file(text))[2]
    assert "account.yaml: line 1: is no mapping; write client_id, client_secret and refresh_token" in errors
    assert SECRET not in errors


@pytest.mark.parametrize("text", ["", "# nothing yet\n"], ids=["empty", "a comment"])
def test_an_empty_file_is_told_both_that_it_may_hold(text, account_file):
    """An account is not all that may stand in an info file: guard rails alone are enough beside the environment."""
    errors = command(*SHARE, "--info", account_file(text))[2]
    assert "account.yaml: is empty; write client_id, client_secret and refresh_token" in errors
    assert "or guard rails alone, beside an account in the environment" in errors


@pytest.mark.parametrize(
    "text",
    [
        "client_id: x\nclient_secret = {}\nrefresh_token: y\n",
        "client_id: x\nclient_secret={}",
        "# me\nclient_id = {}\n",
    ],
)
def test_an_equals_sign_is_told_with_its_line(text, account_file):
    """NAME = VALUE among lines of YAML is named, whatever the parser trips over."""
    errors = command(*SHARE, "--info", account_file(text.format(SECRET)))[2]
    assert "; line 2 has an = where a colon and a blank have to be" in errors
    assert SECRET not in errors


@pytest.mark.parametrize("head", ["service_account: |", "allow_public: No\nservice_account: >-", "service_account:"])
def test_a_key_that_is_not_indented_below_its_name_is_told_so(head, account_file, emulator):
    """The lines of a key's file, pasted as they are, are answered with how they have to stand."""
    key = json.dumps(json.loads(emulator.service_account_key()), indent=2)
    errors = command(*SHARE, "--info", account_file(f"{head}\n{key}\n"))[2]
    assert "each line of the key's file has to be indented" in errors
    assert "PRIVATE KEY" not in errors


@pytest.mark.parametrize(
    "text",
    [
        f"[google]\nclient_secret = {SECRET}\n", f'{{"client_id": "x"\n"client_secret": "{SECRET}"}}',
        f"client_id: x\nclient_secret:{SECRET}\nrefresh_token: y\n", f'{{"client_secret": "{SECRET}',
    ],
    ids=["INI", "a comma missing", "a blank missing", "cut"],
)  # fmt: skip
def test_a_file_that_is_damaged_is_told_the_form(text, account_file):
    """What is neither YAML nor JSON is answered with the place, and with what an info file looks like."""
    errors = command(*SHARE, "--info", account_file(text))[2]
    assert re.search(r"account.yaml: line \d, column \d+: not well-formed YAML; write client_id, client_secret", errors)
    assert SECRET not in errors


def test_a_file_in_utf_16_is_read(account_file):
    """What an editor of Windows calls Unicode is text too, if its mark says so."""
    file = account_file("")
    file.write_bytes(json.dumps(ACCOUNT).encode("utf-16"))
    assert command(*SHARE, "--info", file)[0] == 0


def test_names_in_another_spelling_are_told(account_file):
    """A key that is a name here but for its hyphens or capitals is no secret, and is shown with what is meant."""
    errors = command(*SHARE, "--info", account_file(json.dumps({"client-secret": SECRET, "refreshToken": SECRET})))[2]
    assert "client-secret: is unknown; did you mean client_secret" in errors
    assert "refreshToken: is unknown; did you mean refresh_token" in errors
    assert SECRET not in errors


def test_the_file_of_an_oauth_client_is_told_from_an_info_file(account_file):
    """Whoever gives the client's JSON is told of authorize, with the file's name."""
    errors = command(*SHARE, "--info", account_file(json.dumps({"installed": {"client_secret": SECRET}})))[2]
    assert "account.yaml: is the JSON file of an OAuth client" in errors
    assert SECRET not in errors


@pytest.mark.parametrize("blank", ["", "client_secret: ''\nrefresh_token:\n"], ids=["left out", "blank"])
def test_the_file_and_the_environment_complement_one_another(blank, monkeypatch, account_file, emulator):
    """Guard rails stand in the file, secrets in the environment, and both are heeded; blank means not given."""
    for variable, value in zip(VARIABLES, ACCOUNT.values(), strict=True):
        monkeypatch.setenv(variable, value)
    file = account_file(f"{blank}highest_access: freeBusyReader\nenable_debug_logging: Yes\n")
    status, _, errors = command(*SHARE, "--info", file)
    assert (status, emulator.calls) == (1, [])
    assert "policy_refused" in errors
    allowed = [*SHARE[:-1], "freeBusyReader", "--info", file]
    assert command(*allowed)[0] == 0


def test_a_service_account_of_the_environment_is_held_to_the_guard_rails_of_a_file(
    monkeypatch, account_file, emulator, tmp_path
):
    """The key's file is named by a variable, and whom it may act as stands in the info file."""
    key = tmp_path / "key.json"
    key.write_text(emulator.service_account_key(), encoding="utf-8")
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_FILE", str(key))
    monkeypatch.setenv("GOOGLE_ACT_AS", "ann@acme.com")
    share = ["share", "--calendar", "Team Calendar", "--scope", "default", "--access", "reader"]
    rails = account_file("may_act_as: bob@acme.com\n")
    assert command(*share, "--info", rails)[0] == 0
    errors = command(*share, "--info", rails, "--act-as", "jane@acme.com")[2]
    assert "policy_refused" in errors


@pytest.mark.parametrize("suffix", ["", "_FILE"])
def test_a_value_in_the_file_and_in_the_environment_is_refused(suffix, monkeypatch, account_file, tmp_path, emulator):
    """Neither silently wins: the file and the variable are both named, and the value is not."""
    (tmp_path / "value").write_text(SECRET, encoding="utf-8")
    monkeypatch.setenv(f"GOOGLE_REFRESH_TOKEN{suffix}", str(tmp_path / "value") if suffix else SECRET)
    file = account_file(json.dumps(ACCOUNT))
    status, _, errors = command(*SHARE, "--info", file)
    assert (status, emulator.calls) == (2, [])
    assert f"refresh_token: stands in {file} and in GOOGLE_REFRESH_TOKEN{suffix}; leave it out of one of them" in errors
    assert SECRET not in errors


def test_two_ways_to_sign_in_from_two_places_are_told_with_both(monkeypatch, account_file):
    """A token of the environment beside a key of the file, and the other way round, name the variable to unset."""
    monkeypatch.setenv("GOOGLE_REFRESH_TOKEN", SECRET)
    file = account_file(json.dumps({"service_account": SECRET}))
    status, _, errors = command(*SHARE, "--info", file)
    assert status == 2
    assert f"refresh_token: stands in GOOGLE_REFRESH_TOKEN beside service_account in {file}" in errors
    monkeypatch.delenv("GOOGLE_REFRESH_TOKEN")
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", SECRET)
    file = account_file(json.dumps(ACCOUNT))
    status, _, errors = command(*SHARE, "--info", file)
    assert status == 2
    assert f"refresh_token: stands in {file} beside service_account in GOOGLE_SERVICE_ACCOUNT" in errors
    assert SECRET not in errors


def test_a_user_to_act_as_without_a_service_account_is_told_with_the_variable(monkeypatch, account_file):
    """A variable that is left over from another account is named, as the file says nothing of it."""
    monkeypatch.setenv("GOOGLE_ACT_AS", "ann@acme.com")
    errors = command(*SHARE, "--info", account_file(json.dumps(ACCOUNT)))[2]
    assert "act_as_by_default: stands in GOOGLE_ACT_AS, and needs a service account" in errors


def test_a_file_of_guard_rails_alone_is_told_where_the_account_can_be_given(account_file):
    """Whoever gives guard rails and no account is told of the file and of each variable."""
    file = account_file("allow_public: No\n")
    status, _, errors = command(*SHARE, "--info", file)
    assert status == 2
    for name, variable in zip(ACCOUNT, VARIABLES, strict=True):
        assert f"{name}: is missing; give it in {file}, or set {variable}, or {variable}_FILE" in errors


def test_the_key_of_a_service_account_is_told_how_to_be_given(account_file, emulator):
    """Whoever gives the key's file as the info file is told of the variable and of the field."""
    file = account_file(emulator.service_account_key())
    errors = command(*SHARE, "--info", file)[2]
    assert "account.yaml: is the key of a service account itself" in errors
    assert f"GOOGLE_SERVICE_ACCOUNT_FILE={file} " in errors
    assert "service_account: |" in errors
    assert "PRIVATE KEY" not in errors


def test_a_key_that_was_not_indented_as_text_is_told_how(account_file, emulator):
    """A key that YAML or JSON reads as a mapping is refused, with how it becomes text."""
    info = json.dumps(
        {"service_account": json.loads(emulator.service_account_key()), "act_as_by_default": "a@acme.com"}
    )
    errors = command(*SHARE, "--info", account_file(info))[2]
    assert "service_account: is a mapping, and has to be the text of the key's file" in errors
    assert "service_account: |" in errors
    assert "GOOGLE_SERVICE_ACCOUNT_FILE=key.json" in errors
    assert "PRIVATE KEY" not in errors


def test_a_key_as_an_indented_text_is_taken(account_file, emulator):
    """The key's file, its lines indented below `service_account: |`, signs in."""
    lines = "".join(f"  {line}\n" for line in emulator.service_account_key().splitlines())
    file = account_file(f"service_account: |\n{lines}act_as_by_default: ann@acme.com\n")
    share = ("share", "--calendar", "Team Calendar", "--scope", "default", "--access", "reader")
    assert command(*share, "--info", file)[::2] == (0, "")
