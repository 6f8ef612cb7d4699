"""Airflow's connection to the account: its info values, and a test of them.

Needs the extra `airflow`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from airflow.providers.common.compat.sdk import BaseHook, mask_secret

from ..check import check
from ..descriptor import invalid_input, load
from ..errors import HandlerError
from ..masking import parts_of
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

        Raises AirflowNotFoundException if there is no such connection, and InvalidInput
        if its field Extra holds something else.
        """
        info, problem = _info_in(self.get_connection(self.gcal_conn_id).extra)
        if problem:
            raise invalid_input({f"connection {self.gcal_conn_id}, field Extra": problem})
        for name, field in DESCRIPTOR.info.fields.items():
            if field.get("writeOnly") and isinstance(info.get(name), str):
                for part in parts_of(info[name]):
                    mask_secret(part)
        return info

    def test_connection(self) -> tuple[bool, str]:
        """Sign in and say whether steps can be done, and else each problem with what to do about it."""
        try:
            info = self.get_conn()
            findings = shielded(lambda: info, functools.partial(check, attempts=1))
        except (HandlerError, Unexpected) as error:
            return False, str(error) if isinstance(error, HandlerError) else f"{error}; the log has more"
        if findings["ok"]:
            return True, f"{findings['account']} signs in, and owns {len(findings['calendars'])} calendars"
        return False, " ".join(f"{problem['message']} {problem['remedy']}".strip() for problem in findings["problems"])


def _info_in(extra: str | None) -> tuple[Mapping[str, Any], str]:
    """Return the info values in a field Extra, and "" - or else what is wrong with it, without showing any of it."""
    # Airflow's own reading takes anything but JSON for nothing at all.
    try:
        info = json.loads(extra) if extra and extra.strip() else {}
    except (ValueError, RecursionError):
        info = None
    if not isinstance(info, Mapping):
        example = json.dumps({next(iter(DESCRIPTOR.info.fields)): "..."})
        return {}, f"is no JSON object; write the info values by their ids, such as {example}"
    return info, DESCRIPTOR.info.mistaken(info)
