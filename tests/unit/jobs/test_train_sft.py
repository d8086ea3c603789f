"""The training command on the demo catalog: examples, pseudo-labels by a served model, scores; and what it says of mistakes."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.fake_vllm import FakeVllm
from jobs import train_sft

CATALOG = Path(__file__).parents[3] / "infra" / "demo" / "catalog"


def run(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> None:
    monkeypatch.setattr("sys.argv", ["train_sft", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        train_sft.main()
    assert not ended.value.code, ended.value.code


def refused(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> str:
    monkeypatch.setattr("sys.argv", ["train_sft", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        train_sft.main()
    return str(ended.value.code)


def examples(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "examples.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture()
def server() -> Iterator[FakeVllm]:
    """A fake that answers as told, in a thread of its own: the command has its own loop."""
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
    yield fake
    ended.set()
    thread.join()


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    """120 listings of the demo catalog, every second one without labels."""
    made = tmp_path / "shop"
    shutil.copytree(CATALOG / "ontology", made / "ontology")
    lines = (CATALOG / "listings.jsonl").read_text("utf-8").splitlines()[:120]
    (made / "listings.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    kept = {json.loads(line)["item_id"] for line in lines[::2]}
    gold = (CATALOG / "gold.jsonl").read_text("utf-8").splitlines()
    (made / "gold.jsonl").write_text(
        "".join(f"{line}\n" for line in gold if json.loads(line)["item_id"] in kept), "utf-8"
    )
    return made


def test_examples_have_family_task_and_labels_and_come_in_the_wanted_shares(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path
) -> None:
    wanted = ["--task", "extraction.value=1", "--task", "recognition.key_value=3"]
    run(monkeypatch, "data", "--set", f"{folder}=0.7", "--examples", "80", *wanted, "--out", tmp_path)
    made = examples(tmp_path)
    tasks = Counter((one["family"], one["task"]) for one in made)
    assert len(made) == 80 and 8 <= tasks["extraction", "value"] <= 32
    assert tasks["recognition", "key_value"] == 80 - tasks["extraction", "value"]
    assert all(one["labels"] == ["gold"] and one["set"] == "shop" and one["requests"] for one in made)
    first = (tmp_path / "examples.jsonl").read_bytes()
    run(monkeypatch, "data", "--set", f"{folder}=0.7", "--examples", "80", *wanted, "--out", tmp_path)
    assert (tmp_path / "examples.jsonl").read_bytes() == first


def test_hard_negatives_come_from_the_encoders_search_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path, server: FakeVllm
) -> None:
    monkeypatch.setattr("jobs.labelled.ONTOLOGIES", tmp_path / "ontologies")
    monkeypatch.setattr("jobs.recogniser.EVALUATION_STORE", tmp_path / "releases")
    args = ("--set", folder, "--examples", "60", "--task", "recognition.value=1")
    run(monkeypatch, "data", *args, "--out", tmp_path / "words")
    run(
        monkeypatch,
        "data",
        *args,
        "--out",
        tmp_path / "search",
        "--search",
        "encoder",
        "--encoder-url",
        server.url,
    )
    words, search = examples(tmp_path / "words"), examples(tmp_path / "search")
    assert [one["item_id"] for one in words][:20] == [one["item_id"] for one in search][:20]
    assert words != search and len(search) == 60

    def offered(made: list[dict[str, Any]]) -> int:
        """Candidates that do not stand in the item's text: search and frequency bring these."""
        found = 0
        for one in made:
            for request in one["requests"]:
                values = request["prompt"].partition("\nValues: ")[2].split("\n")[0].split("; ")
                found += sum(value.partition(" = ")[0] not in one["prefix"] for value in values)
        return found

    assert offered(search) > offered(words)


