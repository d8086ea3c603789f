"""Lines that break the listing contract, each in another way, with the reason in words."""

from __future__ import annotations

import json

Row = dict[str, object]


def _good(item_id: str, **changes: object) -> Row:
    row: Row = {
        "item_id": item_id,
        "spu_id": None,
        "category_id": "coffee",
        "title": "Brewhaven Lantern Blend Whole Bean Coffee, 12 oz",
        "description": "A medium roast with a long, clean finish.",
        "attributes": {"Roast": "Medium"},
        "locale": "en",
        "event_time": "2026-05-01T08:00:00Z",
        "price": 14.5,
    }
    row.update(changes)
    return row


def _line(row: object) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode()


def _without(row: Row, name: str) -> Row:
    return {key: value for key, value in row.items() if key != name}


def bad_lines() -> list[tuple[bytes, str | None]]:
    """The lines in order, each with why it must be refused; None for a line that is good."""
    return [
        (_line(_good("bad-ok-1")), None),
        (
            _line(_good("bad-ok-1", title="The same id a second time")),
            "item_id occurs a second time in this batch (first on line 1)",
        ),
        (_line(_without(_good("x"), "item_id")), "item_id is missing"),
        (_line(_good("")), "item_id is empty"),
        (_line({**_good("x"), "item_id": 12345}), "item_id is a number, not text"),
        (_line(_good("bad-06", title=["a", "list"])), "title is a list, not text"),
        (_line(_without(_good("bad-07"), "title")), "title is missing"),
        (
            _line(_good("bad-08", title="very long " * 1_100)),
            "title has 11,000 characters, which is over the limit",
        ),
        (
            _line(_good("bad-09")).replace(b"Lantern Blend", b"Lantern \xff\xfe\xc3( Blend"),
            "the line is not valid UTF-8",
        ),
        (_line(_good("bad-10", description="before\x00after")), "description holds a NUL character"),
        (_line(_good("bad-11", event_time="2026-02-30T25:61:00Z")), "event_time is no possible date"),
        (_line(_good("bad-12", event_time="last Tuesday")), "event_time is not ISO 8601"),
        (b'{"item_id": "bad-13", "title": "the line stops in the mid', "the line is not JSON"),
        (b'["item_id", "bad-14"]', "the line is JSON but not an object"),
        (_line(_good("bad-15", attributes="Roast: Medium")), "attributes is text, not an object"),
        (
            _line(_good("bad-16", attributes={"Roast": {"level": 3}})),
            "the attribute Roast is an object, not text",
        ),
        (_line(_good("bad-17", price="cheap")), "price is text, not a number"),
        (_line(_good("bad-18", is_deleted="maybe")), "is_deleted is text, not true or false"),
        (
            _line(_good("bad-19", image_urls="https://img.example.com/1.jpg")),
            "image_urls is text, not a list",
        ),
        (_line(_good("bad-20", event_time="2199-01-01T00:00:00Z")), "event_time is far in the future"),
        (_line(_good("bad-ok-2", title="Tassel & Pine First Light Coffee, 250 g")), None),
    ]


def bad_files() -> dict[str, bytes]:
    """The two files: the lines, and line number -> reason for those that must be refused."""
    lines = bad_lines()
    reasons = {str(number): reason for number, (_, reason) in enumerate(lines, 1) if reason}
    return {
        "bad_listings.jsonl": b"".join(line + b"\n" for line, _ in lines),
        "bad_listings.expected.json": json.dumps(reasons, indent=2).encode() + b"\n",
    }
