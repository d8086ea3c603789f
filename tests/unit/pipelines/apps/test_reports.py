"""Pages: one file, everything from listings escaped, evidence marked."""

import base64
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from pipelines.apps import pictures
from pipelines.apps.evaluation import score
from pipelines.apps.evaluation_report import render_evaluation
from pipelines.apps.evidence_view import marked, marked_fields, places_of
from pipelines.apps.gate_report import gate_json, render_gate
from pipelines.apps.page import Bar, Html, bars, fill, join, page, table
from pipelines.apps.run_report import render_run_report
from pipelines.library.answers import Answer, ItemAnswers
from pipelines.models.gate import GateRules, PairResult, decide
from pipelines.ontology.snapshot import Snapshot
from schemas.gold import GoldPair
from schemas.knowledge import Evidence
from schemas.listing import Listing
from schemas.ontology import Category
from schemas.parse import parse_record
from schemas.report import CategoryCoverage, ProgressPoint, RunReport
from udfs.document import field_text

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>{title}'&amp;"
OWN_TAGS = {
    "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "section", "div", "table",
    "tr", "th", "td", "b", "span", "img", "mark", "code",
}  # fmt: skip
OWN_ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "style", "title", "src", "alt"}


class Reader(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.sources: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_harmless(text: str) -> Reader:
    found = Reader(text)
    assert found.tags <= OWN_TAGS
    assert found.attributes <= OWN_ATTRIBUTES
    assert all(source.startswith("data:image/svg+xml;base64,") for source in found.sources)
    assert "default-src 'none'" in text
    return found


def hostile_evaluation() -> str:
    title = f"Green {HOSTILE}"
    listing = Listing(
        "<b>id</b>", title, f"<p>{HOSTILE}</p>", category_id=HOSTILE, attributes={HOSTILE: HOSTILE}
    )
    evidence = (
        Evidence("green", "title", 0, 5, "Green"),
        Evidence("x", f"attributes.{HOSTILE}", 2, 10, HOSTILE[2:10]),
        Evidence("x", "nowhere", 0, 1, "x"),
        Evidence("x", "description", 5, 10**9, "x"),
    )
    answers = [
        ItemAnswers(
            listing.item_id,
            HOSTILE,
            1.0,
            (Answer(HOSTILE, (HOSTILE, "green"), ("", ""), evidence, 0.9, "rule"),),
        )
    ]
    gold = [GoldPair(listing.item_id, HOSTILE, ("green",)), GoldPair(listing.item_id, "<i>", (HOSTILE,))]
    ontology = Snapshot("v", {HOSTILE: Category(HOSTILE, HOSTILE)}, {}, {})
    found = score(gold, answers, [listing], ontology)
    return render_evaluation(
        found, {listing.item_id: listing}, {HOSTILE: HOSTILE}, {"what": HOSTILE, "x": "y"}
    )


def test_evaluation_page_of_hostile_listings_is_harmless_and_shows_them() -> None:
    found = assert_harmless(hostile_evaluation())
    assert found.text.count(HOSTILE) >= 6
    assert len(found.sources) == 2


def test_evaluation_page_marks_the_evidence() -> None:
    assert "<mark>Green</mark>" in hostile_evaluation()


def test_evaluation_page_shows_both_reliabilities() -> None:
    gold = [GoldPair("a", "k", ("x",)), GoldPair("a", "l", ())]
    answers = [ItemAnswers("a", "c", 1.0, (Answer("k", ("x",), ("",), (), 0.9, "ranker"), Answer("l", (), (), (), 0.8, "ranker")))]  # fmt: skip
    found = score(gold, answers, [], Snapshot("v", {}, {}, {}))
    page_ = assert_harmless(render_evaluation(found, {}, {}, {}))
    assert len(page_.sources) == 3
    assert "Expected calibration error of all 2 claims: 0.150 over 15 bins of equal width" in page_.text


def test_gate_page_of_hostile_names_is_harmless_and_shows_the_decision() -> None:
    pairs = [PairResult(HOSTILE, f"f{n}", HOSTILE, 1, 0, 0) for n in range(40)]
    worse = [PairResult(HOSTILE, f"f{n}", HOSTILE, int(n > 9), int(n <= 9), 0) for n in range(40)]
    verdict = decide(pairs, worse, GateRules(resamples=50))
    found = assert_harmless(render_gate(verdict, {"candidate": HOSTILE, "sets": HOSTILE}))
    assert found.text.count(HOSTILE) >= 4
    assert "is refused" in found.text and "1 of 1 keys (100.0 %) lose more than 5 points" in found.text
    stated = gate_json(verdict, {"candidate": "c"})
    assert (stated["passed"], stated["keys_lost"], stated["keys"][0]["after"]) == (False, 1, 0.75)
    passed = render_gate(decide(pairs, pairs, GateRules(resamples=50)), {"candidate": "c"})
    assert "Every rule is kept." in assert_harmless(passed).text


def test_evaluation_page_of_nothing() -> None:
    empty = score([], [], [], Snapshot("v", {}, {}, {}))
    text = assert_harmless(render_evaluation(empty, {}, {}, {})).text
    assert text.count("Nothing was predicted.") == 2
    assert "Not judged: the labels name only what is stated" in text
    assert "merchants state none" in text


def run_report(**changes: object) -> RunReport:
    example = parse_record(RunReport, RunReport.CONTRACT.valid.value)  # type: ignore[attr-defined]
    return RunReport(**({name: getattr(example, name) for name in RunReport.__slots__} | changes))  # type: ignore[attr-defined]


def test_run_report_shows_figures() -> None:
    text = Reader(render_run_report(run_report(started_ms=0, finished_ms=3_725_000))).text
    for said in (
        "1970-01-01 00:00:00 to 1970-01-01 01:02:05 UTC · 1 h 2 min 5 s",
        "590 item-key pairs",
        "75.0 % of the prompt came from the cache; 640 triples.",
        "61.6 % of 990 pairs · 99 items · 6.46 triples per item",
        "wrong type",
        "discriminator",
    ):
        assert said in text
    assert re.search(r"Pairs a second\s*14\.8", text), "590 pairs in 40 s"
    assert re.search(r"Tokens per triple\s*19\.2", text), "12,300 tokens for 640 triples"


def test_a_run_that_asked_no_model_says_so() -> None:
    text = Reader(render_run_report(run_report(tokens={"encoded_texts": 3}))).text
    assert "No prompt was sent; 640 triples." in text
    assert "of the prompt came from the cache" not in text


def test_run_report_shows_who_answered_what_it_cost_and_who_waited() -> None:
    tokens = {"prompt_tokens": 100, "server_prefix_hits": 30, "server_prefix_queries": 120}
    page = render_run_report(run_report(tokens=tokens))
    found = assert_harmless(page)
    for said in (
        "The model server found 25.0 % of 120 prompt tokens in its prefix cache.",
        "500 · 50.5 %",
        "The first 1 chunks",
        "0.0625",
        "1.56e-06",
    ):
        assert said in found.text, said
    assert len(found.sources) == 3, "stages, flow, confidence; the throughput has too few points"
    silent = Reader(render_run_report(run_report(timeline=(), ledger=()))).text
    assert "The model server counted no prefix" in silent
    assert "Flow" not in silent and "Ledger" not in silent


def test_run_report_of_hostile_names_is_harmless() -> None:
    report = run_report(
        run_id=HOSTILE,
        coverage=(CategoryCoverage("c", 1, 2, 1, 1, HOSTILE),),
        rejects={HOSTILE: 1},
        versions={HOSTILE: HOSTILE},
        notes=(HOSTILE,),
        methods={HOSTILE: 3},
    )
    assert assert_harmless(render_run_report(report)).text.count(HOSTILE) >= 6


def test_run_report_of_an_empty_run() -> None:
    found = assert_harmless(render_run_report(RunReport("r", "2026-11-01", 0, 0, {}, {}, {}, {})))
    assert "No item was recognised." in found.text
    assert found.sources == []


def test_throughput_is_a_rate_over_equal_spans() -> None:
    from pipelines.apps.run_report import _rates

    steady = tuple(ProgressPoint(float(at), 4 * at, 0) for at in (0, 1, 3, 6, 10))
    assert _rates(steady) == [(pytest.approx(at), pytest.approx(4.0)) for at in (1.25, 3.75, 6.25, 8.75)]
    assert _rates(steady[:2]) == []
    assert _rates((ProgressPoint(1.0, 1, 1),) * 5) == []


def test_pictures_are_svg_and_equal_figures_give_equal_pictures() -> None:
    def drawn() -> list[str]:
        return [
            pictures.line_picture([0, 1], [1, 2], "x", "y"),
            pictures.histogram_picture([1, 2, 3], "x", "y"),
            pictures.bar_picture(["a", "b"], [1, 2], "x"),
            pictures.precision_recall_picture([0.1, 0.5], [1, 0.9], (0.5, 0.9)),
            pictures.reliability_picture([0.5], [0.4], [3]),
        ]

    first = drawn()
    assert first == drawn()
    for uri in first:
        svg = ElementTree.fromstring(base64.b64decode(uri.removeprefix("data:image/svg+xml;base64,")))
        assert svg.tag.endswith("svg")


def test_fill_escapes_all_but_markup_and_takes_no_names_from_values() -> None:
    assert fill("<b>{x}</b>{y}", x="<{y}>", y=Html("<br>")) == "<b>&lt;{y}&gt;</b><br>"
    assert fill('<a title="{x}">', x="\"'") == '<a title="&quot;&#x27;">'
    assert join(["<", Html("<br>")], "") == "&lt;<br>"


def test_parts_keep_numbers_and_names_apart() -> None:
    assert table(["k"], [["<x>"]], numbers=[0]).count('class="number"') == 2
    assert "width:100.0%" in bars([Bar("a", 7.0, "n")])
    assert "width:0.0%" in bars([Bar("a", -1.0, "n")])
    assert page("<t>", []).count("&lt;t&gt;") == 1


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(0, 2)], "<mark>绿茶</mark> &lt;b&gt;🍵 tea"),
        ([(6, 7)], "绿茶 &lt;b&gt;<mark>🍵</mark> tea"),
        ([(0, 4), (2, 6)], "<mark>绿茶 &lt;b&gt;</mark>🍵 tea"),
        ([(8, 99), (-5, 1)], "<mark>绿</mark>茶 &lt;b&gt;🍵 <mark>tea</mark>"),
        ([(5, 5), (50, 60)], "绿茶 &lt;b&gt;🍵 tea"),
    ],
)
def test_spans_count_code_points_and_may_overlap(spans: list[tuple[int, int]], expected: str) -> None:
    assert marked("绿茶 <b>🍵 tea", spans) == expected


