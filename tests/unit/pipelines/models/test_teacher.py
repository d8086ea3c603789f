"""Labels by a reference model: what is asked, what passes, and what a cut run leaves. The server is a fake over real HTTP."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from infra.fake_vllm import ERROR_500, REFUSE, FakeVllm
from infra.reference_model import COMPLETIONS, ReferenceConfig, ReferenceModel, served_model
from pipelines.models.labelled import LabelledSet
from pipelines.models.teacher import (
    Agreement,
    Labelled,
    PseudoLabel,
    TeacherConfig,
    ToLabel,
    label_item,
    provenance,
    row_of,
)
from pipelines.models.teacher_file import TeacherFile, TeacherRefused, read_pseudo
from pipelines.models.teacher_items import to_check, to_label
from pipelines.models.teacher_run import PROMPTS, label_items
from schemas.inference import RequestRefused, ServerUnavailable, Token
from tests.unit.pipelines.models.shirts import COLORS, HELD_OUT, MATERIALS, shirts_with

T = TypeVar("T")
QUICK = {"attempts": 1, "backoff_s": 0.0, "timeout_s": 10}
CFG = TeacherConfig("discriminator")
TRUE = re.compile("|".join([*COLORS, *MATERIALS, "stainless", r"\d+ inches"]))
LINE = re.compile(r"(?P<name>[^*(:]+)(?P<several>\*?)(?: \((?P<about>.*)\))?: (?P<values>.*)")


def reads(prompt: str) -> str:
    """A good teacher: it chooses what stands in the item's text, and copies a material."""
    text = prompt.split("\nItem: ")[1].split("\n")[0]
    if "\nAttribute: " in prompt:
        name = re.split(r"[*(\n]", prompt.split("\nAttribute: ")[1])[0].strip()
        found = [word for word in ("cotton", "linen", "wool", "stainless") if word in text]
        return f"{name}: {'; '.join(found) if name == 'Material' and found else 'none'}\n"
    said = []
    for line in prompt.split("\nItem: ")[1].split("\nReply:")[0].split("\n")[1:]:
        match = LINE.fullmatch(line)
        assert match, line
        labels = [value.partition(" = ")[0] for value in match["values"].split("; ")]
        found = [one for one in labels if TRUE.fullmatch(one) and re.search(rf"\b{re.escape(one)}\b", text)]
        said.append(
            f"{match['name'].strip()}: {'; '.join(found[: 5 if match['several'] else 1]) or 'none'}\n"
        )
    return "".join(said)


def takes_the_first(prompt: str) -> str:
    """A bad teacher: it takes whatever comes first."""
    lines = prompt.split("\nItem: ")[1].split("\nReply:")[0].split("\n")[1:]
    if "\nAttribute: " in prompt:
        return "Size: gigantic words that stand nowhere\n"
    matches = [LINE.fullmatch(line) for line in lines]
    first = [(m["name"].strip(), m["values"].split("; ")[0].partition(" = ")[0]) for m in matches if m]
    return "".join(f"{name}: {label}\n" for name, label in first)


def unsure(prompt: str) -> Sequence[Token]:
    """Says the right thing, but would say "none" nearly as often."""
    tokens = []
    for place, letter in enumerate(text := reads(prompt)):
        starts_value = text[max(0, place - 1) : place] == ":"
        half = {letter: math.log(0.55), " none": math.log(0.45)}
        tokens.append(
            Token(letter, math.log(0.55), half) if starts_value else Token(letter, 0.0, {letter: 0.0})
        )
    return tokens


def with_server(work: Callable[[FakeVllm], Coroutine[Any, Any, T]], **settings: Any) -> T:
    async def run() -> T:
        async with FakeVllm(**settings) as server:
            return await work(server)

    return asyncio.run(run())


def client_of(server: FakeVllm, **settings: Any) -> ReferenceModel:
    options = {"api": COMPLETIONS, "settings": QUICK} | settings
    return ReferenceModel(ReferenceConfig(server.url, "discriminator", **options))


def label_all(
    items: Sequence[ToLabel], answer: Any, cfg: TeacherConfig = CFG, **settings: Any
) -> list[Labelled]:
    async def work(server: FakeVllm) -> list[Labelled]:
        async with client_of(server, **settings) as client:
            return [await label_item(item, client, cfg) for item in items]

    return with_server(work, answer=answer, look=lambda prompt, _: answer(prompt))


