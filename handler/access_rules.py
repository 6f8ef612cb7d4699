"""Access rules as Google names them: roles, ids, and which ids stand for one grantee.

Google may keep a rule under another spelling of the recipient than the one that was
sent. Seen in its other products: gmail.com for googlemail.com and without the dots
before it, an international domain in its ASCII form, a group that was given as a user.
So ids are compared folded, and never as they are.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 -- or else the first name imports it, under a lock that a fork would copy
import re
import unicodedata

ROLES = ("none", "freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner")
"""Every role, the weakest first."""
PUBLIC = "default"
"""Scope of the public, and id of its rule."""
GMAIL = ("gmail.com", "googlemail.com")
LONGEST_ID = 512
"""Characters; a recipient has 254 at most, and its domain may come back in a longer form."""
PART = r"[^\s@\0-\x1f\x7f-\x9f]+"
RULE_ID = re.compile(rf"default|(?:user|group):{PART}@{PART}|domain:{PART}")
GOOGLE_ID = re.compile(r"[^\s@]+@(?:[^\s@]+\.)?calendar\.google\.com")
"""Ids of secondary, resource and system calendars: Google makes them, so no title is one, nor a person's calendar."""
PUBLICS_OWN = re.compile(r".*[:@.]public\.calendar\.google\.com")
"""Ids under which Google may keep the rule of the public."""


def folded(rule_id: str) -> str:
    """Return a rule id in its canonical spelling, the same for all spellings of a grantee."""
    kind, colon, value = rule_id.lower().partition(":")
    name, at, domain = value.rpartition("@")
    if not domain.isascii():
        domain = unicodedata.normalize("NFC", domain)
        domain = ascii_domain(domain) or domain
    if domain in GMAIL and at:
        name, domain = name.replace(".", ""), GMAIL[0]
    return f"{kind}{colon}{name}{at}{domain}"


def grantee_of(rule_id: str) -> str:
    """Return a key that two rules share exactly if they are for the same grantee.

    A user and a group of one address are the same: the address is only one of the two.
    Google's own name for the public is the public, whatever scope it has.
    """
    rule_id = folded(rule_id)
    if PUBLICS_OWN.fullmatch(rule_id):
        return PUBLIC
    return f"user:{rule_id[6:]}" if rule_id.startswith("group:") else rule_id


def answers(asked: str, answered: str) -> bool:
    """Return whether an answer with this id can be about the rule that was asked for.

    Another value of the same type can: it may be the main address of an alias.
    """
    if len(answered) > LONGEST_ID or not RULE_ID.fullmatch(answered):
        return False
    grantee = grantee_of(answered)
    if PUBLIC in (grantee, asked):
        return grantee == asked
    return asked.partition(":")[0] == answered.partition(":")[0] or grantee_of(asked) == grantee


def ascii_domain(domain: str) -> str:
    """Return a domain in lower case and ASCII, "" if it could be read as another one.

    The two standards for names with other letters read some of them differently, such
    as the sharp s (RFC 5895, UTS 46): a name is returned only if it survives the round trip.
    """
    domain = domain.lower()
    if domain.isascii():
        return domain
    try:
        name = domain.encode("idna")
        return name.decode("ascii") if name.decode("idna") == domain else ""
    except UnicodeError:
        return ""


def domain_of(address: str) -> str:
    """Return the domain of an address, or the domain itself, in ASCII; "" if it could be read as another one."""
    # Google may take a full-width @ for an @.
    if unicodedata.normalize("NFKC", address).count("@") > 1:
        return ""
    return ascii_domain(address.rpartition("@")[2])
