"""The servers of `make bench-throughput`: a stub of both in a process of its own, or real ones; and a release of theirs."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp

from infra.demo.families import ONTOLOGY
from infra.faiss import FaissSearch
from infra.vllm import EncoderClient
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.make_release import make_release, release_folder
from pipelines.ontology.store import OntologyStore, Source
from tests.benchmarks.throughput_stub import Speed

STUB = "tests.benchmarks.throughput_stub"


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses, as clients want them. `stub`: the stub's speed, None for real servers. `said`: what the report says of them."""

    encoder_url: str
    discriminator_url: str
    stub: Speed | None
    said: str

    @property
    def root(self) -> str:
        """The discriminator's address without the API's path."""
        return self.discriminator_url.removesuffix("/v1")

    async def reset(self, cache: bool) -> None:
        """Empty a stub's prefix cache, and turn it on or off; real servers are left as they are."""
        if self.stub is not None:
            await _post(f"{self.root}/reset", {"cache_blocks": self.stub.cache_blocks if cache else 0})

    async def busy_s(self) -> float | None:
        """Seconds that a stub's device has worked since it was reset; None for real servers."""
        return None if self.stub is None else float((await _get(f"{self.root}/stats"))["busy_s"])

    async def texts_without_vector(self) -> list[str]:
        """Texts for which a stub had no real vector."""
        return [] if self.stub is None else list(await _get(f"{self.root}/texts"))


@contextmanager
def stub_servers(
    port: int, speed: Speed, gold: dict[str, Any], wrong: float, vectors: Path | None, folder: Path
) -> Iterator[Servers]:
    """Start the stub, told the labels; end it afterwards."""
    labels = folder / "gold.json"
    labels.parent.mkdir(parents=True, exist_ok=True)
    labels.write_text(json.dumps(gold, ensure_ascii=False), "utf-8")
    words = ["--port", str(port), "--prefill", str(speed.prefill), "--decode", str(speed.decode)]
    words += ["--gold", str(labels), "--wrong", str(wrong), *(["--vectors", str(vectors)] if vectors else [])]
    process = subprocess.Popen([sys.executable, "-m", STUB, *words])
    url = f"http://127.0.0.1:{port}/v1"
    said = f"STUB that is told the labels, {wrong:.0%} wrong, at a stated speed: {asdict(speed)}"
    try:
        yield Servers(url, url, speed, said)
    finally:
        process.terminate()
        process.wait(20)


async def wait_for(url: str, seconds_left: float = 300.0) -> None:
    """Wait until a server answers. Errors: TimeoutError."""
    until_s = time.monotonic() + seconds_left
    while time.monotonic() < until_s:
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as reply:
                if reply.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.2)
    raise TimeoutError(f"{url}: no answer")


async def released(encoder_url: str, folder: Path) -> Path:
    """A release of the demo ontology by this encoder, in a folder of the bench's own."""
    shutil.rmtree(folder, ignore_errors=True)
    store = OntologyStore(folder, "throughput")
    version = store.commit(load_interchange(ONTOLOGY), Source("bench"), 0).version
    async with EncoderClient(encoder_url) as encoder:
        encoder_id = await encoder.model_id()
        made = release_folder(store, version, encoder_id)
        await make_release(store, version, encoder.embed, encoder_id, made, backend=FaissSearch())
    return made


async def _post(url: str, body: dict[str, Any]) -> None:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as reply:
        reply.raise_for_status()


async def _get(url: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        reply.raise_for_status()
        return await reply.json()
