"""The Python end of a step of Kinetic Task: its input document in, its results document or error out.

start.py, which lies beside init.rb, does one step a process with it.
"""

from __future__ import annotations

import codecs
import logging
import re
import sys
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn
from xml.etree.ElementTree import ParseError, TreeBuilder, XMLParser

from ..descriptor import invalid_input
from ..errors import HandlerError, shown
from ..task import execute, logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from xml.etree.ElementTree import Element

    from ..results import Results

    Fields = Mapping[str, str | None]

PYTHON_COMMAND = "python_command"
"""The info value that belongs to the package and not to the handler: init.rb has read it."""
LATE = "jsonschema"
"""The dependency that only a wrong value needs: one that is missing would go unnoticed until there is one."""
# How a document begins that is not one byte a letter, or has a byte order mark; the longer marks first
# (https://www.w3.org/TR/xml/#sec-guessing).
BEGINNINGS = (
    *((mark, "utf-32") for mark in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)),
    *((mark, "utf-16") for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
    *(("<?".encode(encoding), encoding) for encoding in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
DECLARED = re.compile(rb"""\s*<\?xml\s[^>]*?\bencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")


def main(document: bytes) -> tuple[str, str]:
    """Do the one step of this process, its log and nothing else on stderr; answers as `answer` does.

    Raises ImportError if a dependency of the handler is missing.
    """
    if find_spec(LATE) is None:
        raise ModuleNotFoundError(name=LATE)
    # google-api-core warns by the calendar; it would be in the engine's log at every step.
    warnings.simplefilter("ignore")
    log = logging.StreamHandler(sys.stderr)
    log.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger.addHandler(log)
    logger.setLevel(logging.INFO)
    return answer(document)


def answer(document: bytes, execute: Callable[[Fields, Fields], Results] = execute) -> tuple[str, str]:
    """Give ("results", the results document) or ("error", "CODE: message").

    The message is one line, however many fields are wrong: Kinetic's console runs lines
    together.
    """
    try:
        info, parameters = read(document)
        return "results", execute(info, parameters).to_xml()
    except HandlerError as error:
        return "error", f"{error.code}: {error.message}".replace("\n", "; ")


def read(document: bytes) -> tuple[Fields, Fields]:
    """Give the info values and the parameters of an input document, each by name; the last of a name counts.

    Raises InvalidInput if it is not one, without quoting it: it holds secrets.
    """
    root = _parsed(document)
    if root.tag != "handler":
        _refuse("is not a <handler> document of Kinetic Task")
    info = _fields(root, "infos/info")
    info.pop(PYTHON_COMMAND, None)
    return info, _fields(root, "parameters/parameter")


def _fields(root: Element, path: str) -> dict[str, str | None]:
    fields: dict[str, str | None] = {}
    for element in root.iterfind(path):
        name = element.get("name", "")
        if len(element):
            # Its text would end there, and another calendar could have just that title.
            problem = "holds XML elements; a value has to be escaped, as in &lt;"
            raise invalid_input({shown(name): problem})
        fields[name] = element.text
    return fields


def _parsed(document: bytes) -> Element:
    parser = XMLParser(target=_Tree())  # noqa: S314 -- with a DOCTYPE it refuses all that could be unsafe
    try:
        parser.feed(_decoded(document))
        root: Element = parser.close()
    except ParseError as error:
        line, column = error.position
        _refuse(f"is not well-formed XML (line {line}, column {column + 1})")
    return root


class _Tree(TreeBuilder):
    """Ends at a document type, so that no entity is ever declared."""

    def doctype(self, *_: str | None) -> NoReturn:
        _refuse("has a document type (DOCTYPE), which is not allowed")


def _decoded(document: bytes) -> str:
    declared = DECLARED.match(document)
    encoding = declared[1].decode() if declared else "utf-8"
    encoding = next((found for beginning, found in BEGINNINGS if document.startswith(beginning)), encoding)
    try:
        return document.decode(encoding)
    except LookupError:
        _refuse("declares an encoding that is not known")
    except ValueError:
        _refuse(f"is not {encoding} text, as it should be")


def _refuse(problem: str) -> NoReturn:
    raise invalid_input({"input document": problem}) from None
