"""Words in pictures, read on CPU by RapidOCR (PP-OCR models for Latin and Chinese, inside its package, Apache-2.0).

What was read is kept by the picture's digest, in a folder that processes share: no picture is read twice.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from schemas.image import Picture, TextBox

THREADS = 1
Read = Callable[[bytes], Sequence[TextBox]]


def ocr_id() -> str:
    """The reader's name and version, for provenance. Errors: PackageNotFoundError when it is not installed."""
    return f"rapidocr-{version('rapidocr')}"


class Ocr:
    """Reads pictures, one at a time in a process; the models are loaded with the first.

    `read_boxes` turns the bytes of a picture into boxes; the default is RapidOCR.
    """

    def __init__(self, cache_dir: Path, name: str | None = None, read_boxes: Read | None = None) -> None:
        self._folder = cache_dir / (name or ocr_id())
        self._read_boxes = read_boxes
        # One thread of its own: waiting pictures must not hold the threads that ranking runs on.
        self._thread = ThreadPoolExecutor(1, "ocr")
        self._under_way: dict[str, asyncio.Task[tuple[TextBox, ...]]] = {}

    async def read(self, picture: Picture) -> tuple[TextBox, ...]:
        """The words in a picture and their places; () for one without words."""
        key = f"{picture.digest}-{picture.width}x{picture.height}"
        task = self._under_way.get(key)
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            task = asyncio.ensure_future(self._read_later(key, picture.content))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)

    async def _read_later(self, key: str, content: bytes) -> tuple[TextBox, ...]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read_now, key, content)

    def _read_now(self, key: str, content: bytes) -> tuple[TextBox, ...]:
        path = self._folder / key[:2] / f"{key}.json"
        boxes = _kept(path)
        if boxes is None:
            if self._read_boxes is None:
                self._read_boxes = rapidocr_reader()
            boxes = list(self._read_boxes(content))
            _keep(path, boxes)
        return tuple(boxes)


def rapidocr_reader() -> Read:
    """RapidOCR with its packaged models, on one thread: recognition runs in many processes."""
    import numpy as np
    from PIL import Image
    from rapidocr import RapidOCR

    engine = RapidOCR(
        params={
            "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": THREADS,
            "EngineConfig.onnxruntime.inter_op_num_threads": THREADS,
        }
    )

    def read(content: bytes) -> list[TextBox]:
        with Image.open(io.BytesIO(content)) as image:
            pixels = np.asarray(image.convert("RGB"))[:, :, ::-1]
        found: Any = engine(
            pixels
        )  # one of several results; with all stages on it has boxes, texts and scores
        if found.boxes is None or found.txts is None or found.scores is None:
            return []
        return [
            _box(corners, text, score)
            for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
        ]

    return read


def _box(corners: Any, text: str, score: float) -> TextBox:
    across, down = [float(x) for x, _ in corners], [float(y) for _, y in corners]
    return TextBox(str(text), round(float(score), 4), min(across), min(down), max(across), max(down))


def _kept(path: Path) -> list[TextBox] | None:
    """What was read before; None where nothing was, or where the note is damaged."""
    try:
        return [TextBox(**box) for box in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, TypeError):
        return None


def _keep(path: Path, boxes: Sequence[TextBox]) -> None:
    """Note what was read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    unfinished.write_text(json.dumps([asdict(box) for box in boxes], ensure_ascii=False), "utf-8")
    unfinished.replace(path)
