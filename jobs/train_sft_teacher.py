"""Step `teacher` of `jobs.train_sft`: a reference model labels what gold does not, into OUT/pseudo-SET.jsonl; goes on where it was cut."""

from __future__ import annotations

import argparse
import asyncio
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # this module is also read where training runs, which has no engines
    from infra.reference_model import ReferenceConfig
    from jobs.labelled import Source
    from pipelines.library.discriminate import Discriminator
    from pipelines.models.labelled import LabelledSet
    from pipelines.models.teacher import TeacherConfig

STAGE = "pseudo-labels"


def add_arguments(step: argparse.ArgumentParser) -> None:
    """What this step can be told."""
    step.add_argument("--set", action="append", required=True, type=Path, metavar="FOLDER", dest="sets",
                      help="interchange folder; gold.jsonl may be missing or tell some keys only")  # fmt: skip
    step.add_argument(
        "--teacher", required=True, metavar="URL", help="any OpenAI-compatible server, up to its /v1"
    )
    step.add_argument("--teacher-model", help="which of the models that it serves (default: its only one)")
    step.add_argument("--teacher-api", choices=("chat", "completions"), default="chat")
    step.add_argument(
        "--teacher-key-env", default="", metavar="NAME", help="variable that holds the server's API key"
    )
    step.add_argument("--free-replies", action="store_true", help="the server cannot hold replies to a regular expression (vLLM can)")  # fmt: skip
    step.add_argument("--no-logprobs", action="store_true", help="the server reports no token probabilities: votes alone decide")  # fmt: skip
    step.add_argument(
        "--no-extract", action="store_true", help="ask about found candidates only; read nothing new"
    )
    step.add_argument(
        "--votes", type=int, default=2, help="how often each key is asked, candidates in another order"
    )
    step.add_argument("--confidence", type=float, default=0.7, help="how sure the least sure vote must be")
    step.add_argument("--items", type=int, default=0, help="label the first so many listings (0: all)")
    step.add_argument(
        "--check", type=int, default=20, help="labelled items on which the teacher is compared with gold"
    )
    step.add_argument("--at-once", type=int, default=4, help="items that are asked about at the same time")
    step.add_argument("--search", choices=("words", "encoder"), default="words")
    step.add_argument("--encoder-url", help="default: the local stack's")


def run(args: argparse.Namespace) -> int:
    """Label every set; the teacher's agreement with gold is told first."""
    from pipelines.models.teacher_file import TeacherRefused
    from schemas.inference import InferenceError

    try:
        asyncio.run(_label(args))
    except (InferenceError, TeacherRefused) as error:
        raise SystemExit(f"train_sft: teacher: {error}") from None
    return 0


async def _label(args: argparse.Namespace) -> None:
    from infra.reference_model import ReferenceModel, served_model
    from pipelines.models.teacher import TeacherConfig

    settings = {"api_key_env": args.teacher_key_env}
    model = await served_model(args.teacher, args.teacher_model, **settings)
    cfg = TeacherConfig(model, args.votes, args.confidence, not args.no_extract,
                        logprobs=0 if args.no_logprobs else 12, seed=args.seed)  # fmt: skip
    async with ReferenceModel(_reference(args, model, settings)) as client:
        for folder in args.sets:
            await _label_set(folder, client, cfg, args)


def _reference(args: argparse.Namespace, model: str, settings: dict[str, str]) -> ReferenceConfig:
    from infra.reference_model import ReferenceConfig
    from udfs.prompts_tasks import FORM

    return ReferenceConfig(args.teacher, model, args.teacher_api, not args.free_replies, FORM, settings)


async def _label_set(
    folder: Path, client: Discriminator, cfg: TeacherConfig, args: argparse.Namespace
) -> None:
    from jobs.stage_progress import stage_progress
    from jobs.train_sft_data import pseudo_path
    from pipelines.models.teacher import provenance
    from pipelines.models.teacher_file import TeacherFile
    from pipelines.models.teacher_items import to_check, to_label
    from pipelines.models.teacher_run import PROMPTS, compared, label_items

    source, known = await asyncio.to_thread(_opened, folder, args)
    file = TeacherFile(pseudo_path(args.out, source.name), provenance(cfg, PROMPTS))
    before = len(file.done())
    if not before and args.check:
        checked = to_check(known, source.listings, source.gold, source.held_out)
        agreed = await compared(itertools.islice(checked, args.check), client, cfg, args.at_once)
        if agreed.pairs:
            print(f"{source.name}: {agreed}", flush=True)
    found = to_label(known, source.listings, source.gold, source.held_out)
    wanted = list(itertools.islice(found, args.items or None))
    with stage_progress() as report:
        total = len(wanted)
        now = await label_items(
            wanted, file, client, cfg, args.at_once, lambda done: report(STAGE, before + done, total)
        )
    print(f"{file.path}: {now} items labelled now, {before} before", flush=True)


def _opened(folder: Path, args: argparse.Namespace) -> tuple[Source, LabelledSet]:
    from jobs.labelled import read_source, with_search
    from pipelines.models.labelled import labelled_set

    found = read_source(folder)
    known = labelled_set(found.name, found.snapshot, found.listings, found.gold, found.held_out)
    if args.search == "encoder":
        known = with_search(known, args.encoder_url, found.listings)
    return found, known
