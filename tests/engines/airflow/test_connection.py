"""What Airflow knows of the connection: its type, its form, and the test behind the button."""

from __future__ import annotations

import json

import pytest
from airflow.models.connection import Connection
from airflow.providers_manager import ProvidersManager
from airflow.sdk.exceptions import AirflowNotFoundException

from handler import __version__
from handler.descriptor import load
from handler.engines.airflow_hook import StepHook
from handler.engines.airflow_provider import get_provider_info
from handler.testing.emulator import ACCOUNT

from .conftest import CANARIES, CONNECTION

DOCUMENT = load().document
ID = DOCUMENT["id"]
DISTRIBUTION = "google-apps-calendar-share"


@pytest.fixture
def press(monkeypatch):
    """Return a function that presses the button for a connection with these info values, as Airflow's API does."""

    def pressed(info):
        connection = Connection(conn_id="pressed", conn_type=ID, extra=json.dumps(info))
        monkeypatch.setenv("AIRFLOW_CONN_PRESSED", connection.get_uri())
        return connection.test_connection()

    return pressed


def test_the_provider_is_registered():
    """Airflow finds the installed handler, its release and its hook."""
    manager = ProvidersManager()
    assert manager.providers[DISTRIBUTION].version == __version__
    hook = manager.hooks[ID]
    assert hook.hook_class_name == "google_apps_calendar_share_v1.handler.engines.airflow_hook.StepHook"
    assert (hook.package_name, hook.hook_name, hook.connection_testable) == (DISTRIBUTION, DOCUMENT["name"], True)
    assert hook.connection_id_attribute_name == "gcal_conn_id"


def test_the_form_has_a_field_for_each_info_value():
    """The page of connections asks for what handler.yaml declares, in its order and words, and hides what is secret."""
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    form = next(meta for meta in HookMetaService.hook_meta_data() if meta.connection_type == ID)
    fields = DOCUMENT["info"]["properties"]
    assert form.hook_name == DOCUMENT["name"]
    assert list(form.extra_fields) == list(fields)
    for name, field in fields.items():
        shown = form.extra_fields[name]
        schema = shown["schema"]
        assert (schema["title"], shown["description"]) == (field["title"], field["description"])
        secret = "multiline" if field.get("x-multiline") else "password"
        assert schema.get("format") == (secret if field.get("writeOnly") else None)
        assert schema.get("enum") == ([choice["const"] for choice in field["oneOf"]] if "oneOf" in field else None)
        assert shown["value"] == field.get("default")
        assert ("null" in schema["type"]) is (name not in DOCUMENT["info"]["required"])
    assert all(form.standard_fields.model_dump()[name]["hidden"] for name in ("host", "port", "login", "password"))


def test_another_handler_needs_no_change_here(monkeypatch):
    """A sibling with another handler.yaml has a provider and a form of its own."""
    field = {"title": "Pin", "description": "A number.", "writeOnly": True}
    document = {**DOCUMENT, "id": "google_apps_calendar_unshare", "name": "Unshare"}
    info = type("Info", (), {"fields": {"pin": field}, "schema": {}})
    monkeypatch.setattr(
        "handler.engines.airflow_provider.load", lambda: type("Sibling", (), {"document": document, "info": info})
    )
    (kind,) = get_provider_info()["connection-types"]
    assert get_provider_info()["package-name"] == "google-apps-calendar-unshare"
    assert (kind["connection-type"], kind["hook-name"]) == ("google_apps_calendar_unshare", "Unshare")
    assert kind["conn-fields"]["pin"]["schema"]["format"] == "password"


def test_a_good_connection_says_whose_it_is(emulate, press):
    """The button is green, and says which account signs in and how many calendars it owns."""
    emulator = emulate()
    assert press(ACCOUNT) == (True, "owner@example.com signs in, and owns 2 calendars")
    assert emulator.calls == ["oauth2.token", "calendarList.list"]


def test_blank_fields_of_the_form_are_not_given(emulate, press):
    """What the form leaves empty counts as left out."""
    emulate()
    assert press({**ACCOUNT, "allowed_domains": "", "highest_access": None})[0]


