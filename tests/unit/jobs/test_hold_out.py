"""The measurement of held-out entries from command line to figures: blind sets, two trainings, recognition, comparison."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import jobs.recogniser
from infra.fake_vllm import FakeVllm
from jobs import hold_out, seal_models, train_ranker
from jobs.hold_out_evaluate import read_held
from jobs.labelled import read_labelled_set
from pipelines.models.labelled import LabelledSet
from tests.unit.pipelines.models.words import CATALOG

CATEGORIES = ("coffee", "tea", "mens_shirts", "toothbrushes")
UNSEEN = ("values", "keys", "category")


@pytest.fixture()
def shop(tmp_path: Path) -> Path:
    """Four categories of the demo catalog."""
    made = tmp_path / "shop"
    shutil.copytree(CATALOG / "ontology", made / "ontology")
    lines = (CATALOG / "listings.jsonl").read_text("utf-8").splitlines()
    kept = [line for line in lines if json.loads(line)["category_id"] in CATEGORIES]
    (made / "listings.jsonl").write_text("\n".join(kept) + "\n", "utf-8")
    shutil.copyfile(CATALOG / "gold.jsonl", made / "gold.jsonl")
    return made


@pytest.fixture()
def encoder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A server whose vectors mean nothing, as the encoder; the evaluation cache in a folder of its own."""
    fake = FakeVllm()
    ready, ended = threading.Event(), threading.Event()

    async def serve() -> None:
        async with fake:
            ready.set()
            while not ended.is_set():
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    monkeypatch.setenv("AIIC_ENCODER_URL", fake.url)
    monkeypatch.setenv("AIIC_ENCODER_MODEL", "any")
    monkeypatch.setattr(jobs.recogniser, "EVALUATION_STORE", tmp_path / "evaluation")
    yield
    ended.set()
    thread.join()


