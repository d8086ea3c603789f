"""Files of batch runs are looked at row by row before any of them is merged: one bad row would stop the merge for good."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.streaming.files import file_fault
from pipelines.tunnel.merge_intake import BAD_FILE, FUTURE, IntakeLimits
from schemas.derive import arrow_schema, record_to_arrow
from schemas.knowledge import KnowledgeRow
from tests.unit.pipelines.tunnel.test_store import row

NOW_MS = 1_790_000_000_000
LIMITS = IntakeLimits()


def written(folder: Path, **columns: list[object]) -> Path:
    """A file of two sound rows, with some columns as given."""
    table = record_to_arrow([row("form", 1), row("origin", 2)], KnowledgeRow)
    for name, values in columns.items():
        at = table.schema.get_field_index(name)
        kind = table.schema.field(at).type
        if pa.types.is_list(kind):
            kind = pa.list_(kind.value_type)  # whose elements may be null
        table = table.set_column(at, pa.field(name, kind), pa.array(values, kind))
    path = folder / "rows.parquet"
    pq.write_table(table, path)
    return path


def test_a_sound_file_has_no_fault(tmp_path):
    assert file_fault(written(tmp_path), NOW_MS, LIMITS) is None


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"event_ms": [1, None]}, BAD_FILE),
        ({"version": [None, 2]}, BAD_FILE),
        ({"version": [-5, 2]}, BAD_FILE),
        ({"item_id": ["i", ""]}, BAD_FILE),
        ({"attr_id": ["form", "a\0b"]}, BAD_FILE),
        ({"confidence": [0.5, float("nan")]}, BAD_FILE),
        ({"confidence": [0.5, 7.0]}, BAD_FILE),
        ({"evidence": [[], [None]]}, BAD_FILE),
        ({"event_ms": [1, NOW_MS + 3_600_000]}, FUTURE),
    ],
    ids=str,
)
def test_a_row_that_breaks_the_contract_is_a_fault_of_its_file(tmp_path, columns, reason):
    found = file_fault(written(tmp_path, **columns), NOW_MS, LIMITS)
    assert found is not None
    assert found[0] == reason
    assert "rows.parquet" in found[1]


def test_what_is_no_parquet_or_of_other_columns_is_a_fault_even_without_rows(tmp_path):
    (tmp_path / "text.parquet").write_text("no parquet")
    pq.write_table(pa.table({"other": pa.array([], pa.string())}), tmp_path / "other.parquet")
    pq.write_table(arrow_schema(KnowledgeRow).empty_table(), tmp_path / "empty.parquet")
    faults = {
        name: file_fault(tmp_path / f"{name}.parquet", NOW_MS, LIMITS)
        for name in ("text", "other", "absent", "empty")
    }
    assert {name: fault and fault[0] for name, fault in faults.items()} == {
        "text": BAD_FILE, "other": BAD_FILE, "absent": BAD_FILE, "empty": None
    }  # fmt: skip
