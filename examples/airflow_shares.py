"""Two DAGs for Airflow, to copy into the DAGs folder and change: a few shares, and many.

Both use the connection `google_apps_calendar_share_default`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task
from google_apps_calendar_share_v1.handler.engines.airflow_operator import RowsOperator, StepOperator

TEAM = ["jane@acme.com", "john@acme.com", "mary@acme.com"]
PEOPLE = 500
ROWS_OF_A_TASK = 200
TRIED: dict[str, Any] = {"retries": 5, "retry_delay": timedelta(minutes=1), "retry_exponential_backoff": True}


def share_with(recipient: str) -> dict[str, str]:
    """Give the parameters of a share."""
    return {
        "calendar_name": "Example Calendar",
        "scope": "user",
        "recipient": recipient,
        "calendar_access": "reader",
    }


with DAG("share_with_a_team", schedule=None, default_args=TRIED) as team:
    # A task for each person, called by the address in Airflow's pages.
    StepOperator.partial(task_id="share", map_index_template="{{ task.parameters['recipient'] }}").expand(
        parameters=[share_with(person) for person in TEAM]
    )


@task
def in_chunks(dry_run: str) -> list[list[dict[str, str]]]:
    """Give the rows in lists of so many; here is the place to ask a directory or read a file."""
    rows = [{**share_with(f"person{number}@acme.com"), "dry_run": dry_run} for number in range(PEOPLE)]
    return [rows[first : first + ROWS_OF_A_TASK] for first in range(0, len(rows), ROWS_OF_A_TASK)]


with DAG("share_with_many", schedule=None, default_args=TRIED) as many:
    # One chunk at a time: the tasks do not know of each other's pace. What a recipient
    # had before is in the XCom of `look`, whatever becomes of `share`.
    one_at_a_time = {"max_active_tis_per_dagrun": 1}
    look = RowsOperator.partial(task_id="look", **one_at_a_time).expand(rows=in_chunks("Yes"))
    share = RowsOperator.partial(task_id="share", **one_at_a_time).expand(rows=in_chunks("No"))
    look >> share
