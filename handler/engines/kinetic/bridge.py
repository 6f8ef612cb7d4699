"""The Python end of a step of Kinetic Task: its input document in, its results document or error out.

start.py, which lies beside init.rb, does one step a process with it.
"""

from __future__ import annotations

import codecs
import logging
import re
import sys
import warnings
from typing import TYPE_CHECKING, NoReturn
from xml.etree.ElementTree import ParseError, TreeBuilder, XMLParser

from ...descriptor import invalid_input
from ...errors import HandlerError, shown
from ...session import logger
from ...task import execute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from xml.etree.ElementTree import Element

    from ...results import Results

    Fields = Mapping[str, str | None]

PYTHON_COMMAND = "python_command"
"""The info value that belongs to the package and not to the handler: init.rb has read it."""
# How a document begins that is not one byte a letter, or has a byte order mark; the longer marks first
# (https://www.w3.org/TR/xml/#sec-guessing).
BEGINNINGS = (
    *((mark, "utf-32") for mark in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)),
    *((mark, "utf-16") for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
    *(("<?".encode(encoding), encoding) for encoding in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
HIDING = re.compile(r"<!\[CDATA\[.*?\]\]>|<!--.*?-->|<\?.*?\?>", re.DOTALL)
"""What may hold tags that are none, in a text that is well-formed."""
END_TAG = re.compile(r"</(?:info|parameter)")
ESCAPED = "a value has to be escaped, as in &lt;"
BROKEN = "a value that is not escaped breaks it"
DECLARED = re.compile(rb"""\s*<\?xml\s[^>]*?\bencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")


def main(document: bytes) -> tuple[str, str]:
    """Do the one step of this process, its log and nothing else on stderr; answers as `answer` does."""
    # google-api-core warns by the calendar; it would be in the engine's log at every step.
    warnings.simplefilter("ignore")
    log = logging.StreamHandler(sys.stderr)
    log.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger.addHandler(log)
    logger.setLevel(logging.INFO)
    return answer(document)


def answer(document: bytes, execute: Callable[[Fields, Fields], Results] = execute) -> tuple[str, str]:
    """Return ("results", the results document) or ("error", "CODE: message").

    The message is one line, however many fields are wrong: Kinetic's console runs lines
    together.
    """
    try:
        info, parameters = read(document)
        return "results", execute(info, parameters).to_xml()
    except HandlerError as error:
        return "error", f"{error.code}: {error.message}".replace("\n", "; ")


def read(document: bytes) -> tuple[Fields, Fields]:
    """Return the info values and the parameters of an input document, each by name.

    Raises InvalidInput if it is not one, without quoting it: it holds secrets. A document
    in which a value that the engine did not escape has put anything is none, as that
    value could bring info values and parameters of its own.
    """
    root = _parsed(document)
    if root.tag != "handler":
        _refuse("is not a <handler> document of Kinetic Task")
    sections = _children(root)
    if sections is None or [section.tag for section in sections] != ["infos", "parameters"]:
        _refuse(f"has to have one <infos> and then one <parameters>, and nothing else; {BROKEN}")
    infos, parameters = sections
    info = _fields(infos, "info")
    info.pop(PYTHON_COMMAND, None)
    return info, _fields(parameters, "parameter")


def _fields(section: Element, tag: str) -> dict[str, str | None]:
    fields: dict[str, str | None] = {}
    elements = _children(section)
    if elements is None or any(element.tag != tag or element.get("name") is None for element in elements):
        _refuse(f"holds more than <info> and <parameter> elements with names in them; {BROKEN}")
    for element in elements:
        name = element.attrib["name"]
        if len(element):
            # Its text would end there, and another calendar could have just that title.
            raise invalid_input({shown(name): f"holds XML elements; {ESCAPED}"})
        if name in fields:
            raise invalid_input({shown(name): f"stands there twice; {ESCAPED}"})
        fields[name] = element.text
    return fields


def _children(element: Element) -> list[Element] | None:
    """Return the elements right below one, comments left out; None if there is text between them."""
    if any(text and text.strip() for text in (element.text, *(child.tail for child in element))):
        return None
    return [child for child in element if isinstance(child.tag, str)]


def _parsed(document: bytes) -> Element:
    text = _decoded(document)
    # Comments are kept, as one in a value would go unnoticed.
    tree = _Tree(insert_comments=True, insert_pis=True)
    parser = XMLParser(target=tree)  # noqa: S314 -- with a DOCTYPE it refuses all that could be unsafe
    try:
        parser.feed(text)
        root: Element = parser.close()
    except ParseError as error:
        line, column = error.position
        _refuse(f"is not well-formed XML (line {line}, column {column + 1})")
    if any(map(END_TAG.search, HIDING.findall(text))):
        # One value opened it and a later one closed it: what stood between them was taken away.
        _refuse(f"has a comment or a CDATA section with an end tag in it; {ESCAPED}")
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
        pass  # it holds the document, and must be no context of ours
    return _refuse(f"is not {encoding} text, as it should be")


def _refuse(problem: str) -> NoReturn:
    raise invalid_input({"input document": problem}) from None
