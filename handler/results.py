"""What a step answers: a dict of strings that can be written as Kinetic's XML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Mapping

# What XML 1.0 cannot hold, escaped or not (https://www.w3.org/TR/xml/#charsets).
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Results(dict[str, str]):
    """Every declared result by its id, in the descriptor's order; "" where there is none."""

    def __init__(self, titles: Mapping[str, str], values: Mapping[str, str]) -> None:
        """Take the titles by result id, and the values, of which any may be absent."""
        super().__init__({key: values.get(key, "") for key in titles})
        self.titles = dict(titles)

    def to_xml(self) -> str:
        """Give `<results>` with one `<result name="TITLE">` a line.

        What XML 1.0 cannot hold becomes U+FFFD; everything else parses back as it was.
        """
        lines = [
            f"  <result name={quoteattr(xml_text(self.titles[key]))}>{_text(value)}</result>"
            for key, value in self.items()
        ]
        return "\n".join(["<results>", *lines, "</results>"])


def xml_text(text: str) -> str:
    """Give text with U+FFFD for what XML 1.0 cannot hold."""
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _text(text: str) -> str:
    # A parser turns a bare CR into LF (https://www.w3.org/TR/xml/#sec-line-ends).
    return escape(xml_text(text), {"\r": "&#13;"})
