"""Word logits and hidden states from a model: one fp32 row per word, in the order of the words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from transformers import PreTrainedModel

from pipeline.cpu_kernels import CpuKernels
from pipeline.encoding import Windows, pad
from pipeline.models import head

# Pieces per forward pass, padding included: what a processor's cache holds, and what fills a GPU.
BATCH_PIECES = {"cpu": 1024, "cuda": 32768}

Pieces = dict[str, torch.Tensor]
OnProgress = Callable[[float, float, str], None]  # (work done, work in all, figures to show beside it)


def predict_word_logits(
    model: PreTrainedModel,
    windows: Windows,
    padding: int,
    on_progress: OnProgress | None = None,
    *,
    bf16: bool = False,
) -> np.ndarray:
    """Run a model over a split.

    Windows are read in order of length, so padding is small; rows come back in word order.

    Args:
        model: a token classifier; it is put into evaluation mode and left in it.
        windows: the split, from `encoding.encode`.
        padding: the padding piece's id.
        on_progress: called with words done, words in all, and the speed as text.
        bf16: the encoder computes in bf16 under autocast. The head stays in float32: logits rounded to bf16 would leave
            confidences near 1 in steps of .004, which calibration would see.

    Returns:
        Shape (n_words, K), float32.

    Raises:
        PipelineError: with bf16, the model does not end in a linear layer.
    """
    if not bf16:
        return _predict(model, lambda pieces: model(**pieces).logits, windows, padding, on_progress)
    last = head(model)
    with _inputs_of(last) as read:

        def states(pieces: Pieces) -> torch.Tensor:
            with torch.autocast(model.device.type, torch.bfloat16):
                model(**pieces)
            return read.pop()

        return _predict(model, states, windows, padding, on_progress, last)


def predict_hidden_states(
    model: PreTrainedModel,
    last: torch.nn.Linear,
    windows: Windows,
    padding: int,
    on_progress: OnProgress | None = None,
) -> np.ndarray:
    """Run a model over a split and keep what its classification head reads at each word's first piece.

    Taken at the head's input rather than from a list of layers, which ends before what some architectures put between
    their last layer and the head. So states @ last.weight.T + last.bias are the word logits.

    Args:
        model: a token classifier; it is put into evaluation mode and left in it.
        last: its last layer, from `models.head`, of d inputs.
        windows: the split, from `encoding.encode`.
        padding: the padding piece's id.
        on_progress: called with words done, words in all, and the speed as text.

    Returns:
        Shape (n_words, d), float32.
    """
    with _inputs_of(last) as read:

        def states(pieces: Pieces) -> torch.Tensor:
            model(**pieces)
            return read.pop()

        return _predict(model, states, windows, padding, on_progress)


@contextmanager
def _inputs_of(last: torch.nn.Linear) -> Iterator[list[torch.Tensor]]:
    """A list to which, within the context, the layer's input is added whenever the layer is called."""
    read: list[torch.Tensor] = []
    hook = last.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    try:
        yield read
    finally:
        hook.remove()


def _predict(
    model: PreTrainedModel,
    forward: Callable[[Pieces], torch.Tensor],
    windows: Windows,
    padding: int,
    on_progress: OnProgress | None,
    last: torch.nn.Linear | None = None,
) -> np.ndarray:
    """What `forward` gives for pieces, (B, L, d), at each word's first piece, through `last` if there is one.

    Shape (n_words, d or K), float32. A GPU is waited for at the end alone: batches go to it from pinned memory, and
    rows stay there until then.
    """
    model.eval()
    device = model.device
    result: torch.Tensor | None = None
    done, started = 0, time.monotonic()
    with torch.inference_mode(), CpuKernels():
        for batch in _batches(windows.lengths, BATCH_PIECES.get(device.type, BATCH_PIECES["cuda"])):
            padded = pad([windows[i] for i in batch], padding)
            pieces = {name: _moved(tensor, device) for name, tensor in padded.items()}
            rows, positions = pieces.pop("rows"), pieces.pop("positions")
            words = forward(pieces).flatten(0, 1)[positions].float()
            if last is not None:
                words = last(words)
            if result is None:
                result = torch.empty((windows.n_words, words.shape[-1]), dtype=torch.float32, device=device)
            result[rows] = words
            done += len(rows)
            if on_progress:
                on_progress(done, windows.n_words, f"{done / (time.monotonic() - started):,.0f} words/s")
    if result is None:
        raise ValueError("a split needs at least one word")
    return result.cpu().numpy()


def _moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def _batches(lengths: np.ndarray, largest: int) -> Iterator[np.ndarray]:
    """Indices of windows, longest first, in batches of at most so many pieces, or of one window."""
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        end = start + max(1, largest // int(lengths[order[start]]))
        yield order[start:end]
        start = end
