"""Reads a labelled interchange folder (listings, gold, ontology) for training and its evaluation."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from pipelines.library.keys import CategoryView, CategoryViews
from pipelines.models.labelled import LabelledSet, PseudoLabels, labelled_set
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.snapshot import Snapshot
from schemas.listing import Listing
from udfs.split import split_fifth

TOP_K = 10
ONTOLOGIES = Path("build/sft/ontologies")


@dataclass(frozen=True, slots=True)
class Source:
    """An interchange folder as it is: what of it is labelled, and which items are held out."""

    name: str
    snapshot: Snapshot
    listings: Sequence[Listing]
    gold: Mapping[str, Mapping[str, Sequence[str]]]
    held_out: frozenset[str]


def read_source(folder: Path) -> Source:
    """Read a folder in the interchange form; one without gold.jsonl is unlabelled. Errors: OSError, OntologyRefused, ValueError."""
    known = {one.name for one in fields(Listing)}
    listings = [
        Listing(**{name: value for name, value in json.loads(line).items() if name in known})
        for line in (folder / "listings.jsonl").open(encoding="utf-8")
    ]
    gold: dict[str, dict[str, list[str]]] = defaultdict(dict)
    labels = folder / "gold.jsonl"
    for line in labels.open(encoding="utf-8") if labels.exists() else ():
        row = json.loads(line)
        gold[row["item_id"]][row["key_id"]] = row["values"]
    held_out = frozenset(item.item_id for item in split_fifth(listings)[1])
    return Source(folder.absolute().name, load_interchange(folder / "ontology"), listings, gold, held_out)


def read_labelled_set(folder: Path, pseudo: PseudoLabels | None = None) -> LabelledSet:
    """Read a folder and split it, with a reference model's labels where gold says nothing. Errors: as `read_source`."""
    found = read_source(folder)
    return labelled_set(found.name, found.snapshot, found.listings, found.gold, found.held_out, pseudo)


def with_search(
    labelled: LabelledSet, encoder_url: str | None = None, listings: Sequence[Listing] = ()
) -> LabelledSet:
    """The set with the encoder's search for candidates, over a release of what its training items state.

    `listings`: more to be searched for than the labelled ones.
    Errors: those of the encoder, which must be up, and of releases.
    """
    return asyncio.run(_with_search(labelled, encoder_url, listings))


async def _with_search(
    labelled: LabelledSet, encoder_url: str | None, listings: Sequence[Listing]
) -> LabelledSet:
    from infra.faiss import FaissSearch
    from infra.vllm import EncoderClient
    from jobs.recogniser import default_config, released
    from pipelines.apps.split_ontology import cached_interchange
    from pipelines.library.pairs import encoded_text, similar_values
    from pipelines.ontology.release import open_release
    from udfs.document import document

    url = encoder_url or default_config(Path()).encoder_url
    folder = cached_interchange(labelled.views.snapshot, ONTOLOGIES)
    release = open_release(await released(folder, url), FaissSearch())
    searched = dict(labelled.listings) | {one.item_id: one for one in listings}
    async with EncoderClient(url) as encoder:
        found = await encoder.embed([encoded_text(document(one)) for one in searched.values()])
    vectors = dict(zip(searched, found, strict=True))

    def similar(item_id: str, view: CategoryView) -> Sequence[Mapping[int, float]]:
        return similar_values(release, view, vectors[item_id], TOP_K)

    # Positions that the search finds are those of the release's values.
    return replace(labelled, views=CategoryViews(release.snapshot), similar=similar)
