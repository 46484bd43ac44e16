"""The device of the kernels: the first GPU of CUDA; without one, Triton's interpreter, which is right and slow."""

from __future__ import annotations

import os

import torch

CUDA = torch.cuda.is_available()
PLACE = torch.device("cuda" if CUDA else "cpu")
if not CUDA:
    os.environ["TRITON_INTERPRET"] = "1"  # read when Triton is imported, which comes after this module


def finish() -> None:
    """Wait for what was launched."""
    if CUDA:
        torch.cuda.synchronize()
