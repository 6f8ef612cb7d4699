"""Many shares: how many at once, what is said of those that fail, and a worker that is killed amid a thousand."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import pytest
from temporalio.client import WorkflowFailureError

from examples.temporal_workflows import ShareMany

from ...support.killing import Kills
from .conftest import GROUP, JANE, begin, happens, start, working

THOUSAND = 1000


async def test_a_thousand_shares_survive_a_worker_that_is_killed(server, start_worker):
    """Two workers share with a thousand people, one is killed: each has access once, and each was mailed once.

    The workflow, whose history grows long, has gone on as a new run on the way.
    """
    queue = f"queue-{uuid.uuid4()}"
    people = [f"user{number}@acme.com" for number in range(THOUSAND)]
    with Kills(insert=THOUSAND // 3) as emulator:
        emulator.victim = start_worker(queue, CALENDAR_EMULATOR_HOST=emulator.host)
        start_worker(queue, CALENDAR_EMULATOR_HOST=emulator.host)
        async with working(server, activities=False, queue=queue):
            order = {"shares": [{**JANE, "recipient": person} for person in people], "window": 100}
            workflow = await start(server, queue, ShareMany, order)
            done = await workflow.result()
            runs = [run async for run in server.client.list_workflows(f"WorkflowId = '{workflow.id}'")]
        assert emulator.killed.is_set()
    assert len(runs) > 1
    assert done.pop("failed") == []
    assert sum(done.values()) == THOUSAND
    assert done["unchanged"] < THOUSAND // 10  # those that the killed worker had written and not reported
    inserted = [record.body["scope"]["value"] for record in emulator.requests if record.method == "acl.insert"]
    assert sorted(inserted) == sorted(people)
    assert sorted(emulator.mails) == sorted(f"user:{person}" for person in people)
    assert emulator.rules() == {GROUP: {f"user:{person}": "reader" for person in people}}


async def test_a_worker_killed_before_the_list_is_made_up_for(server, start_worker, account_file):
    """Killed between share and list, a worker leaves the entry to the next attempt, and nobody is mailed twice."""
    queue = f"queue-{uuid.uuid4()}"
    with Kills() as emulator:
        rails = {"act_as_by_default": "ann@acme.com", "may_add_to_lists_of": "acme.com"}
        account_file.write_text(json.dumps({"service_account": emulator.service_account_key(), **rails}))
        emulator.victim = start_worker(queue, CALENDAR_EMULATOR_HOST=emulator.host)
        step = {**JANE, "calendar_name": "Team Calendar", "add_to_list": "Yes"}
        handle = await begin(server, queue, step, heartbeat_timeout=timedelta(seconds=2))
        await happens(emulator.killed)
        assert emulator.added_to_lists == {}
        start_worker(queue, CALENDAR_EMULATOR_HOST=emulator.host)
        results = await handle.result()
    assert (results["change"], results["list_entry"], results["acted_as"]) == ("unchanged", "added", "ann@acme.com")
    assert emulator.mails == ["user:jane@acme.com"]
    assert emulator.added_to_lists == {"jane@acme.com": ["team@group.calendar.google.com"]}


async def test_no_more_are_begun_than_the_window_lets(server, emulate):
    """With a window of 1 a share begins when the one before it has ended, in the order given."""
    emulator = emulate()
    people = [f"user{number}@acme.com" for number in range(5)]
    async with working(server) as queue:
        order = {"shares": [{**JANE, "recipient": person} for person in people], "window": 1}
        assert await (await start(server, queue, ShareMany, order)).result() == {"created": 5, "failed": []}
    assert emulator.mails == [f"user:{person}" for person in people]


async def test_a_share_that_fails_is_listed_and_stops_no_other(server, emulate):
    """The result names each share that failed with code and message, also if it asked for errors as results."""
    emulate()
    shares = [
        {**JANE, "calendar_name": "Nothing"},
        JANE,
        {**JANE, "calendar_name": "Nobody", "error_handling": "Error Message"},
        {**JANE, "connection": "acme"},
        "jane@acme.com",
        JANE,
    ]
    async with working(server) as queue:
        done = await (await start(server, queue, ShareMany, {"shares": shares, "window": 1})).result()
    assert (done["created"], done["unchanged"]) == (1, 1)
    assert [(row["share"], row["code"]) for row in done["failed"]] == [
        (shares[0], "calendar_not_found"),
        (shares[2], "calendar_not_found"),
        (shares[3], "invalid_input"),
        (shares[4], "invalid_input"),
    ]
    assert done["failed"][0]["message"].startswith("Invalid Calendar Name: ")


@pytest.mark.parametrize(
    ("order", "says"),
    [
        (None, 'give {"shares"'),
        ([JANE], 'give {"shares"'),
        ({"shares": JANE}, 'give {"shares"'),
        ({"shares": [JANE], "window": 0}, "window: must be a whole number"),
        ({"shares": [JANE], "window": 1001}, "window: must be a whole number from 1 to 1000"),
        ({"shares": [JANE], "window": "10"}, "window: must be a whole number"),
    ],
    ids=repr,
)
async def test_an_order_in_the_wrong_form_fails_at_once(server, order, says):
    """A workflow that cannot know what to do says so, and shares nothing."""
    async with working(server, activities=False) as queue:
        with pytest.raises(WorkflowFailureError) as caught:
            await (await start(server, queue, ShareMany, order)).result()
    assert caught.value.cause.type == "invalid_input"
    assert says in caught.value.cause.message
