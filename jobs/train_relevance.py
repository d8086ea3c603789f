"""Train the relevance heads: `texts` says what to encode, `fit` trains, measures on the held-out fifth, and saves.

  .local/engines/bin/python -m jobs.train_relevance texts --set ../shared/data/wdc_pave --set infra/demo/catalog
  .local/inference/bin/python -m jobs.train_encoder encode --name base --texts build/relevance/texts.json --out build/relevance
  .local/engines/bin/python -m jobs.train_relevance fit --set ../shared/data/wdc_pave --set infra/demo/catalog --save models/relevance

Another encoder: encode with its adapter, and name it to `fit` (--encoder). Heads refuse vectors of an encoder of another name.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.library.relevance import FEATURE_VERSION, Relevance, RelevanceMeta, save_relevance
from pipelines.models.encoder_records import HoldOut
from pipelines.models.encoder_sets import SetParts, needed_texts, read_parts
from pipelines.models.relevance_data import Rows, a_rows, b_rows, edit_texts
from pipelines.models.relevance_fit import Head, average_precision, chosen, fit_head, point
from pipelines.models.vector_file import VectorFile, load_vectors

TEXTS, FIGURES = "texts.json", "figures.json"
MakeRows = Callable[..., Rows]


def main(words: Sequence[str] | None = None) -> None:
    """Do the named step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    texts, fit = (
        steps.add_parser("texts", help="write the texts to encode"),
        steps.add_parser("fit", help="train and measure"),
    )
    for step in (texts, fit):
        step.add_argument("--set", action="append", required=True, type=Path, metavar="FOLDER")
        step.add_argument("--out", type=Path, default=Path("build/relevance"))
    fit.add_argument("--vectors", type=Path, help="default: vectors-base.npz below --out")
    fit.add_argument(
        "--encoder", help="the name that the encoder is served under; default: that of the vectors"
    )
    fit.add_argument("--save", type=Path, help="folder of the heads")
    args = parser.parse_args(words)
    parts = [read_parts(folder, time.time_ns() // 10**6) for folder in args.set]
    args.out.mkdir(parents=True, exist_ok=True)
    if args.step == "texts":
        found = dict.fromkeys(text for one in parts for text in (*needed_texts(one), *edit_texts(one)))
        (args.out / TEXTS).write_text(json.dumps(list(found), ensure_ascii=False), "utf-8")
        print(f"{len(found)} texts in {args.out / TEXTS}")
        return
    vectors = load_vectors(args.vectors or args.out / "vectors-base.npz")
    head_a, figures_a = train(parts, a_rows, vectors)
    head_b, figures_b = train(parts, b_rows, vectors)
    (args.out / FIGURES).write_text(json.dumps({"a": figures_a, "b": figures_b}, indent=1) + "\n", "utf-8")
    if args.save:
        trained_on = {one.name: len(one.train) for one in parts}
        version, encoder = time.strftime("%Y%m%d.%H%M", time.gmtime()), args.encoder or vectors.model
        meta = RelevanceMeta(
            version, FEATURE_VERSION, encoder, head_a.thresholds, head_b.thresholds, trained_on
        )
        save_relevance(
            args.save, Relevance(meta, head_a.weights, head_a.bias, head_a.booster, head_b.booster)
        )
        print(args.save)


def train(parts: Sequence[SetParts], make: MakeRows, vectors: VectorFile) -> tuple[Head, dict[str, Any]]:
    """A head from all training items, and its figures on held-out ones; new keys by a head that never saw them."""
    learn, held = Rows(), Rows()
    for one in parts:
        learn.extend(make(one, one.train, vectors, leave_one_out=True))
        held.extend(make(one, one.held_out.listings, vectors, leave_one_out=False))
    head = fit_head(learn)
    figures: dict[str, Any] = {"all": _figures(head, held)}
    for kind in sorted(set(held.kinds)):
        figures[kind] = _figures(head, chosen(held, [other == kind for other in held.kinds]))
    is_new = HoldOut().key
    blind = fit_head(chosen(learn, [not is_new(key) for key in learn.keys]))
    new = chosen(held, [is_new(key) for key in held.keys])
    figures["keys never seen"], figures["the same keys, seen"] = _figures(blind, new), _figures(head, new)
    return head, figures


def _figures(head: Head, rows: Rows) -> Mapping[str, Any]:
    p, labels = head.probabilities(rows), np.asarray(rows.labels)
    points = {wanted: asdict(point(p, labels, threshold)) for wanted, threshold in head.thresholds.items()}
    return {"average_precision": average_precision(head.learnt(rows), labels), "points": points}


if __name__ == "__main__":
    main()
