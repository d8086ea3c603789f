"""Command line of the streaming merge."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from infra.hudi import HudiSettings
from infra.spark_submit import DEFAULT_MASTER
from jobs.streaming.writer import WriterSettings
from pipelines.ontology.store import default_warehouse
from pipelines.tunnel.merge_stream import MergeStreamConfig

PORT = 18140


def parse(
    argv: Sequence[str] | None,
) -> tuple[argparse.Namespace, MergeStreamConfig, WriterSettings]:
    """Read the command line; unknown options are refused."""
    stream, writer, hudi = MergeStreamConfig(), WriterSettings(), WriterSettings().hudi
    parser = argparse.ArgumentParser(prog="merge", description="The streaming merge.")
    parser.add_argument("--warehouse", type=Path, default=default_warehouse())
    parser.add_argument("--kafka", required=True, metavar="HOST:PORT")
    parser.add_argument("--trigger", type=float, default=stream.trigger_s, metavar="S", help="%(default)s s")
    parser.add_argument("--messages", type=int, default=stream.messages_per_batch, help="most in a commit")
    parser.add_argument("--slice", type=int, default=stream.rows_per_slice, help="rows of files at a time")
    parser.add_argument("--buckets", type=int, default=hudi.buckets, help="of a new table")
    parser.add_argument("--retention-hours", type=int, default=hudi.retention_hours, help="of past states")
    parser.add_argument("--compact-every", type=int, default=writer.compact_every, help="commits")
    parser.add_argument(
        "--compact-io-mb", type=int, default=writer.compact_io_mb, help="bound of one compaction"
    )
    parser.add_argument("--host", default="127.0.0.1", help="of the page with /health, /status and /metrics")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--wait", type=float, default=600.0, metavar="S", help="for another writer to end")
    parser.add_argument(
        "--gives-way", type=int, default=0, metavar="N", help="niceness once it has caught up, 0 to 19"
    )
    parser.add_argument("--master", default=DEFAULT_MASTER)
    parser.add_argument("--driver-memory", default="2g")
    parser.add_argument(
        "--allow-data-loss",
        action="store_true",
        help="go on where messages were removed before they were read",
    )
    args = parser.parse_args(argv)
    config = replace(
        stream, trigger_s=args.trigger, messages_per_batch=args.messages, rows_per_slice=args.slice
    )
    layout = HudiSettings(
        buckets=args.buckets,
        retention_hours=args.retention_hours,
        compact_after=0,
        parallelism=hudi.parallelism,
    )
    return args, config, WriterSettings(layout, args.compact_every, args.compact_io_mb)
