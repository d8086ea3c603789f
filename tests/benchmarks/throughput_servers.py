"""The servers of `make bench-throughput`: vLLM's, or a stub of both in a process of its own; and a release of theirs.

A server either keeps prefixes or does not, so there are two discriminators of the same model, of which one waits, idle,
while the other is measured.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from infra.demo.families import ONTOLOGY
from infra.faiss import FaissSearch
from infra.local import stack as local_stack
from infra.local.component import Component
from infra.local.config import load_config
from infra.local.vllm import model_name, vllm_component
from infra.vllm import EncoderClient
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.make_release import make_release, release_folder
from pipelines.ontology.store import OntologyStore, Source
from tests.benchmarks.throughput_stub import Speed
from tests.ports import free_ports

STUB = "tests.benchmarks.throughput_stub"
PLAIN = "discriminator-plain"


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses, as clients want them. `stub`: the stub's speed, None for real servers. `said`: what the report says of them.

    `plain_url`: the discriminator that keeps no prefix, "" where `discriminator_url` is the only one there is.
    `is_own`: whether the bench has started the real servers, and so may empty their cache.
    """

    encoder_url: str
    discriminator_url: str
    stub: Speed | None
    said: str
    plain_url: str = ""
    is_own: bool = False

    @property
    def root(self) -> str:
        """The discriminator's address without the API's path."""
        return self.discriminator_url.removesuffix("/v1")

    def asked(self, cache: bool) -> str:
        """The discriminator for a run with a prefix cache, or for one without."""
        return self.discriminator_url if cache else self.plain_url or self.discriminator_url

    async def reset(self, cache: bool) -> None:
        """Empty the prefix cache, and turn a stub's on or off; servers that others have started are left as they are."""
        if self.stub is not None:
            await _post(f"{self.root}/reset", {"cache_blocks": self.stub.cache_blocks if cache else 0})
        elif self.is_own:
            await _post(f"{self.root}/reset_prefix_cache", {})

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


@contextmanager
def real_servers(folder: Path, block_tokens: int = 0) -> Iterator[Servers]:
    """Start vLLM's servers with the released models, on ports and with a state of their own; end them afterwards.

    `block_tokens`: tokens of a block of the prefix cache, 0 for the stack's own. Errors: StackError for what is missing or does not start.
    """
    ports = dict(zip(("ENCODER", "DISCRIMINATOR", "PLAIN"), map(str, free_ports(3)), strict=True))
    own = {f"AIIC_{name}_PORT": port for name, port in ports.items() if name != "PLAIN"}
    env = {**os.environ, **own, "AIIC_STACK_STATE_DIR": str((folder / "state").absolute())}
    config = load_config(env=env)
    encoder = vllm_component("encoder", config.encoder, config)
    # With this variable the server has a route that empties its cache.
    kept = vllm_component("discriminator", config.discriminator, config)
    kept = replace(kept, env={**kept.env, "VLLM_SERVER_DEV_MODE": "1"}, niceness=0)
    section = replace(config.discriminator, port=int(ports["PLAIN"]))
    plain = vllm_component("discriminator", section, config)
    plain = replace(plain, name=PLAIN, argv=(*plain.argv, "--no-enable-prefix-caching"), niceness=0)
    wanted = [encoder, *(_with_blocks(one, block_tokens) for one in (kept, plain))]
    try:
        local_stack.up(config, wanted, print, env)
        said = f"{model_name(config.discriminator.model_dir)}, vLLM on CPU, {config.discriminator.threads} threads"
        said += f", blocks of {block_tokens} tokens" if block_tokens else ""
        urls = [f"{config.url(one)}/v1" for one in (config.encoder, config.discriminator, section)]
        yield Servers(urls[0], urls[1], None, said, plain_url=urls[2], is_own=True)
    finally:
        local_stack.down(config, [one.name for one in wanted], print)


def _with_blocks(server: Component, tokens: int) -> Component:
    """A server whose prefix cache has blocks of so many tokens. The last of an option that is given twice counts."""
    return replace(server, argv=(*server.argv, "--block-size", str(tokens))) if tokens else server


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