def test_long_text_is_cut_around_its_marks() -> None:
    text = "a" * 1000 + "MARK" + "b" * 1000 + "SIGN" + "c" * 1000
    found = marked(text, [(1000, 1004), (2004, 2008)])
    assert found.startswith("… aaa")
    assert "<mark>MARK</mark>bbb" in found
    assert "bbb … bbb" in found
    assert found.endswith("ccc …")
    assert len(found) < 700


def test_places_of_values_word_for_word() -> None:
    listing = Listing(
        "i", "Stainless  STEEL (304)", "a pot of (304) steel", attributes={"material": "stainless steel"}
    )
    found = [
        (p.value, p.source_field, p.words)
        for p in places_of(listing, ["stainless steel", "(304)", " ", "iron"])
    ]
    assert found == [
        ("stainless steel", "title", "Stainless  STEEL"),
        ("stainless steel", "attributes.material", "stainless steel"),
        ("(304)", "title", "(304)"),
        ("(304)", "description", "(304)"),
    ]


def test_fields_that_evidence_may_name() -> None:
    listing = Listing("i", "t", "d", brand="b", attributes={"a.b": "c"})
    names = ("title", "description", "brand", "attributes.a.b", "attributes.z", "item_id")
    assert [field_text(name, listing) for name in names] == ["t", "d", "b", "c", None, None]
    assert "<code>title</code> t" in marked_fields(listing, ())
