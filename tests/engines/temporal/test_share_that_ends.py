"""A share that ends: what was there before is back after the date, unless somebody has decided otherwise."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone

import pytest
from temporalio.api.enums.v1 import EventType, PendingActivityState
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError

from examples.temporal_workflows import ShareThatEnds
from handler.testing.emulator import ACCOUNT

from ...support.killing import Kills
from .conftest import GROUP, JANE, happens, start, working

RULE = "user:jane@acme.com"
ELSEWHERE = "holidays@group.calendar.google.com"
LIMITED = {"method": "acl.get", "fault": "error", "status": 429, "reason": "rateLimitExceeded", "retry_after": 3600}


def meanwhile(role, calendar=GROUP):
    """Return a fault: somebody else sets the rule when it is read. Elsewhere it changes nothing that matters here."""
    return {"method": "acl.get", "fault": "meanwhile", "calendar": calendar, "rule": RULE, "role": role}


async def order_of(environment, share, **later):
    """Return an order for a share that ends so much later, by the server's clock."""
    until = await environment.get_current_time() + timedelta(**(later or {"days": 30}))
    return {"share": share, "until": until.isoformat()}


async def ended(environment, share, info_of=None):
    """Let a share end, and give the workflow's result."""
    async with working(environment, info_of) as queue:
        return await (await start(environment, queue, ShareThatEnds, await order_of(environment, share))).result()


@pytest.mark.parametrize(
    ("before", "given"),
    [("none", "reader"), ("reader", "owner"), ("owner", "reader"), ("writer", "none")],
)
async def test_what_was_there_before_is_put_back(skipping, emulate, before, given):
    """After the date the recipient has what it had, be that more, less or nothing."""
    emulator = emulate({"rules": {GROUP: {RULE: before}}} if before != "none" else {})
    result = await ended(skipping, {**JANE, "calendar_access": given})
    assert result == {"before": before, "given": given, "found": given, "after": before, "end": "put back"}
    assert emulator.rules().get(GROUP, {}) == ({RULE: before} if before != "none" else {})
    writes = [call for call in emulator.calls if call in {"acl.insert", "acl.update", "acl.delete"}]
    assert len(writes) == 2


async def test_it_ends_at_the_date_and_not_before(skipping, emulate):
    """The access is there for as long as was asked."""
    emulate()
    async with working(skipping) as queue:
        order = await order_of(skipping, JANE, days=30)
        workflow = await start(skipping, queue, ShareThatEnds, order)
        await workflow.result()
        events = [event async for event in workflow.fetch_history_events()]
    fired = [event for event in events if event.event_type == EventType.EVENT_TYPE_TIMER_FIRED]
    assert fired[0].event_time.ToDatetime(timezone.utc) >= datetime.fromisoformat(order["until"])


