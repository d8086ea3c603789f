"""Loads a listing's images: from `data:`, files below a stated folder, or http(s), each checked."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections import OrderedDict
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

from infra.images_decode import picture_of
from infra.images_http import ImageHttp
from schemas.image import ImageRefused, ImageSettings, Picture

KEPT_PICTURES = 64
SCHEME_CHARS = 20


class ImageLoader:
    """Loads images. A process has one; siblings that show the same image load it once."""

    def __init__(self, settings: ImageSettings) -> None:
        self.settings = settings
        self._http = ImageHttp(settings)
        self._kept: OrderedDict[str, Picture] = OrderedDict()

    async def close(self) -> None:
        """Close connections."""
        await self._http.close()

    async def load(self, number: int, url: str) -> Picture:
        """One image by its address. Errors: ImageRefused."""
        kept = self._kept.get(url)
        if kept is None:
            raw = await self._bytes(url)
            kept = await asyncio.to_thread(picture_of, raw, number, self.settings, _short(url))
            self._kept[url] = kept
        self._kept.move_to_end(url)
        while len(self._kept) > KEPT_PICTURES:
            self._kept.popitem(last=False)
        return Picture(number, kept.digest, kept.media_type, kept.content, kept.width, kept.height)

    async def _bytes(self, url: str) -> bytes:
        scheme = url[:SCHEME_CHARS].partition(":")[0].lower()
        if scheme in ("http", "https"):
            return await self._http.fetch(url)
        if scheme == "data":
            return _data(url, self.settings.max_bytes)
        if scheme == "file":
            return await asyncio.to_thread(_file, url, self.settings)
        raise ImageRefused("scheme_not_allowed", f"{_short(url)}: give http(s):, data: or file:")


def _data(url: str, limit: int) -> bytes:
    """The bytes of a `data:` address. Errors: ImageRefused."""
    head, comma, body = url.partition(",")
    if not comma or not head.lower().startswith("data:image/"):
        raise ImageRefused("bad_address", f"{_short(url)} holds no image")
    if len(body) > 2 * limit:
        raise ImageRefused("too_large", f"{_short(url)} has {len(body)} characters")
    if not head.lower().endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(unquote(body), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageRefused("bad_address", f"{_short(url)}: {error}") from error


def _file(url: str, settings: ImageSettings) -> bytes:
    """The bytes of a file below the stated folder; links are followed before that is judged. Errors: ImageRefused."""
    if not settings.folder:
        raise ImageRefused("no_folder", f"{_short(url)}: no folder of images is stated (AIIC_IMAGE_FOLDER)")
    name = unquote(url[len("file:") :])
    name = name.removeprefix("//localhost") if name.startswith("//localhost/") else name.removeprefix("//")
    try:
        folder = Path(settings.folder).resolve(strict=True)
        path = (folder / name).resolve(strict=True)
        if not path.is_relative_to(folder):
            raise ImageRefused("outside_folder", f"{_short(url)} is not below the folder of images")
        if not path.is_file():
            raise ImageRefused("not_found", f"{_short(url)} is no file")
        if path.stat().st_size > settings.max_bytes:
            raise ImageRefused("too_large", f"{_short(url)} has over {settings.max_bytes} bytes")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ImageRefused("not_found", f"{_short(url)} is not there") from error
    except (OSError, RuntimeError) as error:
        raise ImageRefused("unreachable", f"{_short(url)}: {error}") from error
    except ValueError as error:
        if isinstance(error, ImageRefused):
            raise
        raise ImageRefused("bad_address", f"{_short(url)}: {error}") from error


def _short(url: str) -> str:
    return ascii(url[:80])
