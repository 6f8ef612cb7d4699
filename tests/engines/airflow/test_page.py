"""What docs/engines/airflow.md says can be pasted on a fresh install, and does what stands there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from handler.testing.emulator import ACCOUNT
from tests.support.docs import block_of, blocks

from .conftest import CONNECTION, PAGE, ROOT

INSTALL, *LINES = [line for block in blocks(PAGE) if block.language == "sh" for line in block.text.splitlines()]


def test_the_lines_share_a_calendar_on_a_fresh_install(tmp_path, emulate):
    """In a home without anything of Airflow's, the lines make the database, import the connection and run the DAG."""
    emulator = emulate()
    given = json.loads(block_of(PAGE, "json", "{"))
    given[CONNECTION]["extra"].update(ACCOUNT)
    (tmp_path / "connection.json").write_text(json.dumps(given), encoding="utf-8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment |= {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CALENDAR_EMULATOR_HOST": emulator.host,
    }
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(LINES)],
        cwd=tmp_path,
        env=environment,
        text=True,
        check=False,
        timeout=900,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert INSTALL == "pip install '.[airflow]'"
    assert done.returncode == 0, done.stdout
    assert sorted(emulator.mails) == ["user:jane@acme.com", "user:john@acme.com", "user:mary@acme.com"]
