"""`aiic merge`: finished shards of knowledge rows into item_knowledge by hand; compaction; the streaming merge."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `merge`."""
    words = "merge shards of knowledge rows (Parquet) into item_knowledge; repeating it changes nothing"
    parser = subparsers.add_parser("merge", help=words, description=words)
    parser.add_argument(
        "files", type=Path, nargs="*", metavar="FILE", help="finished shards, or folders of them"
    )
    parser.add_argument(
        "--changes", action="store_true", help="write what changed to item_knowledge_changes/<commit>/"
    )
    parser.add_argument("--compact", action="store_true", help="then fold the tables' logs into base files")
    parser.add_argument(
        "--follow",
        choices=("start", "stop", "status"),
        nargs="?",
        const="start",
        help="the streaming merge: results from Kafka as they come, changes out; detached, default start",
    )
    parser.add_argument(
        "--wait", type=float, default=600.0, metavar="S", help="for another writer (%(default)s s)"
    )
    parser.add_argument(
        "--warehouse", type=Path, help="folder of all tables (AIIC_WAREHOUSE, build/warehouse)"
    )
    parser.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    if args.follow and (args.files or args.compact):
        print("aiic merge: --follow goes without files and --compact: the stream compacts", file=sys.stderr)
        return 2
    if not args.files and not args.compact and not args.follow:
        print(
            "aiic merge: nothing to do: name shards or folders of them, or --compact, or --follow",
            file=sys.stderr,
        )
        return 2
    # Imported here: every command line pays for what this module imports at its top.
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    from infra.hudi import compact
    from infra.hudi_reading import is_table
    from infra.spark import JarsMissing, spark_session
    from infra.table_lock import TableLocked, table_lock
    from jobs.batch.merge_handover import merge_or_hand_over
    from pipelines.ontology.store import default_warehouse
    from pipelines.tunnel.merge import MergeConfig, items_table, knowledge_table
    from schemas.derive import SchemaMismatch

    warehouse = (args.warehouse or default_warehouse()).absolute()
    if args.follow:
        from jobs.streaming.control import follow

        return follow(args.follow, warehouse)
    table = knowledge_table(warehouse)
    try:
        files = _shards(args.files)
        session = cache(partial(spark_session, "aiic merge"))
        if files:
            config = MergeConfig(write_changes=args.changes, wait_for_lock_s=args.wait)
            now_ms = time.time_ns() // 1_000_000
            merged = merge_or_hand_over(session, files, table, f"aiic-merge-{now_ms}", now_ms, config)
            print(", ".join(f"{name} {value}" for name, value in asdict(merged).items()))
        for found in (table, items_table(warehouse)) if args.compact else ():
            if is_table(found):
                with table_lock(session(), found, "compaction", args.wait):
                    print(f"{found.name}: {compact(session(), found) or 'nothing to compact'}")
    except (OSError, JarsMissing, SchemaMismatch, TableLocked) as error:
        print(f"aiic merge: {error}", file=sys.stderr)
        return 1
    except (Py4JError, PySparkException) as error:
        # Spark's own words run over many lines of Java; the first ones say what happened.
        print(f"aiic merge: Spark gave up; the table is as it was. {str(error)[:300]}", file=sys.stderr)
        return 1
    return 0


def _shards(paths: list[Path]) -> list[Path]:
    """The files, and the Parquet files of the folders. Errors: FileNotFoundError."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.glob("*.parquet")) if path.is_dir() else [path] if path.exists() else []
        if not inside:
            raise FileNotFoundError(f"{path}: no shard there")
        found += inside
    return found
