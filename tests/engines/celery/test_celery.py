"""The example for Celery: the same as `execute`, and on a worker of its own."""

from __future__ import annotations

import base64
import importlib
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from celery.backends.cache import DummyClient
from celery.contrib.testing.worker import start_worker
from celery.exceptions import Retry
from kombu.transport.memory import Channel

from examples import celery_tasks
from examples.celery_tasks import ShareError, share
from handler import HandlerError, execute
from handler.testing.cases import play, read_case
from handler.testing.emulator import ACCOUNT, Emulator
from tests.support.docs import block_of

ROOT = Path(__file__).parents[3]
PAGE = "docs/engines/celery.md"
FIXTURES = ROOT / "fixtures"
# Rows are for execute_many: an engine makes a step of each.
FILES = [file for file in sorted(FIXTURES.rglob("*.yaml")) if read_case(file).rows is None]
JANE = {
    "calendar_name": "Example Calendar",
    "scope": "user",
    "recipient": "jane@acme.com",
    "calendar_access": "reader",
}
CANARIES = {"client_id": "CANARY-1d", "client_secret": "CANARY-S3CR3T", "refresh_token": "1//CANARY-R3FR35H"}
# The example imports the handler by its installed name, which makes a second copy with a store of its own.
CALENDAR_API = importlib.import_module(celery_tasks.attempt.__module__.replace("engines.attempt", "calendar_api"))


def by_execute(case):
    """Do a case without an engine, as one attempt."""
    try:
        return {"results": dict(execute(case.info, case.parameters, attempts=1, raise_retryable=True))}
    except HandlerError as error:
        return {"error": [error.code, error.message]}


def by_celery(case):
    """Do a case as the body of the task."""
    CALENDAR_API.forget_all()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(celery_tasks, "info_of", {"default": case.info}.__getitem__)
        try:
            return {"results": share(case.parameters)}
        except ShareError as error:
            return {"error": list(error.args)}


def played(case, perform):
    """Play a case and give what came of it, but for what the file says about the error."""
    report = play(replace(case, attempts=1, waits=None, expect={"results": {}}), perform)
    return report.outcome, report.calls, report.after


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(FIXTURES).as_posix())
def test_each_case_ends_as_it_does_without_an_engine(file):
    """An attempt has the outcome, calls and rules of one by `execute`."""
    case = read_case(file)
    assert played(case, by_celery) == played(case, by_execute)


@pytest.mark.parametrize(
    ("fault", "wait"),
    [({"status": 503}, (2.0, 4.0)), ({"status": 429, "retry_after": 77}, (77, 77))],
    ids=["its own wait", "Retry-After"],
)
def test_what_may_pass_is_tried_again_when_google_has_asked_for(fault, wait, emulate, monkeypatch):
    """The wait is Google's, or else one that doubles, with chance in it."""

    def retry(exc, countdown):
        raise Retry(exc=exc, when=countdown)

    emulate({"faults": [{"method": "acl.get", "fault": "error", **fault}]})
    monkeypatch.setattr(celery_tasks, "info_of", {"default": ACCOUNT}.__getitem__)
    monkeypatch.setattr(share, "retry", retry)
    share.push_request(retries=2)
    try:
        with pytest.raises(Retry) as caught:
            share.run(JANE)
    finally:
        share.pop_request()
    assert wait[0] <= caught.value.when <= wait[1]
    assert isinstance(caught.value.exc, ShareError)


def test_an_unexpected_exception_leaves_its_class_name(monkeypatch):
    """Its text stays in the worker's log."""

    def vault(_):
        raise ConnectionError("hunter2")

    monkeypatch.setattr(celery_tasks, "info_of", vault)
    with pytest.raises(ShareError) as caught:
        share(JANE)
    assert caught.value.args == ("ConnectionError", "the worker's log has more")
    assert caught.value.__context__ is None


class Worker(NamedTuple):
    """A worker of Celery's, and what it has to do with."""

    emulator: Emulator
    records: list[str]
    """Every message that the broker was given, and every result that the backend was."""


@pytest.fixture(scope="module")
def worker():
    """Run a worker on threads of this process; Google fails once, at the first update."""
    records = []

    def recorded(method):
        def record(self, *arguments, **options):
            records.append(repr(arguments))
            return method(self, *arguments, **options)

        return record

    limited = {"method": "acl.update", "fault": "error", "status": 429, "retry_after": 0}
    celery_tasks.app.conf.update(broker_url="memory://", result_backend="cache+memory://")
    with pytest.MonkeyPatch.context() as patch, Emulator({"account": CANARIES, "faults": [limited]}) as emulator:
        patch.setenv("CALENDAR_EMULATOR_HOST", emulator.host)
        for name, value in CANARIES.items():
            patch.setenv(f"GOOGLE_{name.upper()}", value)
        patch.setattr(Channel, "_put", recorded(Channel._put))
        patch.setattr(DummyClient, "set", recorded(DummyClient.set))
        with start_worker(celery_tasks.app, pool="threads", concurrency=8, perform_ping_check=False):
            yield Worker(emulator, records)


