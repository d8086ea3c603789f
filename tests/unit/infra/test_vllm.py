"""The clients of `infra/vllm.py` against a fake server over real HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import numpy as np
import pytest

from infra import fake_vllm
from infra.fake_vllm import FakeVllm
from infra.vllm import BadReply, CompletionClient, EncoderClient, RequestRefused, ServerUnavailable
from schemas.inference import Token
from tests.ports import free_ports

T = TypeVar("T")
QUICK: dict[str, Any] = {"timeout_s": 3.0, "attempts": 2, "backoff_s": 0.01}


def against(fake: FakeVllm, work: Callable[[str], Coroutine[Any, Any, T]]) -> T:
    """Run `work(url)` while the fake serves."""

    async def run() -> T:
        async with fake:
            return await work(fake.url)

    return asyncio.run(run())


def embed(texts: list[str], **settings: Any) -> Callable[[str], Coroutine[Any, Any, Any]]:
    async def work(url: str) -> Any:
        async with EncoderClient(url, **{**QUICK, **settings}) as client:
            return await client.embed(texts)

    return work


def complete(**settings: Any) -> Callable[[str], Coroutine[Any, Any, Any]]:
    async def work(url: str) -> Any:
        async with CompletionClient(url, **{**QUICK, **settings}) as client:
            return await client.complete("Item: tea", 8, regex="[a-z]+", logprobs=5)

    return work


def test_vectors_keep_the_order_of_their_texts_over_many_batches() -> None:
    texts = [f"text {number}" for number in range(70)]
    fake = FakeVllm()
    vectors = against(fake, embed(texts, batch=8))
    alone = against(FakeVllm(), embed([texts[33]]))
    assert vectors.shape == (70, fake_vllm.DIMENSIONS) and vectors.dtype == np.float32
    assert len(fake.requests) == 9
    np.testing.assert_allclose(vectors[33], alone[0], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_no_texts_ask_nothing() -> None:
    fake = FakeVllm()
    assert against(fake, embed([])).shape == (0, 0)
    assert fake.requests == []


def test_long_text_is_cut_by_the_server_and_lone_surrogates_are_sent_as_question_marks() -> None:
    fake = FakeVllm()
    against(fake, embed(["x\ud800y"]))
    assert fake.requests[0]["truncate_prompt_tokens"] == -1
    assert fake.requests[0]["input"] == ["x?y"]


def test_completion_carries_text_tokens_and_counts() -> None:
    said = [Token("te", -0.1, {"te": -0.1, "co": -2.4}), Token("a", 0.0, {"a": 0.0})]
    fake = FakeVllm(answer=lambda prompt: said)
    found = against(fake, complete())
    assert (found.text, found.tokens) == ("tea", tuple(said))
    assert (found.prompt_tokens, found.cached_tokens, found.completion_tokens) == (2, 0, 2)
    assert fake.requests[0]["structured_outputs"] == {"regex": "[a-z]+"}
    assert fake.requests[0]["temperature"] == 0


@pytest.mark.parametrize("mode", [fake_vllm.ERROR_500, fake_vllm.TIMEOUT, fake_vllm.NOT_JSON])
def test_a_failure_that_passes_is_outlived(mode: str) -> None:
    fake = FakeVllm(answer=lambda prompt: "tea", mode=mode, failures=2)
    assert against(fake, complete(attempts=3)).text == "tea"
    assert len(fake.requests) == 3


@pytest.mark.parametrize(
    ("mode", "error", "requests"),
    [
        (fake_vllm.ERROR_500, ServerUnavailable, 2),
        (fake_vllm.TIMEOUT, ServerUnavailable, 2),
        (fake_vllm.REFUSE, RequestRefused, 1),
        (fake_vllm.NOT_JSON, BadReply, 2),
        (fake_vllm.HUGE, BadReply, 2),
        (fake_vllm.WRONG_SHAPE, BadReply, 1),
    ],
)
def test_a_failure_that_stays_is_a_typed_error(mode: str, error: type[Exception], requests: int) -> None:
    fake = FakeVllm(mode=mode)
    with pytest.raises(error):
        against(fake, complete(reply_limit_bytes=1 << 20))
    assert len(fake.requests) == requests


@pytest.mark.parametrize("mode", [fake_vllm.WRONG_SHAPE, fake_vllm.HOSTILE])
def test_missing_or_infinite_vectors_are_refused(mode: str) -> None:
    with pytest.raises(BadReply):
        against(FakeVllm(mode=mode), embed(["tea", "coffee"]))


def test_a_dead_server_is_reported_in_bounded_time() -> None:
    [port] = free_ports(1)
    started = time.monotonic()
    with pytest.raises(ServerUnavailable, match="is the server up"):
        asyncio.run(complete(attempts=3)(f"http://127.0.0.1:{port}/v1"))
    assert time.monotonic() - started < 10


def test_no_more_requests_are_open_than_allowed() -> None:
    fake = FakeVllm(answer=lambda prompt: "tea")

    async def work(url: str) -> list[Any]:
        async with CompletionClient(url, concurrency=3, **QUICK) as client:
            return await asyncio.gather(*[client.complete(f"item {number}", 4) for number in range(20)])

    assert len(against(fake, work)) == 20
    assert 2 <= fake.most_in_flight <= 3


@pytest.mark.parametrize(
    ("client", "name"), [(EncoderClient, "fake-encoder"), (CompletionClient, "fake-base+0123")]
)
def test_model_id_is_the_models_own_name_else_its_directorys(client: type[Any], name: str) -> None:
    async def work(url: str) -> str:
        async with client(url, **QUICK) as opened:
            return str(await opened.model_id())

    assert against(FakeVllm(), work) == name


def test_a_model_that_is_not_served_is_refused() -> None:
    async def work(url: str) -> str:
        async with EncoderClient(url, model="other", **QUICK) as client:
            return await client.model_id()

    with pytest.raises(RequestRefused, match="other"):
        against(FakeVllm(), work)


def test_the_key_is_taken_from_the_named_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeVllm(answer=lambda prompt: "tea")
    monkeypatch.setenv("FLEET_KEY", "k-1")
    against(fake, complete(api_key_env="FLEET_KEY"))
    assert fake.headers[0]["Authorization"] == "Bearer k-1"
    monkeypatch.delenv("FLEET_KEY")
    with pytest.raises(RequestRefused, match="FLEET_KEY"):
        against(FakeVllm(), complete(api_key_env="FLEET_KEY"))


def test_one_client_serves_several_event_loops() -> None:
    """A Spark worker calls `asyncio.run` once per chunk with the same client."""

    async def work(url: str) -> list[str]:
        client = CompletionClient(url, **QUICK)

        def chunk() -> str:
            return asyncio.run(client.complete("tea", 4)).text

        return [await asyncio.to_thread(chunk) for _ in range(2)]

    assert against(FakeVllm(answer=lambda prompt: "tea"), work) == ["tea", "tea"]
