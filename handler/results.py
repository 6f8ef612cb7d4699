"""What a step returns: a dict of strings that can be written as Kinetic's XML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

ResultId = Literal[
    "calendar_id",
    "rule_id",
    "calendar_access",
    "previous_access",
    "change",
    "acted_as",
    "list_entry",
    "handler_error_message",
    "handler_error_code",
]
"""The results of handler.yaml, for type checkers."""
# What XML 1.0 cannot hold, escaped or not (https://www.w3.org/TR/xml/#charsets).
NOT_XML = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
# A parser turns a bare CR into LF, and in attributes also LF and TAB into blanks
# (https://www.w3.org/TR/xml/#sec-line-ends and #AVNormalize).
IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
IN_ATTRIBUTES = IN_TEXT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})


class Results(dict[ResultId, str]):
    """Every declared result by its id, in the descriptor's order; "" where there is none."""

    def __init__(self, titles: Mapping[str, str], values: Mapping[str, str]) -> None:
        """Take the titles by result id, and the values, any of which may be missing."""
        super().__init__({cast("ResultId", key): values.get(key, "") for key in titles})
        self.titles = dict(titles)

    def to_xml(self) -> str:
        """Return `<results>` with one `<result name="TITLE">` on each line.

        What XML 1.0 cannot hold becomes U+FFFD; everything else parses back as it was.
        """
        lines = [
            f'  <result name="{xml_attribute(self.titles[key])}">{xml_text(value)}</result>'
            for key, value in self.items()
        ]
        return "\n".join(["<results>", *lines, "</results>"])


def xml_text(text: str) -> str:
    """Return text escaped for an element; what XML 1.0 cannot hold becomes U+FFFD."""
    return _valid(text).translate(IN_TEXT)


def xml_attribute(text: str) -> str:
    """Return text escaped for a quoted attribute; what XML 1.0 cannot hold becomes U+FFFD."""
    return _valid(text).translate(IN_ATTRIBUTES)


def _valid(text: str) -> str:
    # Compiling the pattern takes longer than importing this module, and few texts need it.
    return text if text.isprintable() else re.sub(NOT_XML, "\N{REPLACEMENT CHARACTER}", text)
