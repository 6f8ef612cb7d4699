"""Secrets in foreign text: found in any form that programs give them, and nothing else."""

from __future__ import annotations

import base64
import html
import json
import re
from unicodedata import normalize
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from handler.masking import masked

SECRET = "1//0g-Z\u00e9'r\"<k&+/=\\w \u00fc\U0001f600Zz"
IS = "as it is"
FORMS = {
    IS: str,
    "repr": repr,
    "ascii": ascii,
    "bytes": lambda text: repr(text.encode()),
    "JSON": json.dumps,
    "JSON in letters": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON as Google writes it": lambda text: re.sub(
        "[<>&='/]", lambda sign: f"\\u{ord(sign[0]):04x}" if sign[0] != "/" else "\\/", json.dumps(text)
    ),
    "HTML": html.escape,
    "HTML by numbers": lambda text: html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#034;"),
    "XML": lambda text: html.escape(text).replace("&#x27;", "&apos;").encode("ascii", "xmlcharrefreplace").decode(),
    "address": quote,
    "part of an address": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "small letters": lambda text: re.sub("%..", lambda escape: escape[0].lower(), quote(text, safe="")),
    "decomposed": lambda text: normalize("NFD", text),
    "Base64": lambda text: base64.b64encode(text.encode()).decode(),
    "Base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "Base64 in lines": lambda text: base64.encodebytes(b"client-id.example.com:" * 3 + text.encode()).decode(),
}
"""What programs make of a text."""


# What was escaped before it went into Base64 is not looked for.
@pytest.mark.parametrize(
    ("inner", "outer"), [(inner, outer) for inner in FORMS for outer in FORMS if "Base64" not in outer or inner is IS]
)
def test_each_form_is_found_within_each(inner, outer):
    """A secret that was written in one form, and that in another one, is masked."""
    written = FORMS[outer](f"a {FORMS[inner](SECRET)} b")
    found = masked(written, [SECRET])
    assert "***" in found
    assert not any(part in found for part in ("0g-Z", "Zz", "MWcvLzBnL", "S8vMGct", "EvLzBn"))


@pytest.mark.parametrize("form", ["Base64", "Base64 for addresses"])
@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("behind", range(4))
def test_base64_hides_a_secret_in_more(form, before, behind):
    """A secret in Base64 is found at each place of a group, as in the header of Basic authorization."""
    encode = FORMS[form]
    whole = encode("i" * before + SECRET + "t" * behind)
    left = masked(whole, [SECRET]).split("***")
    assert len(left) == 2
    assert len(left[0]) <= before * 4 / 3
    assert len(left[1].rstrip("=")) <= -(-behind * 4 // 3)


def test_white_space_around_a_secret_does_not_count():
    """A secret that was kept with a line end or blanks is found without them."""
    assert masked("sent hunter2.", [" hunter2\r\n"]) == "sent ***."


KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize("key", [KEY, KEY.replace("\n", "\r\n"), KEY.replace("\n", "\\n"), json.dumps({"key": KEY})])
def test_each_line_of_a_secret_is_one(key):
    """A line of a key alone is masked, however the key's line ends were written."""
    assert masked("line 3: hkiG9w0BAQEFAASC?", [key]) == "line 3: ***?"


def test_secrets_that_overlap_leave_nothing():
    """Where one secret ends within another one, neither end is left over."""
    assert masked("<abcdefgh>", ["abcdef", "cdefgh"]) == "<***>"
    assert masked("<abcdefgh>", ["abcd", "abcdefgh"]) == "<***>"


@pytest.mark.parametrize(
    ("secret", "found"),
    [
        (None, "None 12345 0.5 True"),
        (12345, "None 12345 0.5 True"),
        (True, "None 12345 0.5 True"),
        ("", "None 12345 0.5 True"),
        ("5 T", "None 12345 0.5 True"),
        (b"12345", "None *** 0.5 True"),
        ({"token": ["12345"]}, "None *** 0.5 True"),
    ],
    ids=repr,
)
def test_a_secret_may_be_anything(secret, found):
    """What is no text, or too short to be told from words, masks nothing and harms nothing."""
    assert masked("None 12345 0.5 True", [secret]) == found


@pytest.mark.parametrize(
    "text",
    ["%", "\\", "\\u12", "\\uD800\\uD800", "\\UFFFFFFFF", "&#9999999999;", "&#x110000;", "%ff%fe", "\\xff", "\ud800"],
    ids=ascii,
)
def test_what_only_looks_escaped_is_left(text):
    """Escapes that are none are left as they are."""
    assert masked(text, [SECRET]) == text


@given(
    # No secret holds control characters, of which XML writes some in a form that stands for others.
    st.text(st.characters(exclude_categories=["Cc"]), min_size=4).filter(lambda text: len(text.strip()) >= 4),
    st.text(),
    st.text(),
    st.sampled_from(sorted(FORMS)),
)
def test_any_secret_is_masked(secret, before, behind, form):
    """Whatever a secret is made of, some form of text around it does not uncover it."""
    written = FORMS[form](secret) if secret.isascii() or max(secret) < "\ud800" else secret
    assume("Base64" not in form or len(secret.strip()) >= 6)
    assert "***" in masked(before + written + behind, [secret])
