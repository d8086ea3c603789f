"""The recogniser: semantic search, ranking, then discrimination of what is left open (paper section 4.2)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pipelines.library.answers import Answer, ItemAnswers, Usage
from pipelines.library.calibration import OperatingPoint
from pipelines.library.candidates import item_text
from pipelines.library.category import CategoryGuess, predict_category
from pipelines.library.discriminate import Discriminator
from pipelines.library.images import Eyes, ImageReader
from pipelines.library.keys import CategoryViews
from pipelines.library.open_pairs import BLIND, OpenPair, ask_discriminator, open_pairs
from pipelines.library.pairs import Floats, ItemPairs, encoded_text, item_pairs, similar_values
from pipelines.library.ranker import Ranker
from pipelines.library.recogniser import RecogniserConfig
from pipelines.library.resolve import resolve
from pipelines.library.scorer import EMPTY, KeyVectors, Scorer
from pipelines.ontology.release import Release
from schemas.image import ItemImages
from schemas.listing import Listing
from udfs.document import Document, document

Embed = Callable[[Sequence[str]], Awaitable[Floats]]


class Lender(Protocol):
    """Who lends answers of an item's last text, in place of asking the discriminator again."""

    def lent(self, item: ItemPairs) -> Mapping[int, Answer]:
        """Answers that still hold, by the key's place in the category."""

    def keep(self, item: ItemPairs, answers: Sequence[Answer]) -> None:
        """Remember what was said of an item."""


