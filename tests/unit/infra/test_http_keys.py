"""API keys: only digests are kept, wrong files say what to do, rates are what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.http_guard import Caller
from infra.http_keys import ApiKey, KeysError, add_key, digest_of, find_key, first_key, load_keys


def test_a_new_key_is_found_and_only_its_digest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    secrets = {name: add_key(path, name) for name in ("me", "shop-2")}
    keys = load_keys(path)
    assert {name: find_key(keys, secret) for name, secret in secrets.items()} == {
        key.name: key for key in keys
    }
    assert path.stat().st_mode & 0o077 == 0
    assert not any(secret in path.read_text("utf-8") for secret in secrets.values())


@pytest.mark.parametrize("presented", ["", "guess", "\ud800", "é"])
def test_what_is_no_key_finds_none(presented: str) -> None:
    assert find_key([ApiKey("k", digest_of("key"))], presented) is None


def test_the_first_key_is_made_once(tmp_path: Path) -> None:
    keys, secret = tmp_path / "keys.toml", tmp_path / "local.key"
    first_key(keys, secret)
    found = secret.read_text("utf-8").strip()
    first_key(keys, secret)
    assert secret.read_text("utf-8").strip() == found
    assert [key.name for key in load_keys(keys)] == ["local"]
    assert find_key(load_keys(keys), found) is not None


GOOD = f'[[key]]\nname = "a"\nsha256 = "{digest_of("x")}"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at least one"),
        ("[[key]", "cannot be read"),
        (GOOD + GOOD, "a name of its own"),
        (GOOD + "colour = 1\n", "is wrong"),
        (GOOD.replace('name = "a"\n', ""), "is wrong"),
        (GOOD.replace(digest_of("x"), "abc"), "is wrong|64 hex digits"),
        (GOOD.replace(digest_of("x"), "abcd"), "64 hex digits"),
        (GOOD + "burst = 0\n", "above 0"),
        ("key = 7\n", "at least one"),
    ],
)
def test_a_wrong_file_is_refused_with_its_reason(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "keys.toml").write_text(text, "utf-8")
    with pytest.raises(KeysError, match=said):
        load_keys(tmp_path / "keys.toml")


def test_no_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="--new-key"):
        load_keys(tmp_path / "none.toml")


@pytest.mark.parametrize("name", ["", "a b", 'a"', "é", "a\nb"])
def test_a_name_that_would_break_the_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeysError, match="use letters"):
        add_key(tmp_path / "keys.toml", name)


def test_the_bucket_fills_with_time_up_to_its_size_and_says_how_long_to_wait() -> None:
    caller = Caller(ApiKey("k", "", items_per_s=10.0, burst=20), 20.0, 100.0)
    assert caller.wait_s(20, 100.0) == 0
    assert caller.wait_s(5, 100.1) == pytest.approx(0.4)
    assert caller.wait_s(5, 100.5) == 0
    assert caller.wait_s(1, 100.5) == pytest.approx(0.1)
    assert caller.wait_s(20, 1_000.0) == 0
    assert caller.wait_s(21, 2_000.0) == pytest.approx(0.1)
