"""`aiic model`, from the command line: what is listed, compared, released, refused, forced and taken back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

import jobs.models
import jobs.recogniser
from jobs.cli import main
from pipelines.apps.recognise_set import EvaluationOptions
from pipelines.library.answers import Answer, ItemAnswers, Usage
from pipelines.library.ranker import RankerDamaged
from pipelines.models.model_set import CARD, Facts, open_set, seal
from pipelines.models.model_set_card import BEGIN, END, set_card
from pipelines.ontology.interchange import load_interchange
from schemas.listing import Listing

FACTS = Facts({"encoder": "e", "discriminator": "d"}, "pick-2", 1)
COLOURS = ("red", "blue", "green")


def colour(number: int) -> str:
    return COLOURS[number % 3]


class Taught:
    """Knows a share of the items, as its weights say: "knows 90" is wrong about every tenth."""

    ontology_version = "v1"

    def __init__(self, folder: Path, options: EvaluationOptions) -> None:
        self.options = options
        self.model = (folder / "ranker/boosted.txt").read_text("utf-8")
        self.wrong_every = 0 if self.model == "knows all" else round(100 / (100 - int(self.model.split()[1])))

    async def recognise(self, listings: Sequence[Listing]) -> tuple[list[ItemAnswers], Usage]:
        return [self._item(listing) for listing in listings], Usage()

    async def close(self) -> None:
        pass

    def _item(self, listing: Listing) -> ItemAnswers:
        number = int(listing.item_id)
        is_wrong = self.wrong_every and number % self.wrong_every == 0
        said = colour(number + 1) if is_wrong else colour(number)
        return ItemAnswers(
            listing.item_id, "mugs", 1.0, (Answer("colour", (said,), ("",), (), 0.9, "ranker"),)
        )


def models(folder: Path, weights: str, **more: str) -> Path:
    for name, text in {"ranker/boosted.txt": weights, "discriminator/adapter.bin": "d", **more}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def lines(path: Path, rows: Sequence[object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout that ships models, a labelled set, and a recogniser that needs no server."""
    key = {"category_id": "mugs", "key_id": "colour"}
    data = tmp_path / "data"
    lines(data / "ontology/categories.jsonl", [{"category_id": "mugs", "name": "Mugs", "parent_id": None}])
    lines(
        data / "ontology/keys.jsonl",
        [key | {"name": "Colour", "description": "", "value_kind": "enumerated"}],
    )
    lines(
        data / "ontology/values.jsonl",
        [key | {"value_id": text, "text": text, "frequency": 9} for text in COLOURS],
    )
    numbers = range(1_000)
    rows = [{"item_id": str(n), "title": f"A {colour(n)} mug, {n}", "category_id": "mugs"} for n in numbers]
    lines(data / "listings.jsonl", rows)
    lines(
        data / "gold.jsonl", [{"item_id": str(n), "key_id": "colour", "values": [colour(n)]} for n in numbers]
    )
    shipped = models(tmp_path / "shipped", "knows 90")
    sealed = seal(shipped, FACTS, datetime(2026, 11, 1, tzinfo=UTC), "the first")
    (shipped / CARD).write_text(set_card(sealed), "utf-8")

    def open_it(ontology_dir: Path, options: EvaluationOptions) -> Taught:
        load_interchange(ontology_dir)
        return Taught(Path(options.models_dir), options)

    monkeypatch.setattr(jobs.recogniser, "open_evaluation_recogniser", open_it)
    monkeypatch.setattr(jobs.recogniser, "EVALUATION_STORE", tmp_path / "cache")
    monkeypatch.setattr(jobs.models, "SHIPPED", shipped)
    monkeypatch.setenv("AIIC_MODELS", str(tmp_path / "registry"))
    return tmp_path


def release(home: Path, weights: str, *more: str, **files: str) -> int:
    folder = models(home / f"candidate {weights}", weights, **files)
    return main(["model", "release", str(folder), "--sets", str(home / "data"), *more])


def current(home: Path) -> str:
    return (jobs.models.registry().current_folder() / "ranker/boosted.txt").read_text("utf-8")


def test_a_better_candidate_is_released_and_taken_back(home, capsys):
    assert release(home, "knows 98") == 0
    assert current(home) == "knows 98"
    shown = capsys.readouterr().out
    assert "| candidate | 0.9" in shown and "released: " in shown
    assert main(["model", "rollback", "--why", "the shop complained"]) == 0
    assert current(home) == "knows 90"
    assert main(["model", "list"]) == 0
    listed = capsys.readouterr().out
    assert "rolled back" in listed and "because the shop complained" in listed
    assert main(["model", "rollback"]) == 1
    assert "nothing to roll back to" in capsys.readouterr().err


