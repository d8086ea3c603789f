"""A plan's folder: manifest, shards, results, usage. A file is there whole or not at all."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.derive import arrow_schema, arrow_to_records, parse_record, record_to_arrow, to_mapping
from schemas.knowledge import KnowledgeRow
from schemas.listing import Listing
from schemas.parse import BadRecord
from schemas.shard import ShardEntry, ShardItem

CURRENT = "current.json"
LAST_ERROR = "last_error.json"


class PlanError(RuntimeError):
    """There is no plan where one is needed, or it cannot be read. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the steps after `plan` must know of it; `plan.json` in the plan's folder."""

    plan_id: str
    day: str
    run_id: str
    ontology_version: str
    model: str
    generation: int
    started_ms: int
    listings: int
    rejects: Mapping[str, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanFolder:
    """Where the files of one plan lie: <warehouse>/offline/<day>/<plan_id>/."""

    root: Path

    @property
    def manifest(self) -> Path:
        """List of all shards; written last, so where it is the plan is complete."""
        return self.root / "manifest.json"

    @property
    def listings(self) -> Path:
        """All accepted listings, one Parquet file of ShardItem."""
        return self.root / "listings.parquet"

    @property
    def rejects(self) -> Path:
        """Refused input records, one JSON object a line."""
        return self.root / "rejects.jsonl"

    def shard(self, entry: ShardEntry) -> Path:
        """The shard's listings."""
        return self.root / entry.path

    def before(self, shard_id: str) -> tuple[Path, Path]:
        """What the tables held of the shard's listings when the day was planned: listings, and rows. Absent: nothing."""
        folder = self.root / "before"
        return folder / f"{shard_id}.items.parquet", folder / f"{shard_id}.rows.parquet"

    def result(self, shard_id: str) -> Path:
        """The shard's knowledge rows; where it is, the shard is finished."""
        return self.root / "results" / f"{shard_id}.parquet"

    def usage(self, shard_id: str) -> Path:
        """What the shard cost."""
        return self.root / "usage" / f"{shard_id}.json"

    def step(self, name: str) -> Path:
        """Counts and seconds of one finished step."""
        return self.root / "steps" / f"{name}.json"


def day_folder(warehouse: Path, day: str) -> Path:
    """Folder of all plans of a day."""
    return warehouse / "offline" / day


def current_plan(warehouse: Path, day: str) -> PlanFolder:
    """The plan that the day's latest `plan` step made or found.

    Errors: PlanError where there is none.
    """
    pointer = day_folder(warehouse, day) / CURRENT
    found = read_json(pointer)
    if found is None:
        raise PlanError(f"{pointer}: no plan of {day}; run the `plan` step first")
    return PlanFolder(pointer.parent / str(found["plan_id"]))


def write_plan(folder: PlanFolder, plan: Plan, entries: Sequence[ShardEntry]) -> None:
    """Complete a plan whose shards are all written: plan.json, then the manifest, then the day's pointer."""
    write_json(folder.root / "plan.json", asdict(plan))
    write_json(folder.manifest, [to_mapping(entry) for entry in sorted(entries, key=lambda e: e.shard_id)])
    point_to(folder)


def point_to(folder: PlanFolder) -> None:
    """Make a plan the day's current one."""
    write_json(folder.root.parent / CURRENT, {"plan_id": folder.root.name})


def note_error(day: Path, step: str, reason: str) -> None:
    """Leave the reason of a failure in the day's folder, for whoever watches the run. Errors: OSError."""
    write_json(day / LAST_ERROR, {"step": step, "reason": reason})


def forget_error(day: Path) -> None:
    """Remove the reason of an earlier failure."""
    (day / LAST_ERROR).unlink(missing_ok=True)


def noted_error(day: Path) -> str | None:
    """The reason of the last failure, with its step; None where there is none."""
    found = read_json(day / LAST_ERROR)
    return None if found is None else f"step {found['step']}: {found['reason']}"


def read_plan(folder: PlanFolder) -> tuple[Plan, list[ShardEntry]]:
    """A complete plan and its shards.

    Errors: PlanError when it is incomplete or broken.
    """
    raw, entries = read_json(folder.root / "plan.json"), read_json(folder.manifest)
    if raw is None or entries is None:
        raise PlanError(f"{folder.root}: the plan is not complete; run the `plan` step again")
    try:
        raw["notes"] = tuple(raw["notes"])
        return Plan(**raw), [parse_record(ShardEntry, entry) for entry in entries]
    except (TypeError, KeyError, BadRecord) as error:
        raise PlanError(f"{folder.root}: not a plan of this version ({error}); delete the folder") from error


def unfinished(folder: PlanFolder, entries: Sequence[ShardEntry]) -> list[ShardEntry]:
    """The shards without a result, in the manifest's order."""
    results = folder.root / "results"
    done = {path.stem for path in results.glob("*.parquet")} if results.is_dir() else set()
    return [entry for entry in entries if entry.shard_id not in done]


def write_items(path: Path, items: Sequence[ShardItem]) -> None:
    """Write listings as one Parquet file of the shard's contract."""
    write_table(path, record_to_arrow(items, ShardItem))


def read_items(path: Path) -> list[ShardItem]:
    """Read a shard. Errors: SchemaMismatch, OSError."""
    return arrow_to_records(pq.read_table(path, schema=arrow_schema(ShardItem)), ShardItem)


def write_before(
    folder: PlanFolder, shard_id: str, items: Sequence[ShardItem], rows: Sequence[KnowledgeRow]
) -> None:
    """Keep what the tables hold of a shard's listings, so that every attempt at the shard starts from the same."""
    if items:
        paths = folder.before(shard_id)
        write_table(paths[0], record_to_arrow(items, ShardItem))
        write_table(paths[1], record_to_arrow(rows, KnowledgeRow))


def read_before(folder: PlanFolder, shard_id: str) -> dict[str, tuple[Listing, list[KnowledgeRow]]]:
    """By item id, an item's last listing and its rows; nothing where the plan did not look. Errors: SchemaMismatch, OSError."""
    items, rows = folder.before(shard_id)
    if not rows.exists():
        return {}
    known: dict[str, tuple[Listing, list[KnowledgeRow]]] = {
        item.listing.item_id: (item.listing, []) for item in read_items(items)
    }
    for row in arrow_to_records(pq.read_table(rows, schema=arrow_schema(KnowledgeRow)), KnowledgeRow):
        known[row.item_id][1].append(row)
    return known


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file under another name, sync it, and rename it."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    write_whole(path, sink.getvalue())


def write_json(path: Path, content: object) -> None:
    """Write a JSON file whole."""
    write_whole(path, json.dumps(content, ensure_ascii=False, indent=1).encode("utf-8"))


def read_json(path: Path) -> Any:
    """Content of a JSON file; None when it is not there. Errors: PlanError when it is broken."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise PlanError(f"{path}: broken ({error}); delete it and run the `plan` step again") from error


def write_whole(path: Path, content: bytes | pa.Buffer) -> None:
    """Write a file so that it is there whole or not at all, also after a crash; leaves nothing when it fails.

    Errors: OSError (disk full, no permission).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep_partials(folder: PlanFolder) -> int:
    """Delete what killed writers left behind; call it when nobody writes. Returns how many."""
    left = [path for path in folder.root.rglob(".*.tmp") if path.is_file()]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)
