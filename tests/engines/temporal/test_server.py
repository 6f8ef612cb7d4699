"""The step on the real server: outcomes, retries, heartbeats, cancellation, and what its records hold."""

from __future__ import annotations

import base64
import contextvars
import json
import threading
from datetime import timedelta
from urllib.parse import quote

import pytest
from temporalio import activity
from temporalio.client import ActivityFailureError, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from examples.temporal_workflows import ShareMany, ShareThatEnds
from handler import execute
from handler.calendar_api.credentials import RefreshToken
from handler.calendar_api.tokens import account_of
from handler.engines.attempt import attempt
from handler.testing.cases import outcome_differences, read_case

from .conftest import JANE, ROOT, begin, do, happens, start, working

AT_ONCE = RetryPolicy(initial_interval=timedelta(milliseconds=1), maximum_attempts=4)
CANARIES = {
    "client_id": "CANARY-1d.apps.example.com",
    "client_secret": "CANARY-S3CR3T/+",
    "refresh_token": "1//CANARY-R3FR35H",
}
CASES = [
    "examples/share_with_a_user",
    "examples/remove_access",
    "examples/see_what_would_change",
    "examples/refuse_wrong_input",
    "examples/get_the_error_as_a_result",
    "examples/try_again_after_a_failure",
    "cases/calendars/title_xml_hostile",
    "cases/calendars/title_emoji",
    "cases/errors/own_access_on_insert",
    "cases/retry/503_four_times_on_insert",
]


async def failure(environment, queue, parameters, **options):
    """Do a step that fails, and give the error that the engine has of it."""
    with pytest.raises(ActivityFailureError) as caught:
        await do(environment, queue, parameters, **options)
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


@pytest.mark.parametrize("name", CASES)
async def test_a_case_ends_as_its_file_expects(server, emulate, name):
    """With the engine's retries a case has the outcome that the handler's own would have had."""
    case = read_case(ROOT / "fixtures" / f"{name}.yaml")
    emulator = emulate(case.google)
    async with working(server, {"default": case.info}.__getitem__) as queue:
        if "error" in case.expect:
            error = await failure(server, queue, case.parameters, retry_policy=AT_ONCE)
            outcome = {"error": error.details[0]}
        else:
            outcome = {"results": await do(server, queue, case.parameters, retry_policy=AT_ONCE)}
    assert outcome_differences(case.expect, outcome) == []
    assert emulator.mails == case.after.get("mails", [])
    assert emulator.rules() == case.after.get("rules", emulator.rules())


async def test_what_cannot_pass_is_not_tried_again(server, emulate):
    """A permanent error ends the step at the first attempt, whatever the policy allows."""
    emulator = emulate({"faults": [{"method": "acl.insert", "fault": "error", "status": 403, "reason": "forbidden"}]})
    async with working(server) as queue:
        error = await failure(server, queue, JANE, retry_policy=AT_ONCE)
    assert (error.type, error.non_retryable) == ("not_calendar_owner", True)
    assert emulator.calls.count("acl.insert") == 1


async def test_retry_after_is_honoured(skipping, emulate):
    """An engine that would try again at once waits for as long as Google has asked it to."""
    limit = {"method": "acl.get", "fault": "error", "status": 429, "reason": "rateLimitExceeded", "retry_after": 1234}
    emulate({"faults": [limit]})
    async with working(skipping) as queue:
        workflow = await start(skipping, queue, ShareMany, {"shares": [JANE]})
        assert await workflow.result() == {"created": 1, "failed": []}
        events = [event async for event in workflow.fetch_history_events()]
    assert (events[-1].event_time.ToDatetime() - events[0].event_time.ToDatetime()) >= timedelta(seconds=1234)


async def test_retry_after_is_what_the_real_server_waits_for(server, emulate):
    """The real server puts the next attempt off by exactly what Google has asked for."""
    limit = {"method": "acl.get", "fault": "error", "status": 429, "reason": "rateLimitExceeded", "retry_after": 3600}
    emulator = emulate({"faults": [limit]})
    async with working(server) as queue:
        handle = await begin(server, queue, JANE)
        while (await handle.describe()).current_retry_interval is None:
            assert emulator.calls.count("acl.get") <= 1
        found = await handle.describe()
        await handle.terminate()
    assert found.current_retry_interval == timedelta(seconds=3600)


async def test_an_error_as_result_is_none_as_long_as_it_may_pass(server, emulate):
    """With Error Message the engine still tries again what may pass, and the step then passes."""
    emulator = emulate({"faults": [{"method": "acl.get", "fault": "error", "status": 503}]})
    async with working(server) as queue:
        results = await do(server, queue, {**JANE, "error_handling": "Error Message"}, retry_policy=AT_ONCE)
    assert (results["change"], results["handler_error_code"]) == ("created", "")
    assert emulator.calls.count("acl.get") == 2


async def test_a_step_may_take_longer_than_the_engine_waits_for_a_heartbeat(server, held):
    """A worker that is alive says so: the step is not given to another one meanwhile."""
    async with working(server) as queue:
        handle = await begin(server, queue, JANE, heartbeat_timeout=timedelta(seconds=1))
        await happens(held.written)
        found = await handle.describe()
        while not (beat := found.last_heartbeat_time) or beat - found.last_started_time < timedelta(seconds=1):
            found = await handle.describe()
        held.go_on.set()
        assert (await handle.result())["change"] == "created"
    assert found.attempt == 1
    assert held.calls.count("acl.insert") == 1