@dataclass
class S2D:
    """A `Recogniser` over one release, one ranker, one encoder and one discriminator.

    `embed` and `discriminator` are the two model servers; `close_all` ends their connections. `point`: from where on a
    value is stated; by default where the ranker says, uncalibrated. `images`: who reads images, None for nobody. `scorer`:
    the label-conditioned scorer, where the ranker learned with one. The first call checks that the encoder is the one
    that the release was made with. `lender`: who lends answers of untouched keys, None for nobody.
    """

    config: RecogniserConfig
    release: Release
    ranker: Ranker
    model: str
    encoder_id: str
    embed: Embed
    discriminator: Discriminator
    close_all: Callable[[], Awaitable[None]]
    point: OperatingPoint | None = None
    images: ImageReader | None = None
    scorer: Scorer | None = None
    lender: Lender | None = None
    views: CategoryViews = field(init=False)
    _keys: KeyVectors = field(init=False)
    _checked: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.views = CategoryViews(self.release.snapshot)
        self._keys = KeyVectors(self.embed)

    @property
    def ontology_version(self) -> str:
        """Version of the release that answers come from."""
        return self.release.version

    async def close(self) -> None:
        """Close connections."""
        await self.close_all()

    async def recognise(self, listings: Sequence[Listing]) -> tuple[list[ItemAnswers], Usage]:
        """Answers of N listings, same order. Errors: InferenceError, ModelMismatch."""
        usage = Usage()
        if not listings:
            return [], usage
        await self._check_encoder()
        images = await self._read_images(listings, usage)
        documents = [
            document(listing, images=found.texts) for listing, found in zip(listings, images, strict=True)
        ]
        started_s = time.perf_counter()
        vectors = await self.embed([encoded_text(found) for found in documents])
        usage.tokens["encoded_texts"] += len(listings)
        usage.seconds["encode"] += time.perf_counter() - started_s
        started_s = time.perf_counter()
        items, guesses = await asyncio.to_thread(self._search, listings, documents, vectors)
        usage.seconds["search"] += time.perf_counter() - started_s
        started_s = time.perf_counter()
        keys = await self._keys.of(item.category for item in items) if self.scorer else {}
        ranked = await asyncio.to_thread(self._rank, items, keys)
        usage.seconds["rank"] += time.perf_counter() - started_s
        eyes = self.images.eyes(images) if self.images else BLIND
        answers, opened = self._settle(items, ranked, usage, eyes)
        started_s = time.perf_counter()
        verdicts = await ask_discriminator(
            opened, self.discriminator, self.config, self.ranker.meta, self._point(), usage, eyes
        )
        usage.seconds["discriminate"] += time.perf_counter() - started_s
        for pair, answer in zip(opened, verdicts, strict=True):
            answers[pair.item][pair.key] = answer
            usage.pairs[answer.method] += 1
        if self.lender:
            for item, found in zip(items, answers, strict=True):
                self.lender.keep(item, found)
        return [
            ItemAnswers(item.listing.item_id, guess.category_id, guess.confidence, tuple(found))
            for item, guess, found in zip(items, guesses, answers, strict=True)
        ], usage

    async def ping(self) -> None:
        """Ask the discriminator for a token, where pairs may be left to it. Errors: as `recognise`."""
        meta = self.ranker.meta
        if self.config.discriminator == "all" or (
            self.config.discriminator == "cascade" and meta.open_low < meta.open_high
        ):
            await self.discriminator.complete("probe", 1)

    async def _read_images(self, listings: Sequence[Listing], usage: Usage) -> list[ItemImages]:
        if self.images is None:
            return [ItemImages() for _ in listings]
        started_s = time.perf_counter()
        found = await self.images.read_all(listings, usage)
        usage.seconds["images"] += time.perf_counter() - started_s
        return found

    def _point(self) -> OperatingPoint:
        return self.point or OperatingPoint(self.ranker.meta.threshold)

    async def _check_encoder(self) -> None:
        if not self._checked:
            probe = await self.embed([self.release.probe_text])
            self.release.check_encoder(self.encoder_id, probe[0])
            self._checked = True

    def _search(
        self, listings: Sequence[Listing], documents: Sequence[Document], vectors: Floats
    ) -> tuple[list[ItemPairs], list[CategoryGuess]]:
        """Candidates and features of all pairs. CPU only, so it runs beside the event loop, as `_rank` does."""
        items: list[ItemPairs] = []
        guesses: list[CategoryGuess] = []
        for number, (listing, found, vector) in enumerate(zip(listings, documents, vectors, strict=True)):
            guess = self._category(listing, found, vector)
            category = self.views.of(guess.category_id)
            similar = similar_values(self.release, category, vector, self.config.top_k)
            items.append(item_pairs(number, listing, found, category, similar, top_k=self.config.top_k))
            guesses.append(guess)
        return items, guesses

    def _rank(self, items: Sequence[ItemPairs], keys: Mapping[str, Floats]) -> list[list[Floats]]:
        """Probabilities of all candidates, by item and pair."""
        rows = [keys[item.category.category_id] if self.scorer else EMPTY for item in items]
        return self._rank_by(items, rows)

    def _rank_by(self, items: Sequence[ItemPairs], rows: Sequence[Floats]) -> list[list[Floats]]:
        """As `_rank`, each item with key vectors of its own. Shapes: one (keys, d) an item."""
        if self.scorer:
            for item, keys in zip(items, rows, strict=True):
                for pair, found in zip(item.pairs, self.scorer.logits(item, keys), strict=True):
                    pair.scores = found
        flat = self.ranker.probabilities([pair for item in items for pair in item.pairs])
        ranked: list[list[Floats]] = []
        for item in items:
            ranked.append(flat[: len(item.pairs)])
            flat = flat[len(item.pairs) :]
        return ranked

    def _category(self, listing: Listing, found: Document, vector: Floats) -> CategoryGuess:
        """The listing's own category where the ontology has it, else the predicted one."""
        if listing.category_id in self.release.snapshot.categories:
            return CategoryGuess(str(listing.category_id), 1.0)
        return predict_category(self.release, self.views, item_text(found), vector)

    def _settle(
        self,
        items: Sequence[ItemPairs],
        ranked: Sequence[Sequence[Floats]],
        usage: Usage,
        eyes: Mapping[int, Eyes] = BLIND,
    ) -> tuple[list[list[Answer]], list[OpenPair]]:
        """Answers of the ranker, and the pairs that the discriminator is to answer instead."""
        answers: list[list[Answer]] = []
        opened: list[OpenPair] = []
        for number, (item, found) in enumerate(zip(items, ranked, strict=True)):
            open_keys = open_pairs(number, item, found, self.config, self.ranker.meta, number in eyes)
            lent = self.lender.lent(item) if self.lender and open_keys else {}
            lent = {pair.key: lent[pair.key] for pair in open_keys if pair.key in lent}
            if lent:
                usage.pairs["lent"] += len(lent)
            open_keys = [pair for pair in open_keys if pair.key not in lent]
            opened += open_keys
            waiting = {pair.key for pair in open_keys}
            answers.append([])
            for key, (view, pair, p) in enumerate(zip(item.category.keys, item.pairs, found, strict=True)):
                answer = resolve(item.text.document, view, pair.candidates, p, self._point(), "ranker")
                answers[-1].append(lent.get(key, answer))
                if key not in waiting and key not in lent:
                    usage.pairs[answer.method] += 1
        return answers, opened
