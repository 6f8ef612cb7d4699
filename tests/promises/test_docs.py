"""The pages tell the truth: their commands print what stands there, and their examples run."""

from __future__ import annotations

import difflib
import json
import re
import subprocess
from configparser import ConfigParser

import pytest

from handler import execute
from handler.cli import VERBS
from handler.cli.exit_statuses import FAILED, INTERRUPTED, TRY_AGAIN, WRONG_INPUT
from handler.engines import attempt
from handler.plain_yaml import parse
from handler.testing.emulator import ACCOUNT, Emulator

from ..support.docs import PAGES, PLAYED, ROOT, SAVED, block_of, blocks, read, rewritten
from ..support.loading import LOADER

HERE = "played by tests/promises/test_docs.py"
TEMPORAL, AIRFLOW, CELERY = (f"played by tests/engines/{name}" for name in ("temporal", "airflow", "celery"))
COMMAND = "google-apps-calendar-share"
NOT_PLAYED = {
    "docs/architecture.md": [("", "flowchart TD")],
    "docs/account.md": [
        ("needs Google and a browser", f"{COMMAND} authorize --client client_secret.json --info account.yaml"),
        ("a form to fill in", "client_id: 1234567890-abc.apps.googleusercontent.com"),
        (HERE, "from google_apps_calendar_share_v1.handler import check"),
    ],
    "docs/bulk.md": [(HERE, "from google_apps_calendar_share_v1.handler import execute_many")],
    "docs/command-line.md": [
        ("needs Windows", "py -3 -m venv .venv"),
        ("needs Windows", ".venv\\Scripts\\google-apps-calendar-share emulator"),
        ("needs Windows", "$env:CALENDAR_EMULATOR_HOST"),
    ],
    "docs/testing.md": [(HERE, "users:"), (HERE, "def test_a_newcomer_sees_the_calendar(calendar_emulator):")],
    "docs/engines/airflow.md": [
        (AIRFLOW, "pip install '.[airflow]'"),
        (AIRFLOW, "{"),
        (AIRFLOW, "airflow connections import connection.json"),
        (AIRFLOW, "from airflow.sdk import DAG"),
        (AIRFLOW, "people = {"),
    ],
    "docs/engines/celery.md": [
        (CELERY, "pip install . 'celery[redis]'"),
        (CELERY, "from examples.celery_tasks import share"),
    ],
    "docs/engines/commands.md": [
        ("needs Google", f"{COMMAND} share --info account.yaml --format json \\"),
        ("needs Google", "export GOOGLE_SERVICE_ACCOUNT_FILE=/etc/calendar-share/key.json"),
        (HERE, f"until {COMMAND} share --info account.yaml --format json \\"),
    ],
    "docs/engines/kinetic.md": [
        ("needs the engine's machine", "python3 -m venv /opt/calendar-share"),
        ("needs Docker", "FROM your-kinetic-task-image"),
        ("needs Kinetic Task", "curl --user admin --form package=@google_apps_calendar_share_v1.zip \\"),
        ("a form to fill in", "{"),
        ("needs Kinetic Task", "curl --user admin --request PUT "),
    ],
    "docs/engines/load-by-path.md": [
        (HERE, "import importlib.util"),
        (HERE, "from google_apps_calendar_share_v1.handler import HandlerError, execute"),
    ],
    "docs/engines/temporal.md": [
        (TEMPORAL, "pip install '.[temporal]'"),
        (TEMPORAL, f"{COMMAND} worker temporal --info default=account.yaml"),
        (TEMPORAL, "temporal activity execute"),
        (TEMPORAL, "Results:"),
        (TEMPORAL, "from google_apps_calendar_share_v1.handler.engines.temporal_activity import plugin"),
        (TEMPORAL, "python examples/temporal_workflows.py"),
        (TEMPORAL, "temporal workflow execute --type ShareMany"),
    ],
    "docs/engines/write-your-own.md": [(HERE, "from google_apps_calendar_share_v1.handler import HandlerError")],
}  # fmt: skip
"""The blocks that the pages' commands are not played with: why, and how each begins."""
JANE = {"calendar_name": "Example Calendar", "scope": "user", "recipient": "jane@acme.com", "calendar_access": "reader"}


