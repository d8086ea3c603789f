"""The label-conditioned scorer from labelled listings to what recognition loads: data, training where torch is, release, parity."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from infra.onnx import OnnxNet, WordPieces
from pipelines.library.keys import CategoryViews
from pipelines.library.pairs import item_pairs, similar_values
from pipelines.library.scorer import KeyVectors, Scorer
from pipelines.library.scorer_form import NETWORK, TOKENIZER, read_meta
from pipelines.library.scorer_memory import load_memory
from pipelines.models.examples import AS_NEW, Shares
from pipelines.models.scorer_data import RowsBuilder, add_set, fold_of
from pipelines.models.scorer_rows import save_rows
from pipelines.models.scorer_scores import read_scores
from tests.unit.pipelines.library import small
from udfs.document import document

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".local" / "inference" / "bin" / "python"
BASE = ROOT / ".local" / "models" / "all-minilm-l6-v2"
EPOCHS = "14"

pytestmark = pytest.mark.integration

# Which of two colours is the mug's own is told by the words around it alone: the ranker's numbers are the same for both.
TITLES = [
    (f"{own} {noun} in a {other} box, no. {n}", own)
    for n in range(6)
    for noun in ("mug", "cup", "jar")
    for own, other in (("Red", "Navy Blue"), ("Navy Blue", "Red"))
]
TOLD_LATER = [
    (f"a {other} box holds this {own} {noun}, no. {n}", own)
    for n in range(6)
    for noun in ("mug", "cup", "jar")
    for own, other in (("Red", "Navy Blue"), ("Navy Blue", "Red"))
]
ITEMS = [
    (replace(small.listing(title), item_id=f"i{n}"), {"colour": (own,)})
    for n, (title, own) in enumerate(TITLES + TOLD_LATER)
]


def inference(*words: str) -> str:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TRANSFORMERS_OFFLINE": "1"}
    done = subprocess.run(
        [str(PYTHON), *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


TORCH_LOGITS = """
import json, sys
from pathlib import Path
from safetensors.torch import load_file
from pipelines.library.scorer_memory import load_memory
from pipelines.models.scorer_net import ScorerNet
from pipelines.models.scorer_rows import load_rows
from pipelines.models.scorer_train import ScorerItems, score, shape_of
out, base = Path(sys.argv[1]), sys.argv[2]
rows = load_rows(out / "rows.npz")
net = ScorerNet(base, shape_of(rows))
net.load_state_dict(load_file(out / "whole" / "weights.safetensors"), strict=False)
found = score(ScorerItems(rows, range(len(rows.names)), load_memory(out / "whole")), net, "cpu")
print(json.dumps({str(name): logits.tolist() for name, logits in zip(rows.names, found)}))
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a whole training and of one that left a fold out, its release, and the ontology's release."""
    out = tmp_path_factory.mktemp("scorer")
    release = asyncio.run(small.release(tmp_path_factory.mktemp("ontology")))
    listings = [listing for listing, _ in ITEMS]
    gold = {listing.item_id: labels for listing, labels in ITEMS}
    vectors = asyncio.run(small.embed([listing.title for listing in listings]))
    views = CategoryViews(release.snapshot)
    keys = asyncio.run(KeyVectors(small.embed).of([views.of("mugs")]))
    builder = RowsBuilder()
    add_set(builder, release, listings, gold, vectors, keys, WordPieces(BASE / TOKENIZER), False)
    save_rows(builder.rows(), out / "rows.npz")
    (out / "sets.json").write_text(json.dumps({"mugs": len(listings)}))
    job = ("-m", "jobs.train_scorer")
    common = ("--out", str(out), "--base", str(BASE))
    inference(*job, "train", *common, "--epochs", EPOCHS, "--leave-out", "0")
    inference(*job, "train", *common, "--epochs", EPOCHS)
    inference(*job, "export", *common, "--release", str(out / "release"))
    return out, release, keys["mugs"]


def offered(release, listing):
    """The pairs of a listing as recognition makes them; the first is its colour."""
    category = CategoryViews(release.snapshot).of("mugs")
    vector = asyncio.run(small.embed([listing.title]))[0]
    similar = similar_values(release, category, vector, 10)
    return item_pairs(0, listing, document(listing), category, similar)


