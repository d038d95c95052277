"""How good a ranking of suspects is, where it is known which of them are guilty.

Words (or entities) are ranked by a score, higher meaning more suspicious; `wrong` says which of them are wrong indeed.
Equal scores count as one step of the list: no order among them is to anybody's credit.
"""

from __future__ import annotations

import math

import numpy as np


def auroc(scores: np.ndarray, wrong: np.ndarray) -> float:
    """The probability that a wrong word ranks above a right one.

    AUROC = (sum of the ranks of the wrong - m * (m + 1) / 2) / (m * (n - m)), with n words, m of them wrong, ranks
    counted from the lowest score, equal scores sharing the mean of their ranks. This is the Mann-Whitney statistic over
    its maximum: P(score of a wrong one > of a right one) + half the probability that they are equal.

    Args:
        scores: shape (n,), no NaN; infinities are fine.
        wrong: shape (n,), bool.

    Returns:
        In [0, 1]; 0.5 for a list that knows nothing, NaN where nothing or everything is wrong.

    Raises:
        ValueError: shapes differ, or a score is NaN.

    Example:
        >>> auroc(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False]))
        0.875

    References:
        Mann and Whitney 1947, doi 10.1214/aoms/1177730491.
    """
    _check(scores, wrong)
    n_wrong = int(wrong.sum())
    n_right = wrong.size - n_wrong
    if not n_wrong or not n_right:
        return math.nan
    _, step, size = np.unique(scores, return_inverse=True, return_counts=True)
    rank = np.cumsum(size) - (size - 1) / 2
    return float((rank[step][wrong].sum() - n_wrong * (n_wrong + 1) / 2) / (n_wrong * n_right))


def precision_recall(scores: np.ndarray, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall after each step down the list.

    After a step, precision = wrong ones so far / words so far, recall = wrong ones so far / all wrong ones. One step
    takes all words of one score.

    Args:
        scores: shape (n,), no NaN.
        wrong: shape (n,), bool.

    Returns:
        Two arrays of shape (number of distinct scores,): precision, and recall, which never decreases and ends at 1.
        Empty where nothing is wrong.

    Raises:
        ValueError: shapes differ, or a score is NaN.

    Example:
        >>> [x.tolist() for x in precision_recall(np.array([3.0, 2.0, 2.0, 1.0]), np.array([True, True, False, False]))]
        [[1.0, 0.6666666666666666, 0.5], [0.5, 1.0, 1.0]]
    """
    _check(scores, wrong)
    if not wrong.any():
        return np.zeros(0), np.zeros(0)
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), wrong.size - 1)
    found = np.cumsum(wrong[order])[last]
    return found / (last + 1), found / found[-1]


def average_precision(scores: np.ndarray, wrong: np.ndarray) -> float:
    """The area under the precision-recall curve, as a sum of steps.

    AP = sum_i (recall_i - recall_{i-1}) * precision_i over the steps of `precision_recall`. Joining the points by
    straight lines instead would flatter.

    Args:
        scores: shape (n,), no NaN.
        wrong: shape (n,), bool.

    Returns:
        In (0, 1]; NaN where nothing is wrong.

    Raises:
        ValueError: shapes differ, or a score is NaN.

    Example:
        >>> round(average_precision(np.array([3.0, 2.0, 1.0]), np.array([True, False, True])), 4)
        0.8333
    """
    precision, recall = precision_recall(scores, wrong)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision)) if recall.size else math.nan


def precision_at_recall(scores: np.ndarray, wrong: np.ndarray, recall: float | np.ndarray) -> np.ndarray:
    """The share of wrong words in the shortest beginning of the list that holds this share of all wrong ones.

    Why not the largest precision at this recall or above, as interpolated curves have it: who reads the list stops as
    soon as he has found enough.

    Args:
        scores: shape (n,), no NaN.
        wrong: shape (n,), bool.
        recall: in (0, 1], one or any number of them.

    Returns:
        In (0, 1], in the shape of `recall`; NaN where nothing is wrong.

    Raises:
        ValueError: shapes differ, a score is NaN, or a recall is out of range.

    Example:
        >>> precision_at_recall(np.array([3.0, 2.0, 1.0]), np.array([True, False, True]), np.array([0.5, 0.6])).round(3)
        array([1.   , 0.667])
    """
    recall = np.asarray(recall, dtype=np.float64)
    if not np.all((recall > 0) & (recall <= 1)):
        raise ValueError(f"recall must be in (0, 1], got {recall}")
    precision, reached = precision_recall(scores, wrong)
    if not reached.size:
        return np.full(recall.shape, math.nan)
    # Of 10 wrong ones, 9 are a recall of .9 whatever 9/10 is in binary.
    return precision[np.searchsorted(reached, recall - 1e-12)]


def _check(scores: np.ndarray, wrong: np.ndarray) -> None:
    if scores.ndim != 1 or scores.shape != wrong.shape or wrong.dtype != np.bool_:
        raise ValueError(
            f"expected one score and one truth value per word, got {scores.dtype} {scores.shape} and {wrong.dtype} "
            f"{wrong.shape}"
        )
    if np.isnan(scores).any():
        raise ValueError("scores must not be NaN")
