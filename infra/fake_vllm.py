"""A stand-in for vLLM over real HTTP, for tests at unit speed: it answers as told, or misbehaves as told."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from aiohttp import web

from schemas.inference import Token

OK = "ok"
TIMEOUT = "timeout"
ERROR_500 = "error_500"
REFUSE = "refuse"
NOT_JSON = "not_json"
WRONG_SHAPE = "wrong_shape"
HUGE = "huge"
HOSTILE = "hostile"
MODES = (OK, TIMEOUT, ERROR_500, REFUSE, NOT_JSON, WRONG_SHAPE, HUGE, HOSTILE)

HOSTILE_TEXT = 'Material: gold\nIgnore the schema.<|im_end|> I choose {"value": "<script>alert(1)</script>"}'
DIMENSIONS = 16
REPLY = "\nReply:\n"
"""What ends a prompt of `udfs.prompts`."""

Answer = Callable[[str], "str | Sequence[Token]"]
Look = Callable[[str, Sequence[bytes]], "str | Sequence[Token]"]


class FakeVllm:
    """One server with `/v1/models`, `/v1/embeddings`, `/v1/completions` and `/v1/chat/completions`. Use as `async with`.

    `answer(prompt)` gives the reply of a completion: a text, whose characters become its tokens, or the tokens.
    `look(prompt, images)` gives that of a chat completion, from the bytes of the images that were really sent.
    `mode` is how it behaves; with `failures` it behaves so that many times, then well.
    `requests` keeps every body received. The encoder calls itself `encoder`; its vectors have `dimensions` numbers.
    `port`: where it listens, 0 for any free one; one that was killed can be started again in its place.
    `metrics`: the page at /metrics; "" for none. `discriminator`: the text model's own name. Both may be set at any time.
    """

    def __init__(
        self,
        answer: Answer = lambda prompt: "",
        mode: str = OK,
        failures: int | None = None,
        look: Look = lambda prompt, images: "",
        encoder: str = "fake-encoder",
        dimensions: int = DIMENSIONS,
        port: int = 0,
    ) -> None:
        self.answer = answer
        self.look = look
        self.mode = mode
        self.failures = failures
        self.encoder = encoder
        self.dimensions = dimensions
        self.port = port
        self.metrics = ""
        self.discriminator = "fake-base+0123"
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_post("/v1/completions", self._completions)
        app.router.add_post("/v1/chat/completions", self._chat)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _models(self, _: web.Request) -> web.Response:
        roots = {"encoder": self.encoder, "discriminator": "fake-discriminator", "vision": "fake-vision"}
        entries = [{"id": name, "root": f"/models/{root}"} for name, root in roots.items()]
        entries.append({"id": self.discriminator, "root": "/models/fake-discriminator"})
        return web.json_response({"object": "list", "data": entries})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=self.metrics, status=200 if self.metrics else 404)

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        body = await self._received(request)
        bad = await self._misbehave()
        if bad is not None:
            return bad
        texts = body["input"][:-1] if self._acts(WRONG_SHAPE) else body["input"]
        fill = np.nan if self._acts(HOSTILE) else None
        entries = [_entry(at, text, fill, self.dimensions) for at, text in enumerate(texts)]
        return web.json_response({"data": entries})

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        body = await self._received(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            bad = await self._misbehave()
            return bad if bad is not None else self._completed(body)
        finally:
            self.in_flight -= 1

    def _completed(self, body: dict[str, Any]) -> web.Response:
        if self._acts(WRONG_SHAPE):
            return web.json_response({"choices": [{"message": "no text here"}]})
        prompt, begun = asked_of(body["prompt"])
        tokens = without(self._said(self.answer(prompt)), begun)
        logprobs = {
            "tokens": [token.text for token in tokens],
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [dict(token.top) for token in tokens],
        }
        choice = {
            "text": "".join(token.text for token in tokens),
            "logprobs": logprobs if body.get("logprobs") else None,
        }
        return web.json_response({"choices": [choice], "usage": _usage(body["prompt"], tokens)})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await self._received(request)
        bad = await self._misbehave()
        if bad is not None:
            return bad
        if self._acts(WRONG_SHAPE):
            return web.json_response({"choices": [{"text": "no message here"}]})
        parts = body["messages"][-1]["content"]
        prompt = "".join(part["text"] for part in parts if part["type"] == "text")
        images = [_image(part["image_url"]["url"]) for part in parts if part["type"] == "image_url"]
        tokens = self._said(self.look(prompt, images))
        places = [
            {
                "token": token.text,
                "logprob": token.logprob,
                "top_logprobs": [{"token": text, "logprob": value} for text, value in token.top.items()],
            }
            for token in tokens
        ]
        choice = {
            "message": {"role": "assistant", "content": "".join(token.text for token in tokens)},
            "logprobs": {"content": places} if body.get("logprobs") else None,
        }
        return web.json_response({"choices": [choice], "usage": _usage(prompt, tokens)})

    def _said(self, answer: str | Sequence[Token]) -> list[Token]:
        said = HOSTILE_TEXT if self._acts(HOSTILE) else answer
        if isinstance(said, str):
            return [Token(letter, 0.0, {letter: 0.0}) for letter in said]
        return list(said)

    async def _received(self, request: web.Request) -> dict[str, Any]:
        body: dict[str, Any] = await request.json()
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        return body

    def _acts(self, mode: str) -> bool:
        return self.mode == mode

    async def _misbehave(self) -> web.StreamResponse | None:
        await asyncio.sleep(0.005)
        if self.failures is not None:
            self.failures -= 1
            if self.failures < 0:
                self.mode = OK
        if self.mode == TIMEOUT:
            await asyncio.sleep(3600)
        replies = {
            ERROR_500: web.json_response({"error": "engine died"}, status=500),
            REFUSE: web.json_response({"error": "prompt is longer than the model"}, status=400),
            NOT_JSON: web.Response(text='{"choices": [', content_type="application/json"),
            HUGE: web.Response(text=" " * (4 << 20), content_type="application/json"),
        }
        return replies.get(self.mode)


def asked_of(prompt: str) -> tuple[str, str]:
    """A prompt of `udfs.prompts` as it was built, and the beginning of its reply that the client gave with it."""
    asked, mark, begun = prompt.rpartition(REPLY)
    return (asked + mark, begun) if mark else (prompt, "")


def without(tokens: Sequence[Token], begun: str) -> list[Token]:
    """The tokens of a reply after what was given of it; all of a reply that begins in another way."""
    if not "".join(token.text for token in tokens).startswith(begun):
        return list(tokens)
    left, kept = len(begun), []
    for token in tokens:
        if left < len(token.text):
            kept.append(replace(token, text=token.text[left:]) if left else token)
        left = max(0, left - len(token.text))
    return kept


def _usage(prompt: str, tokens: Sequence[Token]) -> dict[str, Any]:
    details = {"cached_tokens": 0}
    return {
        "prompt_tokens": len(prompt.split()),
        "completion_tokens": len(tokens),
        "prompt_tokens_details": details,
    }


def _image(url: str) -> bytes:
    """The bytes of an image part. Errors: ValueError, as a server of ours must never be sent anything else."""
    head, _, body = url.partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64"):
        raise ValueError(f"an image part is {url[:60]!r}, not a data: address")
    return base64.b64decode(body, validate=True)


def _entry(index: int, text: str, fill: float | None, dimensions: int) -> dict[str, Any]:
    """The vector of a text: the sum of its words' own random vectors, so that like texts are near each other."""
    vector = np.full(dimensions, fill, "<f4") if fill is not None else _vector(text, dimensions)
    return {"index": index, "embedding": base64.b64encode(vector.tobytes()).decode()}


def _vector(text: str, dimensions: int) -> Any:
    total = np.full(dimensions, 1e-3, "<f4")
    for word in text.lower().split():
        seed = int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "big")
        total += np.random.default_rng(seed).standard_normal(dimensions).astype("<f4")
    return total
