"""Times as text: the one reading of ISO 8601 that every contract shares."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

DATE_PATTERN = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
TIME_PATTERN = (
    DATE_PATTERN
    + r"([Tt ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d{1,9})?)?([Zz]|[+-]([01]\d|2[0-3]):?[0-5]\d)?)?"
)
_TIME = re.compile(TIME_PATTERN, re.ASCII)
_DATE = re.compile(DATE_PATTERN, re.ASCII)


def time_ms(text: str) -> int:
    """Unix milliseconds of an ISO 8601 time or date; without an offset it is UTC.

    Errors: ValueError for another form, a day that does not exist, and a time before 1970, which the merge order
    cannot hold. How far in the future a time may be is for intake to say.

    >>> time_ms("1970-01-01T00:00:01.5Z"), time_ms("1970-01-02"), time_ms("1970-01-01T01:00+01:00")
    (1500, 86400000, 0)
    """
    if not _TIME.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not an ISO 8601 time like 2026-11-01T08:00:00Z")
    when = datetime.fromisoformat(_shortened(text.upper()))
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    since = when - datetime(1970, 1, 1, tzinfo=UTC)
    ms = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    if ms < 0:
        raise ValueError(f"{text[:40]!r} is before 1970")
    return ms


def is_date(text: str) -> bool:
    """Whether the text is an existing day, YYYY-MM-DD.

    >>> is_date("2026-02-28"), is_date("2026-02-30"), is_date("28.2.2026")
    (True, False, False)
    """
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _shortened(text: str) -> str:
    """The time with at most 6 digits of a second: that is what `datetime` holds."""
    return re.sub(r"[.,](\d{1,6})\d*", r".\1", text)
