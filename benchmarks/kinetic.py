"""A step of Kinetic Task, from input document to results on JRuby, beside a command that makes the same share.

Wall time, as the JVM of an engine does other things too: what counts is how long a step
is on its way. The JVM is running and warm; a Python is started for each step.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from .bench import ROOT
from .clients import CLIENT, ROLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .bench import Server

SHARES = 5
"""So many are made in a row, of which the median counts."""
WARM_UP = 10
JRUBY = shutil.which("jruby")
_numbers = itertools.count()


def has_jruby() -> bool:
    """Say whether there is a JRuby to measure with."""
    return JRUBY is not None


@contextlib.contextmanager
def steps(server: Server) -> Iterator[Callable[[], float]]:
    """Provide what makes shares through the bridge in a running JVM, and gives the seconds of one."""
    from handler.engines.kinetic.package import package

    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(io.BytesIO(package())).extractall(folder)
        process = subprocess.Popen(
            [str(JRUBY), ROOT / "benchmarks" / "kinetic.rb", folder],
            env=_environment(server), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

        def step() -> float:
            assert process.stdin is not None  # noqa: S101 -- for the type checker
            assert process.stdout is not None  # noqa: S101 -- as above
            process.stdin.write(_document(_parameters(server)) + "\n")
            process.stdin.flush()
            return float(process.stdout.readline())

        for _ in range(WARM_UP):
            step()
        try:
            yield lambda: statistics.median(step() for _ in range(SHARES))
        finally:
            process.communicate()


def commands(server: Server) -> Callable[[], float]:
    """Return what makes shares with a command each, and gives the seconds of one."""
    secrets = {f"GOOGLE_{name.upper()}": value for name, value in CLIENT.items()}

    def command() -> float:
        options = _parameters(server)
        arguments = ["--calendar", options["calendar_name"], "--scope", "user",
                     "--recipient", options["recipient"], "--access", ROLE]  # fmt: skip
        begun = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "handler", "share", *arguments],
            env=_environment(server) | secrets, cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        return time.monotonic() - begun

    return lambda: statistics.median(command() for _ in range(SHARES))


def _environment(server: Server) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "CALENDAR_EMULATOR_HOST": server.host}


def _parameters(server: Server) -> dict[str, str]:
    recipient = f"user{os.getpid()}.{next(_numbers)}@acme.com"
    return {"calendar_name": server.title, "scope": "user", "recipient": recipient, "calendar_access": ROLE}


def _document(parameters: dict[str, str]) -> str:
    info = _fields("info", {**CLIENT, "python_command": sys.executable})
    return f"<handler><infos>{info}</infos><parameters>{_fields('parameter', parameters)}</parameters></handler>"


def _fields(tag: str, values: dict[str, str]) -> str:
    return "".join(f"<{tag} name='{name}'>{escape(value)}</{tag}>" for name, value in values.items())
