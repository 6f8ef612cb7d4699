"""The verb worker on the real server: how it begins, how it ends, and what it says when it cannot begin."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid

import pytest
from temporalio.client import ActivityFailureError

from .conftest import JANE, ROOT, begin, do, happens


def worker(*options, **variables):
    """Run a worker that cannot begin, and give its status, stdout and stderr."""
    command = [sys.executable, "-m", "handler", "worker", "temporal", *map(str, options)]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


async def end(process):
    """Wait for a process to end; give its status, stdout and stderr."""
    output, errors = await asyncio.get_running_loop().run_in_executor(None, process.communicate)
    return process.returncode, "".join(process.lines) + output, errors


async def test_it_says_what_it_does(server, start_worker, emulate):
    """Its first lines name connections, task queue, namespace and server; then it does steps."""
    emulator = emulate()
    queue = f"queue-{uuid.uuid4()}"
    process = start_worker(queue, CALENDAR_EMULATOR_HOST=emulator.host)
    address = server.client.service_client.config.target_host
    assert process.lines == [
        "connections: default\n",
        f"takes steps from the task queue {queue} of default at {address}\n",
    ]
    assert (await do(server, queue, JANE))["change"] == "created"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_it_finishes_what_it_has_begun(server, start_worker, held, number):
    """SIGTERM and Ctrl-C end it with status 0, after a step that is being done is done and has been reported."""
    queue = f"queue-{uuid.uuid4()}"
    process = start_worker(queue, CALENDAR_EMULATOR_HOST=held.host)
    handle = await begin(server, queue, JANE)
    await happens(held.written)
    process.send_signal(number)
    process.lines.append(await asyncio.get_running_loop().run_in_executor(None, process.stdout.readline))
    assert process.lines[-1].startswith("ends when the steps that were begun are done")
    held.go_on.set()
    assert (await handle.result())["change"] == "created"
    status, _, errors = await end(process)
    assert (status, errors) == (0, "")


async def test_a_second_signal_ends_it_at_once(server, start_worker, held):
    """Whoever cannot wait ends it a second time: nothing is waited for."""
    queue = f"queue-{uuid.uuid4()}"
    process = start_worker(queue, CALENDAR_EMULATOR_HOST=held.host)
    handle = await begin(server, queue, JANE)
    await happens(held.written)
    process.send_signal(signal.SIGTERM)
    await asyncio.get_running_loop().run_in_executor(None, process.stdout.readline)
    process.send_signal(signal.SIGTERM)
    assert (await end(process))[0] == -signal.SIGTERM
    await handle.terminate()


async def test_its_log_shows_no_secret(server, start_worker, emulate, account_file):
    """Steps that pass and that fail, each stage logged, leave no info value on stdout or stderr."""
    account = {"client_id": "CANARY-1d", "client_secret": "CANARY-S3CR3T", "refresh_token": "1//CANARY-R3FR35H"}
    emulator = emulate({"account": account})
    lines = {**account, "enable_debug_logging": "'Yes'"}
    account_file.write_text("".join(f"{name}: {value}\n" for name, value in lines.items()))
    queue = f"queue-{uuid.uuid4()}"
    process = start_worker(queue, CALENDAR_EMULATOR_HOST=emulator.host)
    assert (await do(server, queue, JANE))["change"] == "created"
    handle = await begin(server, queue, {**JANE, "calendar_name": "Nothing"})
    while (await handle.describe()).close_time is None:
        pass
    process.terminate()
    status, output, errors = await end(process)
    assert status == 0
    assert "user:jane@acme.com: created" in errors
    assert "Completing activity as failed" in errors
    assert "CANARY" not in output + errors


async def test_a_key_is_rotated_while_it_runs(server, start_worker, emulate, account_file):
    """A file that is replaced counts from the next step on, be the key in it good, deleted or away."""
    emulator = emulate()
    key, ann = emulator.service_account_key(), {"act_as_by_default": "ann@acme.com"}
    account_file.write_text(json.dumps({"service_account": key, **ann}))
    queue, step = f"queue-{uuid.uuid4()}", {**JANE, "calendar_name": "Team Calendar"}
    process = start_worker(queue, CALENDAR_EMULATOR_HOST=emulator.host)
    assert (await do(server, queue, step))["acted_as"] == "ann@acme.com"
    account_file.write_text(json.dumps({"service_account": key.replace("emulator-key", "deleted-key"), **ann}))
    with pytest.raises(ActivityFailureError) as caught:
        await do(server, queue, step)
    assert caught.value.cause.type == "authorization_failed"
    assert "deleted-key" in caught.value.cause.message
    account_file.unlink()
    with pytest.raises(ActivityFailureError) as caught:
        await do(server, queue, step)
    assert caught.value.cause.type == "invalid_input"
    assert "'default' cannot be read any more" in caught.value.cause.message
    account_file.write_text(json.dumps({"service_account": key, **ann}))
    assert (await do(server, queue, step))["change"] == "unchanged"
    process.terminate()
    assert "PRIVATE KEY" not in "".join((await end(process))[1:])


async def test_a_namespace_that_is_not_there_is_wrong_input(server, account_file):
    """A name that the server does not know is said, with status 2."""
    address = server.client.service_client.config.target_host
    options = ("--info", f"default={account_file}", "--namespace", "nope", "--address", address)
    status, _, errors = worker(*options)
    assert (status, errors.splitlines()[0]) == (
        2,
        f"error: namespace 'nope': the server at '{address}' answers NOT_FOUND; check --namespace and --address",
    )


def test_a_server_that_is_not_there_may_come(account_file):
    """Without a server it ends with one line and the status for trying again."""
    status, _, errors = worker("--info", f"default={account_file}", "--address", "127.0.0.1:1")
    assert status == 75
    assert errors == (
        "error: No Temporal server answers at '127.0.0.1:1': Connection refused. Start it, or name it with --address.\n"
    )


def test_a_configuration_that_cannot_be_read_is_not_shown(account_file, tmp_path):
    """Temporal's own file may hold an API key: what is wrong with it is said without its text."""
    file = tmp_path / "temporal.toml"
    file.write_text("[profile.default]\napi_key = CANARY\n")
    status, _, errors = worker("--info", f"default={account_file}", TEMPORAL_CONFIG_FILE=str(file))
    assert status == 2
    assert errors.startswith("error: Temporal's configuration is wrong; check TEMPORAL_PROFILE, and the file that ")
    assert "CANARY" not in errors
