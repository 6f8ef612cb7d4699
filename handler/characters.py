"""Characters that are not seen, or look like others: which they are, and how they are told."""

from __future__ import annotations

import unicodedata

HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
"""Unicode's categories of control, format, unassigned and private characters, lone surrogates, and separators."""
BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""In other categories, and not seen all the same."""
STAND_INS = frozenset("\ufffc\ufffd")
"""Shown in place of something that could not be."""
VARIATIONS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
LOOKS = str.maketrans(
    "\u2018\u2019\u201a\u201b\u2032\u0060\u00b4\u02bc\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\u2212\u2022\u00b7"
    # Cyrillic, small and capital; then Greek
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405"
    "\u03bf\u03bd\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7",
    "''''''''\"\"\"\"\"\"\"-.." + "aeopcyxijs" + "ABEKMHOPCTYXIJS" + "ovABEZHIKMNOPTYX",
)
"""What may be taken for quotes, dashes, dots and Latin letters; others are folded by NFKC."""


def hidden_at(text: str) -> int:
    """Return the place of the first character that is not seen as itself, from 0 on; -1 if all are, as a space is."""
    if text.isascii() and text.isprintable():
        return -1
    return next((place for place, character in enumerate(text) if _is_hidden(character)), -1)


def without_hidden(text: str) -> str:
    """Return a text without the characters that are not seen."""
    return text if hidden_at(text) < 0 else "".join(one for one in text if one.isspace() or not _is_hidden(one))


def named(text: str, place: int) -> str:
    """Return the code, name and place of a character, such as `U+00A0 (no-break space) as character 5`."""
    return f"{_coded(text[place])} as character {place + 1}"


def appearance(text: str) -> str:
    """Return the same for all texts that look alike: without what is not seen, and in the plainest characters."""
    return " ".join("".join(map(_plain, unicodedata.normalize("NFKC", text).translate(LOOKS))).split()).casefold()


def difference(here: str, there: str) -> str:
    """Return the first character in which two texts that look alike differ, as a sentence about both."""
    pairs = enumerate(zip(here.casefold(), there.casefold(), strict=False))  # capitals are seen
    place = next((place for place, (ours, theirs) in pairs if ours != theirs), min(len(here), len(there)))
    ours, theirs = here[place : place + 1], there[place : place + 1]
    if not theirs or (theirs.isascii() and not ours.isascii()):
        told = f"has {_coded(theirs)}" if theirs else "ends before"
        return f"the name given has {named(here, place)}, and it {told}"
    return f"it has {named(there, place)}, and the name given {_coded(ours) if ours else 'nothing'}"


def _is_hidden(character: str) -> bool:
    return character != " " and (
        unicodedata.category(character) in HIDDEN
        or character in BLANK_LETTERS
        or character in STAND_INS
        or any(ord(character) in variations for variations in VARIATIONS)
    )


def _plain(character: str) -> str:
    if character.isspace():
        return " "
    if _is_hidden(character):
        return ""
    return "-" if unicodedata.category(character) == "Pd" else character


def _coded(character: str) -> str:
    kind = {"Co": "private", "Cn": "unassigned"}.get(unicodedata.category(character), "no name")
    return f"U+{ord(character):04X} ({unicodedata.name(character, kind).lower()})"
