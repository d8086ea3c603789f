"""`aiic ontology import | apply | release`: commands that make versions and releases."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from infra.faiss import FaissSearch
from infra.local.config import load_config
from infra.vllm import EncoderClient
from jobs.ontology.look import print_result, store_of
from jobs.stage_progress import stage_progress
from pipelines.ontology import backbone, interchange
from pipelines.ontology.changes import apply_changes
from pipelines.ontology.errors import OntologyError
from pipelines.ontology.make_release import make_release, release_folder
from pipelines.ontology.release import Release
from pipelines.ontology.source_rows import file_digest, source_digests
from pipelines.ontology.store import Source, Version


def import_folder(args: argparse.Namespace) -> int:
    """Make a folder's content the newest version, and say so. Errors: OntologyError."""
    if not args.folder.is_dir():
        raise OntologyError(f"there is no folder {args.folder}")
    store, started_s = store_of(args), time.monotonic()
    whole = backbone.is_backbone(args.folder)
    with stage_progress() as report:
        load = backbone.load_backbone if whole else interchange.load_interchange
        snapshot = load(args.folder, report)
    files = source_digests(args.folder, backbone.FILES if whole else interchange.FILES)
    before = store.head()
    made = store.commit(snapshot, Source("backbone" if whole else "interchange", files), _now_ms(), _say)
    return _done(args, before, made, time.monotonic() - started_s)


def apply_file(args: argparse.Namespace) -> int:
    """Make the newest version with a file of changes applied, and say so. Errors: OntologyError."""
    store, started_s = store_of(args), time.monotonic()
    before = store.find()
    files = {args.changes.name: file_digest(args.changes)} if args.changes.is_file() else {}
    made = store.change(
        lambda base: apply_changes(args.changes, base), Source("changes", files), _now_ms(), _say
    )
    return _done(args, before, made, time.monotonic() - started_s)


def _done(args: argparse.Namespace, before: Version | None, made: Version, seconds: float) -> int:
    same = before is not None and before.version == made.version
    counts = asdict(made.counts)
    words = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in counts.items())
    verb = "nothing changed, it is still" if same else "made"
    text = f"{verb} version {made.version} of {made.name}: {words} ({seconds:.1f} s)"
    return print_result(
        args, {"version": made.version, "unchanged": same, "counts": counts}, lambda: print(text)
    )


def release(args: argparse.Namespace) -> int:
    """Make a version searchable, and say where. Errors: OntologyError, InferenceError."""
    started_s = time.monotonic()
    made, folder = asyncio.run(_make(args))
    found = {"version": made.version, "encoder": made.encoder, "folder": str(folder)}
    text = f"release of {args.name} {made.version} for {made.encoder}: {folder}"
    return print_result(args, found, lambda: print(f"{text} ({time.monotonic() - started_s:.1f} s)"))


async def _make(args: argparse.Namespace) -> tuple[Release, Path]:
    store = store_of(args)
    version = store.find(args.version).version
    url = args.encoder_url or os.environ.get("AIIC_ENCODER_URL") or _local_encoder()
    async with EncoderClient(url, args.encoder_model) as client:
        encoder_id = args.encoder_id or await client.model_id()
        folder = args.out or release_folder(store, version, encoder_id)
        with stage_progress() as report:
            backend = FaissSearch()
            made = await make_release(store, version, client.embed, encoder_id, folder, report, backend)
    return made, folder


def _local_encoder() -> str:
    config = load_config(env=os.environ)
    return f"{config.url(config.encoder)}/v1"


def _say(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
