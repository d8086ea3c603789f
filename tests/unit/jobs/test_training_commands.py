"""The steps of encoder and relevance training that run where the engines are, on the demo catalog, from files to files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs import train_encoder, train_relevance
from pipelines.library.relevance import load_relevance
from pipelines.models.encoder_records import from_json
from pipelines.models.vector_file import save_vectors
from tests.unit.pipelines.models.words import CATALOG, word_vectors


def write_vectors(out: Path, name: str) -> None:
    texts = json.loads((out / "texts.json").read_text("utf-8"))
    made = word_vectors(texts)
    save_vectors(out / f"vectors-{name}.npz", name, texts, made.rows)


def test_encoder_data_evaluation_and_curve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path)]
    train_encoder.main(["data", "--set", str(CATALOG), *out])
    data = from_json(json.loads((tmp_path / "data.json").read_text("utf-8")))
    assert "catalog: " in capsys.readouterr().out and len(data.anchors) > 300
    with pytest.raises(SystemExit, match="encode --name base"):
        train_encoder.main(["evaluate", "--set", str(CATALOG), *out])
    write_vectors(tmp_path, "base")
    train_encoder.main(["evaluate", "--set", str(CATALOG), "--encoder", "base", *out])
    (row,) = json.loads((tmp_path / "figures.json").read_text("utf-8"))
    assert (row["set"], row["encoder"]) == ("catalog", "base")
    assert (
        row["recall"]["all"]["values"] > 200
        and 0 < row["similarity_held"]["pairs"] < row["similarity"]["pairs"]
    )
    notes = [
        {"step": 10, "loss": 1.0},
        {"step": 10, "recall": 0.5, "recall_implied": 0.4, "reciprocal_rank": 0.2},
    ]
    (tmp_path / "loss.jsonl").write_text("".join(json.dumps(note) + "\n" for note in notes), "utf-8")
    train_encoder.main(["curve", *out])
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_relevance_heads_from_texts_to_saved_heads_with_figures(tmp_path: Path) -> None:
    words = ["--set", str(CATALOG), "--out", str(tmp_path)]
    train_relevance.main(["texts", *words])
    write_vectors(tmp_path, "base")
    train_relevance.main(["fit", *words, "--encoder", "words", "--save", str(tmp_path / "heads")])
    heads = load_relevance(tmp_path / "heads")
    heads.check_encoder("words")
    figures = json.loads((tmp_path / "figures.json").read_text("utf-8"))
    assert heads.meta.thresholds_a.keys() == figures["a"]["all"]["points"].keys()
    for task in ("a", "b"):
        for point in figures[task]["all"]["points"].values():
            kept = point["rows"] * (1 - point["skipped"])
            assert kept * point["precision"] == pytest.approx(
                point["rows"] * point["positive"] * point["recall"], abs=0.005 * point["rows"]
            )
        assert {"keys never seen", "the same keys, seen"} <= figures[task].keys()
