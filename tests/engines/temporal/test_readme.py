"""What the README says of Temporal can be pasted, and does what stands there."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from temporalio.worker import Worker

from examples.temporal_workflows import ShareMany
from handler.testing.emulator import ACCOUNT

from .conftest import LOOP, PROGRAMS, ROOT, STEP

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = re.search(r"^### Temporal\n(.*?)^##", TEXT, re.DOTALL | re.MULTILINE)[1]
FIRST, EXAMPLES = (block.splitlines() for block in re.findall(r"^```sh\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE))


@pytest.fixture
def shell(server, account_file, emulate):
    """Give the folder and the environment in which a user pastes, with the emulator for Google."""
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
    assert FIRST[0] == "pip install '.[temporal]'"
    assert "temporalio" in setup["options.extras_require"]["temporal"]


def test_the_three_lines_do_a_step(shell):
    """The worker of the second line does the step of the third one, and the output is the one shown."""
    emulator, options = shell
    shown = re.search(r"^```text\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)[1]
    with running(FIRST[1], options, until="takes steps"):
        assert pasted(FIRST[2], options).endswith(shown)
    assert emulator.mails == ["user:jane@acme.com"]


def test_the_workflows_can_be_started_from_the_command_line(shell):
    """The examples run beside the worker, take their orders from Temporal's command line, and can be called off."""
    emulator, options = shell
    many, ends, cancel = EXAMPLES[1:]
    with running(FIRST[1], options, until="takes steps"), running(EXAMPLES[0], options):
        pasted(many, options)
        assert sorted(emulator.mails) == ["user:ann@acme.com", "user:bob@acme.com"]
        pasted(ends, options)
        while "user:guest@example.com" not in emulator.mails:
            pass
        pasted(cancel, options)
        found = pasted("temporal workflow show --workflow-id guest-1 --follow --output json || true", options)
    assert "EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED" in found
    assert set(*emulator.rules().values()) == {"user:ann@acme.com", "user:bob@acme.com"}


def test_the_snippet_makes_a_worker(server):
    """The lines for a worker of one's own make one, which knows the step."""
    snippet = re.search(r"^```python\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)[1]

    names = {
        "Worker": Worker,
        "ThreadPoolExecutor": ThreadPoolExecutor,
        "YourWorkflow": ShareMany,
        "client": server.client,
        "info_of": {"default": ACCOUNT}.__getitem__,
    }

    async def make():
        exec(snippet, names)  # noqa: S102 -- our own README

    LOOP.run_until_complete(make())
    assert list(names["worker"]._activity_worker._activities) == [STEP]
