"""Takes secrets out of foreign text, in whatever form they appear there.

Only for errors and logs: a step that passes masks nothing.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MASK = "***"
SHORTEST = 4
"""Characters; a shorter secret occurs in ordinary words, and masking it would reveal it."""
SHORTEST_ENCODED = 6
"""The same for a secret in Base64, whose ends blend with what is around it."""
SHORTEST_LINE = 12
"""The same for a line of a secret of several lines, as keys have."""
DEEPEST = 4
"""Layers of escapes that are undone, no more."""
LINE_ENDS = re.compile(r"[\r\n]+|(?:\\+[rn])+")
"""As they are, or as JSON writes them."""
ESCAPES = re.compile(
    r"""(?P<percent>(?:%[0-9A-Fa-f]{2})+)
    |(?P<bytes>(?:\\x[0-9A-Fa-f]{2})+)
    |(?P<units>(?:\\u[0-9A-Fa-f]{4})+)
    |\\U(?P<code>[0-9A-Fa-f]{8})
    |\\(?P<sign>.)
    |(?P<entity>&(?:\#[0-9]{1,9}|\#[xX][0-9A-Fa-f]{1,8}|[A-Za-z0-9]{1,32});)""",
    re.VERBOSE | re.DOTALL,
)
BEYOND_ASCII = re.compile("[^\0-\x7f]")
BLANKS = re.compile(r"\s+")
SPACES = str.maketrans("+", " ")
"""A form's plus is a space; which one was meant does not matter here."""
URL_SAFE = str.maketrans("-_", "+/")


class _Reading(NamedTuple):
    """A text as it is after escapes were undone, and where each character stood (from, to) before."""

    text: str
    places: Sequence[tuple[int, int]]


def masked(text: str, secrets: Iterable[object]) -> str:
    """Return foreign text without these secrets, whole or a line of one, in whatever form they appear.

    Recognised are the escapes of URLs, JSON, HTML and Python's reprs, nested too;
    decomposed letters; and Base64, where a secret may be a part of more. A value without
    text is no secret, and white space around one does not count.
    """
    parts = {part for secret in secrets for whole in _texts(secret) for part in parts_of(whole)}
    plain = {form for part in parts for reading in _readings(part) if len(form := _spaced(reading).text) >= SHORTEST}
    encoded = {core for part in parts if len(part) >= SHORTEST_ENCODED for core in _base64(part)}
    found: list[tuple[int, int]] = []
    for reading in _readings(text):
        spaced = _spaced(reading)
        packed = _replaced(reading._replace(text=reading.text.translate(URL_SAFE)), BLANKS, lambda _: "")
        found += (span for part in plain for span in _spans(spaced, part))
        # The neighbouring characters encode the secret's ends together with what is around it.
        found += ((max(start - 1, 0), stop + 1) for part in encoded for start, stop in _spans(packed, part))
    return _without(text, found)


def _texts(secret: object) -> Iterator[str]:
    """Yield the texts in a value of any type."""
    if isinstance(secret, str):
        yield secret
    elif isinstance(secret, bytes):
        yield secret.decode("utf-8", "replace")
    elif isinstance(secret, Mapping):
        yield from _texts(list(secret.values()))
    elif isinstance(secret, Iterable):
        for inner in secret:
            yield from _texts(inner)


def parts_of(secret: str) -> Iterator[str]:
    """Yield what of a secret must not be shown: the whole, and each line of several."""
    whole = secret.strip()
    if len(whole) >= SHORTEST:
        yield whole
    lines = [line.strip() for line in LINE_ENDS.split(whole)]
    yield from (line for line in lines if len(line) >= SHORTEST_LINE and line != whole)


def _readings(text: str) -> Iterator[_Reading]:
    """Yield the text as it is, then with one more layer of escapes undone each time."""
    reading = _Reading(text, [(place, place + 1) for place in range(len(text))])
    for _ in range(DEEPEST):
        letters = _replaced(reading, BEYOND_ASCII, lambda match: unicodedata.normalize("NFD", match[0]))
        yield letters
        inner = _replaced(reading, ESCAPES, _unescaped)
        if inner.text == reading.text:
            return
        reading = inner


def _spaced(reading: _Reading) -> _Reading:
    return reading._replace(text=reading.text.translate(SPACES))


def _replaced(reading: _Reading, pattern: re.Pattern[str], new_of: Callable[[re.Match[str]], str]) -> _Reading:
    texts: list[str] = []
    places: list[tuple[int, int]] = []
    end = 0
    for match in pattern.finditer(reading.text):
        new = new_of(match)
        texts += [reading.text[end : match.start()], new]
        places += reading.places[end : match.start()]
        places += [(reading.places[match.start()][0], reading.places[match.end() - 1][1])] * len(new)
        end = match.end()
    return _Reading("".join([*texts, reading.text[end:]]), [*places, *reading.places[end:]]) if end else reading


def _unescaped(match: re.Match[str]) -> str:
    return UNDO[str(match.lastgroup)](match[str(match.lastgroup)])


def _from_percent(found: str) -> str:
    return bytes.fromhex(found.replace("%", "")).decode("utf-8", "replace")


def _from_bytes(found: str) -> str:
    content = bytes.fromhex(found.replace(r"\x", ""))
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _from_units(found: str) -> str:
    return bytes.fromhex(found.replace(r"\u", "")).decode("utf-16-be", "surrogatepass")


def _from_code(found: str) -> str:
    return chr(int(found, 16)) if int(found, 16) <= sys.maxunicode else found


def _from_sign(found: str) -> str:
    return {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}.get(found, found)


def _from_entity(found: str) -> str:
    from html import unescape  # a table of thousands, which few texts need

    return unescape(found)


UNDO = {
    "percent": _from_percent,
    "bytes": _from_bytes,
    "units": _from_units,
    "code": _from_code,
    "sign": _from_sign,
    "entity": _from_entity,
}


def _base64(text: str) -> Iterator[str]:
    """Yield the part of a text's Base64 that does not depend on its neighbours, for each of the three offsets."""
    for form in {text, *(unicodedata.normalize(name, text) for name in ("NFC", "NFD"))}:
        content = form.encode("utf-8", "surrogatepass")
        for place, first in enumerate((0, 2, 3)):
            yield b64encode(b"\0" * place + content).decode()[first : (place + len(content)) * 8 // 6]


def _spans(reading: _Reading, part: str) -> Iterator[tuple[int, int]]:
    """Yield where each occurrence of a part began and ended."""
    start = reading.text.find(part)
    while start >= 0:
        yield reading.places[start][0], reading.places[start + len(part) - 1][1]
        start = reading.text.find(part, start + 1)


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    kept: list[str] = []
    end = 0
    for start, stop in sorted(spans):
        if start >= end:
            kept += [text[end:start], MASK]
        end = max(end, stop)
    return "".join([*kept, text[end:]])
