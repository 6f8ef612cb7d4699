"""The verb worker: does steps for a workflow engine that hands them to workers."""

from __future__ import annotations

import argparse
import asyncio
import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..descriptor import invalid_input, load
from ..engines.attempt import DEFAULT_CONNECTION, secrets_of, told
from ..errors import HandlerError, InvalidInput, quote
from ..installation import installed
from ..masking import masked
from ..session import Session
from .exit_statuses import DONE, TRY_AGAIN, WRONG_INPUT, exit_statuses
from .options import read_info, read_info_file
from .output import LOG_FORMAT, logged_to

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from .output import Streams

SUMMARY = "Do steps for a workflow engine"
MISSING = "error: the verb worker needs the extra temporal: pip install 'google-apps-calendar-share[temporal]'"
EXAMPLES = f"""\
A step names the account that it is done with: its input holds the parameters and,
unless that is default, connection. The values behind the name stay on this machine,
and each step reads them anew: a key that is replaced in its file is used no more.
The account of the environment is the one called default, complemented by the file
of this name if there is one: GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET and
GOOGLE_REFRESH_TOKEN, or GOOGLE_SERVICE_ACCOUNT and GOOGLE_ACT_AS, each also with
_FILE at its end and then the name of a file that holds the value. Every other
connection is its file alone.

It runs until Ctrl-C or SIGTERM, and then finishes the steps that were begun.
Temporal's own variables and file count too, for TLS and API keys as well:
https://docs.temporal.io/develop/environment-configuration

{exit_statuses()}
Examples:
  %(prog)s temporal --info default=account.yaml
  %(prog)s temporal --address 127.0.0.1:7233 --namespace default \\
      --info acme=account.yaml --info example=account.yaml
"""


def add_worker(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = verbs.add_parser("worker", help=SUMMARY, description=f"{SUMMARY}.", epilog=EXAMPLES)
    parser.add_argument("engine", choices=("temporal",), help="the engine; temporal needs the extra of this name")
    parser.add_argument("--address", metavar="HOST:PORT", help="of the server (default: 127.0.0.1:7233)")
    parser.add_argument("--namespace", metavar="NAME", help="namespace in the engine (default: default)")
    parser.add_argument(
        "--task-queue",
        metavar="NAME",
        default="google-apps-calendar-share",
        help="queue that steps are taken from (default: %(default)s)",
    )
    parser.add_argument(
        "--info",
        metavar="NAME=FILE",
        type=_connection,
        action="append",
        default=[],
        help="connection and the file with its info values, YAML or JSON; may be given several times",
    )
    parser.set_defaults(perform=run_worker)


def run_worker(arguments: argparse.Namespace, streams: Streams) -> int:
    """Do steps until somebody ends it, which is no failure."""
    try:
        with installed():
            from ..engines.temporal_worker import NoServerError, serve  # an extra, which the other verbs do without
    except HandlerError as error:
        if not str(error.details.get("module")).startswith("temporalio"):
            raise
        print(MISSING, file=streams.stderr)
        return WRONG_INPUT
    files = _InfoFiles(arguments.info, streams)

    def tell(line: str) -> None:
        print(line, file=streams.stdout, flush=True)

    tell(f"connections: {', '.join(files.paths)}")
    try:
        with logged_to(streams.stderr, logging.getLogger("temporalio"), logging.WARNING, _Log(files.secrets)):
            asyncio.run(serve(files.info_of, arguments.address, arguments.namespace, arguments.task_queue, tell))
    except NoServerError as error:
        print("error:", error, file=streams.stderr)
        return TRY_AGAIN
    return DONE


class _InfoFiles:
    """The info values of each connection, read anew for each step: secrets are replaced while steps go on."""

    def __init__(self, pairs: list[tuple[str, Path | None]], streams: Streams) -> None:
        """Read all of them once; raises InvalidInput with what is wrong with any."""
        self.paths: dict[str, Path | None] = {}
        self.secrets: list[Any] = []
        """All that were ever read: a step with an earlier one may still be going on."""
        wrong: dict[str, str] = {}
        infos: list[Mapping[str, str]] = []
        for name, file in pairs or [(DEFAULT_CONNECTION, None)]:
            if name in self.paths:
                wrong[name] = "is given twice; each connection has one file"
            self.paths[name] = file
            info, problems = load().info.read(self._read(name, streams.stderr))
            infos.append(info)
            wrong.update({f"{name}: {field}": problem for field, problem in problems.items()})
        if wrong:
            raise invalid_input(wrong)
        for values in infos:
            # An installation or environment in which every step would fail is said before one is taken.
            _ = Session(values).connection

    def info_of(self, name: str) -> Any:
        """Return the info values of a connection as they are now; raises KeyError for one that is unknown.

        Raises InvalidInput if they cannot be read: what was read earlier may have been revoked.
        """
        try:
            return self._read(name, io.StringIO())  # who else can read the file was said at the start
        except InvalidInput as error:
            problem = error.message.replace("\n", "; ")
        raise invalid_input({"connection": f"{quote(name)} cannot be read any more, and must be put right: {problem}"})

    def _read(self, name: str, stderr: TextIO) -> Any:
        file = self.paths[name]
        # The environment has one account: no other connection may come to share its secrets.
        info = read_info(file, stderr) if file is None or name == DEFAULT_CONNECTION else read_info_file(file, stderr)
        self.secrets += [secret for secret in secrets_of(info) if secret not in self.secrets]
        return info


class _Log(logging.Formatter):
    """Writes what the engine logs without the secrets of any connection."""

    def __init__(self, secrets: list[Any]) -> None:
        """Take the list of the secrets, which others add to."""
        super().__init__(LOG_FORMAT)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and what it was logged with."""
        return masked(super().format(record), self._secrets)

    def formatException(self, ei: Any) -> str:  # noqa: N802 -- as inherited
        """Return a traceback without source lines."""
        return told(ei[1], str) if ei[1] else ""


def _connection(text: str) -> tuple[str, Path]:
    name, _, file = text.partition("=")
    if not (name and file):
        raise argparse.ArgumentTypeError("must be NAME=FILE, such as default=account.yaml")
    return name, Path(file)
