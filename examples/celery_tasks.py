"""The step as a task of Celery, to copy and change.

    celery --app examples.celery_tasks worker --pool threads --concurrency 50

Broker and result backend are those of the environment: CELERY_BROKER_URL and
CELERY_RESULT_BACKEND. A message holds the parameters and the name of a connection;
the info values stay with the worker.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

from celery import Celery, Task, shared_task
from google_apps_calendar_share_v1.handler import HandlerError
from google_apps_calendar_share_v1.handler.engines.attempt import Unexpected, attempt

app = Celery("sharing")
LONGEST_WAIT_SECONDS = 300.0


class ShareError(Exception):
    """A share that failed: code and message, in this order, as a result backend makes it anew from its arguments."""


# The task is given to another worker if its own dies; to do it again is no harm.
@shared_task(
    bind=True,
    name="google_apps_calendar_share",
    max_retries=8,
    throws=(ShareError,),
    acks_late=True,
    reject_on_worker_lost=True,
)
def share(self: Task, parameters: dict[str, Any], connection: str = "default") -> dict[str, str]:
    """Do the handler's step; raises ShareError for good, or when it was tried often enough."""
    try:
        return attempt(info_of, connection, parameters)
    except HandlerError as error:
        failed, wait, passes = ShareError(error.code, error.message), error.retry_after, error.retryable
    except Unexpected as error:
        failed, wait, passes = ShareError(str(error), "the worker's log has more"), None, False
    if not passes:
        raise failed
    if wait is None:
        wait = min(2.0**self.request.retries, LONGEST_WAIT_SECONDS) * random.uniform(0.5, 1)  # noqa: S311 -- no secret
    raise self.retry(exc=failed, countdown=wait)


def info_of(connection: str) -> dict[str, str | None]:
    """Look up the info values of a connection: here, from this worker's environment; put your vault in its place.

    Those of `service_account` are read anew for each task, so that its key can be
    replaced; the guard rails say whom tasks may act as. Raises KeyError for a name
    that is not known.
    """
    if connection == "service_account":
        return {
            "service_account": Path(os.environ["GOOGLE_SERVICE_ACCOUNT_FILE"]).read_text(encoding="utf-8"),
            "act_as_by_default": os.environ.get("GOOGLE_ACT_AS"),
            "may_act_as": "rooms@acme.com",
            "may_add_to_lists_of": "acme.com",
        }
    return {
        "default": {
            "client_id": os.environ.get("GOOGLE_CLIENT_ID"),
            "client_secret": os.environ.get("GOOGLE_CLIENT_SECRET"),
            "refresh_token": os.environ.get("GOOGLE_REFRESH_TOKEN"),
        },
    }[connection]
