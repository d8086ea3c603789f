"""Chunks overlap within bounds, in order, and a failure ends all; admission follows the server; the timeline adds up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pipelines.library.pairs import similar_values
from pipelines.reduction.admission import (
    Admission,
    AdmissionConfig,
    AdmittedDiscriminator,
    ServerLoad,
    server_load,
)
from pipelines.reduction.flow import Flow, FlowConfig, Span, seconds
from pipelines.reduction.search_batches import similar_of_many
from pipelines.reduction.timeline_picture import draw_timeline
from schemas.inference import Completion
from tests.unit.pipelines.library import small
from tests.unit.pipelines.reduction.mugs import Model, mug, recogniser

CONFIG = FlowConfig({"a": 1, "b": 2}, on_their_way=3)


async def through(flow: Flow, chunks, work) -> list:
    return [result async for result in flow.run(chunks, work)]


def test_chunks_overlap_within_the_bounds_and_come_out_in_order():
    flow, at = Flow(CONFIG), {"a": 0, "b": 0, "all": 0}
    most, taken = dict(at), []

    def enter(name: str, by: int) -> None:
        at[name] += by
        most[name] = max(most[name], at[name])

    async def work(chunk: int) -> int:
        enter("all", 1)
        for name in ("a", "b"):
            async with flow.stage(name):
                enter(name, 1)
                await asyncio.sleep(0.001 * (5 - chunk % 5))
                enter(name, -1)
        enter("all", -1)
        return chunk * 10

    def chunks():
        for number in range(12):
            taken.append(number)
            assert len(taken) <= len(came) + CONFIG.on_their_way + 1
            yield number

    came: list[int] = []

    async def run() -> None:
        async for result in flow.run(chunks(), work):
            came.append(result)

    asyncio.run(run())
    assert came == [number * 10 for number in range(12)]
    assert most["a"] == 1 and most["b"] == 2 and most["all"] <= 3
    assert {(span.chunk, span.stage) for span in flow.spans} == {
        (n, name) for n in range(12) for name in "ab"
    }
    assert all(span.came_s <= span.began_s <= span.ended_s for span in flow.spans)


def test_a_failure_ends_all_at_once():
    flow, ended = Flow(CONFIG), []

    async def work(chunk: int) -> int:
        try:
            async with flow.stage("b"):
                if chunk == 1:
                    raise ConnectionError("server gone")
                await asyncio.sleep(60)
        finally:
            ended.append(chunk)
        return chunk

    with pytest.raises(ConnectionError, match="server gone"):
        asyncio.run(asyncio.wait_for(through(flow, range(100), work), 5))
    assert sorted(ended) == [0, 1, 2]


def test_a_stage_that_nobody_configured_is_refused():
    async def work(_chunk: int) -> None:
        async with flow.stage("c"):
            pass

    flow = Flow(CONFIG)
    with pytest.raises(KeyError, match="c"):
        asyncio.run(through(flow, [1], work))
    assert asyncio.run(through(Flow(CONFIG), [], work)) == []


SPANS = [Span(0, "a", 0, 0, 2), Span(1, "a", 0, 2, 3), Span(0, "b", 2, 2, 6), Span(1, "b", 3, 3, 5)]


def test_the_timeline_adds_up_and_is_drawn(tmp_path: Path):
    assert seconds(SPANS) == {
        "a": {"worked": 3, "waited": 2, "idle": 3},
        "b": {"worked": 6, "waited": 0, "idle": 2},
    }
    draw_timeline(SPANS, tmp_path / "new" / "t.png", "two chunks")
    assert (tmp_path / "new" / "t.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with pytest.raises(ValueError, match="nothing ran"):
        draw_timeline([], tmp_path / "t.png", "none")


def test_recognition_through_a_flow_answers_the_same(tmp_path):
    items = [
        mug(f"i{n}", f"{'Red' if n % 2 else 'Navy blue'} mug {n}", "Ceramic.", spu_id=None) for n in range(12)
    ]
    chunks = [items[at : at + 3] for at in range(0, 12, 3)]
    plain = recogniser(tmp_path / "p")
    expected = [asyncio.run(plain.recognise(chunk))[0] for chunk in chunks]
    flowing = recogniser(tmp_path / "f")
    flowing.flow = Flow()

    async def run() -> list:
        return [found async for found, _ in flowing.flow.run(chunks, flowing.recognise)]

    assert asyncio.run(run()) == expected
    assert {span.stage for span in flowing.flow.spans} == {"encode", "search", "discriminate"}
    assert {span.chunk for span in flowing.flow.spans} == {0, 1, 2, 3}


def test_similar_values_of_many_are_those_of_each(tmp_path):
    release, view = asyncio.run(small.release(tmp_path)), small.view()
    rows = asyncio.run(small.embed(["Red mug", "Steel cup", "Navy"]))
    many = similar_of_many(release, [(view, row) for row in rows], 2)
    for row, found in zip(rows, many, strict=True):
        alone = similar_values(release, view, row, 2)
        assert [one.keys() for one in found] == [one.keys() for one in alone]
        for here, there in zip(found, alone, strict=True):
            assert here == pytest.approx(there, abs=1e-5)
    assert similar_of_many(release, [], 2) == []


METRICS = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="discriminator"} 3.0
vllm:num_requests_running{engine="1",model_name="discriminator"} 2.0
vllm:num_requests_waiting{engine="0",model_name="discriminator"} 7.0
vllm:kv_cache_usage_perc{engine="0",model_name="discriminator"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="discriminator"} 0.75
vllm:prefix_cache_queries_total{engine="0",model_name="discriminator"} 1e+03
vllm:prefix_cache_hits_total{engine="0",model_name="discriminator"} 640.0
"""


