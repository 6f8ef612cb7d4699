"""Ids of calendars in the forms in which people copy them."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest

from handler.calendar_ids import id_in, is_page

ID = "c_1f@group.calendar.google.com"
ENCODED = ID.replace("@", "%40")
CID = urlsafe_b64encode(ID.encode()).decode().rstrip("=")
PAGES = "https://calendar.google.com/calendar"


@pytest.mark.parametrize(
    "name",
    [
        ID, ENCODED, ENCODED.replace("%", "%25"), CID, f"{CID}=", f"cid={CID}", f"src={ENCODED}",
        f'"{ID}"', f"\u201c{ID}\u201d", f"\u00ab{ID}\u00bb", f"<{ID}>", f"({ID})", f"mailto:{ID}", f"<mailto:{ID}>",
        f"{ID},", f"{ID}\u200b", f"\u202a{ID}\u202c", f" {ID}.",
        f"{PAGES}/embed?src={ENCODED}&ctz=Europe%2FBerlin", f"{PAGES}/embed?height=600&src={ID}",
        f"{PAGES}/u/0?cid={CID}", f"{PAGES}/u/0/r?cid={CID}%3D", f"{PAGES}/u/0/r/settings/calendar/{CID}",
        f"{PAGES}/ical/{ENCODED}/private-0/basic.ics", f"webcal://calendar.google.com/calendar/ical/{ENCODED}/basic.ics",
        f"calendar.google.com/calendar/embed?src={ENCODED}", f"https://www.google.com/calendar/embed?src={ENCODED}",
        f"https://www.googleapis.com/calendar/v3/calendars/{ENCODED}/acl/user%3Ajane%40acme.com",
        f"https://apidata.googleusercontent.com/caldav/v2/{ID}/events",
        f'<iframe src="{PAGES}/embed?ctz=UTC&amp;src={ENCODED}" width="800"></iframe>',
    ],
)  # fmt: skip
def test_the_one_id_that_a_name_can_mean_is_read(name):
    """Quotes, encodings and addresses of Google's own hold an id that is read."""
    assert id_in(name) == ID


@pytest.mark.parametrize("name", ["jane@acme.com", "o'brien@acme.com", "en.usa#holiday@group.v.calendar.google.com"])
def test_a_plain_id_is_itself(name):
    """What is an id already stays as it is."""
    assert id_in(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "Team", "Holidays@Home", "50% off", "Bob bob@acme.com", "TeamMeetings", "bob at acme.com", "%40", "", "\u200b",
        f"{PAGES}/embed?src={ENCODED}&src=b%40acme.com", f"{PAGES}/u/0/r", f"https://evil.example/?src={ENCODED}",
        "https://[::1", "https://calendar.google.com/[", f"{PAGES}/embed?src=Team",
        "https://www.google.com/calendar/event?eid=NnQ4azBnIGphbmVAYWNtZS5jb20",
    ],
)  # fmt: skip
def test_what_can_mean_something_else_is_no_id(name):
    """A title, an address of two calendars or of another site is not guessed at."""
    assert id_in(name) == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [(f"{PAGES}/u/0/r", True), ("calendar.app.google/x1", True), ("Google/Team", False), ("https://acme.com/", False)],
)
def test_an_address_of_google_is_told_from_a_title(name, expected):
    """A title that speaks of Google is no address."""
    assert is_page(name) is expected
