"""DAGs whose parameters come with each run, so that one file serves every test."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, task
from google_apps_calendar_share_v1.handler.engines.airflow_operator import (  # noqa: TID251 -- what users import
    RowsOperator,
    StepOperator,
)

TRIED = {"retries": 3, "retry_delay": timedelta(hours=1)}
FIELDS = ("calendar_name", "scope", "recipient", "calendar_access", "error_handling")


@task
def given(dag_run=None):
    """Return what the run was started with."""
    return dag_run.conf["given"]


with DAG("step", schedule=None, default_args=TRIED) as step:
    StepOperator(task_id="share", parameters={name: f"{{{{ dag_run.conf.get('{name}', '') }}}}" for name in FIELDS})

with DAG("mapped", schedule=None, default_args=TRIED) as mapped:
    StepOperator.partial(task_id="share", map_index_template="{{ task.parameters['recipient'] }}").expand(
        parameters=given()
    )

with DAG("rows", schedule=None, default_args=TRIED) as rows:
    RowsOperator.partial(task_id="share").expand(rows=given())
