"""Content digests of ontology elements: equal content has one identity, in any version, on any machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, is_dataclass
from typing import Any

from pipelines.ontology.snapshot import Value, ValueSet

REF_BYTES = 12


def digest(content: Any, size: int = REF_BYTES) -> str:
    """Hex digest of any JSON-able content."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()


def content_of(record: Any) -> list[Any]:
    """A record's fields as JSON-able values, in order (dataclasses.astuple copies deeply and is slow)."""
    values = [getattr(record, name) for name in record.__dataclass_fields__]
    return [content_of(value) if is_dataclass(value) else value for value in values]


@dataclass(slots=True)
class Identities:
    """Digests of values, each worked out once however many sets hold the value."""

    refs: dict[Value, str] = field(default_factory=dict)

    def value_ref(self, value: Value) -> str:
        """Digest of one value's whole content."""
        found = self.refs.get(value)
        if found is None:
            found = self.refs[value] = digest(content_of(value))
        return found

    def value_set_of(self, context: str, values: Sequence[Value]) -> ValueSet:
        """The set of these values, in this order, under this key name; its id follows from them."""
        refs = [self.value_ref(value) for value in values]
        return ValueSet(f"vs-{digest([context, refs])}", context, tuple(values))
