"""Model sets and their registry: what is sealed is what is opened; versions stay; a release can be taken back."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.models.model_set import CARD, MANIFEST, Facts, ModelsDamaged, open_set, seal
from pipelines.models.registry import STATE, Registry, RegistryError

FACTS = Facts({"encoder": "e1", "discriminator": "d1"}, "pick-2", 1)
NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def weights(folder: Path, content: str = "first", version: str = "r1") -> Path:
    """A set with a ranker and an adapter, not sealed."""
    for role, name, text in (
        ("ranker", "ranker.json", json.dumps({"version": version, "trained_on": {"tea": 3}})),
        ("ranker", "boosted.txt", content),
        ("discriminator", "adapter.bin", "weights"),
        ("ranker", CARD, "# card"),
    ):
        (folder / role).mkdir(parents=True, exist_ok=True)
        (folder / role / name).write_text(text, "utf-8")
    (folder / CARD).write_text("# models", "utf-8")
    return folder


def sealed(folder: Path, content: str = "first", at: datetime = NOON):
    return seal(weights(folder, content), FACTS, at, f"with {content}")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    sealed(tmp_path / "shipped")
    return Registry(tmp_path / "registry", tmp_path / "shipped")


def candidate(tmp_path: Path, content: str, minute: int = 1) -> Path:
    sealed(tmp_path / content, content, NOON.replace(minute=minute))
    return tmp_path / content


def test_a_set_says_what_it_is_made_of(tmp_path):
    found = sealed(tmp_path / "m")
    assert found.version.startswith("20261101.1200-")
    assert (found.parts["ranker"].version, found.parts["ranker"].files["boosted.txt"]) == ("r1", 5)
    assert (found.facts, found.trained_on, found.note) == (FACTS, {"tea": 3}, "with first")
    assert found.path("ranker") == tmp_path / "m" / "ranker"
    assert found.path("scorer") is None
    assert open_set(tmp_path / "m") == found


def test_equal_content_has_an_equal_name_and_cards_do_not_count(tmp_path):
    first = sealed(tmp_path / "m")
    (tmp_path / "m/ranker" / CARD).write_text("# a better card", "utf-8")
    (tmp_path / "m/ranker/curve.png").write_bytes(b"picture")
    assert seal(tmp_path / "m", FACTS, NOON.replace(hour=15)) == first
    other = sealed(tmp_path / "other")
    assert other.version == first.version
    assert sealed(tmp_path / "changed", "second").version != first.version
    assert seal(tmp_path / "m", Facts({}, "pick-3", 1), NOON).version != first.version, (
        "made for another prompt"
    )


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda m: (m / "ranker/boosted.txt").write_text("FIRST"), "ranker is not what was sealed"),
        (lambda m: (m / "ranker/boosted.txt").write_text("longer than it was"), "boosted.txt is not what was sealed"),
        (lambda m: (m / "ranker/boosted.txt").unlink(), "boosted.txt is missing"),
        (lambda m: (m / "ranker/extra.bin").write_text("x"), "extra.bin is not what was sealed"),
        (lambda m: (m / MANIFEST).unlink(), "is no sealed model set"),
        (lambda m: (m / MANIFEST).write_text("{"), "is no sealed model set"),
        (lambda m: (m / MANIFEST).write_text("{}"), "not of this program's form"),
        (lambda m: edit(m, lambda s: s["facts"]["serves"].update(encoder="e2")), "changed by hand"),
        (lambda m: edit(m, lambda s: s["parts"].pop("discriminator")), "changed by hand"),
        (lambda m: (weights(m / "scorer"), None)[1], "holds scorer, which version"),
    ],
)  # fmt: skip
def test_damage_is_told_with_what_to_do(tmp_path, spoil, said):
    sealed(tmp_path / "m")
    spoil(tmp_path / "m")
    with pytest.raises(ModelsDamaged, match=said) as told:
        open_set(tmp_path / "m")
    assert "restore" in str(told.value) or "seal" in str(told.value)


def edit(folder: Path, change) -> None:
    stated = json.loads((folder / MANIFEST).read_text())
    change(stated)
    (folder / MANIFEST).write_text(json.dumps(stated))


def test_a_set_without_a_ranker_cannot_be_sealed(tmp_path):
    (tmp_path / "m/discriminator").mkdir(parents=True)
    (tmp_path / "m/discriminator/x").write_text("x")
    with pytest.raises(ModelsDamaged, match="holds no ranker"):
        seal(tmp_path / "m", FACTS, NOON)


def test_what_the_program_ships_is_current_until_something_is_released(registry):
    assert registry.current().folder == registry.shipped
    assert registry.previous() is None
    assert [(one.is_current, one.is_shipped) for one in registry.versions()] == [(True, True)]
    assert registry.history() == ()
    assert not registry.root.exists(), "looking changes nothing"


def test_release_and_rollback(registry, tmp_path):
    first = registry.current().version
    second = registry.register(candidate(tmp_path, "second", 1)).version
    third = registry.register(candidate(tmp_path, "third", 2)).version
    assert registry.current().version == first, "registering is not releasing"
    registry.release(second, gate={"passed": True})
    registry.release(third, why="better", forced=True)
    assert (registry.current().version, registry.get("previous").version) == (third, second)
    assert registry.rollback("it was not better").before == third
    assert registry.current().version == second
    registry.rollback()
    assert registry.current().version == first
    with pytest.raises(RegistryError, match="nothing to roll back to"):
        registry.rollback()
    assert [(event.action, event.version, event.forced) for event in registry.history()] == [
        ("released", second, False),
        ("released", third, True),
        ("rolled back", second, False),
        ("rolled back", first, False),
    ]
    assert [event.why for event in registry.history()] == ["", "better", "it was not better", ""]


def test_a_rollback_finds_the_shipped_weights_after_an_update(registry, tmp_path):
    first = registry.current().version
    registry.release(registry.register(candidate(tmp_path, "second")).version)
    sealed(registry.shipped, "updated", NOON.replace(hour=13))
    registry.rollback()
    assert registry.current().version == first
    assert (registry.current_folder() / "ranker/boosted.txt").read_text() == "first"
    assert registry.get("shipped").version != first
    assert len(registry.versions()) == 3


def test_a_shipped_version_that_was_registered_too_is_listed_once_and_current(registry):
    registry.register(registry.shipped)
    assert [(one.is_current, one.is_shipped) for one in registry.versions()] == [(True, True)]


def test_versions_are_immutable_and_registered_once(registry, tmp_path):
    folder = candidate(tmp_path, "second")
    kept = registry.register(folder)
    assert kept.folder != folder
    assert (kept.folder / "ranker/boosted.txt").stat().st_mode & 0o222 == 0
    (folder / "ranker/boosted.txt").write_text("changed")
    assert registry.get(kept.version).parts["ranker"].files["boosted.txt"] == 6
    with pytest.raises(ModelsDamaged):
        registry.register(folder)
    assert [path.name for path in (registry.root / "versions").iterdir()] == [kept.version]


def test_a_damaged_version_is_listed_but_not_released(registry, tmp_path):
    kept = registry.register(candidate(tmp_path, "second"))
    (kept.folder / "ranker/boosted.txt").chmod(0o644)
    (kept.folder / "ranker/boosted.txt").write_text("SECOND")
    listed = {one.version: one for one in registry.versions()}
    assert "not what was sealed" in listed[kept.version].fault
    with pytest.raises(ModelsDamaged):
        registry.release(kept.version)
    assert registry.history() == ()


def test_a_current_version_that_is_gone_is_told(registry, tmp_path):
    second = registry.register(candidate(tmp_path, "second"))
    registry.release(second.version)
    for path in second.folder.rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(ModelsDamaged, match="no sealed model set"):
        registry.current()
    registry.rollback("the disk lost it")
    assert registry.current().parts["ranker"].version == "r1"


def test_names_must_be_clear(registry, tmp_path):
    registry.register(candidate(tmp_path, "second"))
    with pytest.raises(RegistryError, match="names more than one version; there are 2026"):
        registry.get("20261101")
    with pytest.raises(RegistryError, match="names no version"):
        registry.get("nonsense")
    with pytest.raises(RegistryError, match="no previous version"):
        registry.get("previous")
    with pytest.raises(RegistryError, match="current version already"):
        registry.release(registry.current().version)


def test_a_broken_state_is_told_and_not_guessed_at(registry, tmp_path):
    registry.release(registry.register(candidate(tmp_path, "second")).version)
    (registry.root / STATE).write_text("{")
    with pytest.raises(RegistryError, match="restore it"):
        registry.current_folder()


def test_readers_see_one_state_while_versions_change(registry, tmp_path):
    versions = [registry.register(candidate(tmp_path, f"v{n}", n)).version for n in range(1, 4)]
    allowed = {registry.current().version, *versions}
    seen, stop, faults = set(), threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            try:
                seen.add(registry.current().version)
            except Exception as error:
                faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(5):
            for version in versions:
                registry.release(version)
            for _ in versions:
                registry.rollback()
    finally:
        stop.set()
        reader.join()
    assert faults == []
    assert seen <= allowed
    assert len(registry.history()) == 30
    assert registry.current().folder != registry.shipped, "the copy of the shipped version"


def test_a_refusal_is_remembered(registry, tmp_path):
    second = registry.register(candidate(tmp_path, "second")).version
    registry.refuse(second, {"passed": False, "reasons": ["precision falls"]})
    (event,) = registry.history()
    assert (event.action, event.version, event.gate["reasons"]) == ("refused", second, ["precision falls"])
    assert registry.current().folder == registry.shipped
