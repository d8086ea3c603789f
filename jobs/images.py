"""Settings of images from the environment, and who reads them: the adapters that `--images` asks for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any, NamedTuple

from infra.images import ImageLoader
from infra.local.config import ConfigError
from infra.ocr import Ocr, ocr_id
from infra.vllm_vision import VisionClient
from pipelines.library.images import ImageReader
from pipelines.ontology.identity import digest
from schemas.image import IMAGE_MODES, NO_IMAGES, ImageSettings

ROOT = Path(__file__).resolve().parents[1]
NUMBERS = {"max_images": int, "max_bytes": int, "max_pixels": int, "max_side": int, "timeout_s": float}


class OpenImages(NamedTuple):
    """Who reads images, what that adds to the model's id, and the client to close; all empty where images are off."""

    reader: ImageReader | None
    model: str
    vision: VisionClient | None

    async def close(self) -> None:
        """Close connections."""
        if self.reader is not None:
            await self.reader.loader.close()
        if self.vision is not None:
            await self.vision.close()


def image_settings(mode: str, discriminator: str, env: Mapping[str, str]) -> ImageSettings:
    """Settings of images: the mode as asked for, all else by AIIC_IMAGE_* and AIIC_VISION_*.

    AIIC_IMAGE_FOLDER, AIIC_IMAGE_HOSTS, AIIC_IMAGE_PRIVATE_HOSTS (comma lists), AIIC_IMAGE_CACHE, AIIC_IMAGE_MAX_BYTES and
    the other numbers of `ImageSettings`, AIIC_VISION_URL, AIIC_VISION_MODEL. Errors: ConfigError.
    """
    if mode not in IMAGE_MODES:
        raise ConfigError(f"images: {mode!r}: choose from {', '.join(IMAGE_MODES)}")
    numbers: dict[str, Any] = {name: _number(name, kind, env) for name, kind in NUMBERS.items()}
    found = ImageSettings(
        mode=mode,
        vision_url=env.get("AIIC_VISION_URL", ""),
        vision_model=env.get("AIIC_VISION_MODEL", "") or NO_IMAGES.vision_model,
        folder=env.get("AIIC_IMAGE_FOLDER", ""),
        hosts=_names(env.get("AIIC_IMAGE_HOSTS", "")),
        private_hosts=_names(env.get("AIIC_IMAGE_PRIVATE_HOSTS", "")),
        cache_dir=env.get("AIIC_IMAGE_CACHE", "") or str(ROOT / "build" / "images"),
        **numbers,
    )
    if found.shows_images and not found.vision_url:
        raise ConfigError(
            f"--images {mode} needs a vision-language model: set AIIC_VISION_URL to its address, with /v1"
        )
    if found.shows_images and discriminator == "off":
        raise ConfigError(f"--images {mode} asks a model: use --discriminator cascade or all with it")
    return found if mode != NO_IMAGES.mode else NO_IMAGES


async def open_images(settings: ImageSettings, timeout_s: float, concurrency: int) -> OpenImages:
    """Open what the settings ask for. Errors: ConfigError without OCR; InferenceError without the vision server."""
    if settings.mode == NO_IMAGES.mode:
        return OpenImages(None, "", None)
    model, ocr, vision = "", None, None
    if settings.reads_text:
        try:
            model += f" + {ocr_id()}"
        except PackageNotFoundError as error:
            raise ConfigError(f"--images {settings.mode} needs rapidocr: run `make setup`") from error
        ocr = Ocr(Path(settings.cache_dir))
    if settings.shows_images:
        async with VisionClient(settings.vision_url, settings.vision_model, timeout_s=timeout_s) as asked:
            model += f" + sees by {await asked.model_id()}"
        vision = VisionClient(
            settings.vision_url, settings.vision_model, timeout_s=timeout_s, concurrency=concurrency
        )
    reader = ImageReader(settings, ImageLoader(settings), ocr, vision)
    return OpenImages(reader, f"{model} of images {_scope(settings)}", vision)


def _scope(settings: ImageSettings) -> str:
    """Digest of what decides which images are read: where more may be read, results are computed anew."""
    sizes = [getattr(settings, name) for name in ("max_images", "max_bytes", "max_pixels", "max_side")]
    return digest([bool(settings.folder), settings.hosts, settings.private_hosts, sizes])[:8]


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in text.split(",") if name.strip())


def _number(name: str, kind: type[int] | type[float], env: Mapping[str, str]) -> Any:
    variable = f"AIIC_IMAGE_{name.upper()}"
    text = env.get(variable, "")
    if not text:
        return getattr(NO_IMAGES, name)
    try:
        number = kind(text)
    except ValueError:
        number = kind(0)
    if not 0 < number < float("inf"):
        raise ConfigError(f"{variable} = {text!r}: give a number above 0")
    return number
