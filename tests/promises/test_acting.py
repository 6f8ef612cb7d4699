"""Nobody gets a service account to act as somebody whom the administrator has not allowed, whichever way they come."""

from __future__ import annotations

import ast
import json

import pytest

from handler import HandlerError, check, execute, execute_many
from handler.descriptor import DESCRIPTOR
from handler.engines.attempt import attempt, one_step, shielded
from handler.engines.kinetic.bridge import answer
from handler.session import Session

from ..support.command_line import command
from ..support.kinetic import document

HANDLER = DESCRIPTOR.parent / "handler"
RECTOR = "rector@uni.edu"
STEP = {"calendar_name": "Team Calendar", "scope": "user", "recipient": "jane@uni.edu", "calendar_access": "reader"}
ROLES = [{"calendar_access": "none"}, {"calendar_access": "reader"}, {"calendar_access": "reader", "dry_run": "Yes"}]
UNI = {
    "users": {RECTOR: {"calendars": [
        {"id": RECTOR, "summary": RECTOR, "primary": True},
        {"id": "senate@group.calendar.google.com", "summary": "Team Calendar"},
    ]}, "ann@uni.edu": {}, "jane@uni.edu": {}},
}  # fmt: skip
ALLOWS = {
    "nothing": {},
    "another user": {"may_act_as": "ann@uni.edu"},
    "a domain above": {"may_act_as": "edu.uni, notuni.edu"},
    "lists alone": {"may_add_to_lists_of": f"uni.edu, {RECTOR}"},
    "a default user": {"act_as_by_default": "ann@uni.edu", "may_add_to_lists_of": "uni.edu"},
}
"""Info values that do not allow acting as the rector."""


def by_execute(info, params, _):
    """Return the code by the library."""
    return code_of(lambda: execute(info, params))


def by_error_message(info, params, _):
    """Return the code by the library, from the results."""
    return execute(info, {**params, "error_handling": "Error Message"})["handler_error_code"]


def by_rows(info, params, _):
    """Return the code by the library, of many steps."""
    return code_of(lambda: first_of(execute_many(info, [params, {**params, "recipient": "joe@uni.edu"}])))


def by_an_engine(info, params, _):
    """Return the code as Temporal and Celery get it."""
    return code_of(lambda: attempt({"default": info}.__getitem__, None, params))


def by_an_engine_with_a_step(info, params, _):
    """Return the code as Airflow's operator of one step gets it."""
    return code_of(lambda: shielded(lambda: info, lambda found: one_step(found, params)))


def by_an_engine_with_rows(info, params, _):
    """Return the code as Airflow's operator of rows gets it."""
    return code_of(lambda: first_of(shielded(lambda: info, lambda found: execute_many(found, [params], attempts=1))))


def by_kinetic(info, params, _):
    """Return the code by the documents of Kinetic Task."""
    kind, text = answer(document(info, params).encode())
    return text.partition(":")[0] if kind == "error" else ""


def by_check(info, params, _):
    """Return the code of a check, raised or found."""
    return code_of(lambda: found_by(check(info, params["calendar_name"], act_as=params["act_as"])))


def by_the_command_check(info, params, tmp_path):
    """Return the code of the verb check, raised or found."""
    words = ("--calendar", params["calendar_name"], "--act-as", params["act_as"], "--info", file_of(info, tmp_path))
    _, findings, errors = command("check", "--format", "json", *words)
    if not findings:
        return json.loads(errors.splitlines()[-1])["error"]["code"]
    return code_of(lambda: found_by(json.loads(findings)))


def by_the_command_share(info, params, tmp_path):
    """Return the code by the verb share."""
    options = {"calendar": "calendar_name", "scope": "scope", "recipient": "recipient", "access": "calendar_access"}
    words = [word for option, name in options.items() for word in (f"--{option}", params[name])]
    words += ["--dry-run"] if params.get("dry_run") == "Yes" else []
    return by_command("share", *words, "--act-as", params["act_as"], "--info", file_of(info, tmp_path))


