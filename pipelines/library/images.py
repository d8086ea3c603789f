"""Images of listings in recognition (M10): loaded, their words read, and shown to a vision-language model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipelines.library.answers import Usage
from pipelines.library.discriminate import Discriminator
from schemas.image import IMAGES, ImageRefused, ImageSettings, ImageText, ItemImages, Picture, TextBox
from schemas.listing import Listing
from udfs.image_text import text_of

VISION_PROMPT_VERSION = "pictures-1"


class PictureLoader(Protocol):
    """What loads pictures (`infra.images.ImageLoader`)."""

    async def load(self, number: int, url: str) -> Picture:
        """The image at an address. Errors: ImageRefused."""

    async def close(self) -> None:
        """Close connections."""


class TextReader(Protocol):
    """What reads the words in a picture (`infra.ocr.Ocr`)."""

    async def read(self, picture: Picture) -> Sequence[TextBox]:
        """The words and their places."""


class VisionModel(Protocol):
    """What shows pictures to a vision-language model (`infra.vllm_vision.VisionClient`)."""

    def looking_at(self, pictures: Sequence[Picture]) -> Discriminator:
        """A discriminator that sees these pictures with every question."""


@dataclass(frozen=True, slots=True)
class Eyes:
    """A model that is shown an item's pictures, and the source field that evidence of what it sees names."""

    model: Discriminator
    source: str


@dataclass(frozen=True, slots=True)
class ImageReader:
    """Reads the images of listings; `ocr` is None where their words are not wanted."""

    settings: ImageSettings
    loader: PictureLoader
    ocr: TextReader | None = None
    vision: VisionModel | None = None

    async def read_all(self, listings: Sequence[Listing], usage: Usage) -> list[ItemImages]:
        """Images of N listings, same order. What cannot be used is counted by its reason, never raised."""
        gate = asyncio.Semaphore(max(1, self.settings.concurrency))
        found = await asyncio.gather(*[self._of_item(listing, gate) for listing in listings])
        for item in found:
            usage.tokens["images_read"] += len(item.pictures)
            for reason in item.refused:
                usage.tokens[f"images_refused_{reason}"] += 1
        return found

    def eyes(self, items: Sequence[ItemImages]) -> dict[int, Eyes]:
        """By position, who is shown the pictures of an item; empty where images are not to be shown."""
        if self.vision is None:
            return {}
        return {
            number: Eyes(self.vision.looking_at(item.pictures), _source(item.pictures))
            for number, item in enumerate(items)
            if item.pictures
        }

    async def _of_item(self, listing: Listing, gate: asyncio.Semaphore) -> ItemImages:
        async def one(number: int, url: str) -> tuple[Picture | None, ImageText | None, str]:
            async with gate:
                return await self._one(number, url)

        wanted = listing.image_urls[: self.settings.max_images]
        found = await asyncio.gather(*[one(number, url) for number, url in enumerate(wanted)])
        return ItemImages(
            pictures=tuple(picture for picture, _, _ in found if picture is not None),
            texts=tuple(text for _, text, _ in found if text is not None),
            refused=tuple(reason for _, _, reason in found if reason),
        )

    async def _one(self, number: int, url: str) -> tuple[Picture | None, ImageText | None, str]:
        try:
            picture = await self.loader.load(number, url)
        except ImageRefused as refused:
            return None, None, refused.reason
        if self.ocr is None:
            return picture, None, ""
        text = text_of(await self.ocr.read(picture))
        return picture, ImageText(number, text) if text else None, ""


def _source(pictures: Sequence[Picture]) -> str:
    """The field of the one picture, or of all where there are several: the model does not say which it means."""
    return f"{IMAGES}{pictures[0].number}" if len(pictures) == 1 else IMAGES.removesuffix(".")
