"""The verb bulk: shares what the rows of a file say."""

from __future__ import annotations

import argparse
import signal
import threading
from contextlib import contextmanager, nullcontext, suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ...bulk import PER_MINUTE, THREADS, Bulk, Stopped, read_plan
from ...errors import HandlerError, InvalidInput
from ..exit_statuses import FAILED, INTERRUPTED, exit_statuses, status_of_all
from ..options import ROLES, SOURCES, add_info, read_info
from ..output import Streams, print_error, print_json, telling_all_the_same
from .bulk_report import BulkReport
from .progress import progress_bar
from .results_file import begin_results
from .row_file import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUMMARY = "Share what the rows of a file say, and write down what came of each"
STOPPING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Ctrl-C, a polite kill, and a terminal that is gone; which of them are ignored (nohup) stay so."""
EXAMPLES = f"""\
The file is CSV (a comma, semicolon or tab between the columns, of which the first
line has the names) or JSON Lines. Columns are the parameters of a step, by id or
label: calendar_name, scope, recipient, calendar_access, and if need be
send_notifications and dry_run, with a service account act_as and add_to_list;
columns that begin with _ are ignored. All rows are checked before anything is sent.
Only what differs is written, so to go on after an interruption run the same command
again.

The results are a new file each time, as they say what to undo: FILE.results.csv,
then FILE.results-2.csv ... Each line is on the disk before the next row of its
calendar begins. If it cannot be written any more, the run stops, and what is not in
it is told on stderr. Ctrl-C lets what is in flight end.

{ROLES}
{SOURCES}
{exit_statuses(failed="a row failed", try_again="each such row may pass: try again later")}
Examples:
  %(prog)s people.csv --info account.yaml --dry-run
  %(prog)s people.csv --info account.yaml
  %(prog)s people.csv --no-notifications --per-minute 300 --results done.csv --format json
"""


def add_bulk(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = verbs.add_parser("bulk", help=SUMMARY, description=f"{SUMMARY}.", epilog=EXAMPLES)
    parser.add_argument("file", metavar="FILE", type=Path, help="the rows: CSV, or JSON Lines")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    parser.add_argument("--no-notifications", action="store_true", help="let Google mail nobody, whatever the rows say")
    parser.add_argument("--results", metavar="FILE", type=Path, help="where to write what came of each row; a new file")
    parser.add_argument(
        "--per-minute",
        type=_count,
        default=PER_MINUTE,
        metavar="N",
        help="begin at most so many requests in a minute as one user (default: %(default)s; Google allows each 600)",
    )
    parser.add_argument(
        "--threads",
        type=_count,
        default=THREADS,
        metavar="N",
        help="work on so many calendars side by side (default: %(default)s)",
    )
    add_info(parser)
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="text for people (the default), or json: one object with all rows; errors are written in the same form, "
        "on stderr",
    )
    parser.set_defaults(asks_google=True, perform=share_many)


def share_many(arguments: argparse.Namespace, streams: Streams) -> int:
    """Share all rows and tell what came of them."""
    if arguments.dry_run and arguments.results:
        raise InvalidInput("invalid_input", "--results says something only without --dry-run, which changes nothing")
    file = read_rows(arguments.file)
    forced = {"dry_run": True} if arguments.dry_run else {}
    forced |= {"send_notifications": False} if arguments.no_notifications else {}
    rows = [{**row, **forced} for row in file.rows]
    plan = read_plan(
        read_info(arguments.info, streams.stderr), rows, lambda number: f"line {file.lines[number]}", file.problems
    )
    bulk = Bulk(plan, per_minute=arguments.per_minute)
    report = BulkReport(file._replace(rows=rows), dry_run=arguments.dry_run)
    with telling_all_the_same(streams, report.whereabouts):
        return _told(bulk, report, arguments, streams)


def _told(bulk: Bulk, report: BulkReport, arguments: argparse.Namespace, streams: Streams) -> int:
    """Share, tell what came of the rows, and return the exit status."""
    failed: HandlerError | None = None
    try:
        with _stopping(bulk.stop), suppress(Stopped):
            bulk.find_calendars()
            with (
                nullcontext()
                if arguments.dry_run
                else begin_results(arguments.results, arguments.file, report.file) as made
            ):
                report.results = made
                _share(bulk, report, arguments, streams)
    except HandlerError as error:
        if report.left == report.rows:
            raise
        failed = error
    finally:
        if loss := report.loss():
            with suppress(OSError):  # what is to follow must, whatever has become of this stream
                print_error(loss, arguments.format, streams.stderr)
                streams.stderr.flush()
    if arguments.format == "json":
        print_json(report.document(), streams.stdout)
    else:
        print(*report.text(), sep="\n", file=streams.stdout)
    if failed:
        print_error(failed, arguments.format, streams.stderr)
    if failed or report.is_lossy:
        return FAILED
    if report.left:
        return INTERRUPTED
    return status_of_all(report.errors())


def _share(bulk: Bulk, report: BulkReport, arguments: argparse.Namespace, streams: Streams) -> None:
    """Write down what comes of each row, and show that it goes on."""
    outcomes = bulk.share(arguments.threads)
    with progress_bar(report.rows, streams.stderr) as advance:
        tell = None if advance or arguments.dry_run or arguments.format == "json" else streams.stdout
        try:
            for number, outcome in outcomes:
                report.take(number, outcome, tell)
                if report.is_lossy:
                    bulk.stop()  # what is in flight comes still
                if advance:
                    advance()
        finally:
            # If it did not end by itself, what was in flight has to be written down still.
            bulk.stop()
            for number, outcome in chain(outcomes, bulk.untaken):
                report.take(number, outcome)


@contextmanager
def _stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Let the first of these signals stop the run, and the second end the process."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread gets signals
        return
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in STOPPING}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def end(*_: object) -> None:
        restore()
        stop()

    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        restore()


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise argparse.ArgumentTypeError("must be a whole number from 1 on")
    return int(text)
