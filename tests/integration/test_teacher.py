"""A reference model on the real vLLM: labels for listings without any, by both APIs, and training examples of them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import RunningStack
from udfs.prompts_tasks import TASKS_VERSION
from udfs.text import fold

ROOT = Path(__file__).parents[2]
CATALOG = ROOT / "infra" / "demo" / "catalog"
PYTHON = ROOT / ".local" / "engines" / "bin" / "python"

pytestmark = pytest.mark.integration


def step(*words: str | Path) -> str:
    command = [str(PYTHON), "-m", "jobs.train_sft", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("api", ["completions", "chat"])
def test_the_served_model_labels_listings_within_ontology_and_text(
    stack: RunningStack, tmp_path: Path, api: str
) -> None:
    shop = tmp_path / "shop"
    shutil.copytree(CATALOG / "ontology", shop / "ontology")
    lines = (CATALOG / "listings.jsonl").read_text("utf-8").splitlines()[:12]
    (shop / "listings.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    teacher = (
        "--teacher",
        f"{stack.discriminator_url}/v1",
        "--teacher-model",
        "discriminator",
        "--teacher-api",
        api,
    )
    search = ("--search", "encoder", "--encoder-url", f"{stack.encoder_url}/v1")
    limits = ("--items", "2", "--confidence", "0.2", "--no-extract", "--out", tmp_path)
    said = step("teacher", "--set", shop, *teacher, *search, *limits)
    assert "2 items labelled now, 0 before" in said
    assert "0 items labelled now, 2 before" in step("teacher", "--set", shop, *teacher, *search, *limits)

    known = {
        fold(json.loads(line)["text"]) for line in (CATALOG / "ontology/values.jsonl").open(encoding="utf-8")
    }
    texts = {json.loads(line)["item_id"]: fold(line) for line in lines}
    rows = [json.loads(line) for line in (tmp_path / "pseudo-shop.jsonl").read_text("utf-8").splitlines()]
    for row in rows:
        assert row["teacher"]["model"] == "discriminator" and TASKS_VERSION in row["teacher"]["prompts"]
        for label in row["labels"]:
            assert 0.2 <= label["confidence"] <= 1
            computed = all(any(char.isdigit() for char in value) for value in label["values"])
            assert computed or all(
                fold(value) in known or fold(value) in texts[row["item_id"]] for value in label["values"]
            )
    asked = sum(len(row["labels"]) + sum(row["dropped"].values()) for row in rows)
    assert asked >= 8 and sum(row["dropped"].get("failed", 0) for row in rows) <= asked // 4
    if any(row["labels"] for row in rows):
        step(
            "data",
            "--set",
            shop,
            "--pseudo",
            "--examples",
            "5",
            "--task",
            "recognition.value=1",
            "--out",
            tmp_path,
        )
        made = [json.loads(line) for line in (tmp_path / "examples.jsonl").read_text("utf-8").splitlines()]
        assert all(one["labels"] == ["teacher:discriminator"] for one in made) and len(made) == 5
