"""A listing's images on their way through recognition: where they may come from, what was read of them, why not."""

from __future__ import annotations

from dataclasses import dataclass

IMAGES = "images."
"""Evidence found in the text of image N names its source field `images.N`; N counts from 0 in `image_urls`."""

OFF, OCR, VISION, BOTH = "off", "ocr", "vision", "both"
IMAGE_MODES = (OFF, OCR, VISION, BOTH)


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """Whether images are used, where they may come from and how large they may be. Picklable and JSON-able.

    mode: "ocr" reads the words in images on CPU, "vision" shows images to a vision-language model, "both" does both.
    `folder`: `file:` images are read below it only; empty: none. `hosts`: hosts whose http(s) images are read, as
    `img.example`, `*.cdn.example`, or `*` for any; empty: none. A host of `hosts` that resolves to a private address is
    refused unless `private_hosts` names it, too. Units: pixels, bytes, seconds.
    """

    mode: str = OFF
    vision_url: str = ""
    vision_model: str = "vision"
    folder: str = ""
    hosts: tuple[str, ...] = ()
    private_hosts: tuple[str, ...] = ()
    cache_dir: str = ""
    max_images: int = 4
    max_bytes: int = 8 << 20
    max_pixels: int = 40_000_000
    max_side: int = 1_600
    timeout_s: float = 10.0
    concurrency: int = 4

    @property
    def reads_text(self) -> bool:
        """Whether the words in images are read."""
        return self.mode in (OCR, BOTH)

    @property
    def shows_images(self) -> bool:
        """Whether images are shown to a vision-language model."""
        return self.mode in (VISION, BOTH)


NO_IMAGES = ImageSettings()


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of a listing, checked, turned upright, made small and written anew, so that nothing else is in it.

    `number`: its place in `image_urls`. `digest`: of the bytes that were received.
    """

    number: int
    digest: str
    media_type: str
    content: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class TextBox:
    """Words that were read at one place of an image; the place as (left, top, right, bottom) in pixels."""

    text: str
    score: float
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class ImageText:
    """The words of one image, one printed line a line. Evidence offsets count code points of `text`."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class ItemImages:
    """What became of one listing's images. `refused`: a reason code for each that could not be used."""

    pictures: tuple[Picture, ...] = ()
    texts: tuple[ImageText, ...] = ()
    refused: tuple[str, ...] = ()


class ImageRefused(ValueError):
    """An image that is not used. `reason` is a short code; recognition goes on without the image."""

    def __init__(self, reason: str, about: str) -> None:
        super().__init__(f"{reason}: {about}")
        self.reason = reason
