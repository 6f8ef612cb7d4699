"""Runs servers and clients, each in a process of its own, and gives plain numbers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .certificates import make, make_service_account

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]


class Server:
    """A running server, and the clients that are sent to it."""

    def __init__(self, ports: dict[str, int], calendars: int, authorities: Path, key: Path) -> None:
        self._ports = ports
        self._last = calendars - 1
        self._authorities = authorities
        self._key = key

    @property
    def host(self) -> str:
        """The address of HTTP, as the handler is pointed at it."""
        return f"127.0.0.1:{self._ports['http']}"

    @property
    def title(self) -> str:
        """Title of the last calendar, which is the one that is shared."""
        return f"Project calendar {self._last:05}"

    def run(self, client: str, kind: str, shares: int, scheme: str = "http", **more: Any) -> Any:
        """Return what a worker answers."""
        arguments, environment = self._worker(client, kind, shares, scheme, more)
        done = subprocess.run(
            arguments, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, preexec_fn=_to_first_core
        )
        return json.loads(done.stdout or "null")

    def process_cpu(self, client: str, scheme: str) -> float:
        """Return the CPU seconds of a whole process that makes one share."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.run(client, "cold", 1, scheme)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def instructions(self, client: str, shares: int = 50) -> float:
        """Return the instructions of a later share, as callgrind counts them outside the kernel."""
        return (self._callgrind(client, shares) - self._callgrind(client, 0)) / shares

    def _callgrind(self, client: str, shares: int) -> int:
        arguments, environment = self._worker(client, "instructions", shares, "http", {})
        with tempfile.TemporaryDirectory() as folder:
            tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
            done = subprocess.run(
                [*tool, *arguments], env=environment, cwd=ROOT, check=True, capture_output=True, text=True
            )
        found = re.search(r"Collected : (\d+)", done.stderr)
        if found is None:
            raise RuntimeError(done.stderr)
        return int(found[1])

    def _worker(
        self, client: str, kind: str, shares: int, scheme: str, more: dict[str, Any]
    ) -> tuple[list[str], dict[str, str]]:
        place = (scheme, self._ports[scheme], self.title,
                 f"c_{self._last:064x}@group.calendar.google.com")  # fmt: skip
        job = {
            "client": client, "kind": kind, "shares": shares, "place": place,
            "counts_port": self._ports["http"], **more,
        }  # fmt: skip
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONHASHSEED": "0",  # the instructions hang on it
            "REQUESTS_CA_BUNDLE": str(self._authorities),
            "HTTPLIB2_CA_CERTS": str(self._authorities),
            "GOOGLE_SERVICE_ACCOUNT_FILE": str(self._key),
        }
        if scheme == "http":
            environment["CALENDAR_EMULATOR_HOST"] = self.host
        quiet = ["-W", "ignore"]  # google-api-core warns of the Python's age
        return [sys.executable, *quiet, "-m", "benchmarks.worker", json.dumps(job)], environment


@contextlib.contextmanager
def serving(calendars: int = 200, latency: float = 0.0) -> Iterator[Server]:
    """Start a server on the last core, and stop it in the end."""
    with tempfile.TemporaryDirectory() as folder:
        authorities, certificate = make(Path(folder))
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.server", str(certificate),
             f"--calendars={calendars}", f"--latency={latency}"],
            cwd=ROOT, stdout=subprocess.PIPE, preexec_fn=_to_last_core,
        )  # fmt: skip
        assert process.stdout is not None  # noqa: S101 -- for the type checker
        try:
            key = make_service_account(Path(folder))
            yield Server(json.loads(process.stdout.readline()), calendars, authorities, key)
        finally:
            process.terminate()
            process.wait()


def in_turn(rounds: int, measures: dict[str, Any]) -> dict[str, float]:
    """Take each measure once a round, so that a busy moment hits all, and give the medians."""
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            found[name].append(measure())
    return {name: statistics.median(values) for name, values in found.items()}


def has_callgrind() -> bool:
    """Say whether instructions can be counted."""
    return shutil.which("valgrind") is not None


def _to_first_core() -> None:
    _to_core(CORES[0])


def _to_last_core() -> None:
    _to_core(CORES[-1])


def _to_core(core: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
