"""Times as text."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.moment import is_date, time_ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01", 0),
        ("1970-01-01 00:00", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T01:00:00+0100", 0),
        ("1970-01-01T00:00:00.25Z", 250),
        ("1970-01-01T00:00:00.123456789Z", 123),
        ("1970-01-01T00:00:00,5z", 500),
        ("2024-02-29", 1_709_164_800_000),
        ("9999-12-31T23:59:59-23:59", 253_402_387_139_000),
    ],
)
def test_reads_iso_8601(text: str, ms: int) -> None:
    assert time_ms(text) == ms


@pytest.mark.parametrize(
    "text",
    ["", "2026", "2026-11", "2026-13-01", "2026-02-29", "2026-11-31", "2026-11-01T24:00", "2026-11-01T10:60",
     "2026-11-01T10:00:60", "01.11.2026", "2026-11-01T10:00Z ", "1969-12-31T23:59:59Z", "0000-01-01",
     "２０２６-11-01", "1970-01-01T00:00+01:00", "2026-W45-1", "20261101"],
)  # fmt: skip
def test_refuses_other_forms_and_impossible_times(text: str) -> None:
    with pytest.raises(ValueError):
        time_ms(text)


@given(st.integers(0, (1 << 42) - 1), st.integers(-23 * 60, 23 * 60))
def test_reads_back_any_moment_in_any_zone(ms: int, offset_min: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    hours, minutes = divmod(abs(offset_min), 60)
    local = (moment + timedelta(minutes=offset_min)).replace(tzinfo=None).isoformat(timespec="milliseconds")
    assert time_ms(f"{local}{'-' if offset_min < 0 else '+'}{hours:02}:{minutes:02}") == ms


@pytest.mark.parametrize(
    ("text", "exists"),
    [("2026-11-01", True), ("2026-02-29", False), ("2026-11-01T00:00", False), ("", False)],
)
def test_days(text: str, exists: bool) -> None:
    assert is_date(text) is exists
