"""The verb validate: holds a handler.yaml to what one may say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..descriptor import DESCRIPTOR, load
from ..errors import InvalidDescriptor
from .exit_statuses import DONE, WRONG_INPUT, exit_statuses

if TYPE_CHECKING:
    import argparse

    from .output import Streams

SUMMARY = "Hold a handler.yaml to what one may say"
EXAMPLES = f"""\
Each mistake is a line on stderr.

{exit_statuses(wrong_input="wrong usage, or a mistake was found")}
Examples:
  %(prog)s
  %(prog)s .
"""


def add_validate(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = verbs.add_parser("validate", help=SUMMARY, description=f"{SUMMARY}.", epilog=EXAMPLES)
    parser.add_argument(
        "folder",
        metavar="DIR",
        nargs="?",
        type=Path,
        default=DESCRIPTOR.parent,
        help=f"folder that holds a {DESCRIPTOR.name} (default: this handler's own)",
    )
    parser.set_defaults(perform=validate)


def validate(arguments: argparse.Namespace, streams: Streams) -> int:
    """Say that a descriptor is in order; raises InvalidDescriptor, or lists its mistakes."""
    path: Path = arguments.folder / DESCRIPTOR.name
    try:
        descriptor = load(path)
    except InvalidDescriptor as error:
        if "problems" not in error.details:
            raise
        print(*(f"{path}: {mistake}" for mistake in error.details["problems"]), sep="\n", file=streams.stderr)
        return WRONG_INPUT
    document = descriptor.document
    counts = (
        f"{len(descriptor.info.fields)} info values",
        f"{len(descriptor.parameters.fields)} parameters",
        f"{len(descriptor.titles)} results",
        f"{len(descriptor.errors)} errors",
    )
    print(f"{path.name}: ok, {document['id']} version {document['version']}: {', '.join(counts)}", file=streams.stdout)
    return DONE
