"""What docs/engines/temporal.md says can be pasted, and does what stands there."""

from __future__ import annotations

import configparser
import os
import shlex
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from temporalio.worker import Worker

from examples.temporal_workflows import ShareMany
from handler.testing.emulator import ACCOUNT
from tests.support.docs import block_of, blocks

from .conftest import LOOP, PROGRAMS, ROOT, STEP

PAGE = "docs/engines/temporal.md"
LINES = [line for block in blocks(PAGE) if block.language == "sh" for line in block.text.splitlines()]
INSTALL, SERVER, WORKER, DO_A_STEP, RUN_WORKFLOWS, MANY, ENDS, CANCEL = LINES


@pytest.fixture
def shell(server, account_file, emulate):
    """Return the folder and the environment in which a user pastes, with the emulator for Google."""
    emulator = emulate()
    variables = {
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "TEMPORAL_ADDRESS": server.client.service_client.config.target_host,
        "CALENDAR_EMULATOR_HOST": emulator.host,
    }
    (account_file.parent / "examples").symlink_to(ROOT / "examples")
    return emulator, {"cwd": account_file.parent, "env": {**os.environ, **variables}, "text": True}


@contextmanager
def running(line, options, *, until=None):
    """Run a line that goes on, in the background, once it has begun."""
    process = subprocess.Popen(shlex.split(line), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    try:
        while until and until not in process.stdout.readline():
            assert process.poll() is None
        yield
    finally:
        process.terminate()
        process.communicate(timeout=60)


def pasted(line, options):
    """Run a line, and give what it prints."""
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=False, timeout=120, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_line_names_an_extra_that_there_is():
    """The extra that is installed brings Temporal's client."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert INSTALL == "pip install '.[temporal]'"
    assert "temporalio" in setup["options.extras_require"]["temporal"]


def test_the_lines_do_a_step(shell):
    """The worker does the step that the command line asks for, and the output is the one shown."""
    emulator, options = shell
    with running(WORKER, options, until="takes steps"):
        assert pasted(DO_A_STEP, options).endswith(block_of(PAGE, "text", "Results:"))
    assert emulator.mails == ["user:jane@acme.com"]


def test_the_line_for_a_server_starts_one(shell):
    """Whoever has none gets one, which says where it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    line = f"{SERVER} --headless --log-level error --port {port}"  # not the usual one, which may be taken
    with running(line, shell[1], until=port):
        pass


def test_the_workflows_can_be_started_from_the_command_line(shell):
    """The examples run beside the worker, take their orders from Temporal's command line, and can be called off."""
    emulator, options = shell
    with running(WORKER, options, until="takes steps"), running(RUN_WORKFLOWS, options):
        pasted(MANY, options)
        assert sorted(emulator.mails) == ["user:ann@acme.com", "user:bob@acme.com"]
        pasted(ENDS, options)
        while "user:guest@example.com" not in emulator.mails:
            pass
        pasted(CANCEL, options)
        found = pasted("temporal workflow show --workflow-id guest-1 --follow --output json || true", options)
    assert "EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED" in found
    assert set(*emulator.rules().values()) == {"user:ann@acme.com", "user:bob@acme.com"}


def test_the_snippet_makes_a_worker(server):
    """The lines for a worker of one's own make one, which knows the step."""
    snippet = block_of(PAGE, "python", "from google")

    names = {
        "Worker": Worker,
        "ThreadPoolExecutor": ThreadPoolExecutor,
        "YourWorkflow": ShareMany,
        "client": server.client,
        "info_of": {"default": ACCOUNT}.__getitem__,
    }

    async def make():
        exec(snippet, names)  # noqa: S102 -- our own page

    LOOP.run_until_complete(make())
    assert list(names["worker"]._activity_worker._activities) == [STEP]
