"""Calibration: does a word predicted with confidence .8 turn out right four times in five?

Word logits go in; confidences, their bins, calibration errors and the one temperature that mends most of them come out.
All arithmetic is float64. Bins are sums per sentence, so they add up under any resampling of sentences.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from pipeline.bootstrap import ratio

BLOCK = 1 << 16  # words whose probabilities are at work at once
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0


def log_softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Log probabilities of word logits under a temperature.

    log p_k = z_k/T − log sum_j exp(z_j/T), with z the logits of a word and T the temperature.

    Args:
        logits: word logits, shape (n, K).
        temperature: T > 0; above 1 softens, below 1 sharpens, and the most probable label stays the same.

    Returns:
        Log probabilities, shape (n, K), float64, at most 0.

    Raises:
        ValueError: the temperature is not a positive number.
    """
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be a positive number, got {temperature}")
    scaled = np.asarray(logits, dtype=np.float64)
    scaled = (scaled - scaled.max(axis=-1, keepdims=True)) / temperature
    return scaled - np.log(np.exp(scaled).sum(axis=-1, keepdims=True))


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities of word logits under a temperature: exp of `log_softmax`.

    Args:
        logits: word logits, shape (n, K).
        temperature: T > 0.

    Returns:
        Probabilities, shape (n, K), float64; every row sums to 1.

    Raises:
        ValueError: the temperature is not a positive number.

    Example:
        >>> softmax(np.log([[1.0, 3.0]]), temperature=0.5).round(12).tolist()
        [[0.1, 0.9]]
    """
    return np.exp(log_softmax(logits, temperature))


def fit_temperature(logits: np.ndarray, gold: np.ndarray) -> float:
    """The temperature under which the gold labels are most probable.

    Minimises the mean of −log softmax(z/T)_gold over T in [0.05, 20]. In 1/T that is convex, with slope
    mean(E_p[z] − z_gold), p = softmax(z/T): its sign says on which side the minimum lies, so bisection cannot fail.

    Why: one number, fitted on dev, leaves every prediction as it is and removes most miscalibration. A calibration
    claim that does not beat it is none.

    Args:
        logits: word logits, shape (n, K), n ≥ 1.
        gold: gold label index per word, shape (n,), int in [0, K).

    Returns:
        T in [0.05, 20]; an end of the range where the optimum lies outside, 1.0 where T makes no difference.

    Raises:
        ValueError: there are no words.

    Example:
        >>> logits = np.array([[2.0, 0.0]] * 4)  # .88 confident, .75 right: softmax([2/T, 0]) = .75 at T = 2/log 3
        >>> round(fit_temperature(logits, np.array([0, 0, 0, 1])), 6), round(2 / math.log(3), 6)
        (1.820478, 1.820478)

    References:
        Guo et al., "On Calibration of Modern Neural Networks", 2017, arXiv 1706.04599.
    """
    if not len(gold):
        raise ValueError("fitting a temperature needs at least 1 word, got 0")
    at_gold = sum(np.take_along_axis(z, tags[:, None], axis=1).sum() for z, tags in _blocks(logits, gold))
    low, high = LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE
    for _ in range(40):  # halves a log range of 6 down to the rounding error of T
        temperature = math.sqrt(low * high)
        slope = sum((softmax(z, temperature) * z).sum() for z, _ in _blocks(logits, gold)) - at_gold
        if slope == 0:
            break
        low, high = (temperature, high) if slope > 0 else (low, temperature)
    return temperature


def _blocks(logits: np.ndarray, gold: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Some words at a time: their logits in float64, the largest of each word 0, and their gold labels."""
    for start in range(0, len(gold), BLOCK):
        z = np.asarray(logits[start : start + BLOCK], dtype=np.float64)
        # A common offset would cost digits of the slope.
        yield z - z.max(axis=1, keepdims=True), np.asarray(gold[start : start + BLOCK])


