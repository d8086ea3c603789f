"""`aiic evaluate` and `aiic report`, from the command line to their files."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import jobs.recogniser
from jobs.cli import main
from pipelines.apps.recognise_set import CHUNK_ITEMS, EvaluationOptions, recognise_set
from pipelines.library.answers import Answer, ItemAnswers, Usage
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.snapshot import Snapshot
from schemas.inference import ServerUnavailable
from schemas.knowledge import Evidence
from schemas.listing import Listing
from schemas.report import RunReport

GOOD = {"category_id": "tea", "key_id": "form"}


class LongestValue:
    """Answers with the longest ontology value that the title holds: a recogniser that needs no server."""

    model = "longest-value-1"
    ontology_version = "v1"

    def __init__(self, ontology: Snapshot) -> None:
        self.ontology = ontology
        self.calls: list[int] = []
        self.closed = False

    async def recognise(self, listings: Sequence[Listing]) -> tuple[list[ItemAnswers], Usage]:
        self.calls.append(len(listings))
        usage = Usage()
        usage.tokens["requests"] += 1
        return [self._answers(listing) for listing in listings], usage

    async def close(self) -> None:
        self.closed = True

    def _answers(self, listing: Listing) -> ItemAnswers:
        answers = []
        for link in self.ontology.keys_of("tea"):
            found = sorted(
                (value for value in self.ontology.values_of(link) if value.text in listing.title),
                key=lambda value: -len(value.text),
            )[:1]
            spans = [(value, listing.title.index(value.text)) for value in found]
            evidence = tuple(Evidence(v.text, "title", at, at + len(v.text), v.text) for v, at in spans)
            values, ids = tuple(v.text for v in found), tuple(v.value_id for v in found)
            answers.append(Answer(link.key.key_id, values, ids, evidence, 0.9, "rule"))
        return ItemAnswers(listing.item_id, "tea", 1.0, tuple(answers))


def lines(path: Path, rows: Sequence[object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines(
        tmp_path / "ontology/categories.jsonl",
        [{"category_id": "tea", "name": "[bold]Tea", "parent_id": None}],
    )
    lines(
        tmp_path / "ontology/keys.jsonl",
        [GOOD | {"name": "Form", "description": "", "value_kind": "enumerated"}],
    )
    lines(
        tmp_path / "ontology/values.jsonl",
        [
            GOOD | {"value_id": str(n), "text": text, "frequency": 1}
            for n, text in enumerate(["loose leaf", "bags"])
        ],
    )
    titles = ["loose leaf tea", "tea bags", "tea", "iced tea", *["tea bags"] * 6]
    rows = [{"item_id": f"sku-{n}", "title": title, "category_id": "tea"} for n, title in enumerate(titles)]
    lines(tmp_path / "listings.jsonl", [*rows, {"item_id": "bad", "title": None}])
    gold = [["loose leaf"], ["bags"], ["bags"], [], *[["bags"]] * 6]
    lines(
        tmp_path / "gold.jsonl",
        [{"item_id": f"sku-{n}", "key_id": "form", "values": values} for n, values in enumerate(gold)],
    )
    return tmp_path


@pytest.fixture
def opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[Path, EvaluationOptions, LongestValue]]:
    """Every recogniser that the command opened, with what it was opened with."""
    found: list[tuple[Path, EvaluationOptions, LongestValue]] = []

    def open_it(ontology_dir: Path, options: EvaluationOptions) -> LongestValue:
        found.append((ontology_dir, options, LongestValue(load_interchange(ontology_dir))))
        return found[-1][2]

    monkeypatch.setattr(jobs.recogniser, "open_evaluation_recogniser", open_it)
    monkeypatch.setattr(jobs.recogniser, "EVALUATION_STORE", folder / "cache")
    return found


def arguments(folder: Path, *more: str) -> list[str]:
    files = ["--ontology", "ontology", "--listings", "listings.jsonl", "--gold", "gold.jsonl"]
    return ["evaluate", *(str(folder / part) if "-" not in part[:2] else part for part in files), *more]


def test_scores_a_set_and_writes_json_and_page(
    folder: Path,
    opened: list[tuple[Path, EvaluationOptions, LongestValue]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    out_json, out_html = folder / "out/scores.json", folder / "out/page.html"
    assert main(arguments(folder, "--json", str(out_json), "--report", str(out_html))) == 0
    scores = json.loads(out_json.read_text("utf-8"))
    assert (scores["precision"], scores["recall"], scores["pairs"]) == (1.0, 0.8889, 10)
    assert scores["per_key"]["form"]["false_negatives"] == 1
    assert scores["about"]["tokens"] == {"requests": 1}
    assert [case["item_id"] for case in scores["worst"]] == ["sku-2"]
    assert out_html.read_text("utf-8").startswith("<!doctype html>")
    shown = capsys.readouterr()
    assert "F1 0.9412" in shown.out
    assert "1 wrong_type" in shown.err
    ((ontology_dir, options, recogniser),) = opened
    assert (ontology_dir, options.discriminator, recogniser.closed) == (folder / "ontology", "cascade", True)


def test_split_answers_from_the_training_values_only(
    folder: Path,
    opened: list[tuple[Path, EvaluationOptions, LongestValue]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    out_json = folder / "scores.json"
    assert (
        main(
            arguments(folder, "--split", "held-out-fifth", "--json", str(out_json), "--discriminator", "off")
        )
        == 0
    )
    ((ontology_dir, options, recogniser),) = opened
    assert ontology_dir.parent == folder / "cache/ontologies"
    assert options.discriminator == "off"
    assert {v.text: v.frequency for s in recogniser.ontology.value_sets.values() for v in s.values} == {
        "loose leaf": 1,
        "bags": 6,
    }
    assert json.loads(out_json.read_text("utf-8"))["pairs"] == 2
    assert "the ontology has only the values that the other items' labels have" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "listings.jsonl").unlink(), "listings.jsonl: no such file"),
        (lambda folder: (folder / "listings.jsonl").write_text(""), "not a single record"),
        (lambda folder: (folder / "gold.jsonl").write_text("{"), "gold.jsonl:1: not_json"),
        (lambda folder: (folder / "ontology/keys.jsonl").unlink(), "missing_file"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_1(
    folder: Path, spoil: Callable[[Path], None], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(folder)
    assert main(arguments(folder)) == 1
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.out == ""


def test_a_place_that_cannot_be_written_is_known_before_the_work(
    folder: Path,
    opened: list[tuple[Path, EvaluationOptions, LongestValue]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(arguments(folder, "--json", str(folder / "ontology"))) == 1
    assert main(arguments(folder, "--report", str(folder / "gold.jsonl" / "page.html"))) == 1
    assert opened == []
    assert "is a folder" in capsys.readouterr().err
    assert (folder / "gold.jsonl").is_file()


def test_a_dead_server_is_one_message_exit_code_1_and_no_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Dead(LongestValue):
        async def recognise(self, listings: Sequence[Listing]) -> tuple[list[ItemAnswers], Usage]:
            raise ServerUnavailable("encoder: connection refused; is `./aiic up` running?")

    dead = Dead(load_interchange(folder / "ontology"))
    monkeypatch.setattr(jobs.recogniser, "open_evaluation_recogniser", lambda *_: dead)
    assert main(arguments(folder, "--json", str(folder / "scores.json"))) == 1
    assert "connection refused" in capsys.readouterr().err
    assert not (folder / "scores.json").exists()
    assert dead.closed


async def _recognise(recogniser: LongestValue, count: int, told: list[tuple[int, int]]) -> list[str]:
    listings = [Listing(f"sku-{n}", "t") for n in range(count)]
    answers, usage = await recognise_set(recogniser, listings, lambda done, total: told.append((done, total)))
    assert usage.tokens["requests"] == len(recogniser.calls)
    return [answer.item_id for answer in answers]


def test_a_large_set_goes_in_chunks_and_keeps_its_order() -> None:
    import asyncio

    recogniser = LongestValue(Snapshot("v", {}, {}, {}))
    recogniser.ontology.categories["tea"] = None  # type: ignore[index]
    told: list[tuple[int, int]] = []
    count = 2 * CHUNK_ITEMS + 3
    recogniser._answers = lambda listing: ItemAnswers(listing.item_id, "", 1.0, ())  # type: ignore[method-assign]
    assert asyncio.run(_recognise(recogniser, count, told)) == [f"sku-{n}" for n in range(count)]
    assert sorted(recogniser.calls) == [3, CHUNK_ITEMS, CHUNK_ITEMS]
    assert told[0] == (0, count)
    assert told[-1] == (count, count)


def test_report_renders_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = RunReport.CONTRACT.valid.value  # type: ignore[attr-defined]
    (tmp_path / "report.json").write_text(json.dumps(example))
    assert main(["report", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "report.html")
    assert "Run 2026-11-01" in (tmp_path / "report.html").read_text("utf-8")
    assert main(["report", str(tmp_path / "report.json"), "--out", str(tmp_path / "other.html")]) == 0
    assert (tmp_path / "other.html").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no such report"), ("{", "not the report of a run"), ('{"run_id": "r"}', "missing_field: day")],
)
def test_report_of_no_run_is_one_message(
    tmp_path: Path, content: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    assert main(["report", str(tmp_path)]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()
