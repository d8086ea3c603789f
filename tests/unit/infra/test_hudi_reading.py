"""A table that is only being made is no table yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.hudi_reading import NoTable, commits, is_table, require_table, writes


@pytest.mark.parametrize("written", [None, b"", b"#Properties saved on 2026-01-01\n"])
def test_a_folder_whose_properties_are_not_written_yet_is_no_table(
    tmp_path: Path, written: bytes | None
) -> None:
    (tmp_path / ".hoodie").mkdir()
    if written is not None:
        (tmp_path / ".hoodie/hoodie.properties").write_bytes(written)
    assert not is_table(tmp_path)
    assert writes(tmp_path) == []
    with pytest.raises(NoTable, match="run the offline job first"):
        commits(tmp_path)
    with pytest.raises(NoTable):
        require_table(tmp_path)