def logits_of(trained, listing):
    """What the released network says of the colours of a listing, by folded value."""
    out, release, keys = trained
    folder = out / "release"
    network, tokenizer = OnnxNet(folder / NETWORK), WordPieces(folder / TOKENIZER)
    item = offered(release, listing)
    found = Scorer(read_meta(folder), network, tokenizer, load_memory(folder), release).logits(item, keys)[0]
    return {c.folded: float(z) for c, z in zip(item.pairs[0].candidates, found, strict=True)}


def test_items_that_were_left_out_are_told_by_their_words(trained):
    scores = read_scores(trained[0])
    left_out = [(listing, labels) for listing, labels in ITEMS if listing.item_id in scores]
    assert 0 < len(left_out) < len(ITEMS)
    right = 0
    for listing, labels in left_out:
        names = [candidate.folded for candidate in offered(trained[1], listing).pairs[0].candidates]
        said = dict(zip(names, scores[listing.item_id], strict=True))
        right += max(said, key=said.__getitem__) == labels["colour"][0].lower()
    assert right >= 0.8 * len(left_out)


def test_the_released_network_says_what_the_trained_one_does(trained):
    exact = json.loads(inference("-c", TORCH_LOGITS, str(trained[0]), str(BASE)))
    pairs = [
        (z, wanted)
        for listing, _ in ITEMS[::6]
        for z, wanted in zip(logits_of(trained, listing).values(), exact[listing.item_id], strict=True)
    ]
    found, wanted = np.array(pairs).T
    assert np.corrcoef(found, wanted)[0, 1] > 0.98
    assert np.abs(found - wanted).mean() < 0.1 * (wanted.max() - wanted.min())


def test_a_text_that_was_never_seen_is_read_by_its_words(trained):
    found = logits_of(trained, small.listing("Red bowl in a Navy Blue box"))
    assert found["red"] > found["navy blue"]


def test_a_finished_training_is_not_repeated(trained):
    before = (trained[0] / "whole" / "weights.safetensors").read_bytes()
    lines = (trained[0] / "whole" / "loss.jsonl").read_text()
    inference(
        "-m", "jobs.train_scorer", "train", "--out", str(trained[0]), "--base", str(BASE), "--epochs", EPOCHS
    )
    assert (trained[0] / "whole" / "loss.jsonl").read_text() == lines
    assert len((trained[0] / "whole" / "weights.safetensors").read_bytes()) == len(before)


def test_of_keys_shown_as_new_a_run_speaks_that_never_learned_them(trained, tmp_path):
    release, keys = trained[1], trained[2]
    listings = [listing for listing, _ in ITEMS[::4]]
    gold = {item.item_id: dict(labels) | {"material": ()} for item, labels in ITEMS[::4]}
    vectors = asyncio.run(small.embed([listing.title for listing in listings]))
    builder = RowsBuilder()
    shares = Shares(1.0, categories=0.0, keys=1.0)
    given = (listings, gold, vectors, {"mugs": keys}, WordPieces(BASE / TOKENIZER), True)
    add_set(builder, release, *given, shares=shares)
    rows = builder.rows()
    save_rows(rows, tmp_path / "rows.npz")
    colour = fold_of("colour")
    assert colour != fold_of("material")
    words = ("--out", str(tmp_path), "--base", str(BASE), "--epochs", "1", "--leave-out-keys", str(colour))
    inference("-m", "jobs.train_scorer", "train", *words)
    with np.load(tmp_path / f"new-keys-{colour}" / "scores.npz") as stored:
        names, logits = stored["names"], stored["logits"]
    assert sorted(names.tolist()) == sorted(f"{listing.item_id}{AS_NEW}" for listing in listings)
    new = np.isin(rows.names, names)
    owner = rows.owner[np.repeat(new, np.diff(rows.candidates_end, prepend=0))]
    assert np.isfinite(logits).tolist() == (owner == 0).tolist()  # the colour is the first key
    with np.load(tmp_path / f"new-keys-{colour}" / "memory.npz") as remembered:
        assert len(remembered["keys"])
