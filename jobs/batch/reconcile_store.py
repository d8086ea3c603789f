"""The lookup store's rows, for reconciliation."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from infra.kv import open_kv
from pipelines.tunnel.store_knowledge import KnowledgeStore
from schemas.knowledge import KnowledgeRow


def store_rows(address: str) -> Callable[[], Iterator[KnowledgeRow]]:
    """A way to read all rows of the store at an address, as often as is wanted."""

    def rows() -> Iterator[KnowledgeRow]:
        kv = open_kv(address)
        try:
            for state in KnowledgeStore(kv).states():
                yield from state.rows.values()
        finally:
            kv.close()

    return rows
