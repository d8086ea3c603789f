"""Generations: they only grow, a known one stays, and neither crashes nor rivals can give one twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.tunnel.generation import GenerationError, generation_of
from udfs.version import MAX_GENERATION

ROOT = Path(__file__).resolve().parents[4]


def test_each_new_combination_gets_the_next_number_and_keeps_it(tmp_path):
    path = tmp_path / "generations.json"
    asked = [("v1", "m", "p1"), ("v1", "m", "p2"), ("v1", "m", "p1"), ("v2", "m", "p1"), ("v1", "n", "p1")]
    assert [generation_of(path, *one) for one in asked] == [1, 2, 1, 3, 4]


def test_parts_are_not_mixed_up(tmp_path):
    path = tmp_path / "generations.json"
    assert generation_of(path, "a", "bc", "d") != generation_of(path, "ab", "c", "d")


def test_rivals_get_different_numbers(tmp_path):
    """Eight processes at once, five numbers each: forty numbers, none twice."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom pipelines.tunnel.generation import generation_of\n"
        "for n in range(5): print(generation_of(Path(sys.argv[1]), 'v1', 'm', f'{sys.argv[2]}-{n}'))"
    )
    rivals = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "g.json"), str(n)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(8)
    ]
    numbers = [int(line) for rival in rivals for line in rival.communicate(timeout=60)[0].split()]
    assert sorted(numbers) == list(range(1, 41))


def test_a_broken_file_is_not_started_anew(tmp_path):
    path = tmp_path / "generations.json"
    path.write_text('{"given": ')
    with pytest.raises(GenerationError, match="restore it from a copy"):
        generation_of(path, "v1", "m", "p")
    assert path.read_text() == '{"given": '


def test_the_last_generation_is_not_passed(tmp_path):
    path = tmp_path / "generations.json"
    path.write_text(json.dumps({"given": {"x": MAX_GENERATION - 1}}))
    assert generation_of(path, "v1", "m", "p1") == MAX_GENERATION
    with pytest.raises(GenerationError, match="are used"):
        generation_of(path, "v1", "m", "p2")


def test_a_failed_write_gives_no_number_and_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "generations.json"
    generation_of(path, "v1", "m", "p1")
    before = path.read_text()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        generation_of(path, "v1", "m", "p2")
    assert path.read_text() == before
    assert not list(tmp_path.glob(".*.tmp"))
