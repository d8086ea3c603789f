"""Small networks in ONNX Runtime, and the tokenizers that belong to them: recognition on CPU without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer


class OnnxDamaged(RuntimeError):
    """A network or tokenizer file that is missing or no such file."""


class WordPieces:
    """The tokenizer of a BERT-like encoder."""

    def __init__(self, path: Path) -> None:
        """Read a `tokenizer.json`. Errors: OnnxDamaged."""
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises plain Exception
            raise OnnxDamaged(f"{path} is missing or damaged: run `make setup`: {error}") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def __call__(self, text: str, max_tokens: int) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids, and each token's characters in the text; (0, 0) for tokens that stand for no text.

        A longer text is cut; its last token is always the end token.
        """
        found = self._tokenizer.encode(text)
        ids, offsets = list(found.ids), list(found.offsets)
        if len(ids) > max_tokens:
            ids, offsets = [*ids[: max_tokens - 1], ids[-1]], [*offsets[: max_tokens - 1], offsets[-1]]
        return ids, offsets


class OnnxNet:
    """One network. Safe between threads; each call runs on `threads` cores."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load a network. Errors: OnnxDamaged."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the library's errors share no base but Exception
            raise OnnxDamaged(f"{path} is missing or damaged: run `make setup`: {error}") from error
        self.notes: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        """The first output of a network for its named inputs."""
        return np.asarray(self._session.run(None, dict(inputs))[0], np.float32)


def note(net: OnnxNet, name: str) -> Any:
    """What the network's maker noted about it, a JSON value. Errors: OnnxDamaged when there is no such note."""
    try:
        return json.loads(net.notes[name])
    except (KeyError, ValueError) as error:
        raise OnnxDamaged(f"the network has no note {name!r}: run `make setup`") from error
