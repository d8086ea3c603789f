"""Work that one operator has begun and another waits for, both in one Python process: Flink gives a slot's operators one.

PyFlink ends an asynchronous operator's bundle, many times a second, only when all of it is answered: a slow item holds up
those behind it. So slow work is left under way here, and the operator behind waits for it.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Generic, TypeVar
from uuid import uuid4

T = TypeVar("T")


class UnderWay(Generic[T]):
    """Tasks by token, each kept until it is taken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[object, asyncio.Task[T]]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, owner: object, task: asyncio.Task[T]) -> str:
        """Leave a task of who began it; the token that stands for it."""
        token = uuid4().hex
        with self._lock:
            self._kept[token] = (owner, task)
        return token

    def take(self, token: str) -> Future[T] | None:
        """What a task will say, for any other thread; None where it is not under way in this process."""
        with self._lock:
            _, task = self._kept.pop(token, (None, None))
        return None if task is None else asyncio.run_coroutine_threadsafe(_end(task), task.get_loop())

    def forget(self, owner: object) -> None:
        """Forget what somebody began: nobody will wait for it."""
        with self._lock:
            self._kept = {token: kept for token, kept in self._kept.items() if kept[0] is not owner}


async def _end(task: asyncio.Task[T]) -> T:
    return await task