async def test_what_was_there_is_in_the_history_before_anything_is_written(skipping, emulate):
    """The first step is a dry run, and it has ended before the second one is scheduled."""
    emulator = emulate({"rules": {GROUP: {RULE: "writer"}}})
    async with working(skipping) as queue:
        workflow = await start(skipping, queue, ShareThatEnds, await order_of(skipping, JANE))
        await workflow.result()
        events = [event async for event in workflow.fetch_history_events()]
    kinds = [event.event_type for event in events]
    first = kinds.index(EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
    assert kinds[:first].count(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED) == 1
    assert b'"dry_run":"Yes"' in events[kinds.index(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)].SerializeToString()
    assert b'"previous_access":"writer"' in events[first].SerializeToString()
    assert emulator.calls[:3] == ["oauth2.token", "acl.get", "acl.get"]


@pytest.mark.parametrize("role", ["owner", "none"])
async def test_what_somebody_else_has_decided_is_left(skipping, emulate, role):
    """A rule that no longer has the role that was given is not touched, and the result says so."""
    elsewhere = meanwhile("reader", ELSEWHERE)
    emulator = emulate({"faults": [elsewhere, elsewhere, meanwhile(role)]})
    result = await ended(skipping, JANE)
    assert result == {
        "before": "none",
        "given": "reader",
        "found": role,
        "after": role,
        "end": f"left: the rule has {role} now, and not reader any more",
    }
    assert emulator.rules().get(GROUP, {}) == ({RULE: role} if role != "none" else {})


async def test_access_that_was_there_already_does_not_end(skipping, emulate):
    """A recipient that has the access anyway keeps it: nothing is written, now or later."""
    emulator = emulate({"rules": {GROUP: {RULE: "reader"}}})
    result = await ended(skipping, JANE)
    assert result["end"].startswith("nothing to put back")
    assert emulator.rules() == {GROUP: {RULE: "reader"}}
    assert emulator.calls == ["oauth2.token", "acl.get"]


async def test_a_calendar_that_is_renamed_meanwhile_is_the_one_that_is_put_back(skipping, emulate):
    """A title may be another calendar's at the date; the share ends where it began."""
    emulator = emulate()
    share = {**JANE, "calendar_name": "Example Calendar"}
    result = await ended(skipping, share)
    assert result["end"] == "put back"
    assert emulator.calls.count("calendarList.list") == 1


async def test_a_change_just_before_the_write_is_what_is_put_back(skipping, emulate):
    """What the write itself has replaced counts, and not what the dry run saw before it."""
    emulator = emulate({"faults": [meanwhile("reader", ELSEWHERE), meanwhile("writer")]})
    result = await ended(skipping, JANE)
    assert (result["before"], result["end"]) == ("writer", "put back")
    assert emulator.rules() == {GROUP: {RULE: "writer"}, ELSEWHERE: {RULE: "reader"}}


async def test_a_worker_that_dies_after_the_write_loses_nothing(server, start_worker):
    """Killed between write and answer, the share is found done by another worker: one insert, one mail, and it ends."""
    queue = f"queue-{uuid.uuid4()}"
    with Kills() as emulator:
        emulator.victim = start_worker(queue, CALENDAR_EMULATOR_HOST=emulator.host)
        async with working(server, activities=False, queue=queue):
            workflow = await start(server, queue, ShareThatEnds, await order_of(server, JANE))
            await happens(emulator.killed)
            start_worker(queue, CALENDAR_EMULATOR_HOST=emulator.host)
            while emulator.calls.count("acl.get") < 3:  # dry run, the attempt that died, and the next one
                await workflow.describe()
            assert emulator.rules() == {GROUP: {RULE: "reader"}}
            await workflow.cancel()
            with pytest.raises(WorkflowFailureError):
                await workflow.result()
        assert emulator.rules() == {}
        assert (emulator.calls.count("acl.insert"), emulator.mails) == (1, [RULE])


async def test_cancelled_before_its_date_it_puts_back_and_is_cancelled(server, emulate):
    """Whoever calls a share off has the access taken back at once, and sees a cancelled workflow."""
    emulator = emulate()
    async with working(server) as queue:
        workflow = await start(server, queue, ShareThatEnds, await order_of(server, JANE))
        while not emulator.rules():
            await workflow.describe()
        await workflow.cancel()
        with pytest.raises(WorkflowFailureError) as caught:
            await workflow.result()
    assert isinstance(caught.value.cause, CancelledError)
    assert emulator.rules() == {}


async def test_cancelled_while_it_writes_it_hears_google_out_and_puts_back(server, held):
    """A write that is on its way when the workflow is cancelled is waited for, and undone."""
    async with working(server) as queue:
        workflow = await start(server, queue, ShareThatEnds, await order_of(server, JANE))
        await happens(held.written)
        await workflow.cancel()
        while not asked_to_end(await workflow.describe()):
            pass
        assert held.calls.count("acl.get") == 2  # nobody puts anything back as long as the write may land
        held.go_on.set()
        with pytest.raises(WorkflowFailureError) as caught:
            await workflow.result()
    assert isinstance(caught.value.cause, CancelledError)
    assert held.rules() == {}


def asked_to_end(found):
    """Return the steps that were asked to end and go on."""
    wanted = PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED
    return [pending for pending in found.raw_description.pending_activities if pending.state == wanted]


async def test_cancelled_before_it_has_written_it_writes_nothing(server, emulate):
    """A share that is called off while its first step fails is over, and there is nothing to put back."""
    emulator = emulate({"faults": [LIMITED]})
    async with working(server) as queue:
        workflow = await start(server, queue, ShareThatEnds, await order_of(server, JANE))
        while not emulator.calls.count("acl.get"):
            await workflow.describe()
        await workflow.cancel()
        with pytest.raises(WorkflowFailureError) as caught:
            await workflow.result()
    assert isinstance(caught.value.cause, CancelledError)
    assert emulator.calls.count("acl.get") == 1


async def test_a_share_that_is_refused_fails_and_leaves_what_is_there(skipping, emulate):
    """If Google refuses the share, the workflow fails with its error, and nothing is undone that was not done."""
    emulator = emulate({"faults": [{"method": "acl.insert", "fault": "error", "status": 403, "reason": "forbidden"}]})
    with pytest.raises(WorkflowFailureError) as caught:
        await ended(skipping, JANE)
    assert caught.value.cause.cause.type == "not_calendar_owner"
    assert emulator.rules() == {}


async def test_a_share_that_landed_though_nobody_knew_is_put_back(skipping, emulate):
    """An answer that cannot be Google's hides a write that was done: the workflow fails, and the write is undone."""
    emulator = emulate({"faults": [{"method": "acl.insert", "fault": "not_json"}]})
    with pytest.raises(WorkflowFailureError) as caught:
        await ended(skipping, JANE)
    assert caught.value.cause.cause.type == "unexpected_answer"
    assert emulator.rules() == {}
    assert emulator.calls.count("acl.delete") == 1


async def test_what_cannot_be_put_back_is_tried_until_it_can(skipping, emulate):
    """A token that has died by the date lets no access live on: it ends as soon as the token was renewed."""
    emulator = emulate()
    dead = []

    def info_of(_):
        if emulator.rules() and len(dead) < 3:
            dead.append(1)
            return {**ACCOUNT, "refresh_token": "revoked"}
        return ACCOUNT

    result = await ended(skipping, JANE, info_of)
    assert (result["end"], len(dead)) == ("put back", 3)
    assert emulator.rules() == {}


@pytest.mark.parametrize(
    ("order", "says"),
    [
        (None, 'give {"share"'),
        ({"share": JANE}, 'give {"share"'),
        ({"share": JANE, "until": "tomorrow"}, 'give {"share"'),
        ({"share": JANE, "until": 5}, 'give {"share"'),
        ({"share": "jane", "until": "2999-01-01T00:00+00:00"}, 'give {"share"'),
        ({"share": JANE, "until": "2999-01-01T00:00"}, "no time zone"),
        ({"share": JANE, "until": "2001-01-01T00:00Z"}, "is over"),
        ({"share": {**JANE, "dry_run": "Yes"}, "until": "2999-01-01T00:00Z"}, "share: dry_run is up to the workflow"),
        ({"share": {**JANE, "error_handling": ""}, "until": "2999-01-01T00:00Z"}, "share: error_handling is up to"),
    ],
    ids=repr,
)
async def test_an_order_in_the_wrong_form_fails_at_once(server, order, says):
    """A workflow that cannot know what to do says so, and shares nothing."""
    async with working(server, activities=False) as queue:
        with pytest.raises(WorkflowFailureError) as caught:
            await (await start(server, queue, ShareThatEnds, order)).result()
    assert caught.value.cause.type == "invalid_input"
    assert says in caught.value.cause.message
