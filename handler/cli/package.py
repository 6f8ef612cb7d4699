"""The verb package: makes what an engine imports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..descriptor import load
from ..documents import wrong_file
from ..engines.kinetic.definition import definition_id
from ..engines.kinetic.package import package
from .exit_statuses import DONE, exit_statuses

if TYPE_CHECKING:
    import argparse

    from .output import Streams

SUMMARY = "Make the package that an engine imports"
EXAMPLES = f"""\
kinetic: the zip for the handler import of Kinetic Task. The engine runs the
handler with a Python of its machine; docs/engines/kinetic.md says how to set
that up.

{exit_statuses()}
Examples:
  %(prog)s kinetic
  %(prog)s kinetic -o google_apps_calendar_share_v1.zip
"""


def add_package(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = verbs.add_parser("package", help=SUMMARY, description=f"{SUMMARY}.", epilog=EXAMPLES)
    parser.add_argument("engine", metavar="ENGINE", choices=("kinetic",), help="kinetic")
    parser.add_argument(
        "-o", "--output", metavar="ZIP", type=Path, help="file to write (default: the handler's id and version, .zip)"
    )
    parser.set_defaults(perform=package_handler)


def package_handler(arguments: argparse.Namespace, streams: Streams) -> int:
    """Write the package in the place of an earlier one, and say where."""
    definition = definition_id(load().document)
    path: Path = arguments.output or Path(f"{definition}.zip")
    content = package()  # before the file is touched: an earlier one stays if this fails
    try:
        path.write_bytes(content)
    except OSError as error:
        raise wrong_file(path, error.strerror or type(error).__name__) from None
    print(f"{path}: {definition}, for the handler import of Kinetic Task", file=streams.stdout)
    return DONE
