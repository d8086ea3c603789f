"""The device that a training runs on, by configuration: cpu, cuda or npu (Ascend)."""

from __future__ import annotations

import torch

DEVICES = ("cpu", "cuda", "npu")


class DeviceMissing(RuntimeError):
    """The device that was asked for is not there; the message says what to do."""


def prepare_device(name: str, threads: int) -> None:
    """Make a device ready. torch-npu is imported only where an NPU is asked for.

    Errors: DeviceMissing when this machine or this environment does not have it; ValueError for an unknown name.
    """
    if name not in DEVICES:
        raise ValueError(f"device {name!r}: choose {', '.join(DEVICES)}")
    torch.set_num_threads(threads)
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceMissing(
            f"device cuda: torch {torch.__version__} sees no CUDA device; the environment of set-up has a CPU build: "
            "install torch for CUDA there, or train with --device cpu"
        )
    if name == "npu":
        _prepare_npu()


def _prepare_npu() -> None:
    try:
        import torch_npu  # noqa: F401  (registers the device)
    except ImportError as error:
        raise DeviceMissing(
            "device npu: torch-npu cannot be imported here; install the torch-npu of "
            f"torch {torch.__version__} and CANN, or train with --device cpu"
        ) from error
    if not torch.npu.is_available():
        raise DeviceMissing("device npu: torch-npu sees no NPU; does `npu-smi info` list one?")
