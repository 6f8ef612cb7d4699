"""Runs a worker of Temporal that does the step, until somebody ends it.

Needs the extra `temporal`.
"""

from __future__ import annotations

import asyncio
import logging
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from ..errors import InvalidInput, quote
from .temporal_activity import plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .attempt import InfoOf

LOCAL_SERVER = "127.0.0.1:7233"
MOST_STEPS = 50
"""Done at once; a step waits for Google for nearly all of its time."""
PASSING = frozenset({RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.RESOURCE_EXHAUSTED})


class NoServerError(Exception):
    """No server answers, or not any more; the text is a sentence that says so."""


async def serve(
    info_of: InfoOf, address: str | None, namespace: str | None, task_queue: str, tell: Callable[[str], None]
) -> None:
    """Do steps until SIGTERM or Ctrl-C comes, and then finish those that were begun.

    What is None, and API key and certificates, come from Temporal's own variables and
    file (https://docs.temporal.io/develop/environment-configuration). `tell` is called
    with a line when it begins and when it is about to end. Raises InvalidInput if the
    configuration or the namespace is wrong, NoServerError if no server answers.
    """
    try:
        await _serve(info_of, _configuration(address, namespace), task_queue, tell)
    finally:
        # Without it the process aborts now and then when it ends
        # (https://github.com/temporalio/sdk-python/issues/300).
        await asyncio.sleep(0.1)


async def _serve(info_of: InfoOf, config: dict[str, Any], task_queue: str, tell: Callable[[str], None]) -> None:
    client = await _connected(config)
    with ThreadPoolExecutor(MOST_STEPS) as threads, _signals() as stop:
        worker = Worker(
            client,
            task_queue=task_queue,
            plugins=[plugin(info_of)],
            activity_executor=threads,
            max_concurrent_activities=MOST_STEPS,
        )
        running = asyncio.create_task(worker.run())
        tell(f"takes steps from the task queue {task_queue} of {config['namespace']} at {config['target_host']}")
        await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
        tell("ends when the steps that were begun are done; a second Ctrl-C ends it at once")
        await worker.shutdown()
        if error := running.exception():
            raise NoServerError(
                f"The worker could not go on: {type(error).__name__}. Start it again; the log above may have more."
            ) from error


def _configuration(address: str | None, namespace: str | None) -> dict[str, Any]:
    try:
        found = ClientConfig.load_client_connect_config()
    except Exception:  # noqa: BLE001 -- a class that the SDK keeps to itself, and its text quotes a file that holds keys
        problem = (
            "Temporal's configuration is wrong; check TEMPORAL_PROFILE, and the file that TEMPORAL_CONFIG_FILE names"
        )
        raise InvalidInput("invalid_input", problem) from None
    given = {"target_host": address, "namespace": namespace}
    return {"target_host": LOCAL_SERVER, "namespace": "default", **found, **{k: v for k, v in given.items() if v}}


async def _connected(config: dict[str, Any]) -> Client:
    """Return a client whose server knows the namespace and lets us in."""
    where = quote(config["target_host"])
    try:
        client = await Client.connect(**config, runtime=_runtime())
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=config["namespace"]))
    except RPCError as error:
        if error.status in PASSING:
            answers = f"The Temporal server at {where} answers {error.status.name}"
            raise NoServerError(f"{answers}. Start the worker again in a minute.") from None
        answer = f"the server at {where} answers {error.status.name}; check --namespace and --address"
        raise InvalidInput("invalid_input", f"namespace {quote(config['namespace'])}: {answer}") from None
    except RuntimeError as error:
        # The reason stands somewhere in a dump of the SDK's inner errors.
        reason = re.search(r'(?:message|error): "([^"]+)"', str(error))
        why = f": {reason[1]}" if reason else ""
        raise NoServerError(
            f"No Temporal server answers at {where}{why}. Start it, or name it with --address."
        ) from None
    return client


def _runtime() -> Runtime:
    """Return a runtime whose warnings go where Python's do; by itself it writes them to stdout."""
    log = LogForwardingConfig(logging.getLogger("temporalio"))
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(LoggingConfig.default.filter, forwarding=log)))


@contextmanager
def _signals() -> Iterator[asyncio.Future[None]]:
    """Provide what is done when SIGTERM or Ctrl-C comes; the next one means what it meant before."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def restore() -> None:
        for number, action in before.items():
            signal.signal(number, action)

    def stopping(*_: object) -> None:
        restore()
        loop.call_soon_threadsafe(stop.set_result, None)

    for number in before:
        signal.signal(number, stopping)
    try:
        yield stop
    finally:
        restore()
