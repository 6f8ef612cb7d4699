"""A real Airflow with a database of its own, in which no test waits."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from handler.descriptor import load
from tests.support.docs import block_of

ROOT = Path(__file__).parents[3]
HOME = Path(tempfile.mkdtemp(prefix="airflow-"))
DAGS = HOME / "dags"
CONNECTION = f"{load().document['id']}_default"
PAGE = "docs/engines/airflow.md"
DAG_OF_THE_PAGE = block_of(PAGE, "python", "from airflow.sdk ")
DAG_AS_A_USER = "\n".join([*DAG_OF_THE_PAGE.splitlines()[:2], block_of(PAGE, "python", "people = ")])
CONNECTIONS_OF_THE_PAGE = block_of(PAGE, "json", "{")
OWN_DELAY = 3600.0
"""Seconds that the tasks of engine_dags.py wait by themselves."""
CANARIES = {
    "client_id": "1d.apps.example.com",
    "client_secret": "CANARY-S3CR3T",
    "refresh_token": "1//CANARY-R3FR35H",
}

# Airflow reads them when it is first imported.
os.environ.update(
    AIRFLOW_HOME=str(HOME),
    AIRFLOW__CORE__DAGS_FOLDER=str(DAGS),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__FERNET_KEY=Fernet.generate_key().decode(),
    AIRFLOW__LOGGING__LOGGING_LEVEL="INFO",
)


def pytest_configure(config):
    """Let Airflow warn of its own affairs."""
    for category in ("DeprecationWarning", "FutureWarning", "ResourceWarning", "UserWarning"):
        config.addinivalue_line("filterwarnings", f"ignore::{category}")


def pytest_unconfigure():
    """Leave nothing behind."""
    shutil.rmtree(HOME, ignore_errors=True)


def connection(info):
    """Return a connection with these info values, as Airflow's variables and files hold it."""
    return {"conn_type": load().document["id"], "extra": info}


@pytest.fixture
def connect(monkeypatch):
    """Return a function that makes a connection of info values, which needs no database."""

    def make(info, name=CONNECTION):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection(json.dumps(info))))

    return make


@pytest.fixture(scope="session")
def dag():
    """Return a function that gives a DAG by its name, from a database that knows it, with an account of canaries."""
    from airflow.sdk import DAG
    from airflow.secrets.local_filesystem import load_connections_dict
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    DAGS.mkdir()
    for file in ("examples/airflow_shares.py", "tests/engines/airflow/engine_dags.py"):
        shutil.copy(ROOT / file, DAGS)
    (DAGS / "dag_of_the_page.py").write_text(DAG_OF_THE_PAGE, encoding="utf-8")
    (DAGS / "dag_as_a_user.py").write_text(DAG_AS_A_USER, encoding="utf-8")
    given, connections = json.loads(CONNECTIONS_OF_THE_PAGE), HOME / "connection.json"
    given[CONNECTION]["extra"].update(CANARIES)
    connections.write_text(json.dumps(given), encoding="utf-8")
    initdb()
    with create_session() as session:  # as `airflow connections import` does
        session.add_all(load_connections_dict(str(connections)).values())
    connections.unlink()
    found = {}
    for file in DAGS.glob("*.py"):
        spec = importlib.util.spec_from_file_location(file.stem, file)
        sys.modules[file.stem] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= {value.dag_id: value for value in vars(module).values() if isinstance(value, DAG)}
    return found.__getitem__


@pytest.fixture
def waits(monkeypatch):
    """Return the seconds after which Airflow tries tasks again; they pass at once, and a run without any must go on."""
    from airflow.models import TaskInstance
    from airflow.utils.session import create_session

    found, sleep = [], time.sleep

    def pass_by(seconds):
        if threading.current_thread() is not threading.main_thread():
            sleep(seconds)
            return
        with create_session() as session:
            waiting = session.query(TaskInstance).filter_by(state="up_for_retry").all()
            assert waiting, "the run stands still"
            for one in waiting:
                delay = one.retry_delay_override
                found.append(OWN_DELAY if delay is None else delay)
                one.end_date -= timedelta(seconds=found[-1])

    monkeypatch.setattr(time, "sleep", pass_by)
    return found
