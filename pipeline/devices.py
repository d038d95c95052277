"""What the machine can do: its device, and whether it multiplies bf16."""

from __future__ import annotations

import os
import shutil

import torch
from transformers.utils import logging as transformers_logging

from pipeline.errors import PipelineError


def choose_device(wanted: str) -> str:
    """The device, cpu or cuda; auto takes a GPU where there is one.

    Raises:
        PipelineError: cuda is wanted and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise PipelineError("device: expected a CUDA device, found none; use --device cpu")
    return wanted if wanted != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


def use_bf16(precision: str, device: str) -> bool:
    """Whether to compute in bf16; auto does where the hardware multiplies it (most GPUs, AVX-512 bf16, AMX)."""
    if precision != "auto":
        return precision == "bf16"
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def check_compiler() -> None:
    """Make sure of the C++ compiler that torch.compile calls, on a CPU and a GPU.

    Raises:
        PipelineError: there is none.
    """
    wanted = os.environ.get("CXX", "g++")
    if shutil.which(wanted) is None:
        raise PipelineError(
            f"compile: expected the C++ compiler {wanted}, found none; install it or set compile = false"
        )


def quiet_libraries() -> None:
    """Keep loading reports and weight-loading bars of the libraries off the screen."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