@pytest.mark.long
def test_the_commands_print_what_the_pages_say():
    """The commands of all pages, run in order in one fresh copy of the tree, print what stands below them."""
    differences = []
    for page, true in rewritten():
        differences += difflib.unified_diff(read(page).splitlines(), true.splitlines(), page, "true", lineterm="")
    assert not differences, "\n".join(differences)


def test_the_pages_with_commands_are_the_ones_played():
    """No page with commands is left out, and none is played that has none."""
    assert {page for page in PAGES if any(block.played for block in blocks(page))} == set(PLAYED)


@pytest.mark.parametrize("page", PAGES)
def test_each_block_is_played_or_listed_with_the_reason_why_not(page):
    """A block is played, saved for the commands below it, or one of those listed here."""
    listed = [block for block in blocks(page) if not block.played and not block.mark.startswith(SAVED)]
    expected = NOT_PLAYED.get(page, [])
    assert [block.mark for block in listed] == [mark for mark, _ in expected]
    for block, (_, beginning) in zip(listed, expected, strict=True):
        assert block.text.startswith(beginning)


GENERATED = {
    "docs/reference.md": [f'table("{part}")' for part in ("info", "parameters", "results", "errors")],
    "docs/performance.md": ["markdown(Path(", "rate_limit.markdown("],
    "docs/architecture.md": ["diagram()", "module_table()", "entry_points()"],
}


@pytest.mark.parametrize("page", PAGES)
def test_each_generated_table_is_between_its_markers(page):
    """A table that lost its markers would be checked no more."""
    text, calls = read(page), GENERATED.get(page, [])
    assert text.count("[[[cog") == text.count("[[[end]]]") == len(calls)
    for call in calls:
        assert re.search(rf"\[\[\[cog((?!\]\]\]).)*{re.escape(call)}", text, re.DOTALL)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_a_line_in_the_tour(verb):
    """Whoever looks for a verb finds what it is for, and where there is more."""
    assert f"\n| `{verb}` | " in read("docs/command-line.md")


def test_the_exit_statuses_are_those_of_the_command_line():
    """The reference has a line for each status that a command ends with, and no other."""
    table = read("docs/reference.md").partition("## Exit statuses")[2].partition("\n## ")[0]
    listed = [int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)]
    assert listed == [0, FAILED, WRONG_INPUT, TRY_AGAIN, INTERRUPTED]


