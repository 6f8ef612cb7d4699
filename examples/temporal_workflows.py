"""Two workflows for Temporal, to copy and change: many shares, and a share that ends.

    google-apps-calendar-share worker temporal --info default=account.yaml
    python examples/temporal_workflows.py

The first line does the steps, the second one runs these workflows; start as many of
each as you like, on any machine. Both take their work from the same task queue.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception
from temporalio.worker import Worker
from temporalio.workflow import ActivityCancellationType

TASK_QUEUE = "google-apps-calendar-share"
STEP = "google_apps_calendar_share"
MUST_END_WITHIN = timedelta(seconds=150)  # the handler itself gives up after 120 s
ALIVE_EVERY = timedelta(seconds=10)  # a worker that is killed is noticed after this time
AT_ONCE, FINISHES = ActivityCancellationType.TRY_CANCEL, ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
WIDEST_WINDOW = 1000  # a server refuses more than 2,000 activities that wait in one workflow
TRY_AGAIN_IN = timedelta(hours=1)
TRIED = RetryPolicy(maximum_interval=timedelta(minutes=1), maximum_attempts=20)
TRIED_FOR_EVER = RetryPolicy(maximum_interval=timedelta(minutes=5))


@workflow.defn
class ShareMany:
    """Share many times, so many at once: `{"shares": [{...}, ...], "window": 100}`.

    A share is the step's parameters, with `connection` if it is not the default one.
    The result counts what was done, and lists each share that failed with code and
    message. A thousand shares make about 3,000 events of history; when Temporal says
    that it is getting long, the workflow goes on as a new run with what is left. A
    cancelled workflow begins no more shares; those that were begun finish by themselves.
    """

    @workflow.run
    async def run(self, order: Any) -> dict[str, Any]:
        """Share, and give say `{"created": 998, "unchanged": 1, "failed": [{...}]}`."""
        shares, window, done = read_many(order)
        left = shares[::-1]

        async def lane() -> None:
            while left and not workflow.info().is_continue_as_new_suggested():
                share = left.pop()
                try:
                    results = await step(share, TRIED)
                except ActivityError as error:
                    if is_cancelled_exception(error):
                        raise
                    done["failed"].append({"share": share, **cause(error)})
                else:
                    if code := results["handler_error_code"]:  # the share asked for errors as results
                        done["failed"].append(
                            {"share": share, "code": code, "message": results["handler_error_message"]}
                        )
                    else:
                        done[results["change"]] = done.get(results["change"], 0) + 1

        await asyncio.gather(*(lane() for _ in range(min(window, len(left)))))
        if left:
            workflow.continue_as_new({"shares": left[::-1], "window": window, "done": done})
        return done


@workflow.defn
class ShareThatEnds:
    """Share until a date: `{"share": {...}, "until": "2027-01-31T18:00:00+01:00"}`.

    What the recipient had before is in the history before anything is written, and is
    put back at the date: only if the rule still has the role that was given then, else
    somebody has decided otherwise meanwhile, and it is left. A cancelled workflow puts
    back at once and then ends as cancelled; a terminated one puts nothing back.
    """

    @workflow.run
    async def run(self, order: Any) -> dict[str, str]:
        """Share, wait, and give what was there before, given, found, and is there after."""
        share, until = read_one(order)
        before = await step({**share, "dry_run": "Yes"}, TRIED)
        had, given = before["previous_access"], before["calendar_access"]
        if had == given:
            return {"before": had, "given": given, "end": "nothing to put back: it had this access already"}
        # From now on by its id: the title may be another calendar's by then.
        share["calendar_name"] = before["calendar_id"]
        workflow.set_current_details(f"{before['rule_id']} has {given} until {until}, and had {had} before")
        sharing = asyncio.create_task(step(share, TRIED_FOR_EVER, FINISHES))
        try:
            await asyncio.shield(sharing)
            await workflow.sleep(max(until - workflow.now(), timedelta()))
        finally:
            # Also if this is cancelled, or the share failed: it may have been written nevertheless.
            sharing.cancel()
            await workflow.wait([sharing])
            if not sharing.cancelled() and sharing.exception() is None:
                given = sharing.result()["calendar_access"]
                if sharing.result()["change"] != "unchanged":  # as it is if the worker died after the write
                    had = sharing.result()["previous_access"]
            ended: dict[str, str] = await uninterrupted(put_back(share, had, given))
            workflow.set_current_details(ended["end"])
        return ended


async def put_back(share: dict[str, Any], had: str, given: str) -> dict[str, str]:
    """Give back what the recipient had, if the rule has the role that was given."""
    while True:
        try:
            found = (await step({**share, "dry_run": "Yes"}, TRIED_FOR_EVER))["previous_access"]
            told = {"before": had, "given": given, "found": found}
            if found != given:
                return {**told, "after": found, "end": f"left: the rule has {found} now, and not {given} any more"}
            after = await step({**share, "calendar_access": had}, TRIED_FOR_EVER)
            return {**told, "after": after["calendar_access"], "end": "put back"}
        except ActivityError as error:
            why = cause(error)
            if is_cancelled_exception(error) or why["code"] == "calendar_not_found":
                raise
            # A token that was revoked, say: somebody has to do something, and the access must end all the same.
            workflow.logger.error("could not put back: %s", why)
            workflow.set_current_details(f"could not put back, tries again in an hour: {why['message']}")
            await workflow.sleep(TRY_AGAIN_IN)


async def uninterrupted(work: Any) -> Any:
    """Wait for work to its end; a cancellation meanwhile is passed on after it."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await workflow.wait([task])
        raise


