"""The prefix cache by the model server's own count: read over HTTP, taken apart, and absent where nobody tells."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from infra.fake_vllm import FakeVllm
from jobs.batch.daily_item_knowledge_cache import cache_use, prefix_cache
from pipelines.library.recogniser import RecogniserConfig
from pipelines.reduction.admission import ServerLoad

PAGE = """# HELP vllm:prefix_cache_hits_total Tokens that hit.
vllm:num_requests_running{engine="0",model_name="m"} 1.0
vllm:prefix_cache_hits_total{engine="0",model_name="m"} %d.0
vllm:prefix_cache_queries_total{engine="0",model_name="m"} %d.0
"""


def load(hits: int, queries: int) -> ServerLoad:
    return ServerLoad(0, 0, 0, hits, queries)


def test_a_run_has_what_the_server_counted_meanwhile():
    async def run() -> dict[str, int]:
        async with FakeVllm() as fake:
            config = RecogniserConfig("", "", fake.url, fake.url)
            fake.metrics = PAGE % (100, 400)
            before = await asyncio.to_thread(prefix_cache, config)
            fake.metrics = PAGE % (190, 520)
            return cache_use(before, await asyncio.to_thread(prefix_cache, config))

    assert asyncio.run(run()) == {"server_prefix_hits": 90, "server_prefix_queries": 120}


@pytest.mark.parametrize("page", ["", "<html>no metrics</html>", "other_metric 3\n"])
def test_a_server_that_does_not_tell_is_asked_in_vain(page):
    async def run() -> ServerLoad | None:
        async with FakeVllm() as fake:
            fake.metrics = page
            return await asyncio.to_thread(prefix_cache, RecogniserConfig("", "", "", fake.url))

    assert asyncio.run(run()) is None


def test_nobody_is_asked_where_there_is_no_model():
    config = RecogniserConfig("", "", "", "http://127.0.0.1:9/v1")
    assert prefix_cache(config) is None
    assert prefix_cache(replace(config, discriminator="off", discriminator_url="no address")) is None


def test_a_server_that_was_started_anew_counts_from_nothing():
    assert cache_use(load(500, 900), load(20, 70)) == {"server_prefix_hits": 20, "server_prefix_queries": 70}
    assert cache_use(load(5, 9), load(5, 9)) == {"server_prefix_hits": 0, "server_prefix_queries": 0}
    assert cache_use(None, load(5, 9)) == cache_use(load(5, 9), None) == {}
