"""The model servers as a benchmark of the tunnel sees them: behind a proxy that notes each call and how long it took.

Behind the proxies are the stack's own vLLM servers, or a stand-in that answers every question with "none" after
`STUB_S` seconds. What is noted tells which events a model answered, how many calls an event costs, and the model's own
share of the time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import orjson
from aiohttp import web

from infra.fake_vllm import FakeVllm
from udfs.prompts import NONE
from udfs.replies import END

ENCODER, DISCRIMINATOR = "encoder", "discriminator"
STUB_ENCODER, STUB_DIMENSIONS = "all-minilm-l6-v2", 384
STUB_S = 0.25
"""About what the released discriminator takes for the open keys of one item, alone on two cores."""
START_S = 30.0
_REPLY = "\nReply:\n"


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a model server. Units: Unix s. `text`: what was sent: the prompt, or all texts in a row."""

    role: str
    began_s: float
    ended_s: float
    text: str


def say_none(prompt: str) -> str:
    """The reply that chooses nothing, for any prompt of `udfs.prompts`.

    >>> say_none("Item: a\\nColor* (visible): red; blue\\nForm: leaf\\nReply:\\n")
    'Color: none\\nForm: none\\n'
    """
    lines = prompt.removesuffix(_REPLY).split("\n")
    asked = [line for line in lines if ": " in line and not line.startswith(("Item: ", "This one: "))]
    names = [line.split(": ")[0].split(" (")[0].removesuffix("*") for line in asked if "never an" not in line]
    return "".join(f"{name}: {NONE}{END}" for name in names)


class ModelServers:
    """Proxies of both servers in a thread of their own, and the stand-in where it is asked for. Use as `with`.

    `targets`: root address by role, without /v1; None for the stand-in. `urls`: where to ask instead, with /v1.
    """

    def __init__(self, targets: dict[str, str] | None) -> None:
        self.calls: list[Call] = []
        self.urls: dict[str, str] = {}
        self._targets = targets
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    @property
    def is_stub(self) -> bool:
        """Whether no model answers."""
        return self._targets is None

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(START_S):
            raise RuntimeError("the proxies of the model servers did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(START_S)

    async def _serve(self) -> None:
        stub = FakeVllm(say_none, encoder=STUB_ENCODER, dimensions=STUB_DIMENSIONS)
        async with stub, aiohttp.ClientSession() as session:
            runners = []
            for role in (ENCODER, DISCRIMINATOR):
                target = self._targets[role] if self._targets else stub.url.removesuffix("/v1")
                runner = web.AppRunner(self._proxy(session, role, target), access_log=None)
                await runner.setup()
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                self.urls[role] = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
                runners.append(runner)
            self._ready.set()
            await self._end.wait()
            for runner in runners:
                await runner.cleanup()

    def _proxy(self, session: aiohttp.ClientSession, role: str, target: str) -> web.Application:
        async def forward(request: web.Request) -> web.Response:
            body, began_s = await request.read(), time.time()
            if self.is_stub and request.path.endswith("/completions"):
                await asyncio.sleep(STUB_S)
            kind = {"Content-Type": request.content_type}
            try:
                async with session.request(
                    request.method, target + request.path_qs, data=body or None, headers=kind
                ) as reply:
                    answer = web.Response(
                        body=await reply.read(), status=reply.status, content_type=reply.content_type
                    )
            except aiohttp.ClientError as error:
                return web.Response(status=502, text=f"{role}: {error}")
            if request.method == "POST":
                self.calls.append(Call(role, began_s, time.time(), _text(body)))
            return answer

        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", forward)
        return app


def _text(body: bytes) -> str:
    given: Any = orjson.loads(body)
    return str(given["prompt"]) if "prompt" in given else "\n".join(given.get("input", ()))