@pytest.fixture(scope="module")
def gaps() -> LabelledSet:
    """Shirts of which the first ten are unlabelled."""
    return shirts_with(10)


def unlabelled(found: LabelledSet) -> list[ToLabel]:
    whole = shirts_with()
    return list(to_label(found, list(whole.listings.values()), found.gold, HELD_OUT))


def test_only_what_gold_does_not_say_of_trainable_items_is_asked(gaps: LabelledSet) -> None:
    whole = shirts_with()
    asked = {item.listing.item_id: item.key_ids for item in unlabelled(gaps)}
    assert set(asked) == {f"item-{n}" for n in range(10)} - HELD_OUT
    assert asked["item-1"] == {"color", "material", "size", "length"}
    partly = {"item-11": {"color": ["blue"]}}
    (item,) = [
        one
        for one in to_label(gaps, list(whole.listings.values()), {**gaps.gold, **partly}, HELD_OUT)
        if one.listing.item_id == "item-11"
    ]
    assert item.key_ids == {"material", "size", "length"} and item.gold == partly["item-11"]
    checked = next(to_check(gaps, list(whole.listings.values()), gaps.gold, HELD_OUT))
    assert checked.listing.item_id == "item-11" and checked.key_ids == {"color", "material", "size", "length"}


def test_a_good_teachers_labels_are_true_and_are_values_not_words(gaps: LabelledSet) -> None:
    whole = shirts_with()
    items = unlabelled(gaps)
    for found in label_all(items, reads):
        gold = whole.gold[found.item_id]
        labels = {label.key_id: set(label.values) for label in found.labels}
        assert labels["color"] == set(gold["color"]) and labels["material"] == set(gold["material"])
        assert labels.get("length", set()) == set(gold["length"])
        assert all(label.confidence == 1.0 for label in found.labels)
    materials = [
        labels for one in label_all(items, reads) for labels in one.labels if labels.key_id == "material"
    ]
    assert any("steel" in label.values for label in materials)  # the text says "stainless"


def test_a_teacher_that_goes_by_the_order_disagrees_with_itself(gaps: LabelledSet) -> None:
    found = label_all(unlabelled(gaps), takes_the_first, TeacherConfig("discriminator", votes=4))
    kept = [label for one in found for label in one.labels if label.key_id == "color"]
    assert sum(one.dropped.get("disagreed", 0) for one in found) > len(found)
    assert len(kept) < len(found) / 2


def test_unsure_votes_are_dropped_at_the_wanted_confidence(gaps: LabelledSet) -> None:
    items = unlabelled(gaps)
    strict = label_all(items, unsure, TeacherConfig("discriminator", confidence=0.7))
    assert not any(label.values for one in strict for label in one.labels)
    assert all(one.dropped["unsure"] >= 2 for one in strict)
    lax = label_all(items, unsure, TeacherConfig("discriminator", confidence=0.5))
    sure = [label.confidence for one in lax for label in one.labels if label.values]
    assert sure and all(value == pytest.approx(0.55, abs=1e-3) for value in sure)


def test_the_teacher_is_asked_in_another_order_by_the_prompts_of_recognition(gaps: LabelledSet) -> None:
    async def work(server: FakeVllm) -> list[dict[str, Any]]:
        async with client_of(server) as client:
            await label_item(unlabelled(gaps)[0], client, CFG)
        return server.requests

    requests = with_server(work, answer=reads)
    picks = [body for body in requests if "For each key choose" in body["prompt"]]
    reading = [body for body in requests if "\nAttribute: " in body["prompt"]]
    assert len(picks) == 2 and picks[0]["prompt"] != picks[1]["prompt"]
    assert {body["prompt"].split("\nAttribute: ")[1].split("*")[0].split("\n")[0] for body in reading} == {
        "Color", "Material", "Size"
    }  # fmt: skip
    assert all(body["structured_outputs"]["regex"] and body["temperature"] == 0 for body in requests)


