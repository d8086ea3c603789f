"""Zipped messages as any producer may send them: codecs that the Kafka client of our environment has not, and bombs."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import kafka.codec
import kafka.record.default_records
import pyarrow as pa
from kafka import KafkaProducer

CODECS = ("gzip", "snappy", "lz4", "zstd")
CHUNK = bytes(1 << 20)


@contextmanager
def codecs() -> Iterator[None]:
    """The Kafka client can zip with every codec of Kafka while the block runs: Arrow lends them."""

    def of(name: str) -> Any:
        return lambda payload: pa.compress(bytes(payload), codec=name, asbytes=True)

    zstd = SimpleNamespace(ZstdCompressor=lambda: SimpleNamespace(compress=of("zstd")))
    with (
        patch.object(kafka.codec, "snappy", SimpleNamespace(compress=of("snappy"))),
        patch.object(kafka.codec, "zstd", zstd),
        patch.object(kafka.codec, "lz4", object()),
        patch.object(kafka.record.default_records, "lz4_encode", of("lz4")),
    ):
        yield


def send_zipped(servers: str, topic: str, codec: str, key: str, value: bytes) -> None:
    """Send one message, zipped. Errors: those of the broker."""
    with codecs():
        _send(servers, topic, codec, key, [value])


def send_bomb(servers: str, topic: str, key: str, value_bytes: int, values: int = 1) -> int:
    """Send one batch of messages of zeros, so many bytes each, that a few KB hold; returns how many those are.

    Made as it is sent: neither the client nor this process ever has what the bomb holds. Errors: those of the broker.
    """
    zipped = _bomb(key.encode(), value_bytes, values)
    # What the client believes to zip must be longer than the bomb, else it would send it as it is.
    stuffing = b"x" * (2 * len(zipped) // values)
    with patch.object(kafka.record.default_records, "gzip_encode", lambda _: zipped):
        _send(servers, topic, "gzip", key, [stuffing] * values)
    return len(zipped)


def _send(servers: str, topic: str, codec: str, key: str, values: Sequence[bytes]) -> None:
    """Send messages of one key in one batch."""
    producer = KafkaProducer(
        bootstrap_servers=servers, acks="all", compression_type=codec, max_request_size=16 << 20, retries=0,
        request_timeout_ms=60_000, linger_ms=500, batch_size=16 << 20,
    )  # fmt: skip
    try:
        for receipt in [producer.send(topic, key=key.encode(), value=value) for value in values]:
            receipt.get(timeout=90)
    finally:
        producer.close()


def _bomb(key: bytes, value_bytes: int, values: int) -> bytes:
    """Records of Kafka's form (magic 2), zipped. Only the first has the offset that the batch's header tells."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = []
    for number in range(values):
        head = b"\0" + _varint(0) + _varint(number) + _varint(len(key)) + key + _varint(value_bytes)
        tail = _varint(0)
        parts.append(packer.compress(_varint(len(head) + value_bytes + len(tail)) + head))
        left = value_bytes
        while left:
            parts.append(packer.compress(CHUNK[: min(left, len(CHUNK))]))
            left -= min(left, len(CHUNK))
        parts.append(packer.compress(tail))
    return b"".join([*parts, packer.flush()])


def _varint(number: int) -> bytes:
    left, found = number << 1, bytearray()
    while left >= 0x80:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*found, left])