def nll(log_p: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Negative log likelihood per word: −log p_gold.

    Args:
        log_p: log probabilities, shape (n, K).
        gold: gold label index per word, shape (n,), int in [0, K).

    Returns:
        One value per word, shape (n,), in [0, ∞).
    """
    return -np.take_along_axis(log_p, gold[:, None], axis=1)[:, 0]


def brier(p: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Brier score per word: sum_k (p_k − [k = gold])² over all K labels.

    Args:
        p: probabilities, shape (n, K).
        gold: gold label index per word, shape (n,), int in [0, K).

    Returns:
        One value per word, shape (n,), in [0, 2].

    Example:
        >>> brier(np.array([[0.5, 0.25, 0.25]]), np.array([0])).tolist()
        [0.375]

    References:
        Brier, "Verification of forecasts expressed in terms of probability", 1950.
    """
    onehot = np.arange(p.shape[1]) == gold[:, None]
    return ((p - onehot) ** 2).sum(axis=1)


def equal_width_edges(n_bins: int = 10) -> np.ndarray:
    """Edges of n_bins equally wide bins over [0, 1], shape (n_bins + 1,).

    Raises:
        ValueError: n_bins is below 1.
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}")
    return np.linspace(0.0, 1.0, n_bins + 1)


def equal_mass_edges(confidence: np.ndarray, n_bins: int = 10) -> np.ndarray:
    """Edges between which lie equally many confidences, as far as ties allow.

    Inner edge j is the ceil(j·n/n_bins)-th smallest confidence; the outer edges are 0 and 1. Ties stay in one bin:
    where they span several edges, these repeat and the bins between are empty. Of no confidence, equal width.

    Args:
        confidence: shape (n,), in [0, 1].
        n_bins: number of bins.

    Returns:
        Edges, shape (n_bins + 1,), never decreasing.

    Raises:
        ValueError: n_bins is below 1.

    Example:
        >>> equal_mass_edges(np.array([0.5, 0.6, 0.7, 0.9]), 2).tolist()
        [0.0, 0.6, 1.0]

    References:
        Nixon et al., "Measuring Calibration in Deep Learning", 2019, arXiv 1904.01685.
    """
    edges = equal_width_edges(n_bins)
    if confidence.size:
        ranks = -(np.arange(1, n_bins) * -confidence.size // n_bins)  # rounded up, in whole numbers
        edges[1:-1] = np.sort(confidence)[ranks - 1]
    return edges


def bin_index(confidence: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The bin of each confidence: bins are (lo, hi], and the first holds 0 too.

    With equal widths, confidence exactly 1 is in the last bin and not, as some libraries have it, in one of its own.

    Args:
        confidence: shape (n,), in [0, 1].
        edges: from 0 to 1, never decreasing, shape (n_bins + 1,).

    Returns:
        Bin per confidence, shape (n,), int64 in [0, n_bins).

    Raises:
        ValueError: a confidence is outside [0, 1] or NaN.

    Example:
        >>> bin_index(np.array([0.0, 0.1, 0.11, 1.0]), equal_width_edges(10)).tolist()
        [0, 0, 1, 9]
    """
    outside = ~((confidence >= 0) & (confidence <= 1))
    if outside.any():
        raise ValueError(f"confidence must be in [0, 1], got {confidence[outside][0]}")
    return (np.searchsorted(edges, confidence, side="left") - 1).clip(min=0)


def bin_sums(
    confidence: np.ndarray, correct: np.ndarray, edges: np.ndarray, sentence: np.ndarray, n_sentences: int
) -> np.ndarray:
    """What the predictions of each sentence add to each bin.

    Args:
        confidence: shape (n,), in [0, 1].
        correct: shape (n,), bool.
        edges: from 0 to 1, never decreasing, shape (n_bins + 1,).
        sentence: index of the sentence, shape (n,), int in [0, n_sentences).
        n_sentences: sentences in the split.

    Returns:
        [n, sum of confidence, number correct], shape (n_sentences, n_bins, 3), float64.

    Raises:
        ValueError: a confidence is outside [0, 1] or NaN.
    """
    n_bins = len(edges) - 1
    cell = sentence * n_bins + bin_index(confidence, edges)
    sums = [np.bincount(cell, weights=w, minlength=n_sentences * n_bins) for w in (None, confidence, correct)]
    return np.stack(sums, axis=-1).reshape(n_sentences, n_bins, 3).astype(np.float64)


def ece(bins: np.ndarray) -> np.ndarray:
    """Expected calibration error: how far confidence and accuracy are apart, on average over predictions.

    ECE = sum_b (n_b/N)·|correct_b/n_b − confidence_b/n_b| = sum_b |correct_b − confidence_b| / N, with n_b predictions
    in bin b, confidence_b and correct_b their summed confidence and number correct, N = sum_b n_b. Empty bins add 0.

    Args:
        bins: [n, sum of confidence, number correct] in the last axis, shape (..., n_bins, 3).

    Returns:
        ECE in [0, 1], shape (...); NaN where there is no prediction at all.

    Example:
        >>> ece(np.array([[0, 0, 0], [2, 1.95, 1]])).item()  # .95 right, 1.0 wrong
        0.475

    References:
        Guo et al. 2017, arXiv 1706.04599.
    """
    n, confidence, correct = np.moveaxis(bins, -1, 0)
    return ratio(np.abs(correct - confidence).sum(axis=-1), n.sum(axis=-1))


def mce(bins: np.ndarray, floor: int = 1) -> np.ndarray:
    """Maximum calibration error: how far confidence and accuracy are apart in the worst bin.

    MCE = max over bins with n_b ≥ floor of |correct_b − confidence_b| / n_b, symbols as in `ece`.

    A bin of few predictions is far off by chance alone, and the worst bin is usually such a one. The floor says how
    many it takes to count.

    Args:
        bins: [n, sum of confidence, number correct] in the last axis, shape (..., n_bins, 3).
        floor: predictions a bin needs, at least 1.

    Returns:
        MCE in [0, 1], shape (...); NaN, not 0, where no bin reaches the floor: nothing was measured.

    Raises:
        ValueError: the floor is below 1.

    Example:
        >>> bins = np.array([[1, 0.1, 1], [50, 45, 40]])
        >>> mce(bins).item(), mce(bins, floor=30).item()
        (0.9, 0.1)

    References:
        Guo et al. 2017, arXiv 1706.04599.
    """
    if floor < 1:
        raise ValueError(f"floor must be at least 1, got {floor}")
    n, confidence, correct = np.moveaxis(bins, -1, 0)
    worst = np.where(n >= floor, ratio(np.abs(correct - confidence), n, empty=-1.0), -1.0).max(axis=-1)
    return np.where(worst < 0, np.nan, worst)