def by_the_command_bulk(info, params, tmp_path):
    """Return the code by the verb bulk."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps(params), encoding="utf-8")
    status, outcomes, errors = command("bulk", rows, "--format", "json", "--info", file_of(info, tmp_path))
    found = json.loads(errors.splitlines()[-1]) if not outcomes else json.loads(outcomes)
    return found.get("error", {}).get("code", "") if status else ""


def by_the_command_run(info, params, tmp_path):
    """Return the code by the verb run, which plays a file on an emulator of its own."""
    file = tmp_path / "case.yaml"
    info = {**info, "service_account": "{{service_account_key}}"}
    case = {"what": "A step.", "info": info, "parameters": params, "google": UNI, "expect": {"results": {}}}
    file.write_text(json.dumps(case), encoding="utf-8")
    (played,) = json.loads(command("run", file, "--format", "json")[1])
    assert not [call for call in played["calls"] if call.startswith("acl.")]
    return played["got"].get("error", {}).get("code", "")


WAYS = [value for name, value in dict(globals()).items() if name.startswith("by_")]


def first_of(outcomes):
    """Return the first results; raises HandlerError for an error in their place."""
    error = outcomes[0].get("error")
    if error:
        raise HandlerError(error["code"], error["message"])
    return outcomes[0]["results"]


def found_by(findings):
    """Do nothing if a check has found no problem; raises HandlerError for the first one."""
    for problem in findings["problems"]:
        raise HandlerError(problem["code"], problem["message"])


def by_command(*words):
    """Return the code of the error that a command ends with."""
    status, _, errors = command(*words, "--format", "json")
    return json.loads(errors.splitlines()[-1])["error"]["code"] if status else ""


def code_of(do):
    """Return the code of the error that something raises, "" if it raises none."""
    try:
        do()
    except HandlerError as error:
        return error.code
    return ""


def file_of(info, tmp_path):
    """Return a file with these info values."""
    file = tmp_path / "info.json"
    file.write_text(json.dumps(info), encoding="utf-8")
    file.chmod(0o600)
    return file


@pytest.fixture
def uni(emulate):
    """Provide an emulator whose service account could act as anybody: Google limits nothing."""
    return emulate(UNI)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("allows", ALLOWS.values(), ids=ALLOWS)
def test_nobody_else_is_acted_as(uni, tmp_path, way, allows):
    """Whatever is asked for in the name of a user who is not allowed is refused, before any request."""
    info = {"service_account": uni.service_account_key(), **allows}
    for more in ROLES:
        assert way(info, {**STEP, **more, "act_as": RECTOR}, tmp_path) == "policy_refused"
    assert uni.calls == []


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("calendar", ["primary", "PRIMARY", RECTOR, RECTOR.upper(), "ann@uni.edu"])
def test_a_domain_covers_no_primary_calendar(uni, tmp_path, way, calendar):
    """Allowed by the domain, a step shares a user's other calendars, and no person's primary one."""
    info = {"service_account": uni.service_account_key(), "may_act_as": "uni.edu"}
    for more in ROLES:
        step = {**STEP, **more, "act_as": RECTOR, "calendar_name": calendar}
        assert way(info, step, tmp_path) == "policy_refused"
    assert not [call for call in uni.calls if call.startswith("acl.")]
    assert not uni.rules().get(RECTOR)


@pytest.mark.parametrize("way", [way for way in WAYS if way is not by_the_command_run], ids=lambda way: way.__name__)
def test_a_domain_covers_other_calendars(uni, tmp_path, way):
    """Allowed by the domain, a step shares a calendar that is nobody's primary one."""
    info = {"service_account": uni.service_account_key(), "may_act_as": "uni.edu"}
    assert way(info, {**STEP, "act_as": RECTOR}, tmp_path) == ""
    wrote = way not in (by_check, by_the_command_check)
    assert ("user:jane@uni.edu" in uni.rules().get("senate@group.calendar.google.com", {})) is wrote


def test_no_session_begins_as_somebody_else(uni):
    """What makes tokens refuses by itself, whoever asks and whatever was checked before."""
    info = {"service_account": uni.service_account_key(), "may_add_to_lists_of": "acme.com"}
    session = Session(info, act_as=RECTOR)
    assert code_of(lambda: session.connection) == "policy_refused"
    assert code_of(lambda: session.list_of(RECTOR)) == "policy_refused"
    assert uni.calls == []


def test_delegated_connections_are_made_in_one_place():
    """Nothing but a session makes a connection, so that nothing passes the guard rails by."""
    makers = {"connect", "connect_once", "connecting"}
    users = {
        path.relative_to(HANDLER).as_posix()
        for path in HANDLER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and makers & {*(node.module or "").split("."), *(alias.name for alias in node.names)}
    }
    assert users == {"calendar_api/__init__.py", "session.py"}
