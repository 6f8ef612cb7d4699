"""Temporal's servers, workers that are processes, and a loop that tests may await in."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from examples.temporal_workflows import ShareMany, ShareThatEnds
from handler.engines.temporal_activity import plugin
from handler.testing.emulator import ACCOUNT, Emulator

ROOT = Path(__file__).parents[3]
PROGRAMS = Path(sys.executable).parent
LOOP = asyncio.new_event_loop()
STEP = "google_apps_calendar_share"
GROUP = "example@group.calendar.google.com"
JANE = {"calendar_name": GROUP, "scope": "user", "recipient": "jane@acme.com", "calendar_access": "reader"}
WORKFLOWS = [ShareMany, ShareThatEnds]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Run tests that are coroutines, all in one loop: the servers' clients belong to it."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    LOOP.run_until_complete(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """Name the file in which the server keeps everything that it ever knew."""
    return tmp_path_factory.mktemp("temporal") / "temporal.db"


@pytest.fixture(scope="session")
def server(database):
    """Provide the real server, whose time is ours."""
    os.environ["TEMPORAL_VERSION_CHECK_DISABLED"] = "1"  # it would ask temporal.io
    starting = WorkflowEnvironment.start_local(
        dev_server_existing_path=str(PROGRAMS / "temporal"),
        dev_server_database_filename=str(database),
        dev_server_log_level="error",
        # A thousand shares make 3,000 events: enough for a workflow to go on as a new run.
        dev_server_extra_args=["--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=2000"],
    )
    environment = LOOP.run_until_complete(starting)
    yield environment
    LOOP.run_until_complete(environment.shutdown())


@pytest.fixture(scope="session")
def skipping(tmp_path_factory):
    """Provide the server for tests, whose time passes at once while nobody has anything to do."""
    starting = WorkflowEnvironment.start_time_skipping(test_server_existing_path=str(PROGRAMS / "temporal-test-server"))
    environment = LOOP.run_until_complete(starting)
    yield environment
    LOOP.run_until_complete(environment.shutdown())


@asynccontextmanager
async def working(environment, info_of=None, *, activities=True, queue=None):
    """Let a worker in this process do steps and the workflows of the examples; give its task queue."""
    queue = queue or f"queue-{uuid.uuid4()}"
    plugins = [plugin(info_of or {"default": ACCOUNT}.__getitem__)] if activities else []
    with ThreadPoolExecutor(20) as threads:
        async with Worker(
            environment.client, task_queue=queue, workflows=WORKFLOWS, plugins=plugins, activity_executor=threads
        ):
            yield queue


async def do(environment, queue, parameters, **options):
    """Do a step that belongs to no workflow, and give its results."""
    handle = await begin(environment, queue, parameters, **options)
    return await handle.result()


async def begin(environment, queue, *given, **options):
    """Begin a step that belongs to no workflow, and give its handle."""
    options = {"start_to_close_timeout": timedelta(seconds=60), **options}
    return await environment.client.start_activity(
        STEP, args=given, id=f"step-{uuid.uuid4()}", task_queue=queue, result_type=dict, **options
    )


async def start(environment, queue, workflow, order):
    """Start a workflow and give its handle."""
    return await environment.client.start_workflow(workflow.run, order, id=f"workflow-{uuid.uuid4()}", task_queue=queue)


@pytest.fixture
def account_file(tmp_path):
    """Return a file with the account that the emulator knows."""
    file = tmp_path / "account.yaml"
    file.write_text("".join(f"{name}: {value}\n" for name, value in ACCOUNT.items()))
    file.chmod(0o600)
    return file


@pytest.fixture
def start_worker(server, account_file):
    """Provide a function that starts a worker as a process, by the command line, and gives it when it works."""
    running = []

    def begin_worker(queue, *options, **variables):
        process = subprocess.Popen(
            [sys.executable, "-m", "handler", "worker", "temporal", "--task-queue", queue,
             "--info", f"default={account_file}", *options],
            cwd=ROOT,
            env={**os.environ, "TEMPORAL_ADDRESS": server.client.service_client.config.target_host, **variables},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        running.append(process)
        process.lines = [process.stdout.readline(), process.stdout.readline()]
        return process

    yield begin_worker
    for process in running:
        process.kill()
        process.communicate()


class Held(Emulator):
    """An emulator that does an insert, and answers it only when it is told to."""

    def __init__(self):
        """Begin with nobody waiting."""
        super().__init__()
        self.written, self.go_on = threading.Event(), threading.Event()

    def _answer(self, request):
        answer = super()._answer(request)
        if self.calls[-1] == "acl.insert":
            self.written.set()
            assert self.go_on.wait(25)  # the handler gives up after 30 s
        return answer


@pytest.fixture
def held(monkeypatch):
    """Point the handler at an emulator that holds back what it answers to an insert."""
    with Held() as emulator:
        monkeypatch.setenv("CALENDAR_EMULATOR_HOST", emulator.host)
        yield emulator
        emulator.go_on.set()


async def happens(event):
    """Wait for what another thread does, without holding up the loop."""
    assert await asyncio.get_running_loop().run_in_executor(None, event.wait, 25)