@pytest.mark.parametrize(
    ("info", "says"),
    [
        ({"client_id": "x"}, "client_secret: is missing. Secret of the OAuth client.\nrefresh_token: is missing."),
        ({**ACCOUNT, "refresh_tokn": "x"}, "refresh_tokn: is unknown; did you mean refresh_token"),
        ({**ACCOUNT, "allowed_domains": "@acme"}, "allowed_domains: this value is not a list of domain names"),
        ({**ACCOUNT, "refresh_token": "1//CANARY"}, "Get a new refresh token"),
    ],
    ids=["missing", "unknown", "wrong", "refused by Google"],
)
def test_a_bad_connection_says_what_to_do(emulate, press, info, says):
    """The button is red, and its text names the field or the remedy, and no secret."""
    emulate()
    status, text = press(info)
    assert not status
    assert says in text
    assert "CANARY" not in text


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ("CANARY", "is no JSON object; write the info values by their ids, such as"),
        ('["CANARY"]', "is no JSON object"),
        ('"CANARY"', "is no JSON object"),
        ('{"client_secret": "CANARY",}', "is no JSON object"),
        ("client_secret: CANARY", "is no JSON object"),
        ("[" * 100_000, "is no JSON object"),
        ('{"installed": {"client_secret": "CANARY"}}', "is the JSON file of an OAuth client"),
        ('{"type": "service_account", "private_key": "CANARY"}', "is the key of a service account itself"),
        ('{"token": "CANARY", "token_uri": "x"}', "keep client_id, client_secret and refresh_token of it"),
    ],
    ids=["text", "list", "JSON text", "broken", "YAML", "deep", "client", "key", "token.json"],
)
def test_an_extra_that_holds_something_else_is_named(monkeypatch, extra, says):
    """Connection and field are named, with what to put there; what stands there is not shown."""
    monkeypatch.setattr(StepHook, "get_connection", lambda *_: type("Connection", (), {"extra": extra}))
    status, text = StepHook("acme").test_connection()
    assert not status
    assert text.startswith("connection acme, field Extra: ")
    assert says in text
    assert "CANARY" not in text


def test_what_nobody_foresaw_shows_a_class_name_alone(monkeypatch, connect, caplog):
    """Airflow shows the text of any exception on its page: it gets none."""

    def broken(info, **_):
        raise LookupError(*info.values())

    connect(CANARIES)
    monkeypatch.setattr("handler.engines.airflow_hook.check", broken)
    assert StepHook().test_connection() == (False, "LookupError; the log has more")
    assert "LookupError: ('1d.apps.example.com', '***', '***')" in caplog.text
    assert "CANARY" not in caplog.text


def test_the_hook_tells_airflow_what_to_mask(monkeypatch, connect):
    """Values that handler.yaml calls secret are made known to Airflow's own masker, whatever they are called."""
    masked = []
    monkeypatch.setattr("handler.engines.airflow_hook.mask_secret", masked.append)
    connect(CANARIES)
    assert StepHook().get_conn() == CANARIES
    assert masked == [CANARIES["client_secret"], CANARIES["refresh_token"]]


@pytest.mark.parametrize("form", ["as pasted", "its line feeds escaped", "in one line"])
def test_a_key_is_masked_by_line(emulate, monkeypatch, connect, form):
    """Of a service account's key Airflow masks the whole and each line, as a traceback may show one."""
    masked = []
    monkeypatch.setattr("handler.engines.airflow_hook.mask_secret", masked.append)
    key = emulate().service_account_key()
    pasted = {
        "as pasted": key,
        "its line feeds escaped": key.replace("\n", "\\n"),
        "in one line": key.replace("\n", ""),
    }
    connect({"service_account": pasted[form]})
    StepHook().get_conn()
    assert pasted[form].strip() in masked
    assert {line for line in json.loads(key)["private_key"].split("\n")[1:-2] if len(line) > 20} <= set(masked)


def test_a_service_account_says_whose_calendars_it_shares(emulate, press):
    """The button is green for a key of many lines, and red for a user whom nobody may act as, without the key."""
    info = {"service_account": emulate().service_account_key(), "act_as_by_default": "ann@acme.com"}
    assert press(info) == (True, "ann@acme.com signs in, and owns 2 calendars")
    status, text = press({**info, "act_as_by_default": "nobody@acme.com"})
    assert not status
    assert "nobody@acme.com" in text
    assert "PRIVATE KEY" not in text


def test_a_connection_that_is_not_there():
    """Airflow's own exception names it."""
    with pytest.raises(AirflowNotFoundException, match=CONNECTION):
        StepHook().test_connection()