def chooses(prompt: str) -> str:
    """Chooses offered values that stand in the item's text; copies nothing."""
    if "\nAttribute: " in prompt:
        return re.split(r"\*? \(|\*?\n", prompt.split("\nAttribute: ")[1])[0] + ": none\n"
    text = prompt.split("\nItem: ")[1].split("\n")[0]
    said = ""
    for line in prompt.split("\nItem: ")[1].split("\nReply:")[0].split("\n")[1:]:
        head, _, values = line.partition("): ") if re.match(r"[^:]+\(", line) else line.partition(": ")
        name = head.split(" (")[0]
        found = [v.partition(" = ")[0] for v in values.split("; ") if v.partition(" = ")[0] in text]
        said += f"{name.rstrip('*')}: {max(found, key=lambda v: (len(v), v), default='none')}\n"
    return said


def test_a_served_model_labels_what_gold_does_not_and_training_says_so(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    folder: Path,
    server: FakeVllm,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.answer = chooses
    base = (
        "teacher",
        "--set",
        folder,
        "--teacher",
        server.url,
        "--teacher-api",
        "completions",
        "--out",
        tmp_path,
    )
    assert "say which is the reference model" in refused(monkeypatch, *base)
    teacher = (*base, "--teacher-model", "discriminator", "--check", "4")
    run(monkeypatch, *teacher, "--items", "5")
    asked = len(server.requests)
    run(monkeypatch, *teacher, "--items", "9")
    told = capsys.readouterr().out
    assert "against gold: kept " in told and "4 items labelled now, 5 before" in told
    run(monkeypatch, *teacher, "--items", "9")
    assert "0 items labelled now, 9 before" in capsys.readouterr().out and len(server.requests) > asked

    rows = [json.loads(line) for line in (tmp_path / "pseudo-shop.jsonl").read_text("utf-8").splitlines()]
    gold = {json.loads(line)["item_id"] for line in (folder / "gold.jsonl").read_text("utf-8").splitlines()}
    assert len(rows) == 9 and all(row["teacher"]["model"] == "discriminator" for row in rows)
    assert sum(bool(label["values"]) for row in rows for label in row["labels"]) > 5

    run(monkeypatch, "data", "--set", folder, "--examples", "200", "--pseudo", "--out", tmp_path)
    made = examples(tmp_path)
    taught = {one["item_id"] for one in made if "teacher:discriminator" in one["labels"]}
    assert taught - gold and all(one["labels"] == ["gold"] for one in made if one["item_id"] not in taught)


def test_each_task_is_scored_on_held_out_items(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: FakeVllm, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answer = chooses
    task = ("--task", "recognition.key_value=1", "--task", "extraction.value=1")
    run(
        monkeypatch,
        "evaluate",
        "--set",
        CATALOG,
        "--url",
        server.url,
        "--examples",
        "25",
        *task,
        "--out",
        tmp_path,
    )
    scores = {row["task"]: row for row in json.loads((tmp_path / "tasks.json").read_text("utf-8"))}
    assert set(scores) == {"recognition.key_value", "extraction.value"}
    assert scores["recognition.key_value"]["f1"] > 0.4 and scores["recognition.key_value"]["failed"] <= 2
    said_none = scores["extraction.value"]
    assert said_none["right"] == said_none["wrong"] == 0 and said_none["missed"] > 20
    assert "recognition.key_value" in capsys.readouterr().out


def test_mistakes_are_told_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path) -> None:
    data = ("data", "--set", folder, "--out", tmp_path)
    assert "name each task once" in refused(monkeypatch, *data, "--task", "extraction.color=1")
    assert "FOLDER=WEIGHT" in refused(monkeypatch, "data", "--set", f"{folder}=much", "--out", tmp_path)
    assert "run the step `teacher` first" in refused(monkeypatch, *data, "--pseudo")
    assert "--none-share" in refused(monkeypatch, *data, "--none-share", "1")
    (folder / "gold.jsonl").unlink()
    assert "no item has labels" in refused(monkeypatch, *data)
    dead = ("teacher", "--set", folder, "--teacher", "http://127.0.0.1:9/v1", "--out", tmp_path)
    assert "is the server up" in refused(monkeypatch, *dead)
    assert "run the step `train` first" in refused(monkeypatch, "curve", "--out", tmp_path)


def test_the_loss_becomes_a_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = [{"items": 10 * n, "loss": 2.0 / (n + 1)} for n in range(12)]
    (tmp_path / "loss.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    run(monkeypatch, "curve", "--out", tmp_path)
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
