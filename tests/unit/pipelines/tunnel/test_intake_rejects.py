"""The rejects file is complete or absent."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.tunnel.intake_rejects import reject_file, write_rejects
from schemas.parse import parse_record
from schemas.shard import Reject

REJECTS = [
    Reject("in.jsonl", 2, "a", "wrong_type", "title: a number", '{"item_id": "a",\n "title": 7}'),
    Reject("in.jsonl", 9, None, "not_json", "行"),
    Reject("in.jsonl", 11, None, "not_json"),
]


def test_writes_one_line_each_and_counts_by_reason(tmp_path: Path) -> None:
    path = tmp_path / "run" / "rejects.jsonl"
    assert write_rejects(path, iter(REJECTS)) == {"wrong_type": 1, "not_json": 2}
    lines = path.read_text("utf-8").splitlines()
    assert [parse_record(Reject, json.loads(line)) for line in lines] == REJECTS
    assert list(path.parent.iterdir()) == [path]


def test_no_rejects_make_an_empty_file(tmp_path: Path) -> None:
    assert write_rejects(tmp_path / "rejects.jsonl", []) == {}
    assert (tmp_path / "rejects.jsonl").read_bytes() == b""


def test_an_interrupted_write_leaves_the_older_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    write_rejects(path, REJECTS[:1])
    before = path.read_bytes()

    def interrupted() -> Iterator[Reject]:
        yield REJECTS[1]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rejects(path, interrupted())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    with pytest.raises(OSError, match="No space left"), reject_file(path) as writer:
        writer._file.close()
        writer._file = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115
        for _ in range(10_000):
            writer.add(REJECTS[0])
    assert list(tmp_path.iterdir()) == []
