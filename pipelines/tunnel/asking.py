"""Tells who waits for work that the discriminator is asked now: it will take long, and others need not wait for it.

Source: ours.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from pipelines.library.discriminate import Discriminator
from schemas.inference import Completion

TOLD: ContextVar[Callable[[], None] | None] = ContextVar("told when the discriminator is asked", default=None)
"""Set by who calls a recogniser; it reaches all tasks that the call begins."""


class TellingDiscriminator:
    """A discriminator that calls what `TOLD` holds before it asks another one."""

    def __init__(self, asked: Discriminator) -> None:
        self._asked = asked

    async def complete(
        self, prompt: str, max_tokens: int, *, regex: str | None = None, logprobs: int = 0
    ) -> Completion:
        """As the other does."""
        tell = TOLD.get()
        if tell is not None:
            tell()
        return await self._asked.complete(prompt, max_tokens, regex=regex, logprobs=logprobs)
