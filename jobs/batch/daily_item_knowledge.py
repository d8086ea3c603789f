"""Job `daily_item_knowledge`: listings of a day -> item_knowledge. One step a call, or `all` of them in one session.

spark-submit jobs/batch/daily_item_knowledge.py plan --day 2026-11-01 --listings F --ontology NAME
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from py4j.protocol import Py4JError

from jobs.arguments import add_machine_hour, add_precision, add_reduce
from jobs.batch.daily_item_knowledge_context import Context
from jobs.batch.daily_item_knowledge_merge import merge
from jobs.batch.daily_item_knowledge_plan import plan
from jobs.batch.daily_item_knowledge_recognise import recognise
from jobs.batch.daily_item_knowledge_report import report
from jobs.batch.expected_errors import expected_errors, in_words
from pipelines.ontology.store import default_warehouse
from pipelines.reduction.config import require_no_images
from pipelines.tunnel.daily_item_knowledge import DailyConfig, day_start_ms
from pipelines.tunnel.day_lock import DayBusy, day_lock
from pipelines.tunnel.plan import ROWS_PER_SHARD
from pipelines.tunnel.plan_folder import day_folder, note_error

STEPS: Mapping[str, Callable[[Context], None]] = {
    "plan": plan,
    "recognise": recognise,
    "merge": merge,
    "report": report,
}


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; unknown options are refused."""
    parser = argparse.ArgumentParser(prog="daily_item_knowledge", description=__doc__)
    parser.add_argument("step", choices=[*STEPS, "all"])
    parser.add_argument("--day", required=True, help="YYYY-MM-DD, UTC")
    parser.add_argument("--warehouse", type=Path, default=default_warehouse())
    parser.add_argument(
        "--listings", action="append", default=[], help="file or folder; default <warehouse>/incoming/<day>"
    )
    parser.add_argument("--limit", type=int, default=0, help="first listings only; 0: all")
    parser.add_argument("--rows-per-shard", type=int, default=ROWS_PER_SHARD)
    parser.add_argument("--ontology", required=True, help="name, or folder of a release")
    parser.add_argument("--discriminator", choices=("cascade", "all", "off"), default="cascade")
    parser.add_argument("--images", choices=("off", "ocr", "vision", "both"), default="off")
    add_precision(parser)
    add_reduce(parser)
    add_machine_hour(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one step or all; 0 when it succeeded. What a person can put right is told in one message."""
    args = parse(argv)
    config = DailyConfig(
        day=args.day,
        warehouse=args.warehouse.absolute(),
        listings=tuple(Path(path).absolute() for path in args.listings if path),
        limit=args.limit,
        rows_per_shard=args.rows_per_shard,
        machine_hour=args.machine_hour,
    )
    context = Context(config, args.ontology, args.discriminator, args.images, args.precision, args.reduce)
    step = args.step
    try:
        day_start_ms(config.day)
        require_no_images(args.reduce, args.images)
        with day_lock(config.warehouse, config.day):
            for step in STEPS if args.step == "all" else (args.step,):
                STEPS[step](context)
        return 0
    except DayBusy as error:
        # Not noted: the day's folder belongs to the run that is at work.
        print(f"daily_item_knowledge {step}: {error}", file=sys.stderr, flush=True)
        return 1
    except expected_errors() as error:
        return _failed(config, step, in_words(error))
    except Py4JError as error:
        return _failed(
            config, step, f"Spark gave up; its reason is in the log above. {in_words(error)[:600]}"
        )
    except Exception as error:
        _failed(config, step, f"a fault of the program: {type(error).__name__}: {error}; the log tells where")
        raise
    finally:
        context.close()


def _failed(config: DailyConfig, step: str, reason: str) -> int:
    """Tell the reason, here and to whoever watches the day's folder."""
    print(f"daily_item_knowledge {step}: {reason}", file=sys.stderr, flush=True)
    try:
        note_error(day_folder(config.warehouse, config.day), step, reason)
    except OSError as error:
        print(f"(the reason could not be noted: {error})", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
