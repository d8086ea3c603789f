"""Intake of `daily_item_knowledge`: the day's listings, checked, as one Parquet file; the others as rejects."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

from pipelines.tunnel.intake import read_listings
from pipelines.tunnel.intake_read import EmptyInput
from pipelines.tunnel.intake_rejects import reject_file
from pipelines.tunnel.plan import ListingsDigest
from pipelines.tunnel.plan_folder import PlanFolder
from schemas.derive import arrow_schema, record_to_arrow
from schemas.shard import Reject, ShardItem

BATCH_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Intake:
    """What intake left in its folder: listings.parquet and rejects.jsonl."""

    folder: PlanFolder
    digest: str
    listings: int
    rejects: dict[str, int]
    notes: tuple[str, ...]


def take_in(paths: list[Path], folder: PlanFolder, now_ms: int, default_event_ms: int, limit: int) -> Intake:
    """Check the listings, and write the accepted ones and the rejects to a folder of this process.

    Errors: IntakeError for input that is absent, empty or unreadable; EmptyInput when every listing was refused.
    """
    batch = read_listings(paths, now_ms, default_event_ms)
    digest = ListingsDigest()
    folder.root.mkdir(parents=True, exist_ok=True)
    with (
        reject_file(folder.rejects) as rejects,
        pq.ParquetWriter(folder.listings, arrow_schema(ShardItem)) as writer,
    ):
        accepted = _accepted(batch, rejects.add)
        for rows in _batches(islice(accepted, limit) if limit else accepted):
            for item in rows:
                digest.add(item)
            writer.write_table(record_to_arrow(rows, ShardItem))
    if not digest.count:
        raise EmptyInput(_none_left(folder, batch.records, rejects.reasons))
    notes = [f"Only the first {limit} listings were taken."] if limit else []
    if batch.unknown_fields:
        notes.append(f"Fields that listings do not have were left out: {', '.join(batch.unknown_fields)}.")
    return Intake(folder, digest.hex(), digest.count, dict(rejects.reasons), tuple(notes))


def _none_left(folder: PlanFolder, records: int, reasons: Mapping[str, int]) -> str:
    """What to tell when every listing was refused; the rejects go where the next run does not sweep them."""
    kept = folder.root.with_name(folder.rejects.name)
    folder.rejects.replace(kept)
    shutil.rmtree(folder.root, ignore_errors=True)
    counts = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
    return f"none of the {records} listings keeps its contract ({counts}): see {kept}"


def keep_intake(intake: Intake, folder: PlanFolder) -> None:
    """Move what intake wrote into the plan's folder."""
    folder.root.mkdir(parents=True, exist_ok=True)
    for name in ("listings.parquet", "rejects.jsonl"):
        (intake.folder.root / name).replace(folder.root / name)
    shutil.rmtree(intake.folder.root, ignore_errors=True)


def discard(intake: Intake) -> None:
    """Remove what intake wrote."""
    shutil.rmtree(intake.folder.root, ignore_errors=True)


def staging(day_folder: Path) -> PlanFolder:
    """Where this process takes in; folders of killed processes are removed."""
    for left in day_folder.glob(".intake-*"):
        if not Path(f"/proc/{left.name.rpartition('-')[2]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    return PlanFolder(day_folder / f".intake-{os.getpid()}")


def _accepted(batch: Iterable[ShardItem | Reject], refuse: Callable[[Reject], None]) -> Iterator[ShardItem]:
    for entry in batch:
        if isinstance(entry, ShardItem):
            yield entry
        else:
            refuse(entry)


def _batches(items: Iterable[ShardItem]) -> Iterator[list[ShardItem]]:
    iterator = iter(items)
    while rows := list(islice(iterator, BATCH_ROWS)):
        yield rows
