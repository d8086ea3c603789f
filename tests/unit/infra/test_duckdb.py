"""SQL over given tables: reads, and reaches nothing else."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from infra.duckdb import SqlRefused, View, run_sql

SECRET = 41


def views(loaded: list[str] | None = None) -> dict[str, View]:
    def load(name: str) -> pa.Table:
        if loaded is not None:
            loaded.append(name)
        return pa.table({"item_id": ["a", "b"], "words": [["x"], ["y", "z"]], "is_deleted": [False, True]})

    live = 'SELECT item_id, words FROM "__t" WHERE NOT is_deleted'
    return {
        "t": View({"__t": lambda: load("t")}, live),
        "other": View({"__o": lambda: load("o")}, 'FROM "__o"'),
    }


def test_reads_a_view() -> None:
    assert run_sql("SELECT * FROM t", views()).to_pylist() == [{"item_id": "a", "words": ["x"]}]
    assert run_sql("WITH q AS (FROM T) SELECT count(*) AS n FROM q", views()).to_pylist() == [{"n": 1}]
    assert run_sql("SELECT t.item_id FROM t JOIN other USING (item_id)", views()).num_rows == 1


def test_loads_only_what_the_statement_names() -> None:
    loaded: list[str] = []
    run_sql("SELECT count(*) FROM t", views(loaded))
    assert loaded == ["t"]
    run_sql("SHOW TABLES", views(loaded))
    assert set(loaded) == {"t", "o"}


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE x AS SELECT 1",
        "INSERT INTO t VALUES ('c')",
        "DELETE FROM t",
        "COPY t TO '/tmp/out.csv'",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "LOAD json",
        "PRAGMA version",
        "SET memory_limit = '1GB'",
        "CALL pragma_version()",
        "EXPORT DATABASE '/tmp/q'",
        "SELECT 1; SELECT 2",
        "",
        "SELEC 1",
    ],
)
def test_refuses_what_does_not_only_read(statement: str) -> None:
    with pytest.raises(SqlRefused):
        run_sql(statement, views())


@pytest.mark.parametrize(
    "source",
    ["read_text('{0}')", "read_csv('{0}')", "read_parquet('{0}')", "glob('{0}*')", "'{0}'", "'https://127.0.0.1:1/x.csv'",
     "query('SELECT * FROM read_text(''{0}'')')", "SECRET"],
)  # fmt: skip
def test_reaches_no_file_network_or_variable(source: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(SqlRefused):
        run_sql(f"SELECT * FROM {source.format(secret)}", views())


def test_writes_no_file_from_a_select(tmp_path: Path) -> None:
    with pytest.raises(SqlRefused):
        run_sql(f"SELECT * FROM query('COPY (SELECT 1) TO ''{tmp_path}/x.csv''')", views())
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_name_tells_what_there_is() -> None:
    with pytest.raises(SqlRefused, match="There are: other, t"):
        run_sql("SELECT * FROM nothing", views())


def test_refuses_a_result_that_would_fill_the_memory() -> None:
    with pytest.raises(SqlRefused, match="more than 3 MiB: add a LIMIT"):
        run_sql("SELECT * FROM range(100000000000)", views(), max_bytes=3 << 20)


def test_a_list_of_tables_shows_the_views_alone() -> None:
    assert run_sql("SHOW TABLES", views()).column("name").to_pylist() == ["other", "t"]
