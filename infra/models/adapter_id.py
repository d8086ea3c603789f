"""What tells one adapter from another: the digest that names the model merged with it. Needs nothing but the files."""

import hashlib
from pathlib import Path

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def adapter_sha256(adapter: Path) -> str:
    """Digest of an adapter: its settings and its weights. Errors: OSError."""
    digest = hashlib.sha256()
    for name in ADAPTER_FILES:
        digest.update((adapter / name).read_bytes())
    return digest.hexdigest()