def train(sets: Path, models: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [str(sets), "--out", str(models / "ranker"), "--out-of-fold", str(models.parent / "oof.json")]
    monkeypatch.setattr("sys.argv", ["train_ranker", *words])
    assert train_ranker.main() == 0
    seal_models.seal_with_card(models, version)


def test_from_sets_to_figures(shop, encoder, tmp_path, monkeypatch, capsys):
    unseen, report = tmp_path / "unseen", tmp_path / "unseen.json"
    assert hold_out.main(["make", str(shop), "--out", str(unseen), "--turn", "2"]) == 0
    assert "categories " in capsys.readouterr().out
    train(shop, tmp_path / "seen", "seen", monkeypatch)
    train(unseen / "sets/shop", unseen / "models", "blind", monkeypatch)
    words = ["evaluate", "--held", str(unseen), "--seen", str(tmp_path / "seen"), "--json", str(report)]
    assert hold_out.main([*words, "--blind", str(unseen / "models")]) == 0
    printed = capsys.readouterr().out
    found = json.loads(report.read_text("utf-8"))
    for part in UNSEEN:
        assert part in printed
        assert found[f"{part}_gold"] >= 5
        lost = 100 * (found[f"{part}_f1_seen"] - found[f"{part}_f1_blind"])
        assert found[f"{part}_lost_points"] == pytest.approx(lost, abs=0.02)
        low, high = found[f"{part}_lost_points_95"]
        assert low <= found[f"{part}_lost_points"] <= high
    assert found["all_three_gold"] == sum(found[f"{part}_gold"] for part in UNSEEN)
    # Who never learned a category answers about it less well, also where the encoder is of no help.
    assert found["category_f1_seen"] > 0.5 and found["all_three_lost_points"] > 0
    assert found["seen"] != found["blind"]
    assert found["seen_trained_on"]["shop"] > found["blind_trained_on"]["shop"] > 50
    cases = [json.loads(line) for line in (unseen / "cases.jsonl").read_text("utf-8").splitlines()]
    assert {case["part"] for case in cases} == {*UNSEEN, "rest"}
    held_pairs = sum(len(case["gold"]) for case in cases if case["part"] == "keys")
    assert held_pairs == found["keys_gold"]
    assert hold_out.main([*words, "--blind", str(tmp_path / "seen")]) == 1
    assert "are one version: train blind models first" in capsys.readouterr().err


def test_blind_sets_are_interchange_sets_that_training_reads(shop, tmp_path):
    assert hold_out.main(["make", str(shop), "--out", str(tmp_path / "unseen"), "--turn", "2"]) == 0
    held, folders = read_held(tmp_path / "unseen")
    assert (held.turn, folders) == (2, {"shop": shop})
    whole, blind = read_labelled_set(shop), read_labelled_set(tmp_path / "unseen/sets/shop")
    assert blind.held_out_ids == (), "labels of the held-out fifth are not there at all"
    assert set(blind.train_ids) < set(whole.train_ids)
    assert dict(pairs(blind).items() - pairs(whole).items()) == {}
    assert 0.3 * len(pairs(whole)) < len(pairs(blind)) < 0.9 * len(pairs(whole))
    listings = [(folder / "listings.jsonl").read_bytes() for folder in (shop, tmp_path / "unseen/sets/shop")]
    assert listings[0] == listings[1], "the split depends on all listings"


def pairs(found: LabelledSet) -> dict[tuple[str, str], tuple[str, ...]]:
    return {
        (item_id, key_id): tuple(found.gold[item_id][key_id])
        for item_id in found.train_ids
        for key_id in found.gold[item_id]
    }


def test_made_again_nothing_of_the_former_choice_is_left(shop, tmp_path):
    out = tmp_path / "unseen"
    other = shutil.copytree(shop, tmp_path / "other")
    assert hold_out.main(["make", str(shop), str(other), "--out", str(out)]) == 0
    assert hold_out.main(["make", str(shop), "--out", str(out)]) == 0
    assert [path.name for path in (out / "sets").iterdir()] == ["shop"]
    first = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert hold_out.main(["make", str(shop), "--out", str(out)]) == 0
    assert first == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_what_is_wrong_is_said(shop, tmp_path, capsys):
    def said(*words: object) -> str:
        assert hold_out.main([str(word) for word in words]) == 1
        return capsys.readouterr().err

    (tmp_path / "mine/sets").mkdir(parents=True)
    assert "was not made by this command" in said("make", shop, "--out", tmp_path / "mine")
    twin = shutil.copytree(shop, tmp_path / "elsewhere" / "shop")
    assert "two sets have one name" in said("make", shop, twin, "--out", tmp_path / "out")
    assert "hold_out make" in said("evaluate", "--held", tmp_path / "nothing")
    assert "hold_out: " in said("make", tmp_path / "no-set", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("scorer", [False, True])
def test_the_make_target_gives_jobs_options_that_they_have(scorer, tmp_path):
    (tmp_path / "seen" / ("scorer" if scorer else "ranker")).mkdir(parents=True)
    root = CATALOG.parents[2]
    settings = [f"SEEN={tmp_path / 'seen'}", f"UNSEEN={tmp_path / 'unseen'}", "TURN=3"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    said = subprocess.run(
        ["make", "-n", "bench-unseen", *settings],
        cwd=root, env=environment, check=True, capture_output=True, text=True,
    ).stdout.replace("\\\n", " ")  # fmt: skip
    used: dict[str, set[str]] = {}
    for job, words in re.findall(r"-m jobs\.(\w+)([^;\n]*)", said):
        used.setdefault(job, set()).update(re.findall(r"--[a-z-]+", words))
    assert list(used) == ["hold_out", "train_scorer", "train_ranker", "fit_calibration", "seal_models"]
    assert ("--scores" in used["train_ranker"]) == scorer
    for job, options in used.items():
        stated = set(re.findall(r'"(--[a-z-]+)"', (root / f"jobs/{job}.py").read_text("utf-8")))
        assert options <= stated, job
