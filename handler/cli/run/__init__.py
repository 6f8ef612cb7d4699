"""The verb run: plays parameter files and says whether they came out as expected."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, TypeVar

from ...documents import wrong_file
from ...emulator_host import VARIABLE
from ...errors import HandlerError, InvalidInput, visible
from ...installation import is_of_the_installation
from ...testing.cases import Case, Report, outcome_differences, perform, play, read_case
from ...testing.emulator import ACCOUNT
from ..exit_statuses import FAILED, WRONG_INPUT, exit_statuses
from ..options import SOURCES, add_format, add_info, read_info
from ..output import Streams, print_error, print_json, print_xml, telling_all_the_same
from .case_report import json_report, text_report, xml_reports
from .filling import fill

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator

Given = TypeVar("Given")
Made = TypeVar("Made")

SUMMARY = "Play parameter files and hold them to what they expect"
SUFFIXES = {".yaml", ".yml", ".json"}
EXAMPLES = f"""\
Each file is played against an emulator of its own; no Google account is needed.

With --fill a file need not say what it expects: what came is written behind its
last line where the file says nothing yet (expect, calls, waits, after), for you to
judge. What the file says already stays, and if that came out otherwise nothing is
written.

With --live the steps are done in a real account, after asking. Only the outcome
can be held to the files then; calls, rules and mails cannot be seen. A file that
says what Google holds (google:) or has info values of its own is refused.
{SOURCES}
{exit_statuses(done="all came out as expected", failed="one did not", wrong_input="one could not be played")}
Examples:
  %(prog)s fixtures/examples/share_with_a_user.yaml
  %(prog)s fixtures/examples --format json
  %(prog)s --fill draft.yaml
  %(prog)s fixtures/examples/share_with_a_user.yaml --live --info account.yaml
"""


def add_run(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = verbs.add_parser("run", help=SUMMARY, description=f"{SUMMARY}.", epilog=EXAMPLES)
    parser.add_argument(
        "paths",
        metavar="FILE",
        nargs="+",
        type=Path,
        help="parameter file, or folder to search for *.yaml, *.yml and *.json",
    )
    add_format(parser, "<cases>, with the results or the error of each <case>")
    parser.add_argument("--fill", action="store_true", help="write into each file what came, where it says nothing yet")
    parser.add_argument("--live", dest="asks_google", action="store_true", help="do the steps in a real account")
    parser.add_argument("--yes", action="store_true", help="with --live: do not ask")
    add_info(parser, " for --live")
    parser.set_defaults(perform=run)


def run(arguments: argparse.Namespace, streams: Streams) -> int:
    """Play every file that can be played and write what came of it."""
    if not arguments.asks_google and (arguments.yes or arguments.info):
        raise InvalidInput("invalid_input", "--yes and --info say something only together with --live")
    if arguments.asks_google and arguments.fill:
        raise InvalidInput("invalid_input", "--fill writes what came of the emulator; it does not go with --live")
    mistakes: list[HandlerError] = []

    def refuse(error: HandlerError) -> None:
        print_error(error, arguments.format, streams.stderr)
        mistakes.append(error)

    files = (file for found in _each(_files, arguments.paths, refuse) for file in found)
    read_one = _read_live if arguments.asks_google else partial(read_case, to_fill=arguments.fill)
    cases = list(_each(read_one, files, refuse))
    if arguments.asks_google:
        play_one = _live(cases, arguments, streams)
    else:
        play_one = partial(_filled, streams) if arguments.fill else play
    if play_one is None:
        print("nothing was done: the answer was not yes", file=streams.stderr)
        return FAILED
    reports: list[Report] = []
    lost = telling_all_the_same(streams, lambda: ", ".join(report.case.file for report in reports) or "nothing")
    with lost if arguments.asks_google else nullcontext():
        _tell(_each(play_one, cases, refuse), reports, mistakes, arguments, streams)
    failed = any(report.differences for report in reports)
    return WRONG_INPUT if mistakes else int(failed)


def _tell(
    played: Iterable[Report],
    reports: list[Report],
    mistakes: list[HandlerError],
    arguments: argparse.Namespace,
    streams: Streams,
) -> None:
    """Write each report as it comes and add it to the others, or write all in the end."""
    for report in played:
        reports.append(report)
        if arguments.format == "text":
            print(text_report(report, streams.stdout, live=arguments.asks_google), file=streams.stdout)
    failed = sum(bool(report.differences) for report in reports)
    if arguments.format == "json":
        print_json([json_report(report, live=arguments.asks_google) for report in reports], streams.stdout)
    elif arguments.format == "xml":
        print_xml(xml_reports(reports), streams.stdout)
    else:
        not_played = f", {len(mistakes)} not played" if mistakes else ""
        print(f"{len(reports) - failed} passed, {failed} failed{not_played}", file=streams.stdout)


def _each(
    make: Callable[[Given], Made], items: Iterable[Given], refuse: Callable[[HandlerError], None]
) -> Iterator[Made]:
    """Yield what is made of each item; one that is wrong does not keep the others back."""
    for item in items:
        try:
            made = make(item)
        except HandlerError as error:
            if is_of_the_installation(error):
                raise
            refuse(error)
        else:
            yield made


def _filled(streams: Streams, case: Case) -> Report:
    """Fill a file and say what was written; on stderr, so that stdout holds the reports alone."""
    report, added = fill(case)
    if added:
        told = f"written, for you to judge:\n{indent(added, '  ')}"
    elif report.differences:
        told = "nothing was written: what the file says already came out otherwise\n"
    else:
        told = "nothing was written, as nothing was missing\n"
    print(f"{visible(case.file)}: {told}", end="", file=streams.stderr)
    return report


def _files(path: Path) -> list[Path]:
    try:
        if not path.is_dir():
            return [path]
        files = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    except OSError as error:
        raise wrong_file(path, error.strerror or type(error).__name__) from None
    if not files:
        raise wrong_file(path, "no parameter file (*.yaml, *.yml or *.json) in this folder")
    return files


def _read_live(path: Path) -> Case:
    """Read a parameter file that means something in a real account."""
    case = read_case(path)
    if case.google:
        raise wrong_file(
            path, "not played with --live: it says what Google holds (google:), and the real one holds another"
        )
    if case.info is not ACCOUNT:  # which is there if the file has no info values
        raise wrong_file(path, "not played with --live: it has info values of its own (info:)")
    return case


def _live(cases: list[Case], arguments: argparse.Namespace, streams: Streams) -> Callable[[Case], Report] | None:
    """Return what plays a case in a real account, or None if the person does not want that."""
    if cases and not arguments.yes and not streams.stdin.isatty():
        message = (
            "--live changes a real account and asks before it does, but there is no terminal to ask on: give --yes"
        )
        raise InvalidInput("invalid_input", message)
    info = read_info(arguments.info, streams.stderr) if cases else {}
    if cases and not arguments.yes:
        place = f"the server that {VARIABLE} names" if os.environ.get(VARIABLE) else "Google"
        print(f"These steps are about to be done in a real account at {place}:", file=streams.stderr)
        print(
            *(f"  {case.file}: {json.dumps(case.parameters or case.rows)}" for case in cases),
            sep="\n",
            file=streams.stderr,
        )
        print("Type yes to do them: ", end="", file=streams.stderr, flush=True)
        if streams.stdin.readline().strip() != "yes":
            return None

    def play_live(case: Case) -> Report:
        outcome = perform(replace(case, info=info))
        return Report(case, outcome, outcome_differences(case.expect, outcome))

    return play_live
