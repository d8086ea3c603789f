"""Last write wins on DataFrames: `udfs.version.settle`, row for row, for a batch over the rows that are present.

Every function is pure, DataFrame to DataFrame; `tests/spark` compares them with `settle`.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from udfs.version import (
    GENERATION_BITS,
    ITEM_ATTR,
    MARKERS,
    MOVED_ATTR,
    RETIRED,
    SAID_FIELDS,
    TIER_BITS,
    moved_row,
)

PRESENT_FIELDS = ("item_id", "attr_id", "version", "digest", *SAID_FIELDS)
"""What a merge must know of the rows that are present."""
KNOWLEDGE_KEY = ("item_id", "attr_id")


def newest_of_each(rows: DataFrame, key: Sequence[str], ordering: str) -> DataFrame:
    """One row a key: the greatest (ordering, digest)."""
    rank = Window.partitionBy(*key).orderBy(F.desc(ordering), F.desc("digest"))
    return rows.withColumn("_rank", F.row_number().over(rank)).where("_rank = 1").drop("_rank")


def real_winners(
    rows: DataFrame, present: DataFrame, key: Sequence[str], ordering: str, said: Sequence[str]
) -> DataFrame:
    """The distinct rows that win over the present row of their key.

    Adds `_changed`: whether the row says something else than the present one, or there is none.
    """
    before = present.select(
        *key, F.struct(ordering, "digest").alias("_order"), F.struct(*said).alias("_said")
    )
    joined = rows.join(before, list(key), "left")
    wins = F.col("_order").isNull() | (F.struct(ordering, "digest") > F.col("_order"))
    changed = ~F.struct(*said).eqNullSafe(F.col("_said"))
    return joined.where(wins).withColumn("_changed", changed).drop("_order", "_said")


def item_pasts(rows: DataFrame, present: DataFrame) -> DataFrame:
    """What items have left behind, one row for each item that has left anything (`udfs.version.item_pasts`).

    Columns: item_id, category_id, category_version, moved_version, deleted_version, marked_version.
    """
    fields = ("item_id", "attr_id", "category_id", "version")
    seen = rows.select(*fields).unionByName(present.select(*fields))
    marker = F.col("attr_id").isin(*MARKERS)
    by_category = seen.groupBy("item_id", F.when(~marker, F.col("category_id")).alias("category_id")).agg(
        F.max(F.when(~marker, F.col("version"))).alias("version"),
        F.max(F.when(F.col("attr_id") == ITEM_ATTR, F.col("version"))).alias("deleted"),
        F.max(F.when(F.col("attr_id") == MOVED_ATTR, F.col("version"))).alias("marked"),
    )
    category = F.when(F.col("version").isNotNull(), F.struct("version", "category_id"))
    pasts = by_category.groupBy("item_id").agg(
        F.sort_array(F.collect_list(category), asc=False).alias("found"),
        F.max("deleted").alias("deleted_version"),
        F.max("marked").alias("marked_version"),
    )
    newest, other = F.get("found", F.lit(0)), F.get("found", F.lit(1))
    return pasts.select(
        "item_id",
        newest["category_id"].alias("category_id"),
        newest["version"].alias("category_version"),
        F.greatest(other["version"], F.col("marked_version")).alias("moved_version"),
        "deleted_version",
        "marked_version",
    ).where("moved_version is not null or deleted_version is not null")


def retire_left_behind(winners: DataFrame, pasts: DataFrame) -> DataFrame:
    """The winners, as tombstones where their item has left them behind already."""
    joined = winners.join(_renamed(pasts), "item_id", "left")
    gone = F.coalesce(_left_behind(), F.lit(False)) & ~_is_retired()
    return (
        joined.withColumn("_gone", gone)
        .withColumn("is_deleted", F.col("is_deleted") | F.col("_gone"))
        .withColumn(
            "digest", F.when(F.col("_gone"), F.concat("digest", F.lit(RETIRED))).otherwise(F.col("digest"))
        )
        .select(*winners.columns)
    )


def newly_left_behind(present: DataFrame, winners: DataFrame, pasts: DataFrame) -> DataFrame:
    """Keys of the present rows that the batch does not replace and their items have now left behind."""
    kept = present.join(winners.select(*KNOWLEDGE_KEY), list(KNOWLEDGE_KEY), "left_anti")
    return kept.join(_renamed(pasts), "item_id").where(_left_behind() & ~_is_retired()).select(*KNOWLEDGE_KEY)


def retired_rows(rows: DataFrame) -> DataFrame:
    """Rows as the tombstones they become, with `_changed`."""
    changed = ~F.col("is_deleted")
    return (
        rows.withColumn("_changed", changed)
        .withColumn("is_deleted", F.lit(True))
        .withColumn("digest", F.concat("digest", F.lit(RETIRED)))
    )


def moved_rows(pasts: DataFrame, like: DataFrame) -> DataFrame:
    """The `_moved` rows that are new, with the columns of `like`; they change nothing that is said."""
    new = pasts.where(
        "moved_version is not null and (marked_version is null or moved_version > marked_version)"
    )
    empty = moved_row("", 0)
    version = F.col("moved_version")
    given = {
        "item_id": F.col("item_id"),
        "version": version,
        "event_ms": F.shiftright(version, GENERATION_BITS + TIER_BITS),
        "provenance": F.struct(
            *[
                F.lit(getattr(empty.provenance, name)).alias(name)
                for name in ("tier", "method", "model", "ontology_version", "prompt_version", "run_id")
            ]
        ),
        "_changed": F.lit(False),
    }
    fields = {part.name: part.dataType for part in like.schema}
    return new.select(*[_value(given, empty, name).cast(kind).alias(name) for name, kind in fields.items()])


def _value(given: dict[str, Column], empty: object, name: str) -> Column:
    if name in given:
        return given[name]
    value = getattr(empty, name)
    return F.array() if value == () else F.lit(value)


def _renamed(pasts: DataFrame) -> DataFrame:
    return pasts.select(
        "item_id",
        F.col("category_id").alias("_category_id"),
        F.col("category_version").alias("_category_version"),
        F.col("moved_version").alias("_moved_version"),
        F.col("deleted_version").alias("_deleted_version"),
    )


def _left_behind() -> Column:
    """`udfs.version.ItemPast.leaves_behind`; null counts as no."""
    taken_down = F.col("version") < F.col("_deleted_version")
    here = F.col("category_id").eqNullSafe(F.col("_category_id"))
    moved = F.when(here, F.col("version") < F.col("_moved_version")).otherwise(
        F.col("version") < F.col("_category_version")
    )
    return ~F.col("attr_id").isin(*MARKERS) & (
        F.coalesce(taken_down, F.lit(False)) | F.coalesce(moved, F.lit(False))
    )


def _is_retired() -> Column:
    return F.col("digest").endswith(RETIRED)
