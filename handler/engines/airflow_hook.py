"""Airflow's connection to the account: its info values, and a test of them.

Needs the extra `airflow`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from airflow.providers.common.compat.sdk import BaseHook, mask_secret

from ..check import check
from ..descriptor import load
from ..errors import HandlerError
from .attempt import Unexpected, shielded

DESCRIPTOR = load()
DEFAULT_CONNECTION = f"{DESCRIPTOR.document['id']}_default"


class StepHook(BaseHook):
    """A connection whose extra fields are the info values, by their ids in handler.yaml."""

    conn_name_attr = "gcal_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = DESCRIPTOR.document["id"]
    hook_name = DESCRIPTOR.document["name"]

    def __init__(self, gcal_conn_id: str = DEFAULT_CONNECTION, **options: Any) -> None:
        """Take the id of the connection; nothing is asked of Airflow or Google before it is needed."""
        super().__init__(**options)
        self.gcal_conn_id = gcal_conn_id

    def get_conn(self) -> Any:
        """Return the info values as they stand in the connection, the secret ones made known to Airflow's masker.

        Raises AirflowNotFoundException if there is no such connection.
        """
        info = self.get_connection(self.gcal_conn_id).extra_dejson
        if isinstance(info, Mapping):
            for name, field in DESCRIPTOR.info.fields.items():
                if field.get("writeOnly") and isinstance(info.get(name), str):
                    mask_secret(info[name])
        return info

    def test_connection(self) -> tuple[bool, str]:
        """Sign in and say whether steps can be done, and else each problem with what to do about it."""
        info = self.get_conn()
        try:
            findings = shielded(lambda: info, functools.partial(check, attempts=1))
        except (HandlerError, Unexpected) as error:
            return False, str(error) if isinstance(error, HandlerError) else f"{error}; the log has more"
        if findings["ok"]:
            return True, f"{findings['account']} signs in, and owns {len(findings['calendars'])} calendars"
        return False, " ".join(f"{problem['message']} {problem['remedy']}".strip() for problem in findings["problems"])