def test_the_servers_own_figures_are_read():
    assert server_load(METRICS) == ServerLoad(5, 7, 0.75, 640, 1000)
    with pytest.raises(ValueError, match="is this vLLM"):
        server_load("python_gc_objects_collected_total 5")


def test_admission_doubles_until_something_waits_then_goes_up_by_one_and_closes_when_memory_fills():
    admission = Admission(AdmissionConfig(least=2, most=20, first=4))
    free, full, queued = ServerLoad(4, 0, 0.2), ServerLoad(4, 0, 0.95), ServerLoad(4, 5, 0.2)

    def learn(load: ServerLoad, times: int = 1) -> list[int]:
        found = []
        for _ in range(times):
            admission.is_short = True
            found.append(admission.learn(load))
        return found

    assert admission.learn(free) == 4  # nobody had to wait: no reason for more
    assert learn(free, 2) == [8, 16]
    assert learn(queued) == [12]
    assert learn(free) == [13]
    assert learn(full, 9)[-3:] == [2, 2, 2]
    assert learn(free, 30)[-1] == 20


def admitted(loads, **settings) -> tuple[Model, Admission]:
    """Fifty requests, of a server that says these loads, one a look, the last from then on."""
    model, left = Model(), list(loads)

    async def read() -> ServerLoad | None:
        return left.pop(0) if len(left) > 1 else left[0]

    async def run() -> Admission:
        admission = Admission(AdmissionConfig(**settings))
        asked = AdmittedDiscriminator(model, admission, read)
        replies = await asyncio.gather(*(asked.complete(str(n), 1) for n in range(50)))
        assert replies == [Completion("", (), 10, 0, 5)] * 50
        return admission

    admission = asyncio.run(run())
    assert len(model.prompts) == 50 and admission.under_way == 0
    return model, admission


def test_requests_wait_until_they_are_admitted():
    calm, queued = ServerLoad(1, 0, 0.1), ServerLoad(1, 9, 0.1)
    model, admission = admitted([calm, calm, queued], first=2, every_s=0.0)
    assert 4 <= model.most_under_way <= 8
    assert admission.limit == 1


def test_the_oldest_chunk_goes_first_and_a_cancelled_request_leaves_no_trace():
    async def run() -> list[tuple[int, int]]:
        admission, order = Admission(AdmissionConfig(first=1)), []

        async def one(chunk: int, number: int) -> None:
            async with admission.admitted(chunk):
                order.append((chunk, number))
                await asyncio.sleep(0)

        tasks = [asyncio.ensure_future(one(chunk, n)) for chunk in (2, 0, 1) for n in range(2)]
        await asyncio.sleep(0)
        tasks[2].cancel()  # (0, 0), which waits
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (admission.under_way, admission._waiting) == (0, [])
        return order

    assert asyncio.run(run()) == [(2, 0), (0, 1), (1, 0), (1, 1), (2, 1)]


def test_a_request_that_fails_or_is_cancelled_under_way_gives_its_place_back():
    async def run() -> None:
        admission = Admission(AdmissionConfig(first=1))

        async def one(seconds: float) -> None:
            async with admission.admitted():
                await asyncio.sleep(seconds)
                raise ConnectionError

        stuck = asyncio.ensure_future(one(60))
        await asyncio.sleep(0)
        assert admission.under_way == 1
        stuck.cancel()
        with pytest.raises(ConnectionError):
            await one(0)
        assert admission.under_way == 0

    asyncio.run(run())


def test_a_server_that_says_nothing_is_given_as_many_as_ever():
    model, admission = admitted([None], first=3, every_s=0.0)
    assert model.most_under_way == 3 and admission.limit == 3


def test_the_server_is_looked_at_now_and_then_not_after_every_reply():
    now, looks = [0.0], []

    async def read() -> None:
        looks.append(now[0])

    async def run() -> None:
        admission = Admission(AdmissionConfig(every_s=0.5), clock=lambda: now[0])
        for _ in range(5):
            await admission.look(read)
            now[0] += 0.25

    asyncio.run(run())
    assert looks == [0.0, 0.5, 1.0]
