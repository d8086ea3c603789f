"""Key-value stores: both kinds keep the same promises. Redis's run against a real server of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.kv import open_kv
from infra.kv_embedded import EmbeddedStore, StoreFull
from infra.kv_redis import RedisStore, StoreConflict


@pytest.fixture(params=["embedded", "server"])
def kv(request: pytest.FixtureRequest, tmp_path: Path, valkey: str) -> Iterator[EmbeddedStore | RedisStore]:
    made = open_kv(str(tmp_path / "kv") if request.param == "embedded" else valkey)
    made.wipe()
    yield made
    made.close()


def test_a_write_is_seen_after_its_end_and_by_itself(kv: EmbeddedStore | RedisStore) -> None:
    with kv.writing() as writer:
        writer.put(b"sa", b"1")
        writer.put(b"sb", b"\x00\xff")
        writer.delete(b"sa")
        writer.put(b"sc", b"3")
        assert (writer.get(b"sa"), writer.get(b"sb")) == (None, b"\x00\xff")
        with kv.reading() as reader:
            assert reader.get_many([b"sa", b"sb", b"sc"]) == [None, None, None]
    with kv.reading() as reader:
        assert reader.get_many([b"sa", b"sb", b"sc"]) == [None, b"\x00\xff", b"3"]
    with kv.writing() as writer:
        writer.put(b"sb", b"2")
        assert writer.get_many([b"sc", b"sb", b"sz"]) == [b"3", b"2", None]


def test_a_write_that_fails_leaves_nothing(kv: EmbeddedStore | RedisStore) -> None:
    with pytest.raises(ZeroDivisionError), kv.writing() as writer:
        writer.put(b"sa", b"1")
        raise ZeroDivisionError
    with kv.reading() as reader:
        assert reader.get(b"sa") is None
        assert reader.scan(b"s", b"t", 10) == []


def test_scans_are_ordered_by_bytes_bounded_and_keep_to_their_table(kv: EmbeddedStore | RedisStore) -> None:
    names = [b"c\xff", b"ca", b"c", b"ca\x00", b"cb", "c红".encode()]
    with kv.writing() as writer:
        for name in names:
            writer.put(name, name + b"!")
        writer.put(b"d", b"other")
    with kv.writing() as writer:
        writer.delete(b"cb")
    left = sorted(set(names) - {b"cb"})
    with kv.reading() as reader:
        assert reader.scan(b"c", b"d", 100) == [(name, name + b"!") for name in left]
        assert reader.scan(b"ca", b"d", 2) == [(b"ca", b"ca!"), (b"ca\x00", b"ca\x00!")]
        assert reader.scan(b"c", b"ca", 100) == [(b"c", b"c!")]
        assert reader.scan(b"x", b"y", 100) == []


def test_wiping_leaves_nothing(kv: EmbeddedStore | RedisStore) -> None:
    with kv.writing() as writer:
        for number in range(50):
            writer.put(b"s%d" % number, b"x")
    kv.wipe()
    with kv.reading() as reader:
        assert reader.scan(b"s", b"t", 100) == []
        assert reader.get(b"s1") is None


def test_wiping_a_server_spares_other_prefixes(valkey: str) -> None:
    ours, other = RedisStore(valkey, "a*"), RedisStore(valkey, "ab")
    for store in (ours, other):
        with store.writing() as writer:
            writer.put(b"s", b"kept")
    ours.wipe()
    with other.reading() as reader:
        assert reader.get(b"s") == b"kept"
    with ours.reading() as reader:
        assert reader.get(b"s") is None


def test_of_two_writers_at_once_on_a_server_one_fails_whole(valkey: str) -> None:
    first, second = RedisStore(valkey, "two:"), RedisStore(valkey, "two:")
    with pytest.raises(StoreConflict), first.writing() as slow:
        slow.put(b"s", b"slow")
        with second.writing() as fast:
            fast.put(b"s", b"fast")
    with first.reading() as reader:
        assert reader.get(b"s") == b"fast"


def test_a_store_outlives_its_process(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path).writing() as writer:
        writer.put(b"sa", b"1")
    script = "import sys; from pathlib import Path; from infra.kv_embedded import EmbeddedStore\n"
    script += "with EmbeddedStore(Path(sys.argv[1])).reading() as reader: print(reader.get(b'sa'))"
    shown = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True)
    assert shown.stdout == "b'1'\n", shown.stderr


def test_a_full_store_says_what_to_do(tmp_path: Path) -> None:
    small = EmbeddedStore(tmp_path, map_gib=1)
    small._env.set_mapsize(1 << 20)
    with pytest.raises(StoreFull, match="raise AIIC_LOOKUP_MAP_GIB"), small.writing() as writer:
        writer.put(b"s", bytes(2 << 20))
    with small.reading() as reader:
        assert reader.get(b"s") is None
