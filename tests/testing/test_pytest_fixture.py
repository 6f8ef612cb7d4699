"""The fixture of pytest that comes with the package: a test of a user in three lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parent.parent.parent
PACKAGE = "google_apps_calendar_share_v1"
MODULE = f"{PACKAGE}.pytest_calendar_emulator"
STEP = {"calendar_name": "primary", "scope": "user", "recipient": "jane@acme.com", "calendar_access": "reader"}
BEGIN = f"""
import os, pytest
from {PACKAGE}.handler import HandlerError, execute
STEP = {STEP}
"""
GREEN = {
    "shares": """
def test(calendar_emulator):
    assert execute(calendar_emulator.info, STEP)["change"] == "created"
    assert calendar_emulator.rules() == {"owner@example.com": {"user:jane@acme.com": "reader"}}
    assert calendar_emulator.mails == ["user:jane@acme.com"]
""",
    "begins anew": """
@pytest.mark.parametrize("time", [1, 2])
def test(calendar_emulator, time):
    assert execute(calendar_emulator.info, STEP)["change"] == "created"
    assert calendar_emulator.calls == ["oauth2.token", "acl.get", "acl.insert"]
""",
    "waits pass at once": """
def test(calendar_emulator):
    calendar_emulator.order({"method": "acl.get", "fault": "error", "status": 503, "retry_after": 100, "times": 1})
    assert execute(calendar_emulator.info, STEP)["change"] == "created"
    assert calendar_emulator.calls.count("acl.get") == 2
""",
    "a fault in the middle": """
def test(calendar_emulator):
    execute(calendar_emulator.info, STEP)
    calendar_emulator.order({"method": "acl.get", "fault": "error", "status": 403, "reason": "quotaExceeded"})
    with pytest.raises(HandlerError, match="limit"):
        execute(calendar_emulator.info, STEP)
""",
    "another state": """
MINE = {"account": {"client_id": "mine", "email": "me@acme.com"}}
@pytest.mark.parametrize("calendar_emulator", [MINE], indirect=True)
def test(calendar_emulator):
    assert calendar_emulator.info["client_id"] == "mine"
    execute(calendar_emulator.info, STEP)
    assert list(calendar_emulator.rules()) == ["me@acme.com"]
""",
    "the variable": """
@pytest.fixture(autouse=True, params=["127.0.0.1:1", None])
def before(request, monkeypatch):
    monkeypatch.delenv("CALENDAR_EMULATOR_HOST", raising=False)
    if request.param:
        monkeypatch.setenv("CALENDAR_EMULATOR_HOST", request.param)
    yield
    assert os.environ.get("CALENDAR_EMULATOR_HOST") == request.param
def test(before, calendar_emulator):
    assert os.environ["CALENDAR_EMULATOR_HOST"] == calendar_emulator.host
""",
}
RED = {
    "a fault left over": (
        """
def test(calendar_emulator):
    calendar_emulator.order({"method": "acl.delete", "fault": "dropped"})
""",
        "ordered, and never happened:\nacl.delete: dropped",
    ),
    "a mistyped fault": (
        """
def test(calendar_emulator):
    calendar_emulator.order({"method": "acl.delete", "fault": "error", "stat": 503})
""",
        "has the unknown key stat; did you mean status",
    ),
    "a fault of no method": (
        """
def test(calendar_emulator):
    calendar_emulator.order({"method": "acl.delet", "fault": "dropped"})
""",
        "unknown method: 'acl.delet'; did you mean acl.delete",
    ),
}


@pytest.fixture
def python(tmp_path):
    """Return a function that runs a Python in a fresh folder where the package goes by its installed name."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / PACKAGE).symlink_to(ROOT)
    # Where the package is installed its own fixture would be there as well, from another copy.
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    (tmp_path / "own").mkdir()

    def run(*arguments):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path / "own",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.fixture
def played(python, tmp_path):
    """Return a function that runs a test of a user, and returns pytest's status and output."""

    def run(text):
        (tmp_path / "own" / "test_own.py").write_text(BEGIN + text, encoding="utf-8")
        done = python("-m", "pytest", "-q", "-p", MODULE, "-W", "error", "-W", "ignore::FutureWarning")
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize("text", GREEN.values(), ids=GREEN)
def test_a_test_of_a_user_passes(text, played):
    """With the fixture a test shares, sees what came of it, and lets Google fail, without any wait."""
    status, told = played(text)
    assert status == 0, told


@pytest.mark.parametrize(("text", "says"), RED.values(), ids=RED)
def test_a_fault_that_cannot_happen_or_did_not_fails_the_test(text, says, played):
    """What was ordered and proves nothing is told."""
    status, told = played(text)
    assert status == 1
    assert says in told


def test_whoever_does_not_use_it_does_not_pay(python):
    """Importing what the entry point names imports no part of the handler, and no third party but pytest's own."""
    program = (
        f"import pytest, sys\nbefore = set(sys.modules)\nimport {MODULE}\n"
        f"print(*sorted(set(sys.modules) - before), {MODULE}.__file__)"
    )
    done = python("-c", program)
    file = f"{PACKAGE}/pytest_calendar_emulator.py"
    assert done.stdout.split()[:-1] == [PACKAGE, MODULE], done.stderr
    assert done.stdout.strip().endswith(f"site/{file}")
