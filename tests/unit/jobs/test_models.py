"""Which models answer: the current version, overrides, and that servers, prompt and calibration fit."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs.models import (
    SHIPPED,
    dirs_of,
    facts_of,
    open_models,
    registry,
    require_served,
    role_dirs,
)
from jobs.recogniser import default_config
from jobs.seal_models import main as seal_main
from jobs.seal_models import reseal
from pipelines.library.calibration import (
    FILE,
    RANKER,
    Calibration,
    CalibrationError,
    Curve,
    Point,
    calibration_text,
)
from pipelines.library.ranker import load_ranker
from pipelines.library.recogniser import RecogniserConfig
from pipelines.models.model_set import CARD, MANIFEST, Facts, ModelsDamaged, open_set, seal
from pipelines.models.model_set_card import NO_FIGURES, figures_of, with_figures
from pipelines.ontology.errors import ModelMismatch
from udfs.prompts import PROMPT_VERSION

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def calibration(ranker: str) -> str:
    curve = {RANKER: {"": Curve((0.0, 1.0), (0.0, 1.0))}}
    return calibration_text(Calibration("c1", ranker, curve, curve, {"": 0.9}, 0.4, (Point(0.94, 0.7, 0.6),)))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """What ships, with another calibration, sealed."""
    folder = tmp_path / "models"
    for role in open_set(SHIPPED).parts:
        shutil.copytree(SHIPPED / role, folder / role)
    shutil.rmtree(folder / "calibration", ignore_errors=True)
    (folder / "calibration").mkdir()
    version = load_ranker(folder / "ranker").meta.version
    (folder / "calibration" / FILE).write_text(calibration(version), "utf-8")
    seal(folder, facts_of(folder), NOW)
    return folder


def config(folder: Path, **more: object) -> RecogniserConfig:
    return replace(RecogniserConfig("", "", "", ""), **(dirs_of(folder) | more))  # type: ignore[arg-type]


def test_what_ships_is_whole_and_is_what_this_program_opens():
    """After training into models/, `python -m jobs.seal_models` makes this pass again."""
    found = registry({}).get("shipped")
    assert found.facts.prompt_version == PROMPT_VERSION
    opened = open_models(config(SHIPPED, discriminator="off"))
    assert opened.said.startswith(f"ranker {opened.ranker.meta.version}#")
    weights = sum(size for part in found.parts.values() for size in part.files.values())
    assert weights <= 60_000_000, "released weights may take 60 MB of the repository"


def test_the_adapter_decides_which_discriminator_must_be_served(models):
    serves = facts_of(models).serves
    assert serves["discriminator"].count("+") == 1
    stated = models / "discriminator/adapter_config.json"
    stated.write_text(stated.read_text("utf-8") + " ", "utf-8")
    assert facts_of(models).serves["discriminator"] != serves["discriminator"]
    assert facts_of(models).serves["encoder"] == serves["encoder"]


def test_equal_models_say_the_same_and_others_something_else(models, tmp_path):
    said = open_models(config(models)).said
    shutil.copytree(models, tmp_path / "copy")
    assert open_models(config(tmp_path / "copy")).said == said, "a copy is the same model"
    assert open_models(config(models, discriminator="off")).said == said
    with_point = open_models(config(models, precision=0.94))
    assert (with_point.said, with_point.point.threshold) == (f"{said} + precision 0.94", 0.7)
    assert open_models(config(models, calibration_dir="")).said == said.partition(" + calibration")[0]
    mixture = json.loads((models / "ranker/ranker.json").read_text("utf-8")) | {"mix": [0.5, 1.0, 0.1]}
    (models / "ranker/ranker.json").write_text(json.dumps(mixture), "utf-8")
    reseal(models)
    assert open_models(config(models)).said != said, "fitted again under the same version"


def test_the_same_content_sealed_again_keeps_its_version_and_takes_a_new_note(models):
    first = seal(models, facts_of(models), NOW, "the first")
    again = seal(models, facts_of(models), NOW + timedelta(days=1))
    noted = seal(models, facts_of(models), NOW + timedelta(days=1), "what is new")
    assert (again.version, again.note, again.made) == (first.version, first.note, first.made)
    assert (noted.version, noted.note, noted.made) == (first.version, "what is new", first.made)


def test_a_new_adapter_is_no_new_model_for_those_who_do_not_ask_it(models):
    before = open_models(config(models, discriminator="off"))
    (models / "discriminator/adapter_config.json").write_text("{}", "utf-8")
    seal(models, Facts({"discriminator": "other"}, PROMPT_VERSION, 1), NOW)
    after = open_models(config(models, discriminator="off"))
    assert after.said == before.said
    assert after.serves != before.serves


def test_a_changed_file_is_not_answered_with(models):
    (models / "ranker/boosted.txt").write_text("tree", "utf-8")
    with pytest.raises(ModelsDamaged, match="is not what was sealed"):
        open_models(config(models))


def test_training_the_ranker_again_removes_its_old_calibration(models, capsys):
    stated = json.loads((models / "ranker/ranker.json").read_text("utf-8")) | {"version": "newer"}
    (models / "ranker/ranker.json").write_text(json.dumps(stated), "utf-8")
    reseal(models)
    assert not (models / "calibration").exists()
    assert "fit one for ranker newer" in capsys.readouterr().err
    assert open_models(config(models)).point.calibration is None


def test_a_calibration_of_another_ranker_is_refused(models):
    (models / "calibration" / FILE).write_text(calibration("another"), "utf-8")
    seal(models, facts_of(models), NOW)
    with pytest.raises(CalibrationError, match="fitted for ranker another"):
        open_models(config(models))


def test_a_discriminator_of_another_prompt_is_refused_unless_it_is_not_asked(models):
    seal(models, Facts({}, "pick-0", 1), NOW)
    with pytest.raises(ModelMismatch, match="trained on prompt 'pick-0'"):
        open_models(config(models))
    open_models(config(models, discriminator="off"))
    open_models(config(models, discriminator_model="any"))


def test_a_server_with_another_model_is_refused_with_what_to_do():
    for fits in ("", "any", "m1"):
        require_served("encoder", fits, "m1", "http://x/v1")
    with pytest.raises(ModelMismatch) as told:
        require_served("discriminator", "m1+a", "m1", "http://x/v1")
    for said in ("'m1+a'", "http://x/v1", "./aiic up --only discriminator", "AIIC_DISCRIMINATOR_MODEL=any"):
        assert said in str(told.value)


def test_the_current_version_and_what_overrides_it(models, tmp_path, monkeypatch):
    found = registry({"AIIC_MODELS": str(tmp_path / "registry")})
    version = found.register(models).version
    environment = {"AIIC_MODELS": str(tmp_path / "registry")}
    assert role_dirs(environment)["models_dir"] == str(SHIPPED)
    found.release(version)
    dirs = role_dirs(environment)
    place = found.root / "versions" / version
    assert (dirs["ranker_dir"], dirs["calibration_dir"]) == (
        str(place / "ranker"),
        str(place / "calibration"),
    )
    assert dirs["discriminator_model"] == ""
    other = role_dirs(environment | {"AIIC_RANKER_DIR": "/r", "AIIC_ENCODER_MODEL": "any"})
    assert (other["ranker_dir"], other["calibration_dir"], other["encoder_model"]) == ("/r", "", "any")
    both = role_dirs(environment | {"AIIC_RANKER_DIR": "/r", "AIIC_CALIBRATION_DIR": "/c"})
    assert both["calibration_dir"] == "/c"
    monkeypatch.setenv("AIIC_MODELS", str(tmp_path / "registry"))
    assert default_config(Path("r"), precision=0.94).models_dir == str(place)


def test_sealing_from_the_command_line(models, monkeypatch, capsys):
    (models / MANIFEST).unlink()
    monkeypatch.setattr("sys.argv", ["seal_models", str(models), "--note", "new weights"])
    assert seal_main() == 0
    said = capsys.readouterr().out
    assert "calibration, discriminator, " in said and "ranker" in said
    card = (models / CARD).read_text("utf-8")
    assert "new weights" in card and NO_FIGURES in card
    (models / CARD).write_text(with_figures(card, "| F1 | .9 |"), "utf-8")
    reseal(models)
    assert figures_of((models / CARD).read_text("utf-8")) == "| F1 | .9 |"
    reseal(models / "ranker")
    assert not (models / "ranker" / MANIFEST).exists(), "only what was sealed before is sealed again"
    shutil.rmtree(models / "ranker")
    assert seal_main() == 1
    assert "holds no ranker" in capsys.readouterr().err