async def step(
    parameters: Any, retry_policy: RetryPolicy, when_cancelled: ActivityCancellationType = AT_ONCE
) -> dict[str, str]:
    """Do the handler's step, with the parameters and an optional `connection`."""
    results: dict[str, str] = await workflow.execute_activity(
        STEP,
        parameters,
        start_to_close_timeout=MUST_END_WITHIN,
        heartbeat_timeout=ALIVE_EVERY,
        retry_policy=retry_policy,
        cancellation_type=when_cancelled,
    )
    return results


def cause(error: ActivityError) -> dict[str, str]:
    """Give code and message of the handler's error, or what else has ended the step."""
    failure = error.cause
    code = failure.type if isinstance(failure, ApplicationError) else type(failure).__name__
    return {"code": str(code), "message": str(getattr(failure, "message", failure))}


def read_many(order: Any) -> tuple[list[Any], int, dict[str, Any]]:
    """Give the shares, the window, and what earlier runs have done."""
    shares = order.get("shares") if isinstance(order, dict) else None
    if not isinstance(shares, list):
        raise wrong('give {"shares": [{...}, ...]}, and "window" to have more or fewer than 100 at once')
    window = order.get("window", 100)
    if type(window) is not int or not 1 <= window <= WIDEST_WINDOW:
        raise wrong(f"window: must be a whole number from 1 to {WIDEST_WINDOW}")
    return shares, window, order.get("done", {"failed": []})


def read_one(order: Any) -> tuple[dict[str, Any], datetime]:
    """Give the share and its date."""
    try:
        share, until = dict(order["share"]), datetime.fromisoformat(order["until"].replace("Z", "+00:00"))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise wrong('give {"share": {...}, "until": "2027-01-31T18:00:00+01:00"}') from None
    if until.tzinfo is None:
        raise wrong(f"until: {until} has no time zone; add +00:00 for UTC")
    if until <= workflow.now():
        raise wrong(f"until: {until} is over")
    for name in ("dry_run", "error_handling"):
        if name in share:
            raise wrong(f"share: {name} is up to the workflow; leave it out")
    return share, until


def wrong(problem: str) -> ApplicationError:
    """Make the error that fails a workflow before it does anything."""
    return ApplicationError(problem, type="invalid_input", non_retryable=True)


async def main() -> None:
    """Run both workflows until Ctrl-C."""
    config: Any = {"target_host": "127.0.0.1:7233", **ClientConfig.load_client_connect_config()}
    client = await Client.connect(**config)
    await Worker(client, task_queue=TASK_QUEUE, workflows=[ShareMany, ShareThatEnds]).run()


if __name__ == "__main__":
    asyncio.run(main())
