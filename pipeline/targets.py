"""The distribution a word is trained towards, built from tags that may be wrong."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def smooth_targets(
    tags: Tensor,
    n_labels: int,
    *,
    smoothing: float = 0.0,
    neighbour: float = 0.0,
    lengths: Tensor | None = None,
) -> Tensor:
    """Soften each tag into a distribution over labels, partly borrowed from the words beside it.

    For a word with tag c,

        y = (1 - s) * onehot(c) + s * ((1 - r) / K + r * m)

    with s the smoothing, r the neighbour share, K the number of labels, and m the mean of the one-hot tags of the
    words directly left and right in the same sentence. A word at either end of its sentence has one neighbour, and m
    is that neighbour's one-hot tag. The only word of a sentence has none, and r counts as 0 for it: the whole of s is
    spread evenly. So every row sums to 1.

    With r = 0 this is label smoothing with s / K on every label, the tag's own included, as torch and optax write it.
    With r > 0 doubt goes where annotators doubt most: to the label of the next word, where an entity begins or ends.

    Args:
        tags: label index per word, shape (n_words,), integers in [0, n_labels).
        n_labels: K, at least 1.
        smoothing: s in [0, 1], the mass taken from the tag.
        neighbour: r in [0, 1], the share of s given to the neighbours' tags.
        lengths: words per sentence, shape (n_sentences,), integers that add up to n_words. Needed when neighbour > 0.

    Returns:
        The targets y, shape (n_words, n_labels), float32, rows summing to 1.

    Raises:
        ValueError: an argument lies outside its range or has another shape.

    Example:
        A sentence of three words, with half of s = 0.4 given to the neighbours:

        >>> smooth_targets(torch.tensor([0, 1, 0]), 2, smoothing=0.4, neighbour=0.5, lengths=torch.tensor([3]))
        tensor([[0.7000, 0.3000],
                [0.3000, 0.7000],
                [0.7000, 0.3000]])

    References:
        Szegedy et al. 2016, arXiv 1512.00567 (label smoothing). Spreading it over neighbouring words is proposed in
        C. Dimachkie, "Cross-Entropy is All You Need... Or is It?", Ntropy 2023, in words and not in code.
    """
    _check(tags, n_labels, smoothing, neighbour)
    onehot = F.one_hot(tags.long(), n_labels).float()
    spread = torch.full_like(onehot, 1 / n_labels)
    if neighbour > 0:
        beside = _mean_of_neighbours(onehot, lengths)
        has_neighbour = beside.sum(dim=-1, keepdim=True) > 0
        spread = torch.where(has_neighbour, (1 - neighbour) * spread + neighbour * beside, spread)
    return (1 - smoothing) * onehot + smoothing * spread


def _mean_of_neighbours(onehot: Tensor, lengths: Tensor | None) -> Tensor:
    """Average the rows directly before and after each row within its sentence; a row of zeros where there are none."""
    n_words = len(onehot)
    if lengths is None:
        raise ValueError("neighbour > 0 needs lengths, the number of words per sentence, got None")
    if lengths.ndim != 1 or int(lengths.sum()) != n_words:
        raise ValueError(
            f"lengths must have shape (n_sentences,) and add up to {n_words} words, "
            f"got shape {tuple(lengths.shape)} adding up to {int(lengths.sum())}"
        )
    sentence = torch.repeat_interleave(lengths)
    joined = (sentence[1:] == sentence[:-1]).to(onehot)[:, None]
    total = torch.zeros_like(onehot)
    total[1:] += joined * onehot[:-1]
    total[:-1] += joined * onehot[1:]
    return total / total.sum(dim=-1, keepdim=True).clamp(min=1)


def _check(tags: Tensor, n_labels: int, smoothing: float, neighbour: float) -> None:
    if n_labels < 1:
        raise ValueError(f"n_labels must be at least 1, got {n_labels}")
    if not 0 <= smoothing <= 1:
        raise ValueError(f"smoothing must lie in [0, 1], got {smoothing}")
    if not 0 <= neighbour <= 1:
        raise ValueError(f"neighbour must lie in [0, 1], got {neighbour}")
    if tags.ndim != 1 or tags.is_floating_point():
        raise ValueError(f"tags must be integers of shape (n_words,), got {tags.dtype} of shape {tuple(tags.shape)}")
    if tags.numel() and not 0 <= int(tags.min()) <= int(tags.max()) < n_labels:
        raise ValueError(f"tags must lie in [0, {n_labels}), got values from {int(tags.min())} to {int(tags.max())}")
