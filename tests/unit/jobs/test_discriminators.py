"""One address or several: prompts of a family go to one replica, each replica has the same model, each is given what it can take."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from infra.fake_vllm import FakeVllm
from jobs.discriminators import load_of, open_text_model, replicas_of, text_model_id
from jobs.recogniser import default_config
from pipelines.ontology.errors import ModelMismatch
from pipelines.reduction.admission import AdmittedDiscriminator
from schemas.inference import ServerUnavailable
from udfs.prompts import Question, build_prompt

CALM = 'vllm:num_requests_running{engine="0"} 3.0\nvllm:num_requests_waiting{engine="0"} 0.0\n'
CONFIG = replace(default_config(Path()), concurrency=2)
COLOR = Question("color", "Color", "", ("red", "blue"), False)


def asked(fakes: list[FakeVllm], count: int, admits: bool) -> list[int]:
    """How many of the requests each server got, of `count` families with two each."""

    async def run() -> list[int]:
        async with AsyncExitStack() as stack:
            for fake in fakes:
                await stack.enter_async_context(fake)
            config = replace(CONFIG, discriminator_url=",".join(fake.url for fake in fakes))
            opened = open_text_model(config, admits)
            prompts = [
                build_prompt(f"Shared {n}", own, [COLOR]) for n in range(count) for own in ("one", "two")
            ]
            await asyncio.gather(*(opened.discriminator.complete(one, 9) for one in prompts))
            await opened.close()
            return [len(fake.requests) for fake in fakes]

    return asyncio.run(run())


def test_families_are_shared_out_over_replicas_and_stay_together() -> None:
    fakes = [FakeVllm(), FakeVllm()]
    sent = asked(fakes, 20, admits=False)
    assert sum(sent) == 40 and min(sent) >= 8
    families = [
        {body["prompt"].split("Shared ")[1].split("\n")[0] for body in fake.requests} for fake in fakes
    ]
    assert len(families[0] & families[1]) < 10


def test_as_many_at_once_as_configured_or_as_the_server_says_it_can_take() -> None:
    fixed, silent, calm = FakeVllm(), FakeVllm(), FakeVllm()
    calm.metrics = CALM
    asked([fixed], 40, admits=False)
    asked([silent], 40, admits=True)
    asked([calm], 400, admits=True)
    assert fixed.most_in_flight == silent.most_in_flight == 2
    assert calm.most_in_flight > 2


def test_without_admission_a_single_server_is_asked_directly() -> None:
    assert isinstance(open_text_model(CONFIG, admits=True).discriminator, AdmittedDiscriminator)
    assert not isinstance(open_text_model(CONFIG).discriminator, AdmittedDiscriminator)


def model_of(*fakes: FakeVllm) -> str:
    async def run() -> str:
        async with AsyncExitStack() as stack:
            for fake in fakes:
                await stack.enter_async_context(fake)
            return await text_model_id(replace(CONFIG, discriminator_url=",".join(f.url for f in fakes)))

    return asyncio.run(run())


def test_replicas_serve_one_model() -> None:
    other = FakeVllm()
    other.discriminator = "another"
    assert model_of(FakeVllm(), FakeVllm()) == "fake-base+0123"
    with pytest.raises(ModelMismatch, match="start all with the same one"):
        model_of(FakeVllm(), other)


@pytest.mark.parametrize("url", ["", " , ", "http://a/v1,http://a/v1/"])
def test_addresses_that_cannot_be_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        replicas_of(url)


def test_a_server_that_is_not_there_says_nothing_of_its_load() -> None:
    assert load_of("http://127.0.0.1:9/v1") is None


def test_one_replica_of_two_may_be_down_when_a_run_starts_but_not_all() -> None:
    gone = "http://127.0.0.1:9/v1"

    async def run(fleet: str) -> str:
        return await text_model_id(replace(CONFIG, discriminator_url=fleet))

    async def with_one() -> str:
        async with FakeVllm() as fake:
            return await run(f"{gone},{fake.url}") + await run(f"{fake.url},{gone}")

    assert asyncio.run(with_one()) == "fake-base+0123" * 2
    with pytest.raises(ServerUnavailable):
        asyncio.run(run(f"{gone},http://127.0.0.1:10/v1"))


def test_where_none_is_asked_none_need_be_named() -> None:
    open_text_model(replace(CONFIG, discriminator="off", discriminator_url=""))


@pytest.mark.parametrize(
    "page", [b"no http at all\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nvllm:"]
)
def test_a_page_that_breaks_off_says_nothing(page: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_once, args=(server, page))
        thread.start()
        assert load_of(f"http://127.0.0.1:{server.getsockname()[1]}/v1") is None
        thread.join()


def _answer_once(server: socket.socket, page: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(page)


def test_keys_a_request_are_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIIC_KEYS_PER_REQUEST", "1")
    assert default_config(Path()).keys_per_request == 1
    monkeypatch.setenv("AIIC_KEYS_PER_REQUEST", "17")
    with pytest.raises(ValueError, match="AIIC_KEYS_PER_REQUEST is '17': give a number from 1 to 16"):
        default_config(Path())
