"""The emulator held to Google's own description of the API, and to Google's own client."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from handler.testing.emulator import ACCOUNT, METHODS, Emulator
from handler.testing.emulator.calendar_routes import ROUTES
from handler.testing.emulator.parameters import EVERYWHERE, read_query
from handler.testing.emulator.partial import FIELDS
from handler.testing.emulator.state import ROLES
from handler.testing.emulator.unplayed import ROUTES as UNPLAYED_ROUTES

if TYPE_CHECKING:
    from collections.abc import Iterator

DISCOVERY = json.loads(
    files("googleapiclient").joinpath("discovery_cache/documents/calendar.v3.json").read_text(encoding="utf-8")
)
METHOD = {
    method["id"].removeprefix("calendar."): method
    for resource in DISCOVERY["resources"].values()
    for method in resource["methods"].values()
}
EXAMPLE = "example@group.calendar.google.com"
JANE = {"type": "user", "value": "jane@acme.com"}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Provide an emulator with small pages."""
    with Emulator({"page_size": 2, "rules": {EXAMPLE: {}}}) as running:
        yield running


@pytest.fixture
def google(emulator: Emulator) -> Iterator[Any]:
    """Provide Google's client, pointed at the emulator and otherwise as it comes."""
    credentials = Credentials(None, token_uri=f"http://{emulator.host}/token", **ACCOUNT)
    endpoint = {"api_endpoint": f"http://{emulator.host}/calendar/v3/"}
    with build("calendar", "v3", credentials=credentials, client_options=endpoint) as service:
        yield service


def test_every_method_of_the_api_is_one_of_googles() -> None:
    """Beside the two of sign-in, each method that the emulator knows exists."""
    assert [name for name in METHODS if name not in METHOD] == ["oauth2.token", "oauth2.auth"]


def test_every_method_of_google_s_is_played_or_said_not_to_be() -> None:
    """No method of the API is answered as if Google had none, and each is there once."""
    served = [route for route in (*ROUTES, *UNPLAYED_ROUTES) if route.method_id in METHOD]
    assert sorted(route.method_id for route in served) == sorted(METHOD)
    for route in served:
        method = METHOD[route.method_id]
        assert (route.http_method, route.path) == (method["httpMethod"], method["path"])


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.method_id)
def test_a_route_is_as_google_describes_it(route: Any) -> None:
    """HTTP method, path, query parameters and OAuth scopes are Google's."""
    method = METHOD[route.method_id]
    parameters = method["parameters"].items()
    assert (route.http_method, route.path) == (method["httpMethod"], method["path"])
    assert route.prefix == f"/{DISCOVERY['servicePath']}"
    assert set(route.query) == {name for name, said in parameters if said["location"] == "query"}
    assert set(route.scopes) == set(method["scopes"])


def test_global_parameters_and_defaults_are_googles() -> None:
    """What every method takes is complete; the roles of a list are those of its menu."""
    assert set(EVERYWHERE) == set(DISCOVERY["parameters"])
    assert read_query(["maxResults", "sendNotifications", "showHidden", "showDeleted"], {}) == {
        "maxResults": 100,
        "sendNotifications": True,
        "showHidden": False,
        "showDeleted": False,
    }
    menu = METHOD["calendarList.list"]["parameters"]["minAccessRole"]["enum"]
    assert sorted(menu) == sorted(ROLES[1:])


def described(mask: Any, schema: dict[str, Any]) -> None:
    """Hold the fields that a mask may name to a schema, as deep as they go."""
    assert set(mask) == set(schema["properties"])
    for name, below in mask.items():
        inner = schema["properties"][name]
        inner = inner.get("items", inner)
        if below is not None:
            described(below, DISCOVERY["schemas"][inner["$ref"]] if "$ref" in inner else inner)


@pytest.mark.parametrize("name", FIELDS)
def test_a_mask_may_name_what_the_schema_has(name: str) -> None:
    """The fields of each schema are complete and none is invented."""
    described(FIELDS[name], DISCOVERY["schemas"][name])


def conforms(value: dict[str, Any], schema: dict[str, Any]) -> None:
    """Hold an answer to its schema: no unknown key, right types, right kind."""
    types = {"string": str, "boolean": bool, "object": dict, "array": list}
    known = schema["properties"]
    assert set(value) <= set(known)
    for name, part in value.items():
        assert "$ref" in known[name] or isinstance(part, types[known[name]["type"]])
        if name == "kind":
            assert part == known[name]["default"]
        if name == "scope":
            conforms(part, known[name])
        if name == "items":
            for item in part:
                conforms(item, DISCOVERY["schemas"][known[name]["items"]["$ref"]])


def test_google_s_client_goes_a_full_round(emulator: Emulator, google: Any) -> None:
    """Refresh, list with pages, insert, get, update, patch, list, delete: all is answered as described."""
    lists, rules, schemas = google.calendarList(), google.acl(), DISCOVERY["schemas"]
    found: list[str] = []
    asked = lists.list()
    while asked is not None:
        page = asked.execute()
        conforms(page, schemas["CalendarList"])
        found += [item["id"] for item in page["items"]]
        asked = lists.list_next(asked, page)
    assert found == [EXAMPLE, "owner@example.com", "holidays@group.calendar.google.com"]
    conforms(lists.get(calendarId="primary").execute(), schemas["CalendarListEntry"])

    one = {"calendarId": EXAMPLE, "ruleId": "user:jane@acme.com"}
    rule = rules.insert(calendarId=EXAMPLE, body={"role": "reader", "scope": JANE}, sendNotifications=False).execute()
    assert rule == rules.get(**one).execute()
    conforms(rule, schemas["AclRule"])
    rule = rules.update(**one, body={**rule, "role": "writer"}).execute()
    assert (rule["role"], rule["scope"]) == ("writer", JANE)
    assert rules.patch(**one, body={"role": "owner"}).execute()["role"] == "owner"
    page = rules.list(calendarId=EXAMPLE).execute()
    conforms(page, schemas["Acl"])
    assert [item["id"] for item in page["items"]] == ["user:owner@example.com", f"user:{EXAMPLE}"]
    page = rules.list_next(rules.list(calendarId=EXAMPLE), page).execute()
    assert [item["id"] for item in page["items"]] == ["user:jane@acme.com"]
    assert not rules.delete(**one).execute()

    assert emulator.rules() == {EXAMPLE: {}}
    assert emulator.mails == ["user:jane@acme.com"] * 2
    assert emulator.calls == [
        "oauth2.token",
        "calendarList.list",
        "calendarList.list",
        "calendarList.get",
        "acl.insert",
        "acl.get",
        "acl.update",
        "acl.patch",
        "acl.list",
        "acl.list",
        "acl.delete",
    ]


def test_google_s_client_reads_the_reason_of_an_error(google: Any) -> None:
    """What the emulator refuses is an HttpError with Google's words."""
    asked = google.acl().insert(calendarId=EXAMPLE, body={"role": "reader", "scope": {"type": "user"}})
    with pytest.raises(HttpError) as caught:
        asked.execute()
    assert (caught.value.status_code, caught.value.reason) == (400, "Invalid scope value.")


def test_google_s_client_may_send_a_very_long_get(emulator: Emulator, google: Any) -> None:
    """A mask that is too long for a URL travels as a POST and is understood."""
    mask = ",".join(["items(id,summary)"] * 200)
    assert set(google.calendarList().list(fields=mask).execute()) == {"items"}
    assert emulator.calls == ["oauth2.token", "calendarList.list"]
