"""When a refresh token ends: in Google's seconds, as the info file keeps it, and as people read it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT_AS = "_refresh_token_ends"
"""The key of an info file; no step looks at it."""
WEEK_SECONDS = 604_800
LATE_SECONDS = 60
"""So much of the week may be over when Google counts it: 604,799 s were recorded."""
LONGEST_SECONDS = 100 * 366 * 86_400
"""A longer life than this is none."""


def end_after(seconds: Any, now: float) -> str:
    """Return the moment so many seconds after `now` (since 1970), "" if the seconds make no sense."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_SECONDS:
        return ""
    return _written(datetime.fromtimestamp(now, timezone.utc) + timedelta(seconds=seconds))


def kept_end(info: Mapping[str, Any]) -> str:
    """Return the moment that an info file names, "" if it names none."""
    text = info.get(KEPT_AS)
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00") if isinstance(text, str) else "")
        return _written(found if found.tzinfo else found.replace(tzinfo=timezone.utc))
    except (ValueError, OverflowError):
        return ""


def is_past(end: str, now: float) -> bool:
    """Return whether a moment is over; "" never is."""
    return bool(end) and end <= _written(datetime.fromtimestamp(now, timezone.utc))


def end_sentence(at: str, *, past: bool) -> str:
    """Return what people read of a moment."""
    return f"{'ended' if past else 'ends'} on {at[:10]} at {at[11:16]} UTC"


def why_it_ends(seconds: float) -> str:
    """Return why a token lives only so long, and what to do about it."""
    if WEEK_SECONDS - LATE_SECONDS <= seconds <= WEEK_SECONDS:
        return (
            "as the consent screen of the OAuth client is in Testing, where tokens live for 7 days. Publish it "
            "(Google's console, Google Auth Platform > Audience), then run authorize again."
        )
    return (
        "as whoever allowed the access chose how long it lasts (time-based access). Run authorize again before then, "
        "or now and choose no end."
    )


def _written(moment: datetime) -> str:
    """Return a moment as text of one length, so that the earlier one compares as less."""
    return moment.astimezone(timezone.utc).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