def test_a_worse_candidate_is_refused_with_its_reasons_and_reports(home, capsys):
    assert release(home, "knows 75") == 1
    assert current(home) == "knows 90"
    shown = capsys.readouterr()
    assert "refused: precision falls from 0.8950 to 0.7150" in shown.out
    assert "keys (100.0 %) lose more than 5 points" in shown.out.replace("\n", " ")
    (report,) = (home / "registry/reports").glob("*.json")
    found = json.loads(report.read_text("utf-8"))
    assert (found["passed"], found["keys_judged"], found["keys_lost"]) == (False, 1, 1)
    assert found["changes"][0]["name"] == "precision"
    assert "is refused" in report.with_suffix(".html").read_text("utf-8")
    (event,) = jobs.models.registry().history()
    assert event.action == "refused"


def test_force_needs_a_reason_which_is_kept(home, capsys):
    assert release(home, "knows 75", "--force") == 1
    assert "--force needs --why" in capsys.readouterr().err
    assert release(home, "knows 75", "--force", "--why", "the other one leaks") == 0
    (event,) = jobs.models.registry().history()
    assert (event.forced, event.why, event.gate["passed"]) == (True, "the other one leaks", False)
    assert current(home) == "knows 75"


def test_a_candidate_takes_the_roles_that_it_lacks_from_the_current_version(home):
    (home / "candidate knows 98/discriminator").mkdir(parents=True)
    folder = models(home / "candidate knows 98", "knows 98")
    (folder / "discriminator/adapter.bin").unlink()
    assert main(["model", "release", str(folder), "--sets", str(home / "data")]) == 0
    found = jobs.models.registry().current()
    assert (found.folder / "discriminator/adapter.bin").read_text() == "d"
    assert set(found.parts) == {"ranker", "discriminator"}


def test_a_calibration_is_not_inherited_by_another_ranker(home, capsys):
    shipped = models(home / "shipped", "knows 90", **{"calibration/calibration.json": "{}"})
    seal(shipped, FACTS, datetime(2026, 11, 1, tzinfo=UTC))
    assert release(home, "knows 98") == 0
    assert "calibration" not in jobs.models.registry().current().parts
    assert "has a ranker but no calibration" in capsys.readouterr().err


def test_the_same_weights_are_no_release(home, capsys):
    assert main(["model", "release", "current", "--sets", str(home / "data")]) == 1
    assert "is the current version already" in capsys.readouterr().err


def test_candidate_servers_are_asked_for_the_candidate_alone(home, monkeypatch):
    opened: list[EvaluationOptions] = []

    def open_it(_folder: Path, options: EvaluationOptions) -> Taught:
        opened.append(options)
        return Taught(Path(options.models_dir), options)

    monkeypatch.setattr(jobs.recogniser, "open_evaluation_recogniser", open_it)
    assert release(home, "knows 98", "--discriminator-url", "http://127.0.0.1:1/v1") == 0
    assert [options.discriminator_url for options in opened] == ["", "http://127.0.0.1:1/v1"]


def test_a_version_beside_the_floor_and_the_previous_release(home, capsys):
    release(home, "knows 98")
    capsys.readouterr()
    out = home / "table.md"
    words = ["--sets", str(home / "data"), "--compare", "floor", "previous", "--markdown", str(out), "--card"]
    assert main(["model", "evaluate", *words, "--json", str(home / "all.json")]) == 0
    rows = [line.split(" | ") for line in out.read_text("utf-8").splitlines() if line.startswith("| ")]
    names, f1 = [row[0].strip("| ") for row in rows], [row[3] for row in rows]
    assert names[:2] == ["who", "floor"]
    assert names[2].startswith("previous (") and names[3].startswith("this (")
    assert f1[1] == "1.000", "the words are in every title"
    assert float(f1[2]) < float(f1[3])
    found = json.loads((home / "all.json").read_text("utf-8"))
    assert [one["evaluation"]["pairs"] for one in found] == [200, 200, 200]
    card = (jobs.models.registry().current_folder() / CARD).read_text("utf-8")
    assert out.read_text("utf-8").strip() in card[card.index(BEGIN) : card.index(END)]
    open_set(jobs.models.registry().current_folder())  # the card is not part of what is sealed
    capsys.readouterr()
    assert main(["model", "show"]) == 0
    assert "| floor | 1.000" in capsys.readouterr().out


def test_a_contender_that_cannot_answer_is_told_in_its_row(home, monkeypatch, capsys):
    def open_it(_folder: Path, options: EvaluationOptions) -> Taught:
        if "shipped" in options.models_dir:
            raise RankerDamaged("features 1, this program makes 2")
        return Taught(Path(options.models_dir), options)

    main(["model", "register", str(models(home / "new", "knows 98"))])
    monkeypatch.setattr(jobs.recogniser, "open_evaluation_recogniser", open_it)
    version = next(one.version for one in jobs.models.registry().versions() if not one.is_shipped)
    words = ["--sets", str(home / "data"), "--compare", "shipped"]
    assert main(["model", "evaluate", version, *words]) == 0
    assert "| features 1, this program makes 2 |" in capsys.readouterr().out
    assert main(["model", "evaluate", "shipped", *words]) == 1, "the version itself has no figures"
    capsys.readouterr()
    assert main(["model", "release", version, "--sets", str(home / "data")]) == 1
    assert "a comparison needs both versions; current: features 1" in capsys.readouterr().err


