"""Writes what a command answers: as text for people, as JSON and XML for programs.

JSON and XML are plain ASCII, so that no locale can spoil them.
"""

from __future__ import annotations

import json
import logging
import os
import textwrap
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from ..access_rules import PUBLIC
from ..descriptor import load
from ..emulator_host import VARIABLE, is_emulator_host
from ..errors import HandlerError, visible
from ..results import xml_attribute, xml_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ..results import ResultId

GREEN, RED = "32", "31"
WIDTH = 80
LOG_FORMAT = "%(asctime)s %(message)s"


class Streams(NamedTuple):
    """Where a command reads and writes."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO


def tell_emulator(stream: TextIO) -> None:
    """Say that the environment points at an emulator, if it does: nobody is to take its answers for Google's."""
    host = os.environ.get(VARIABLE, "")
    if is_emulator_host(host):  # else the verb ends with what is wrong about it
        with suppress(OSError):
            print(f"note: this is the emulator at {host}, not Google, as {VARIABLE} is set", file=stream, flush=True)


@contextmanager
def logged_to(
    stream: TextIO, logger: logging.Logger, level: int, formatter: logging.Formatter | None = None
) -> Iterator[None]:
    """Let a logger write to a stream for a while."""
    log, before = logging.StreamHandler(stream), logger.level
    log.setFormatter(formatter or logging.Formatter(LOG_FORMAT))
    logger.addHandler(log)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.removeHandler(log)
        logger.setLevel(before)


@contextmanager
def telling_all_the_same(streams: Streams, done: Callable[[], str]) -> Iterator[None]:
    """Say on stderr what was `done` if stdout, on a full disk say, does not take what is written meanwhile."""
    try:
        yield
        streams.stdout.flush()
    except OSError:
        with suppress(OSError):
            print(f"note: stdout could not be written, but this was done: {done()}", file=streams.stderr)
        raise


def print_json(document: Any, stream: TextIO) -> None:
    """Write a document as JSON."""
    print(json.dumps(document, indent=2), file=stream)


def print_xml(xml: str, stream: TextIO) -> None:
    """Write XML."""
    print(xml.encode("ascii", "xmlcharrefreplace").decode(), file=stream)


def print_error(error: HandlerError, form: str, stream: TextIO) -> None:
    """Write an error, as text with what to do about it."""
    if form == "json":
        print(json.dumps({"error": error.to_dict()}), file=stream)
    elif form == "xml":
        print_xml(error_xml(error.to_dict()), stream)
    else:
        print("error:", "\n       ".join(map(visible, error.message.split("\n"))), file=stream)
        print("code:", error.code, file=stream)
        if remedy := remedy_of(error.to_dict()):
            print("what to do:", remedy, file=stream)


def error_xml(error: Mapping[str, Any]) -> str:
    """Return `<error code="CODE">MESSAGE</error>`."""
    return xml_element("error", error["message"], code=error["code"])


def xml_element(name: str, text: str, **attributes: str) -> str:
    """Return an element that holds text; what XML 1.0 cannot hold becomes U+FFFD."""
    return f"{xml_tag(name, **attributes)}{xml_text(text)}</{name}>"


def xml_tag(name: str, **attributes: str) -> str:
    """Return the start tag of an element."""
    written = [f' {key}="{xml_attribute(value)}"' for key, value in attributes.items()]
    return f"<{name}{''.join(written)}>"


def aligned(rows: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[str]:
    """Return a line for each name and value, the values in one column; a name may come again, or be ""."""
    rows = list(rows.items() if isinstance(rows, Mapping) else rows)
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{name:<{width}}  {value}" for name, value in rows]


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row, its cells in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def paint(text: str, colour: str, stream: TextIO) -> str:
    """Return text in colour if a person sees it and has not asked for none (https://no-color.org)."""
    if stream.isatty() and not os.environ.get("NO_COLOR"):
        return f"\033[{colour}m{text}\033[0m"
    return text


def remedy_of(error: Mapping[str, Any]) -> str:
    """Return what to do about an error (as `to_dict` has it) beyond what its message says; "" if that is all."""
    try:
        return load().remedy(error)
    except HandlerError:  # handler.yaml or what reads it is what the error is about
        return ""


def paragraph(line: str, label: str = "") -> str:
    """Wrap a line for a terminal; what follows stands below what is behind the label and the bullet."""
    hanging = " " * (len(label) + (2 if line.startswith("- ") else 0))
    return textwrap.fill(
        line, WIDTH, initial_indent=label, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    )


def share_sentence(results: Mapping[ResultId, str], *, dry_run: bool) -> str:
    """Say what a step has changed, or would change."""
    whom = "the public" if results["rule_id"] == PUBLIC else results["rule_id"]
    would_be, has = ("would be ", "would have") if dry_run else ("", "has")
    access, before = results["calendar_access"], results["previous_access"]
    entry = {
        "added": f"; {would_be}added to the recipient's list",
        "present": "; in the recipient's list already",
        "hidden": "; in the recipient's list already, and hidden there",
    }.get(results["list_entry"], "")
    return f"{would_be}{results['change']}: {visible(whom)} {has} {access} (before: {before}){entry}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it has to be."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
