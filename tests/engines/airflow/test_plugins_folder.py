"""Dropped into Airflow's plugins folder, the handler works without being installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from handler.testing.emulator import ACCOUNT, Emulator

from .conftest import ROOT, connection

PROGRAM = """
import json, sys
import airflow.plugins_manager
from airflow.sdk import DAG
from dropped_in_share.handler.engines import airflow_operator as share
from dropped_in_unshare.handler.engines import airflow_operator as unshare
found = {"google": sorted({name.partition(".")[0] for name in sys.modules} & {"googleapiclient", "urllib3"})}
plugins, errors = airflow.plugins_manager._get_plugins()
found["plugins"] = errors
parameters = {"calendar_name": "primary", "scope": "user", "recipient": "jane@acme.com", "calendar_access": "reader"}
found["files"] = [module.__file__ for module in (share, unshare)]
found["names"] = [module.StepOperator.custom_operator_name for module in (share, unshare)]
found["connections"] = [module.DEFAULT_CONNECTION for module in (share, unshare)]
found["changes"] = [
    module.StepOperator(task_id="x", parameters=parameters, gcal_conn_id="acme").execute({})["change"]
    for module in (share, unshare)
]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a home of Airflow with two handlers in its plugins folder, one of them another one by its handler.yaml."""
    home = tmp_path_factory.mktemp("home")
    for name in ("share", "unshare"):
        # Under its own name the handler is installed where these tests run.
        folder = home / "plugins" / f"dropped_in_{name}"
        folder.mkdir(parents=True)
        text = (ROOT / "handler.yaml").read_text(encoding="utf-8")
        text = text.replace("id: google_apps_calendar_share", f"id: google_apps_calendar_{name}")
        text = text.replace("name: Google Apps Calendar Share", f"name: Google Apps Calendar {name.title()}")
        (folder / "handler.yaml").write_text(text, encoding="utf-8")
        shutil.copytree(ROOT / "handler", folder / "handler", ignore=shutil.ignore_patterns("__pycache__"))
    return home


@pytest.fixture(scope="module")
def found(home):
    """Return what a process of Airflow's sees of the folder."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COVERAGE"))}
    own = {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    with Emulator() as emulator:
        account = json.dumps(connection(ACCOUNT))
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=home,
            env={**inherited, **own, "CALENDAR_EMULATOR_HOST": emulator.host, "AIRFLOW_CONN_ACME": account},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_dags_import_it_and_share(found, home):
    """The operator comes from the folder, and shares with a connection that needs no database."""
    assert all(file.startswith(str(home / "plugins")) for file in found["files"])
    assert found["changes"] == ["created", "unchanged"]
    assert not list(home.rglob("*.db"))


def test_airflow_takes_no_file_of_it_for_a_plugin(found):
    """Airflow imports every file in the folder by itself, but for ours, which would fail."""
    assert found["plugins"] == {}


def test_parsing_a_dag_loads_no_client_of_google_s(found):
    """A scheduler that reads DAGs again and again pays for nothing that only a task needs."""
    assert found["google"] == []


def test_two_handlers_keep_apart(found):
    """Each has the name and the connection that its own handler.yaml gives it."""
    assert found["names"] == ["Google Apps Calendar Share", "Google Apps Calendar Unshare"]
    assert found["connections"] == ["google_apps_calendar_share_default", "google_apps_calendar_unshare_default"]