async def test_a_cancellation_does_not_cut_a_write_in_half(server, held, monkeypatch):
    """A worker that hears of a cancellation while Google writes hears Google out, and the step ends as done."""

    def listening(*arguments):
        def heard():
            activity.wait_for_cancelled_sync(25)
            held.go_on.set()

        threading.Thread(target=contextvars.copy_context().run, args=(heard,)).start()
        results = attempt(*arguments)
        assert activity.is_cancelled()
        return results

    monkeypatch.setattr("handler.engines.temporal_activity.attempt", listening)
    async with working(server) as queue:
        handle = await begin(server, queue, JANE, heartbeat_timeout=timedelta(seconds=1))
        await happens(held.written)
        await handle.cancel()
        assert (await handle.result())["change"] == "created"
    assert held.mails == ["user:jane@acme.com"]


def forms(secret):
    """Yield every form in which a secret could stand in a record, also inside longer encoded text."""
    raw = secret.encode()
    yield from (raw, quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode())
    for lead in range(3):  # base64 of it depends on how many bytes stand before it, modulo 3
        whole = base64.b64encode(bytes(lead) + raw)
        yield whole[4 if lead else 0 : len(whole) - 4]


def test_the_search_for_secrets_finds_them():
    """A secret is found as it is, in an address, in JSON, and wherever it stands in base64."""
    secret = CANARIES["client_secret"]
    for text in (secret, quote(secret, safe=""), json.dumps({"a": secret})):
        assert any(form in text.encode() for form in forms(secret))
    for lead in range(4):
        assert any(form in base64.b64encode(b"x" * lead + secret.encode() + b"tail") for form in forms(secret))


async def test_no_record_of_the_engine_holds_a_secret(server, database, emulate, monkeypatch, caplog):
    """Neither history nor anything else that the server keeps, nor the log, has an info value or an access token."""
    steps = {
        "done": JANE,
        "refused": {**JANE, "recipient": "nobody"},
        "not found": {**JANE, "calendar_name": "Nothing"},
        "unknown connection": {**JANE, "connection": "acme"},
        "broken": {**JANE, "recipient": "broken@acme.com"},
    }
    emulator = emulate({"account": CANARIES})
    monkeypatch.setattr("handler.engines.attempt.execute", broken_at_first())
    async with working(server, {"default": {**CANARIES, "enable_debug_logging": "Yes"}}.__getitem__) as queue:
        many = await start(server, queue, ShareMany, {"shares": list(steps.values())})
        assert len((await many.result())["failed"]) == 3
        ends = await start(
            server, queue, ShareThatEnds, {"share": {**JANE, "calendar_access": "owner"}, "until": "2999-01-01T00:00Z"}
        )
        while emulator.calls.count("acl.update") == 0:
            await ends.describe()
        history = b"".join([event.SerializeToString() async for event in many.fetch_history_events()])
        history += b"".join([event.SerializeToString() async for event in ends.fetch_history_events()])
        await ends.cancel()
        with pytest.raises(WorkflowFailureError):
            await ends.result()
        await failure(server, queue, steps["not found"])
    token = account_of(RefreshToken(f"http://{emulator.host}/token", CANARIES))._token
    kept = b"".join(file.read_bytes() for file in database.parent.glob(f"{database.name}*"))
    for secret in (*CANARIES.values(), token):
        for record in (history, kept, caplog.text.encode()):
            assert not [form for form in forms(secret) if form in record]
    for record in (history, kept):
        assert b"jane@acme.com" in record
        assert b"LookupError; the worker's log has more" in record
    assert "LookupError: *** sent ***" in caplog.text


async def test_no_record_of_the_engine_holds_a_piece_of_a_key(server, database, emulate, monkeypatch, caplog):
    """History, database and log have nothing of a service account's key, whatever breaks; nobody else is acted as."""
    emulator = emulate()
    key = emulator.service_account_key()
    info = {"service_account": key, "act_as_by_default": "ann@acme.com", "enable_debug_logging": "Yes"}
    step = {**JANE, "calendar_name": "Team Calendar"}

    def broken(info, *_, **__):
        raise LookupError(info["service_account"], json.loads(info["service_account"])["private_key"])

    async with working(server, {"default": info, "cut": {**info, "service_account": key[:900]}}.__getitem__) as queue:
        assert (await do(server, queue, step))["acted_as"] == "ann@acme.com"
        before = len(emulator.calls)
        for role in ("none", "reader"):
            other = {**step, "calendar_access": role, "act_as": "bob@acme.com"}
            assert (await failure(server, queue, other)).type == "policy_refused"
        assert (await failure(server, queue, {**step, "connection": "cut"})).type == "invalid_input"
        assert len(emulator.calls) == before
        monkeypatch.setattr("handler.engines.attempt.execute", broken)
        await failure(server, queue, step, retry_policy=RetryPolicy(maximum_attempts=1))
    kept = b"".join(file.read_bytes() for file in database.parent.glob(f"{database.name}*"))
    for line in json.loads(key)["private_key"].split("\n")[1:-2]:
        for record in (kept, caplog.text.encode()):
            assert not [form for form in forms(line[:20]) if form in record]
    assert b"policy_refused" in kept
    assert "LookupError" in caplog.text


def broken_at_first():
    """Return what does steps, but fails once for a recipient, with a secret in the text and in the cause."""
    left = ["broken@acme.com"]

    def step(info, parameters, **options):
        if parameters["recipient"] not in left:
            return execute(info, parameters, **options)
        left.clear()
        try:
            raise KeyError(info["refresh_token"])
        except KeyError as error:
            raise LookupError(f"{info['refresh_token']} sent {info['client_secret']}") from error

    return step
