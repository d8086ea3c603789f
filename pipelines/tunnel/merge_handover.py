"""Messages that name finished files, for the streaming merge (T6)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from schemas.knowledge import TIERS
from schemas.results import MAX_FILES, KnowledgeResults


def pointer_messages(
    files: Sequence[Path], run_id: str, event_ms: int, tier: str = TIERS[0], most: int = MAX_FILES
) -> list[KnowledgeResults]:
    """As many messages as the files of a run need. Units: event_ms Unix ms."""
    names = [str(path.absolute()) for path in files]
    return [
        KnowledgeResults("", "", event_ms, tier, run_id, (), tuple(names[at : at + most]))
        for at in range(0, len(names), most)
    ]
