"""`aiic item` and `aiic sql` over tables that Spark wrote, Spark SQL over the same; all of them also as of a time."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from infra.hudi import read_table, register
from infra.hudi_reading import NoTable, instant_of
from jobs.batch.merge import merge_items, merge_rows
from jobs.cli import main
from jobs.warehouse import read_item
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.store import OntologyStore, Source
from schemas.derive import record_to_arrow
from schemas.knowledge import Evidence, KnowledgeRow
from schemas.listing import Listing
from schemas.shard import ShardItem
from tests.spark.conftest import SMALL, frame, knowledge_row
from udfs.version import with_digest

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "Loose leaf \x1b[2J\x1b]0;owned\x07 [bold red]tea[/] \u202eevil :smile:"
STEPS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Warehouse:
    folder: Path
    before: str
    after: str


def stated(item: str, version: int, words: str) -> KnowledgeRow:
    row = knowledge_row(item, "form", version, words)
    evidence = Evidence(words, "title", HOSTILE.index(words), HOSTILE.index(words) + len(words), words)
    changed = {"evidence": (evidence,), "value_texts": (words,), "value_ids": ("",)}
    return with_digest(
        KnowledgeRow(**{name: changed.get(name, getattr(row, name)) for name in row.__slots__})
    )


@pytest.fixture(scope="module")
def warehouse(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder = tmp_path_factory.mktemp("warehouse")
    listing = Listing(
        "sku:1,x", HOSTILE, "<p>茶</p>", category_id="tea", attributes={"[red]Net\x1b": "250 g"}
    )
    pq.write_table(record_to_arrow([ShardItem(listing, 5)], ShardItem), folder / "listings.parquet")
    merge_items(spark, spark.read.parquet(str(folder / "listings.parquet")), folder / "items", settings=SMALL)
    table = folder / "item_knowledge"
    first = [stated("sku:1,x", 5, "Loose"), knowledge_row("sku-2", "gone", 5)]
    before = merge_rows(spark, frame(spark, first, folder), table, settings=SMALL)
    second = [stated("sku:1,x", 6, "Loose leaf"), knowledge_row("sku-2", "gone", 6, deleted=True)]
    after = merge_rows(spark, frame(spark, second, folder), table, settings=SMALL)
    return Warehouse(folder, str(before.commit), str(after.commit))


def run(capsys: pytest.CaptureFixture[str], warehouse: Warehouse, *words: str) -> tuple[int, str, str]:
    code = main([*words, "--warehouse", str(warehouse.folder)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_item_shows_facts_and_marks_the_words(
    warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, warehouse, "item", "sku:1,x")
    assert code == 0
    for part in ("sku:1,x", "category tea", "form", "Loose leaf", "0.50", "rule", "1970-01-01"):
        assert part in out


def test_item_in_a_terminal_obeys_nothing_of_the_listing(
    warehouse: Warehouse, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    _, out, _ = run(capsys, warehouse, "item", "sku:1,x")
    assert "\x1b[30;43mLoose leaf\x1b[0m" in out
    plain = STEPS.sub("", out)
    assert not set(plain) & {"\x1b", "\x07", "\u202e"}
    assert r"\x1b[2J\x1b]0;owned\x07 [bold red]tea[/] \u202eevil :smile:" in plain
    assert r"attributes.[red]Net\x1b: 250 g" in plain


def test_item_as_it_was_and_as_json(warehouse: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    for moment, words, version in ((warehouse.before, "Loose", 5), (warehouse.after, "Loose leaf", 6)):
        code, out, _ = run(capsys, warehouse, "item", "sku:1,x", "--json", "--as-of", moment)
        found = json.loads(out)
        assert code == 0
        assert [(row["value_texts"], row["version"]) for row in found["knowledge"]] == [([words], version)]
        assert found["item"]["title"] == HOSTILE


@pytest.mark.parametrize(
    "words",
    [("item", "sku-9"), ("item", "sku:1,x", "--as-of", "2001-01-01"), ("item", "x", "--as-of", "soon")],
)
def test_item_that_is_not_known_is_an_error(
    warehouse: Warehouse, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    code, out, err = run(capsys, warehouse, *words)
    assert (code, out) == (1, "")
    assert err.startswith("aiic item: ")


def test_absent_warehouse_says_what_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for words in (["item", "x"], ["sql", "SELECT * FROM items"]):
        assert main([*words, "--warehouse", str(tmp_path / "none")]) == 1
        assert "AIIC_WAREHOUSE" in capsys.readouterr().err
    with pytest.raises(NoTable):
        read_item(tmp_path, "x")


def test_sql_sees_live_rows_and_the_past(warehouse: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    query = "SELECT item_id, evidence[1].words AS words FROM item_knowledge ORDER BY item_id"
    code, out, _ = run(capsys, warehouse, "sql", query, "--format", "json")
    assert code == 0
    assert json.loads(out) == [{"item_id": "sku:1,x", "words": "Loose leaf"}]
    _, out, _ = run(capsys, warehouse, "sql", query, "--format", "json", "--as-of", warehouse.before)
    assert [row["item_id"] for row in json.loads(out)] == ["sku-2", "sku:1,x"]
    query = 'SELECT item_id, is_deleted, "commit" FROM item_knowledge_all ORDER BY 1'
    _, out, _ = run(capsys, warehouse, "sql", query, "--format", "csv")
    assert list(csv.reader(io.StringIO(out)))[1:] == [
        ["sku-2", "True", warehouse.after],
        ["sku:1,x", "False", warehouse.after],
    ]
    query = (
        "SELECT count(*) AS n FROM items i JOIN item_knowledge k USING (item_id) WHERE i.title LIKE 'Loose%'"
    )
    _, out, _ = run(capsys, warehouse, "sql", query)
    assert "1 row\n" in out


def test_sql_table_shows_hostile_text_harmlessly(
    warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, warehouse, "sql", "SELECT title, attributes FROM items")
    assert r"\x1b[2J\x1b]0;owned\x07 [bold red]tea[/] \u202eevil :smile:" in out
    assert not set(out) & {"\x1b", "\x07", "\u202e"}


def test_sql_that_writes_or_is_wrong_is_refused(
    warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    for query in (
        "DELETE FROM items",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT nothing FROM items",
    ):
        code, out, err = run(capsys, warehouse, "sql", query)
        assert (code, out) == (1, "")
        assert err.startswith("aiic sql: ")


def test_sql_over_the_ontology(warehouse: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    snapshot = load_interchange(ROOT / "infra" / "demo" / "catalog" / "ontology")
    OntologyStore(warehouse.folder, "demo").commit(snapshot, Source("test"), 1)
    counted = {}
    for view in ("categories", "keys", "values"):
        query = f"SELECT count(*) AS n, count(DISTINCT category_id) AS c FROM ontology_{view} WHERE ontology = 'demo'"
        _, out, _ = run(capsys, warehouse, "sql", query, "--format", "json")
        counted[view] = json.loads(out)[0]["n"]
    counts = snapshot.counts()
    assert counted == {
        "categories": counts.categories,
        "keys": counts.category_keys,
        "values": counts.entries,
    }


def test_spark_sql_and_time_travel(spark: SparkSession, warehouse: Warehouse) -> None:
    register(spark, "item_knowledge", warehouse.folder / "item_knowledge")
    try:
        now = spark.sql(
            "SELECT item_id, version, provenance.run_id FROM item_knowledge WHERE NOT is_deleted"
        ).collect()
        assert [tuple(row) for row in now] == [("sku:1,x", 6, "run-6")]
        stamp = datetime.strptime(warehouse.before, "%Y%m%d%H%M%S%f").strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        for moment in (warehouse.before, stamp):
            past = f"SELECT count(*) FROM item_knowledge TIMESTAMP AS OF '{moment}' WHERE NOT is_deleted"
            assert spark.sql(past).collect()[0][0] == 2
        path = str(warehouse.folder / "item_knowledge")
        plain = spark.read.format("hudi").option("as.of.instant", warehouse.before).load(path)
        assert plain.where("NOT is_deleted").count() == 2
    finally:
        spark.sql("DROP TABLE item_knowledge")
    table = read_table(spark, warehouse.folder / "item_knowledge", warehouse.before)
    assert sorted(row.version for row in table.select("version").collect()) == [5, 5]


def test_times_become_instants() -> None:
    assert instant_of("2026-11-22T15:00:01.5+01:00") == "20261122140001500"
    assert instant_of("2026-11-22") == "20261122235959999"
    assert instant_of("20261122140001") == "20261122140001999"
    with pytest.raises(ValueError, match="no time"):
        instant_of("yesterday")
