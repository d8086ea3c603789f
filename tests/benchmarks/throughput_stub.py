"""A stub of vLLM that answers at a stated speed, over real HTTP, in a process of its own; every figure made with it says so.

What it models: prompt tokens that no cache holds are computed at one speed and reply tokens at another, one request after the other
on one device; a prefix cache of whole blocks, the least used going first. What it does not: batching, attention's cost
in length, a model's judgement. It is told the gold labels and chooses the candidates that are right, but for a stated share
of pairs, of which it says "none"; without labels it chooses the candidates whose words stand in the item's text.

    python -m tests.benchmarks.throughput_stub --port 21810 [--prefill 1500 --decode 150 --cache-blocks 4096 --vectors FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web

from infra.fake_vllm import FakeVllm, asked_of
from pipelines.models.vector_file import VectorFile, load_vectors
from udfs.prompts import COMPUTED, NONE
from udfs.replies import AND, END, MOST_VALUES
from udfs.text import fold
from udfs.tokens import match_form

BLOCK = 16
DIMENSIONS = 384
ENCODER = "all-minilm-l6-v2"
_PIECE = re.compile(r"[A-Za-z]{1,5}|\d|[^\sA-Za-z\d]")
_QUESTION = re.compile(r"(?P<name>.+?)(?P<multi>\*)?(?: \([^()]*\))?: (?P<offered>.+)")


@dataclass(frozen=True, slots=True)
class Speed:
    """Stated speeds. Units: tokens a second. `cache_blocks`: room of the prefix cache, 0 for none."""

    prefill: float = 1500.0
    decode: float = 150.0
    encode: float = 6000.0
    cache_blocks: int = 4096


def answer(prompt: str) -> str:
    """The reply to a prompt of `udfs.prompts`: per key the candidates whose words stand in the item's text.

    >>> answer("Do.\\nItem: Red mug, 12 cm\\nColour* (hue): Red; Blue\\nHeight: 12 cm = 12.0; 3 in = 7.6\\nFit: slim\\nReply:\\n")
    'Colour: Red\\nHeight: 12 cm\\nFit: none\\n'
    """
    lines = prompt.removesuffix("\nReply:\n").split("\n")
    item = [line for line in lines[1:3] if line.startswith(("Item: ", "This one: "))]
    text = f" {match_form(' '.join(item))} "
    said = []
    for line in lines[1 + len(item) :]:
        asked = _QUESTION.fullmatch(line)
        if asked is None:
            raise ValueError(f"not a question: {line!r}")
        labels = [one.partition(COMPUTED)[0].strip() for one in asked["offered"].split("; ")]
        found = [label for label in labels if (form := match_form(label)) and f" {form} " in text]
        found.sort(key=len, reverse=True)
        kept = _apart(found)[:MOST_VALUES] if asked["multi"] else found[:1]
        said.append(f"{asked['name']}: {AND.join(kept) or NONE}{END}")
    return "".join(said)


@dataclass(frozen=True, slots=True)
class Oracle:
    """Answers from gold labels: by the item's title as prompts show it, and the key's name, the folded values.

    `wrong`: the share of pairs that it answers with "none" whatever is right; which ones follows from the pair alone.
    """

    gold: dict[str, dict[str, list[str]]]
    wrong: float = 0.05

    def answer(self, prompt: str) -> str:
        """The reply to a prompt; of an item that is not labelled as `answer` gives it."""
        lines = prompt.removesuffix("\nReply:\n").split("\n")
        shown = [line for line in lines[1:3] if line.startswith(("Item: ", "This one: "))]
        text = "\n".join(shown)
        title = max((title for title in self.gold if title in text), key=len, default=None)
        if title is None:
            return answer(prompt)
        said = []
        for line in lines[1 + len(shown) :]:
            asked = _QUESTION.fullmatch(line)
            if asked is None:
                raise ValueError(f"not a question: {line!r}")
            true = self.gold[title].get(asked["name"], [])
            offered = [one.strip().rpartition(COMPUTED) for one in asked["offered"].split("; ")]
            right = [(label or value).strip() for label, _, value in offered if fold(value) in true]
            kept = right[: MOST_VALUES if asked["multi"] else 1]
            if random.Random(f"{title}/{asked['name']}").random() < self.wrong:
                kept = []
            said.append(f"{asked['name']}: {AND.join(kept) or NONE}{END}")
        return "".join(said)


def _apart(labels: Sequence[str]) -> list[str]:
    """Labels, longest first, without those whose words a longer one has."""
    kept: list[str] = []
    for label in labels:
        if not any(f" {match_form(label)} " in f" {match_form(other)} " for other in kept):
            kept.append(label)
    return kept


@dataclass(slots=True)
class PrefixCache:
    """Which beginnings of prompts are computed already, block by block; the least used goes first."""

    room: int
    _held: OrderedDict[int, None] = field(default_factory=OrderedDict)

    def cached(self, pieces: Sequence[str]) -> int:
        """How many tokens of a prompt need not be computed; all its whole blocks are held afterwards."""
        if not self.room:
            return 0
        found, going, name = 0, True, 0
        for at in range(0, len(pieces) - len(pieces) % BLOCK, BLOCK):
            name = hash((name, tuple(pieces[at : at + BLOCK])))
            going = going and name in self._held
            # The last token is always computed: its logits are what the reply begins with.
            found += BLOCK if going and at + BLOCK < len(pieces) else 0
            self._held[name] = None
            self._held.move_to_end(name)
        while len(self._held) > self.room:
            self._held.popitem(last=False)
        return found

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()


class StubVllm(FakeVllm):
    """The server. `vectors`: real ones by text; a text that they lack gets a vector of its words."""

    def __init__(self, speed: Speed, vectors: VectorFile | None = None, oracle: Oracle | None = None) -> None:
        super().__init__(oracle.answer if oracle else answer, encoder=ENCODER, dimensions=DIMENSIONS)
        self.speed, self.vectors = speed, vectors
        self.cache = PrefixCache(speed.cache_blocks)
        self._device = asyncio.Lock()
        self._waiting = 0
        self.stats: dict[str, float] = {}
        self.made_up: dict[str, None] = {}
        self.reset()

    def reset(self) -> None:
        """Counters to zero, cache empty."""
        self.cache.clear()
        names = (
            "requests",
            "prompt_tokens",
            "cached_tokens",
            "completion_tokens",
            "encoded_tokens",
            "busy_s",
        )
        self.stats = dict.fromkeys(names, 0.0)

    def app(self) -> web.Application:
        """All routes."""
        app = web.Application(client_max_size=64 << 20)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/embeddings", self._embed)
        app.router.add_post("/v1/completions", self._complete)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/stats", self._stats)
        app.router.add_get("/texts", self._texts)
        app.router.add_post("/reset", self._reset)
        return app

    async def _embed(self, request: web.Request) -> web.Response:
        texts = (await request.json())["input"]
        tokens = sum(len(_PIECE.findall(text)) for text in texts)
        await self._work(tokens / self.speed.encode)
        self.stats["encoded_tokens"] += tokens
        rows = [self._vector(text) for text in texts]
        data = [
            {"index": n, "embedding": base64.b64encode(row.astype("<f4").tobytes()).decode()}
            for n, row in enumerate(rows)
        ]
        return web.json_response({"data": data})

    def _vector(self, text: str) -> np.ndarray:
        if self.vectors is not None and text in self.vectors.places:
            return self.vectors.of([text])[0]
        self.made_up[text] = None
        row = np.full(DIMENSIONS, 1e-3, np.float32)
        for word in match_form(text).split():
            row += (
                np.random.default_rng(int.from_bytes(word.encode()[:16], "big"))
                .normal(size=DIMENSIONS)
                .astype(np.float32)
            )
        return np.asarray(row / np.linalg.norm(row), np.float32)

    async def _complete(self, request: web.Request) -> web.Response:
        sent = (await request.json())["prompt"]
        prompt, begun = asked_of(sent)
        pieces, reply = _PIECE.findall(sent), str(self.answer(prompt)).removeprefix(begun)
        said = len(_PIECE.findall(reply)) + reply.count(END)
        self._waiting += 1
        async with self._device:
            self._waiting -= 1
            cached = self.cache.cached(pieces)
            seconds = (len(pieces) - cached) / self.speed.prefill + said / self.speed.decode
            self.stats["busy_s"] += seconds
            await asyncio.sleep(seconds)
        for name, count in (
            ("requests", 1),
            ("prompt_tokens", len(pieces)),
            ("cached_tokens", cached),
            ("completion_tokens", said),
        ):
            self.stats[name] += count
        tokens = self._said(reply)
        top = {
            "tokens": [token.text for token in tokens],
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [dict(token.top) for token in tokens],
        }
        usage = {
            "prompt_tokens": len(pieces),
            "completion_tokens": said,
            "prompt_tokens_details": {"cached_tokens": cached},
        }
        return web.json_response({"choices": [{"text": reply, "logprobs": top}], "usage": usage})

    async def _work(self, seconds: float) -> None:
        """The encoder's device is another than the discriminator's, as it is in the paper."""
        await asyncio.sleep(seconds)

    async def _metrics(self, _: web.Request) -> web.Response:
        running = float(self._device.locked())
        lines = {
            "num_requests_running": running,
            "num_requests_waiting": self._waiting,
            "kv_cache_usage_perc": 0.0,
            "prefix_cache_queries_total": self.stats["prompt_tokens"],
            "prefix_cache_hits_total": self.stats["cached_tokens"],
        }
        return web.Response(
            text="".join(f'vllm:{name}{{engine="0"}} {value}\n' for name, value in lines.items())
        )

    async def _stats(self, _: web.Request) -> web.Response:
        return web.json_response(self.stats)

    async def _texts(self, _: web.Request) -> web.Response:
        """The texts that got a vector of their words."""
        return web.json_response(list(self.made_up))

    async def _reset(self, request: web.Request) -> web.Response:
        settings: dict[str, Any] = await request.json()
        self.cache.room = int(settings.get("cache_blocks", self.cache.room))
        self.reset()
        return web.json_response({})


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, required=True)
    for name in ("prefill", "decode", "encode"):
        parser.add_argument(f"--{name}", type=float, default=getattr(Speed(), name))
    parser.add_argument("--cache-blocks", type=int, default=Speed().cache_blocks)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--gold", type=Path, help="labels as JSON: title as shown, key name, folded values")
    parser.add_argument("--wrong", type=float, default=Oracle({}).wrong, help="share of pairs answered none")
    given = parser.parse_args()
    speed = Speed(given.prefill, given.decode, given.encode, given.cache_blocks)
    oracle = Oracle(json.loads(given.gold.read_text("utf-8")), given.wrong) if given.gold else None
    server = StubVllm(speed, load_vectors(given.vectors) if given.vectors else None, oracle)
    web.run_app(server.app(), host="127.0.0.1", port=given.port, print=None)


if __name__ == "__main__":
    main()
