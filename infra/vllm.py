"""Clients of OpenAI-compatible inference servers (vLLM on CPU, CUDA or Ascend): text encoder and text model."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from infra.vllm_forced import begun_with, forced
from infra.vllm_http import HttpServer, ServerConfig
from schemas.inference import BadReply, Completion, InferenceError, RequestRefused, ServerUnavailable, Token

__all__ = [
    "BadReply",
    "Completion",
    "CompletionClient",
    "EncoderClient",
    "InferenceError",
    "RequestRefused",
    "ServerConfig",
    "ServerUnavailable",
    "Token",
]

EMBED_BATCH = 64
TO_MODEL_LENGTH = -1

Vectors = npt.NDArray[np.float32]


class Client:
    """What all clients share: connections, the served model's name, cleanup."""

    def __init__(self, url: str, model: str, **settings: Any) -> None:
        """`url` ends in /v1; `settings` are the other fields of `ServerConfig`."""
        self._server = HttpServer(ServerConfig(url=url, model=model, **settings))
        self.model = model

    async def model_id(self) -> str:
        """Which model the server has under this name: its longest other name, else the name of its root directory.

        Our stack serves a model under its role and under its own name, which changes with its adapter.
        Errors: RequestRefused when the server does not serve this name; BadReply, ServerUnavailable.
        """
        reply = await self._server.get("/models")
        served = {
            str(entry.get("id")): entry for entry in _list_of(reply, "data") if isinstance(entry, Mapping)
        }
        if self.model not in served:
            raise RequestRefused(
                f"server serves {sorted(served)}, not {self.model}: start it under that name"
            )
        root = str(served[self.model].get("root") or "")
        others = [name for name, entry in served.items() if name != self.model and entry.get("root") == root]
        return max(others, key=len, default=root.rstrip("/").rsplit("/", 1)[-1] or self.model)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST a JSON body. Errors: ServerUnavailable, RequestRefused, BadReply."""
        return await self._server.post(path, body)

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class EncoderClient(Client):
    """Encodes texts on a pooling server."""

    def __init__(self, url: str, model: str = "encoder", batch: int = EMBED_BATCH, **settings: Any) -> None:
        super().__init__(url, model, **settings)
        self._batch = max(1, batch)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of N texts; a text longer than the model's window is cut by the server.

        Shapes: N texts in, float32 (N, d) out, same order; (0, 0) for no texts.
        Errors: ServerUnavailable, RequestRefused; BadReply when vectors are missing, zero or not finite.
        """
        if not texts:
            return np.zeros((0, 0), np.float32)
        batches = [list(texts[start : start + self._batch]) for start in range(0, len(texts), self._batch)]
        vectors = await gather_or_cancel([self._embed_batch(batch) for batch in batches])
        if len({part.shape[1] for part in vectors}) != 1:
            raise BadReply(
                "encoder: batches came back with different dimensions; is more than one model behind the address?"
            )
        return np.concatenate(vectors)

    async def _embed_batch(self, texts: list[str]) -> Vectors:
        body = {
            "model": self.model,
            "input": [sendable(text) for text in texts],
            "encoding_format": "base64",
            "truncate_prompt_tokens": TO_MODEL_LENGTH,
        }
        entries = _list_of(await self._server.post("/embeddings", body), "data")
        return _unit_vectors(entries, len(texts))


def constraint(regex: str | None, json_schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Request fields that hold a reply to a regular expression or a JSON schema.

    vLLM silently ignores the `guided_*` fields of old; these it obeys (an integration test asks for something else).
    """
    if regex is not None:
        return {"structured_outputs": {"regex": regex}}
    if json_schema is not None:
        schema = {"name": "reply", "schema": json_schema, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    return {}


class CompletionClient(Client):
    """Completes prompts on a text-model server."""

    def __init__(self, url: str, model: str = "discriminator", **settings: Any) -> None:
        super().__init__(url, model, **settings)

    async def complete(
        self,
        prompt: str,
        max_tokens: int,
        *,
        regex: str | None = None,
        json_schema: Mapping[str, Any] | None = None,
        logprobs: int = 0,
    ) -> Completion:
        """The greedy continuation of a prompt, held to `regex` or `json_schema` where given.

        What `regex` forces a reply to begin with is sent with the prompt: it is part of the reply, though not of its count.
        `logprobs` is how many of the likeliest tokens to report at each place (at most 20); 0: none.
        Errors: ServerUnavailable, RequestRefused (e.g. prompt too long), BadReply.
        """
        begun, rest = ("", None) if regex is None else forced(regex)
        body: dict[str, Any] = {
            "model": self.model,
            "prompt": sendable(prompt + begun),
            "max_tokens": max_tokens,
            "temperature": 0,
        }
        if logprobs:
            body["logprobs"] = logprobs
        body.update(constraint(rest, json_schema))
        reply = _completion(await self._server.post("/completions", body), with_tokens=logprobs > 0)
        return begun_with(begun, reply)


async def gather_or_cancel(calls: Sequence[Any]) -> list[Any]:
    """Run coroutines together; the first failure cancels the others, so that nothing is left running."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


def sendable(text: str) -> str:
    """Text that UTF-8 can carry: a lone surrogate becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _list_of(reply: Any, name: str) -> list[Any]:
    found = reply.get(name) if isinstance(reply, Mapping) else None
    if not isinstance(found, list):
        raise BadReply(f"reply has no list '{name}'")
    return found


def _unit_vectors(entries: list[Any], count: int) -> Vectors:
    if len(entries) != count:
        raise BadReply(f"encoder: {count} texts sent, {len(entries)} vectors came back")
    try:
        ordered = sorted(entries, key=lambda entry: int(entry["index"]))
        rows = [
            np.frombuffer(base64.b64decode(entry["embedding"], validate=True), "<f4") for entry in ordered
        ]
        vectors = np.stack(rows).astype(np.float32)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise BadReply(f"encoder: vectors cannot be read: {error}") from error
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if (
        [int(entry["index"]) for entry in ordered] != list(range(count))
        or not np.isfinite(norms).all()
        or not norms.all()
    ):
        raise BadReply("encoder: vectors are out of order, zero or not finite")
    return np.asarray(vectors / norms, np.float32)


def _completion(reply: Any, with_tokens: bool) -> Completion:
    try:
        choice, usage = reply["choices"][0], reply["usage"]
        text = choice["text"]
        if not isinstance(text, str):
            raise TypeError("choices[0].text is not a text")
        details = usage.get("prompt_tokens_details") or {}
        return Completion(
            text=text,
            tokens=_tokens(choice["logprobs"]) if with_tokens else (),
            prompt_tokens=int(usage["prompt_tokens"]),
            cached_tokens=int(details.get("cached_tokens") or 0),
            completion_tokens=int(usage["completion_tokens"]),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise BadReply(f"completion cannot be read: {type(error).__name__}: {error}") from error


def _tokens(logprobs: Mapping[str, Any]) -> tuple[Token, ...]:
    rows = zip(logprobs["tokens"], logprobs["token_logprobs"], logprobs["top_logprobs"], strict=True)
    return tuple(
        Token(str(text), float(logprob), {str(other): float(value) for other, value in (top or {}).items()})
        for text, logprob, top in rows
    )
