"""Uncertainty by resampling sentences.

Words of one sentence are correlated, so the sentence is what gets resampled. Every metric here is a function of sums
over sentences; the sums of all resamples are one matrix product, weights (R, S) @ sums (S, D), and no sentence is ever
copied. Two stages resampled with the same weights see the same sentences, which is what makes their difference paired:
the luck of the draw that both share cancels.

References:
    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 6 and 13.
    Berg-Kirkpatrick, Burkett and Klein, "An Empirical Investigation of Statistical Significance in NLP", EMNLP 2012.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BLOCK = 1 << 20  # numbers of resamples x sentences at work at once


def resample_weights(n_sentences: int, n_resamples: int = 1000, seed: int = 0) -> np.ndarray:
    """How often each sentence occurs in each resample: multinomial counts with equal probabilities.

    Args:
        n_sentences: sentences in the split, S ≥ 1.
        n_resamples: resamples, R ≥ 1.
        seed: the only source of randomness.

    Returns:
        Counts, shape (R, S), uint16; every row sums to S, so
        only more than 65,535 sentences could overflow, were one of them drawn that often.

    Raises:
        ValueError: S or R is below 1.

    Example:
        >>> resample_weights(4, 3).sum(axis=1).tolist()
        [4, 4, 4]
    """
    if n_sentences < 1 or n_resamples < 1:
        raise ValueError(f"a bootstrap needs at least 1 sentence and 1 resample, got {n_sentences} and {n_resamples}")
    rng = np.random.default_rng(seed)
    weights = np.empty((n_resamples, n_sentences), dtype=np.uint16)
    for block in _blocks(weights):
        drawn = rng.integers(n_sentences, size=block.shape) + np.arange(len(block))[:, None] * n_sentences
        block[...] = np.bincount(drawn.ravel(), minlength=block.size).reshape(block.shape)
    return weights


def resampled_sums(weights: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """The sums of every resample: weights @ sums, in float64 whatever holds the counts.

    Args:
        weights: counts from `resample_weights`, shape (R, S).
        sums: of each sentence, shape (S, D), float64.

    Returns:
        Shape (R, D), float64.
    """
    return np.concatenate([block.astype(np.float64) @ sums for block in _blocks(weights)])


def _blocks(weights: np.ndarray) -> Iterator[np.ndarray]:
    """Views of some rows at a time, such that what is computed of them stays small however many sentences there are."""
    rows = max(1, BLOCK // weights.shape[1])
    return (weights[start : start + rows] for start in range(0, len(weights), rows))


def ratio(part: np.ndarray, whole: np.ndarray, *, empty: float = float("nan")) -> np.ndarray:
    """The quotient of two sums, elementwise, where the lower one may be 0: in a resample any unit can go missing.

    Args:
        part: shape (...).
        whole: same shape, non-negative.
        empty: what stands where whole is 0; NaN by default, for a mean over nothing does not exist.

    Returns:
        part / whole, shape (...), float64.

    Example:
        >>> ratio(np.array([1, 0]), np.array([4, 0])).tolist()
        [0.25, nan]
    """
    return np.divide(part, whole, out=np.full(np.shape(whole), empty), where=np.greater(whole, 0))


def interval(samples: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval of resampled values.

    It holds the middle `level` of the samples: from the (1 − level)/2 to the (1 + level)/2 quantile. Resamples in which
    the metric does not exist (NaN) are left out.

    The percentile interval does not correct for bias. A metric that noise can only raise (ECE, MCE) is raised once by
    the sample and again by every resample, so that near zero the interval may lie above the estimate.

    Args:
        samples: resampled values of one metric, shape (R,).
        level: coverage aimed at, in (0, 1).

    Returns:
        The lower and the upper end; NaN both if no sample is left.

    Raises:
        ValueError: the level is outside (0, 1).

    Example:
        >>> interval(np.array([0.0, 1.0, 2.0, 3.0, 4.0, np.nan]), level=0.5)
        (1.0, 3.0)
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1), got {level}")
    samples = samples[~np.isnan(samples)]
    if not samples.size:
        return float("nan"), float("nan")
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