def test_what_is_to_be_installed_is_what_the_package_needs():
    """Whoever drops the folder somewhere is told every package, those of setup.cfg."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    needs = re.findall(r"^[\w-]+", setup["options"]["install_requires"], re.MULTILINE)
    assert f"needs {', '.join(needs[:-1])} and {needs[-1]}." in read("docs/engines/load-by-path.md")


def test_the_recipe_for_loading_is_the_tested_one():
    """The statements that load a handler by path are those that the tests load it with."""
    _, statements = LOADER.split("\n", 1)
    assert statements in block_of("docs/engines/load-by-path.md", "python", "import importlib")


@pytest.mark.parametrize(
    ("page", "imported", "printed"),
    [
        ("docs/account.md", "check", "True owner@example.com [] []\n"),
        ("docs/engines/load-by-path.md", "HandlerError, execute", "created none <results>"),
        ("docs/bulk.md", "execute_many", "jane@acme.com {'calendar_id': "),
    ],
    ids=["check", "execute", "execute_many"],
)
def test_the_examples_in_python_run(page, imported, printed, emulate, capsys):
    """What stands there can be pasted where `info` and `params` are."""
    emulate()
    code = block_of(page, "python", f"from google_apps_calendar_share_v1.handler import {imported}")
    code = code.replace("google_apps_calendar_share_v1.", "")  # here it goes by another name
    exec(code, {"info": ACCOUNT, "params": JANE})  # noqa: S102 -- our own pages
    assert capsys.readouterr().out.startswith(printed)


def test_the_test_of_the_page_passes(emulate):
    """The three lines of the page test a function that shares with a newcomer."""
    names = {"welcome": lambda newcomer: execute(ACCOUNT, {**JANE, "recipient": newcomer})}
    exec(block_of("docs/testing.md", "python", "def test_a_newcomer"), names)  # noqa: S102 -- our own pages
    names["test_a_newcomer_sees_the_calendar"](emulate())


def test_the_state_of_the_page_is_one():
    """The emulator begins with the users and service accounts as they stand there."""
    state, problem = parse(block_of("docs/testing.md", "yaml", "users:"))
    assert not problem
    assert json.loads(Emulator(state).service_account_key())["project_id"] == "project"


@pytest.fixture
def adapter():
    """Return the names of the example of an adapter, for the account of the emulator."""
    code = block_of("docs/engines/write-your-own.md", "python", "from google")
    names = {"info_of": {"default": ACCOUNT}.__getitem__}
    exec(code.replace("google_apps_calendar_share_v1.", ""), names)  # noqa: S102 -- our own pages
    return names


def test_the_adapter_of_the_example_does_a_step(adapter, emulate):
    """Its results are plain, and those of the step."""
    emulator = emulate()
    results = adapter["share"](JANE)
    assert (type(results), results["change"]) == (dict, "created")
    assert emulator.mails == ["user:jane@acme.com"]


@pytest.mark.parametrize(
    ("fault", "kind", "arguments"),
    [
        ({"status": 503, "retry_after": 7}, "Again", (7.0,)),
        ({"status": 403, "reason": "quotaExceeded"}, "Failed", ("usage_limit",)),
    ],
    ids=["may pass", "final"],
)
def test_the_adapter_of_the_example_translates_errors(adapter, emulate, fault, kind, arguments):
    """What may pass asks for another try, when Google has said; everything else stops with its code."""
    emulator = emulate({"faults": [{"method": "acl.get", "fault": "error", **fault}]})
    with pytest.raises(adapter[kind]) as caught:
        adapter["share"](JANE)
    assert caught.value.args[: len(arguments)] == arguments
    assert emulator.calls.count("acl.get") == 1


def test_the_adapter_of_the_example_lets_no_foreign_text_out(adapter):
    """Of an exception that is none of the handler's there is the class name, and no context."""

    def vault(_):
        raise ConnectionError("hunter2")

    adapter["info_of"] = vault
    with pytest.raises(adapter["Failed"]) as caught:
        adapter["share"](JANE)
    assert caught.value.args[0] == "ConnectionError"
    assert caught.value.__context__ is None


@pytest.mark.parametrize("name", ["attempt", "shielded", "one_step", "redacted"])
def test_the_functions_for_adapters_are_there(name):
    """Each function that the page names can be called."""
    assert f"| `{name}(" in read("docs/engines/write-your-own.md")
    assert callable(getattr(attempt, name))


@pytest.mark.long
@pytest.mark.parametrize(("statuses", "ends_with"), [([0], 0), ([75, 75, 0], 0), ([75, 1], 1), ([2], 2)], ids=str)
def test_the_script_that_tries_again_ends_as_the_step_does(statuses, ends_with, tmp_path):
    """It goes on at 75 only, waits in between, and ends with the status of the last attempt."""
    loop = block_of("docs/engines/commands.md", "sh", "until ")
    for number, status in enumerate(statuses):
        (tmp_path / str(number)).write_text(str(status))
    stand_ins = (
        "google-apps-calendar-share() { first=$(ls | head -1); status=$(cat $first); rm $first; return $status; }\n"
        "sleep() { test $1 -eq 60; }\n"
    )
    done = subprocess.run(["bash", "-c", f"{stand_ins}{loop}"], cwd=tmp_path, check=False, timeout=60)
    assert done.returncode == ends_with
    assert not list(tmp_path.iterdir())