def test_chat_servers_that_hold_nothing_are_told_the_form(gaps: LabelledSet) -> None:
    async def work(server: FakeVllm) -> tuple[list[Labelled], list[dict[str, Any]]]:
        async with client_of(server, api="chat", held=False, preface="FORM\n") as client:
            cfg = TeacherConfig("discriminator", logprobs=0)
            return [await label_item(item, client, cfg) for item in unlabelled(gaps)[:3]], server.requests

    answer = lambda prompt, _: "\n " + reads(prompt.removeprefix("FORM\n")) + "\n"  # noqa: E731
    found, requests = with_server(work, look=answer)
    assert all({"color", "material"} <= {label.key_id for label in one.labels} for one in found)
    assert all("structured_outputs" not in body and "logprobs" not in body for body in requests)
    assert all(body["messages"][0]["content"][0]["text"].startswith("FORM\n") for body in requests)


def test_words_that_the_text_does_not_have_are_never_a_label(gaps: LabelledSet) -> None:
    said = json.dumps([row_of(one, CFG, ()) for one in label_all(unlabelled(gaps), takes_the_first)])
    assert "gigantic" not in said


def test_a_cut_run_goes_on_and_asks_nothing_twice(gaps: LabelledSet, tmp_path: Path) -> None:
    items = unlabelled(gaps)
    path = tmp_path / "pseudo-shirts.jsonl"
    file = TeacherFile(path, provenance(CFG, PROMPTS))

    async def run(server: FakeVllm, dies_after: int | None) -> int:
        def report(done: int) -> None:
            server.mode = ERROR_500 if done == dies_after else server.mode

        async with client_of(server) as client:
            return await label_items(items, file, client, CFG, 1, report)

    with pytest.raises(ServerUnavailable):
        with_server(lambda server: run(server, 3), answer=reads)
    with path.open("ab") as cut:
        cut.write(b'{"item_id": "item-9", "lab')
    assert len(file.done()) == 3 and path.read_bytes().endswith(b"\n")
    again = with_server(lambda server: run(server, None), answer=reads)
    assert again == len(items) - 3
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert sorted(row["item_id"] for row in rows) == sorted(item.listing.item_id for item in items)
    assert rows[0]["teacher"] == {
        "model": "discriminator", "prompts": list(PROMPTS), "votes": 2, "confidence": 0.7, "extract": True,
        "logprobs": True, "seed": 0,
    }  # fmt: skip
    pseudo = read_pseudo(path)
    assert pseudo.by == "teacher:discriminator" and pseudo.labels["item-1"]["color"] == ["blue"]


def test_labels_made_otherwise_or_damaged_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pseudo-x.jsonl"
    with pytest.raises(TeacherRefused, match="run the step `teacher` first"):
        read_pseudo(path)
    TeacherFile(path, provenance(CFG, ())).append(row_of(Labelled("a", (), {}), CFG, ()))
    other = TeacherFile(path, provenance(TeacherConfig("discriminator", votes=3), ()))
    with pytest.raises(TeacherRefused, match="made otherwise"):
        other.done()
    path.write_text("{}\n", "utf-8")
    with pytest.raises(TeacherRefused, match=":1 is no line of labels"):
        TeacherFile(path, provenance(CFG, ())).done()


def test_a_dead_server_and_a_choice_of_models_are_told() -> None:
    with pytest.raises(ServerUnavailable, match="is the server up"):
        asyncio.run(served_model("http://127.0.0.1:9/v1", None, **QUICK))
    with pytest.raises(RequestRefused, match="say which"):
        with_server(lambda server: served_model(server.url, None))
    with pytest.raises(RequestRefused, match="not big-model"):
        with_server(lambda server: served_model(server.url, "big-model"))
    assert with_server(lambda server: served_model(server.url, "vision")) == "vision"


def test_a_server_that_refuses_the_request_ends_the_run(gaps: LabelledSet) -> None:
    async def work(server: FakeVllm) -> None:
        async with client_of(server) as client:
            await label_item(unlabelled(gaps)[0], client, CFG)

    with pytest.raises(RequestRefused):
        with_server(work, mode=REFUSE)


def test_agreement_with_gold_counts_kept_pairs_alone() -> None:
    agreed = Agreement()
    labels = [
        PseudoLabel("a", ("Red",), 1.0),
        PseudoLabel("b", ("x", "y"), 1.0),
        PseudoLabel("z", ("q",), 1.0),
    ]
    agreed.add(labels, {"a": ["red"], "b": ["x", "w"], "c": ["lost"]})
    assert (agreed.pairs, agreed.kept, agreed.right, agreed.wrong, agreed.missed) == (3, 2, 2, 1, 1)
    assert "kept 2 of 3 pairs; among those kept, precision 0.667, recall 0.667" in str(agreed)
