"""A reference model behind any OpenAI-compatible server, asked like the text model of recognition (`infra/vllm.py`).

vLLM holds a reply to a regular expression and continues prompts; other servers may do neither. So chat completions are asked
where wanted, with a line that tells a model that was never trained on them what a reply looks like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from infra.vllm import CompletionClient
from infra.vllm_http import HttpServer, ServerConfig
from infra.vllm_vision import VisionClient
from schemas.inference import BadReply, Completion, RequestRefused

CHAT, COMPLETIONS = "chat", "completions"
APIS = (CHAT, COMPLETIONS)


@dataclass(frozen=True, slots=True)
class ReferenceConfig:
    """Where a reference model is and how it is asked.

    `held`: replies are held to a regular expression by the server (`structured_outputs`, as vLLM does). `preface` goes
    before every chat prompt. `settings` are other fields of `ServerConfig`.
    """

    url: str
    model: str
    api: str = CHAT
    held: bool = True
    preface: str = ""
    settings: Mapping[str, Any] | None = None


class ReferenceModel:
    """A text model that recognition's prompts can be asked of. Use as `async with`."""

    def __init__(self, config: ReferenceConfig) -> None:
        self.config = config
        settings = dict(config.settings or {})
        self._chat = VisionClient(config.url, config.model, **settings)
        self._plain = CompletionClient(config.url, config.model, **settings)

    async def __aenter__(self) -> ReferenceModel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._chat.close()
        await self._plain.close()

    async def complete(
        self, prompt: str, max_tokens: int, *, regex: str | None = None, logprobs: int = 0
    ) -> Completion:
        """The greedy reply to a prompt, held to `regex` where the server can. Errors: ServerUnavailable, RequestRefused, BadReply."""
        held = regex if self.config.held else None
        if self.config.api == COMPLETIONS:
            return await self._plain.complete(prompt, max_tokens, regex=held, logprobs=logprobs)
        asked = self._chat.looking_at(())
        reply = await asked.complete(self.config.preface + prompt, max_tokens, regex=held, logprobs=logprobs)
        return replace(reply, text=reply.text.strip() + "\n")


async def served_model(url: str, wanted: str | None, **settings: Any) -> str:
    """The name of a server's model: the wanted one, which it must serve, or the only one that it serves.

    Errors: ServerUnavailable; RequestRefused when there is none or a choice; BadReply.
    """
    server = HttpServer(ServerConfig(url=url, model="", **settings))
    try:
        reply = await server.get("/models")
    finally:
        await server.close()
    try:
        names = [str(entry["id"]) for entry in reply["data"]]
    except (KeyError, TypeError) as error:
        raise BadReply(f"{url}/models lists no models; does the address end in /v1?") from error
    if wanted is not None and wanted not in names:
        raise RequestRefused(f"{url} serves {sorted(names)}, not {wanted}")
    if wanted is None and len(names) != 1:
        raise RequestRefused(f"{url} serves {sorted(names)}: say which is the reference model")
    return wanted or names[0]
