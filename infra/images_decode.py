"""From the bytes of an image file to a `Picture`: checked before it is decoded, upright, small, written anew."""

from __future__ import annotations

import hashlib
import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from schemas.image import ImageRefused, ImageSettings, Picture

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MIN_SIDE = 8
PNG_LIMIT_BYTES = 512 << 10
"""A picture that is larger as PNG is written as JPEG."""
JPEG_QUALITY = 90


def picture_of(raw: bytes, number: int, settings: ImageSettings, about: str) -> Picture:
    """Check and decode one image; of a moving one the first frame. `about` names it in messages.

    Errors: ImageRefused (too_large, not_an_image, too_small, too_many_pixels, broken).
    """
    if len(raw) > settings.max_bytes:
        raise ImageRefused("too_large", f"{about} has {len(raw)} bytes, the limit is {settings.max_bytes}")
    image = _decoded(raw, settings, about)
    image.thumbnail((settings.max_side, settings.max_side), Image.Resampling.LANCZOS)
    media_type, content = _written(image)
    digest = hashlib.blake2b(raw, digest_size=16).hexdigest()
    return Picture(number, digest, media_type, content, image.width, image.height)


def _decoded(raw: bytes, settings: ImageSettings, about: str) -> Image.Image:
    """The image in RGB. Its size is known from the header, before anything large is decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns of what it then goes on with
            with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
                _check_size(image.width, image.height, settings, about)
                image.draft("RGB", (settings.max_side, settings.max_side))
                return _on_white(ImageOps.exif_transpose(image))
    except ImageRefused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageRefused("too_many_pixels", f"{about}: {error}") from error
    except UnidentifiedImageError as error:
        raise ImageRefused("not_an_image", f"{about} is none of {', '.join(FORMATS)}") from error
    except Exception as error:
        # Decoders of hostile files raise whatever they run into; nothing of it may end a run.
        raise ImageRefused("broken", f"{about}: {type(error).__name__}: {error}") from error


def _check_size(width: int, height: int, settings: ImageSettings, about: str) -> None:
    if min(width, height) < MIN_SIDE:
        raise ImageRefused("too_small", f"{about} is {width} x {height} pixels")
    if width * height > settings.max_pixels:
        raise ImageRefused(
            "too_many_pixels", f"{about} is {width} x {height} pixels, the limit is {settings.max_pixels}"
        )


def _on_white(image: Image.Image) -> Image.Image:
    """In RGB; what is transparent shows white, as on a shop's page."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layered = image.convert("RGBA")
        ground = Image.new("RGBA", layered.size, "white")
        ground.alpha_composite(layered)
        return ground.convert("RGB")
    return image.convert("RGB")


def _written(image: Image.Image) -> tuple[str, bytes]:
    target = io.BytesIO()
    image.save(target, "PNG")
    if target.tell() <= PNG_LIMIT_BYTES:
        return "image/png", target.getvalue()
    target = io.BytesIO()
    image.save(target, "JPEG", quality=JPEG_QUALITY)
    return "image/jpeg", target.getvalue()
