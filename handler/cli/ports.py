"""The option --port, and what is said of a port that cannot be had."""

from __future__ import annotations

import argparse

from ..errors import InvalidInput

LAST_PORT = 65535


def add_port(parser: argparse.ArgumentParser, default: int) -> None:
    """Add `--port`."""
    parser.add_argument(
        "--port",
        type=_port,
        default=default,
        metavar="N",
        help="port to listen on (default: %(default)s; 0 is any free one)",
    )


def no_port(port: int, error: OSError) -> InvalidInput:
    """Make the error for a port that cannot be listened on."""
    return InvalidInput("invalid_input", f"port {port}: {error.strerror}; name another with --port (0 is any free one)")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= LAST_PORT):
        raise argparse.ArgumentTypeError(f"must be a number from 0 to {LAST_PORT}")
    return int(text)
