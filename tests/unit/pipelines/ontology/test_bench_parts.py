"""Parts of benchmark files: written with facts, joined flat."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from tests.benchmarks.parts import compose, write_part


def test_parts_are_joined_into_one_flat_file(tmp_path):
    write_part("a", {"import_s": 3.5}, tmp_path)
    write_part("b", {"release_s": 7, "peak_mb": 12.25}, tmp_path)
    joined = compose(tmp_path / "deep" / "out.json", ["a", "b"], tmp_path)
    assert json.loads((tmp_path / "deep" / "out.json").read_text("utf-8")) == joined
    assert (joined["import_s"], joined["release_s"], joined["peak_mb"]) == (3.5, 7, 12.25)
    assert joined["machine"]["cores"] >= 1
    assert joined["versions"]["faiss-cpu"]
    assert len(joined["load"]) == 3
    assert datetime.fromisoformat(joined["date"]).tzinfo is not None
    assert list(joined["parts"]) == ["a", "b"]


def test_absent_parts_doubled_figures_and_words_are_refused(tmp_path):
    write_part("a", {"x": 1}, tmp_path)
    write_part("b", {"x": 2}, tmp_path)
    with pytest.raises(FileNotFoundError, match="run the bench 'c'"):
        compose(tmp_path / "out.json", ["c"], tmp_path)
    with pytest.raises(ValueError, match="figure x is in two parts"):
        compose(tmp_path / "out.json", ["a", "b"], tmp_path)
    with pytest.raises(TypeError, match="not a number"):
        write_part("d", {"x": "fast"}, tmp_path)
    assert not (tmp_path / "out.json").exists()
