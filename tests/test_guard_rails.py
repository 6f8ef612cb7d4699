"""The guard rails by themselves: what they forbid even if an input rule in front of them were gone."""

from __future__ import annotations

import pytest

from handler import Refused
from handler.guard_rails import uphold
from handler.public_principal import is_public

PRINCIPAL = "__public_principal__@public.calendar.google.com"


def rails_of(info, scope, recipient):
    """Return the guard rails that forbid giving somebody read access."""
    try:
        uphold(info, {"scope": scope, "recipient": recipient, "calendar_access": "reader"})
    except Refused as refused:
        return refused.details["guard_rails"]
    return []


@pytest.mark.parametrize(
    ("scope", "recipient"),
    [("user", PRINCIPAL), ("group", PRINCIPAL.upper()), ("domain", "public.calendar.google.com")],
)
def test_the_public_is_the_public_under_its_other_name(scope, recipient):
    """Whatever let Google's own name of the public through, allow_public forbids it."""
    assert rails_of({"allow_public": "No"}, scope, recipient) == ["allow_public"]
    assert rails_of({"allow_public": "Yes"}, scope, recipient) == []


def test_the_public_under_its_other_name_is_in_no_allowed_domain():
    """Both guard rails count for a name that is both a recipient's and the public's."""
    info = {"allow_public": "No", "allowed_domains": "acme.com"}
    assert rails_of(info, "user", PRINCIPAL) == ["allow_public", "allowed_domains"]


@pytest.mark.parametrize(
    "recipient",
    [
        "", "@", ".", "jane@acme.com", "acme.com", "google.com", "calendar.google.com", "jane@calendar.google.com",
        "public.calendar.google.com@acme.com", "public.calendar.google.com.acme.com", "notpublic.calendar.google.com",
        "example@group.calendar.google.com", "xn--mnchen-3ya.de", "xn--", "xn--\u00fc.de", "xn--99999999999.de",
        "\ud800@acme.com",
    ],
)  # fmt: skip
def test_nobody_else_is_the_public(recipient):
    """A name that is only like the public's, or that nobody can decode, is somebody else's."""
    assert not is_public(recipient)