def sent(parameters, **options):
    """Send a task and give its result, or raise its error."""
    return share.delay(parameters, **options).get(timeout=60, interval=0.02)


def test_a_worker_shares(worker):
    """A task that is sent is done once, and answered with the results."""
    results = sent(JANE)
    assert (results["change"], results["rule_id"]) == ("created", "user:jane@acme.com")
    assert worker.emulator.mails == ["user:jane@acme.com"]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"calendar_name": "Nothing"}, "calendar_not_found"),
        ({"recipient": "nobody"}, "invalid_input"),
        ({"connection": "acme"}, "invalid_input"),
    ],
    ids=str,
)
def test_an_error_comes_back_with_code_and_message(change, code):
    """Whoever waits for the task gets the error as it was raised."""
    connection = change.pop("connection", "default")
    with pytest.raises(ShareError) as caught:
        sent({**JANE, **change}, connection=connection)
    assert caught.value.args[0] == code
    assert len(caught.value.args) == 2


def test_what_may_pass_passes_at_a_later_attempt(worker):
    """A task that Google limits is tried again by the worker, and whoever waits for it sees it done."""
    bob = {**JANE, "recipient": "bob@acme.com"}
    assert sent(bob)["change"] == "created"
    assert sent({**bob, "calendar_access": "owner"})["change"] == "updated"
    assert worker.emulator.calls.count("acl.update") == 2


def test_many_shares_are_done_side_by_side(worker):
    """A hundred tasks make a hundred rules and a hundred mails."""
    people = [f"user{number}@acme.com" for number in range(100)]
    waiting = [share.delay({**JANE, "recipient": person}) for person in people]
    assert {task.get(timeout=60, interval=0.02)["change"] for task in waiting} == {"created"}
    assert sorted(mail for mail in worker.emulator.mails if "user:user" in mail) == sorted(
        f"user:{name}" for name in people
    )


def test_no_message_result_or_log_holds_a_secret(worker, caplog):
    """Neither a message, nor a result, nor the worker's log has an info value; nor has it in base64."""
    with caplog.at_level("DEBUG"):
        sent({**JANE, "recipient": "eve@acme.com"})
        with pytest.raises(ShareError):
            sent({**JANE, "calendar_name": "Nothing"})
    records = "".join(worker.records)
    bodies = [base64.b64decode(body).decode() for body in re.findall(r"'body': '([\w+/=]+)'", records)]
    assert any("eve@acme.com" in body for body in bodies)
    assert "calendar_not_found" in records
    assert "user:eve@acme.com: created" in caplog.text
    assert "CANARY" not in "".join([records, caplog.text, *bodies])


def test_a_service_account_acts_within_the_guard_rails_of_the_worker(worker, monkeypatch, tmp_path):
    """The key is the worker's, read anew for each task; whom a task may act as is not up to who sends it."""
    key = tmp_path / "key.json"
    key.write_text(worker.emulator.service_account_key())
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_FILE", str(key))
    monkeypatch.setenv("GOOGLE_ACT_AS", "ann@acme.com")
    step = {**JANE, "calendar_name": "Team Calendar", "add_to_list": "Yes"}
    results = sent(step, connection="service_account")
    assert (results["acted_as"], results["list_entry"]) == ("ann@acme.com", "added")
    before = len(worker.emulator.calls)
    for role in ("none", "reader"):
        with pytest.raises(ShareError) as caught:
            sent({**JANE, "calendar_access": role, "act_as": "bob@acme.com"}, connection="service_account")
        assert caught.value.args[0] == "policy_refused"
    key.write_text(key.read_text()[:900])
    with pytest.raises(ShareError, match="service_account"):
        sent(step, connection="service_account")
    assert len(worker.emulator.calls) == before
    assert "PRIVATE KEY" not in "".join(worker.records)


def test_the_program_of_the_page_sends_a_task(worker, capsys):
    """What docs/engines/celery.md tells to paste has the task done, and prints its results."""
    exec(block_of(PAGE, "python", "from examples"), {})  # noqa: S102 -- our own page
    assert "'change': 'created'" in capsys.readouterr().out
    assert worker.emulator.mails[-1] == "user:ann@acme.com"


def test_the_line_of_the_page_starts_a_worker():
    """The worker that docs/engines/celery.md starts knows the task, is ready, and ends when it is told to."""
    line = block_of(PAGE, "sh", "pip install").splitlines()[-1]
    memory = {"CELERY_BROKER_URL": "memory://", "CELERY_RESULT_BACKEND": "cache+memory://"}
    worker = subprocess.Popen(
        [sys.executable, "-m", *shlex.split(line), "--loglevel", "INFO"],
        cwd=ROOT,
        env={**os.environ, **memory},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said = ""
    while "ready." not in said:
        said += worker.stdout.readline()
        assert worker.poll() is None, said
    worker.terminate()
    worker.communicate(timeout=60)
    assert "google_apps_calendar_share" in said
    assert worker.returncode == 0