def test_some_families_are_the_same_each_time(home, capsys):
    words = [
        "model",
        "evaluate",
        "--sets",
        str(home / "data"),
        "--families",
        "20",
        "--json",
        str(home / "o.json"),
    ]
    counts = []
    for _ in range(2):
        assert main(words) == 0
        counts.append(
            (home / "o.json").read_text("utf-8").split('"pairs_per_s"')[1].split("about")[0][-3000:]
        )
    found = json.loads((home / "o.json").read_text("utf-8"))
    assert found[0]["evaluation"]["pairs"] == 20
    assert counts[0].split('"evaluation"')[1] == counts[1].split('"evaluation"')[1]


def test_an_exported_version_is_whole_and_the_rest_of_the_folder_stays(home, capsys):
    release(home, "knows 98")
    (home / "repo").mkdir()
    (home / "repo/notes.txt").write_text("ours")
    models(home / "repo", "old", **{"discriminator/left.bin": "x"})
    assert main(["model", "export", "current", str(home / "repo")]) == 0
    assert open_set(home / "repo").version == jobs.models.registry().current().version
    assert not (home / "repo/discriminator/left.bin").exists()
    assert (home / "repo/notes.txt").read_text() == "ours"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "nonsense"], "names no version"),
        (["evaluate", "--sets", "absent"], "absent"),
        (["evaluate", "--sets", "data", "--compare", "base"], "--base-url"),
        (["evaluate", "--sets", "data", "--compare", "previous"], "nothing was released yet"),
        (["release", "empty", "--sets", "data"], "no folder with weights"),
    ],
)
def test_a_slip_is_one_message(words, said, home, capsys, monkeypatch):
    monkeypatch.chdir(home)
    (home / "empty").mkdir()
    assert main(["model", *words]) == 1
    assert said in capsys.readouterr().err


FAKE_CHECKOUT = {
    "jobs/recogniser.py": """
from pipelines.library.answers import Answer, ItemAnswers

class Old:
    model = "old program"

    async def recognise(self, listings):
        found = [ItemAnswers(one.item_id, "mugs", 1.0, (Answer("colour", ("red",), ("",), 0.9, "ranker"),)) for one in listings]
        return found, None

    async def close(self):
        pass

def open_evaluation_recogniser(folder, options):
    if options.discriminator == "all":
        raise SystemExit("no server here")
    return Old()
""",
    "pipelines/apps/recognise_set.py": """
from collections import namedtuple

EvaluationOptions = namedtuple("EvaluationOptions", "discriminator")

async def recognise_set(recogniser, listings, report):
    return await recogniser.recognise(listings)
""",
    "pipelines/library/answers.py": """
from dataclasses import dataclass

@dataclass
class Answer:
    key_id: str
    values: tuple
    value_ids: tuple
    confidence: float
    method: str

@dataclass
class ItemAnswers:
    item_id: str
    category_id: str
    category_confidence: float
    answers: tuple
""",
    "pipelines/tunnel/intake.py": """
import json
from schemas.shard import ShardItem

def read_listings(paths, now_ms, default_event_ms):
    return [ShardItem(json.loads(line)) for line in open(paths[0])]
""",
    "schemas/shard.py": """
class ShardItem:
    def __init__(self, row):
        self.listing = self
        self.item_id = row["item_id"]
""",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """An earlier program, with records of another form and an interface that both have."""
    for name, text in FAKE_CHECKOUT.items():
        (tmp_path / "old" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "old" / name).write_text(text, "utf-8")
    return tmp_path / "old"


def test_an_earlier_program_answers_by_its_own_code(home, checkout, capsys):
    words = ["--sets", str(home / "data"), "--checkout", str(checkout)]
    assert main(["model", "evaluate", *words, "--discriminator", "off"]) == 0
    shown = capsys.readouterr().out
    reds = sum(colour(int(row["item_id"])) == "red" for row in held_out_rows(home)) / 200
    assert f"| checkout old | {reds:.3f} | {reds:.3f} |" in shown
    assert "- checkout old: old program" in shown
    assert main(["model", "evaluate", *words, "--discriminator", "all"]) == 0
    assert "no server here" in capsys.readouterr().out


def held_out_rows(home: Path) -> list[dict[str, str]]:
    from jobs.model.contest import held_out

    return [{"item_id": listing.item_id} for listing in held_out(home / "data").listings]


def test_a_candidate_is_judged_against_an_earlier_program(home, checkout, capsys):
    words = ["--current-checkout", str(checkout), "--discriminator", "off"]
    assert release(home, "knows 75", *words) == 0, (
        "an earlier program that says red of everything is easily beaten"
    )
    assert current(home) == "knows 75"
