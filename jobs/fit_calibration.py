"""Fits calibration and operating points: `python -m jobs.fit_calibration SET... --ranker models/ranker --out models/calibration`.

Needs no server: it reads what `jobs.train_ranker` left (out-of-fold probabilities and the truth) and, where they are
there, the discriminator's opinions that `jobs.fit_cascade` left. SETs are those that the ranker was trained on.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from jobs.seal_models import reseal
from pipelines.apps.evaluation_set import load_set
from pipelines.library.calibration import FILE, Calibration, calibration_text
from pipelines.library.ranker import RankerMeta, load_ranker
from pipelines.models.calibration import (
    LabelledPair,
    TooFewSamples,
    calibrate,
    nothing_samples,
    value_samples,
)
from pipelines.models.calibration_card import calibration_card
from pipelines.models.calibration_picture import draw_reliability
from pipelines.models.calibration_routes import with_opinions
from pipelines.models.opinions import read_opinions
from pipelines.models.out_of_fold import NoOutOfFold, PairTruth, read_out_of_fold

RANKER_FOLDER = Path("build/ranker")


def main() -> int:
    """Fit, choose, write; tell what was tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--ranker", type=Path, default=Path("models/ranker"))
    parser.add_argument("--out", type=Path, default=Path("models/calibration"))
    parser.add_argument("--out-of-fold", type=Path, default=RANKER_FOLDER / "out_of_fold.json")
    parser.add_argument("--opinions", type=Path, default=RANKER_FOLDER / "opinions.json")
    args = parser.parse_args()
    try:
        card = fit(args)
    except (NoOutOfFold, TooFewSamples) as error:
        print(f"fit_calibration: {error}", file=sys.stderr)
        return 1
    print(card)
    reseal(args.out.parent)
    return 0


def fit(args: argparse.Namespace) -> str:
    """Fit and write a calibration; returns its card. Errors: NoOutOfFold, TooFewSamples, RankerDamaged."""
    meta = load_ranker(args.ranker).meta
    truths = {(truth.item_id, truth.key_id): truth for truth in read_out_of_fold(args.out_of_fold)}
    pairs: list[LabelledPair] = []
    negatives: list[LabelledPair] = []
    for folder in args.sets:
        found, says_nothing = labelled_pairs(folder, truths)
        pairs += found
        negatives += found if says_nothing else []
    version = time.strftime("%Y%m%d.%H%M", time.gmtime())
    calibration, values, nothing = calibrate(pairs, negatives, meta.version, version)
    calibration = _with_discriminator(calibration, args.opinions, meta)
    about = {
        "sets": [folder.name for folder in args.sets],
        "pairs": len(pairs),
        "values": f"{values.chosen.method}{', per kind' if values.chosen.per_kind else ''}",
        "nothing": f"{nothing.chosen.method}{', per kind' if nothing.chosen.per_kind else ''}",
    }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / FILE).write_text(calibration_text(replace(calibration, about=about)), "utf-8")
    card = calibration_card(replace(calibration, about=about), values, nothing)
    (args.out / "README.md").write_text(card, "utf-8")
    drawn = (value_samples(pairs), values), (nothing_samples(negatives), nothing)
    draw_reliability(args.out / "reliability.png", *drawn)
    return card


def labelled_pairs(folder: Path, truths: dict[tuple[str, str], PairTruth]) -> tuple[list[LabelledPair], bool]:
    """The pairs of a set that have out-of-fold probabilities, and whether its gold says what is not stated."""
    files = (folder / "ontology", folder / "listings.jsonl", folder / "gold.jsonl")
    found = load_set(*files, time.time_ns() // 10**6, None)
    categories = {listing.item_id: listing.category_id for listing in found.listings}
    keys = {
        (category_id, link.key.key_id): link.key
        for category_id in found.ontology.categories
        for link in found.ontology.keys_of(category_id)
    }
    pairs = []
    for label in found.gold:
        truth = truths.get((label.item_id, label.key_id))
        key = keys.get((str(categories.get(label.item_id)), label.key_id))
        if truth is not None and key is not None:
            pairs.append(LabelledPair(truth, key.value_kind, key.multi_valued is not False))
    return pairs, any(not label.values for label in found.gold)


def _with_discriminator(found: Calibration, opinions: Path, meta: RankerMeta) -> Calibration:
    """The curves of the other two routes too, where there are opinions of this ranker's discriminator."""
    kept = read_opinions(opinions, meta.version)
    if kept is None:
        print(
            f"no opinions of ranker {meta.version} in {opinions}: only the ranker is calibrated",
            file=sys.stderr,
        )
        return found
    return with_opinions(found, kept, meta)


if __name__ == "__main__":
    sys.exit(main())
