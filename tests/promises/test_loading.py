"""Dropped into a folder: the handler loads by path under any name, and works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from handler.testing.emulator import Emulator

from ..support.loading import LOADER

pytestmark = pytest.mark.long

ROOT = Path(__file__).parent.parent.parent

SHARE = """
info = {"client_id": "emulator-client", "client_secret": "emulator-secret", "refresh_token": "emulator-refresh-token"}
print(handler.execute(info, {"calendar_name": "Example Calendar", "scope": "user", "recipient": "a@acme.com",
                             "calendar_access": "reader"})["change"])
"""


@pytest.fixture
def drop_in(tmp_path):
    """Return a handler directory with handler.yaml and handler/ and nothing else."""
    folder = tmp_path / "handlers" / "google_apps_calendar_share_v1"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "handler.yaml", folder)
    shutil.copytree(ROOT / "handler", folder / "handler", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run(program, folder, host="127.0.0.1:1"):
    """Run a program elsewhere, with nothing of ours on its module path."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COVERAGE"))}
    # google-api-core warns by the calendar that this Python grows old.
    environment["PYTHONWARNINGS"] = "ignore::FutureWarning"
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment | {"CALENDAR_EMULATOR_HOST": host},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    "name", ["share_v1", "kinetic.handlers.share-v1", "1 weird name", "google_apps_calendar_share_v1.handler", "json5"]
)
def test_it_loads_by_path_under_any_name_and_shares(drop_in, tmp_path, name):
    """The four statements load the handler under any module name, and it shares a calendar."""
    with Emulator() as emulator:
        done = run(f"name, folder = {name!r}, {str(drop_in)!r}\n{LOADER}{SHARE}", tmp_path, emulator.host)
        assert (done.stdout, done.stderr) == ("created\n", "")
        assert emulator.rules() == {"example@group.calendar.google.com": {"user:a@acme.com": "reader"}}


def test_two_versions_side_by_side_keep_apart(drop_in, tmp_path):
    """Two copies under two names each read their own handler.yaml, and know errors of their own."""
    second = tmp_path / "handlers" / "google_apps_calendar_share_v2"
    shutil.copytree(drop_in, second)
    text = (second / "handler.yaml").read_text(encoding="utf-8")
    (second / "handler.yaml").write_text(text.replace("title: Calendar Id", "title: Calendar Id 2"), encoding="utf-8")
    program = "".join(
        f"name, folder = {name!r}, {str(folder)!r}\n{LOADER}{SHARE}{name} = handler\n"
        for name, folder in (("one", drop_in), ("two", second))
    )
    program += "print(one.HandlerError is two.HandlerError)\n"
    program += (
        "print(*(sys.modules[m + '.descriptor'].load().titles['calendar_id'] for m in ('one', 'two')), sep=', ')\n"
    )
    with Emulator() as emulator:
        done = run(program, tmp_path, emulator.host)
    assert done.stderr == ""
    assert done.stdout == "created\nunchanged\nFalse\nCalendar Id, Calendar Id 2\n"


def test_import_handler_works_beside_the_folder(drop_in):
    """With the folder itself on the module path, `import handler` is enough."""
    with Emulator() as emulator:
        done = run(f"import handler\n{SHARE}", drop_in, emulator.host)
    assert (done.stdout, done.stderr) == ("created\n", "")


def test_python_m_handler_works_in_the_folder(drop_in):
    """In a drop-in folder `python -m handler` is the command line."""
    done = subprocess.run(
        [sys.executable, "-m", "handler", "validate"],
        cwd=drop_in,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "google_apps_calendar_share" in done.stdout


def test_a_folder_without_its_descriptor_says_so(drop_in, tmp_path):
    """A drop-in folder that lost its handler.yaml fails with the file's name, at the first step."""
    (drop_in / "handler.yaml").unlink()
    done = run(f"name, folder = 'x', {str(drop_in)!r}\n{LOADER}{SHARE}", tmp_path)
    assert "InvalidDescriptor" in done.stderr
    assert "handler.yaml" in done.stderr.splitlines()[-1]
