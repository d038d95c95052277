"""Word logits and hidden states from a model: one fp32 row per word, in the order of the words."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from pipeline.encoding import Window, pad

BATCH_PIECES = 4096  # pieces per forward pass, padding included

Pieces = dict[str, torch.Tensor]
OnProgress = Callable[[float, float, str], None]  # (work done, work in all, figures to show beside it)


def predict_word_logits(
    model: torch.nn.Module,
    windows: Sequence[Window],
    padding: int,
    on_progress: OnProgress | None = None,
) -> np.ndarray:
    """Run a model over a split.

    Computes in float32 without autocast: rounding to bf16 would leave confidences near 1 in steps of .004, which
    calibration would see. Windows are read in order of length, so padding is small; rows come back in word order.

    Args:
        model: a token classifier; it is put into evaluation mode and left in it.
        windows: the split, from `encoding.encode`; n_words is the number of their words.
        padding: the padding piece's id.
        on_progress: called with words done, words in all, and the speed as text.

    Returns:
        Shape (n_words, K), float32.
    """
    return _predict(model, lambda pieces: model(**pieces).logits, windows, padding, on_progress)


def predict_hidden_states(
    model: torch.nn.Module,
    head: torch.nn.Linear,
    windows: Sequence[Window],
    padding: int,
    on_progress: OnProgress | None = None,
) -> np.ndarray:
    """Run a model over a split and keep what its classification head reads at each word's first piece.

    Taken at the head's input rather than from a list of layers, which ends before what some architectures put between
    their last layer and the head. So states @ head.weight.T + head.bias are the word logits.

    Args:
        model: a token classifier; it is put into evaluation mode and left in it.
        head: its last layer, from `models.head`, of d inputs.
        windows: the split, from `encoding.encode`; n_words is the number of their words.
        padding: the padding piece's id.
        on_progress: called with words done, words in all, and the speed as text.

    Returns:
        Shape (n_words, d), float32.
    """
    read: list[torch.Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))

    def states(pieces: Pieces) -> torch.Tensor:
        model(**pieces)
        return read.pop()

    try:
        return _predict(model, states, windows, padding, on_progress)
    finally:
        hook.remove()


def _predict(
    model: torch.nn.Module,
    forward: Callable[[Pieces], torch.Tensor],
    windows: Sequence[Window],
    padding: int,
    on_progress: OnProgress | None,
) -> np.ndarray:
    """What `forward` gives for a batch of pieces, (B, L, d), at each word's first piece: (n_words, d), float32."""
    model.eval()
    device = next(model.parameters()).device
    n_words = sum(len(w.positions) for w in windows)
    result: torch.Tensor | None = None
    done, started = 0, time.monotonic()
    with torch.inference_mode():
        for batch in _batches(windows):
            tensors = pad(batch, padding)
            rows = tensors.pop("rows")
            positions = tensors.pop("positions").to(device)
            pieces = {name: tensor.to(device) for name, tensor in tensors.items()}
            words = forward(pieces).flatten(0, 1)[positions].float()
            if result is None:
                result = torch.empty((n_words, words.shape[-1]), dtype=torch.float32, device=device)
            result[rows.to(device)] = words
            done += len(rows)
            if on_progress:
                on_progress(done, n_words, f"{done / (time.monotonic() - started):,.0f} words/s")
    if result is None:
        raise ValueError("a split needs at least one word")
    return result.cpu().numpy()


def _batches(windows: Sequence[Window]) -> list[list[Window]]:
    """Windows sorted by length, longest first, in batches of about BATCH_PIECES pieces."""
    batches: list[list[Window]] = []
    for window in sorted(windows, key=lambda w: -len(w.pieces)):
        if batches and (len(batches[-1]) + 1) * len(batches[-1][0].pieces) <= BATCH_PIECES:
            batches[-1].append(window)
        else:
            batches.append([window])
    return batches
