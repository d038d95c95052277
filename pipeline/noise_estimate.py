"""How noisy the tags are, estimated without a clean label: transition matrix, flip rate, and a model's own accuracy.

What is needed are word logits of the training words by a model that was *not* trained on those words' tags (out of
fold), so that its agreement with a tag says something about the tag. The words on which such a model is surest of a
label are nearly all of that label; how their given tags are distributed is that label's row of the transition matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pipeline.calibration import log_softmax

ANCHOR_SHARE = 0.25  # of the words predicted as a label, the surest: pure, and still many
PSEUDO_WORDS = np.geomspace(5, 1e5, 40)  # weights of the average row, in words, among which the data choose
EM_STEPS = 500
LOG_GAMMA = np.vectorize(math.lgamma, otypes=[float])


@dataclass(frozen=True, eq=False)
class NoiseEstimate:
    """What out-of-fold logits and tags say about the noise and about the model.

    Args:
        transition: T, shape (K, K): P(tag = j | gold = i), rows gold.
        prior: share of words whose gold label is i, shape (K,), summing to 1.
        accuracy: share of words whose gold label the model predicts, in [0, 1].
        anchors: how many words each row of T was counted on, shape (K,).
    """

    transition: np.ndarray
    prior: np.ndarray
    accuracy: float
    anchors: np.ndarray

    @property
    def rate(self) -> float:
        """n: the share of words whose tag is not gold, 1 - sum_i pi_i * T_ii."""
        return float(1 - self.prior @ np.diag(self.transition))


def estimate(logits: np.ndarray, tags: np.ndarray) -> NoiseEstimate:
    """Estimate the noise of some words' tags from what a model that has not seen these tags thinks of the words.

    1. Anchors of label i are the surest quarter, by p_i, of the words that are predicted as i. Row i of T is the
       distribution of their given tags, drawn towards an average row (the labels' pooled chance of keeping the tag, the
       rest spread evenly) as far as the rows agree: the weight of the average row is the one under which the counts are
       most probable if rows vary around it by a Dirichlet distribution (empirical Bayes). It is many thousand words
       where the noise is the same for every label, as uniform noise is, and a dozen where each label has its own.
    2. Given T, the gold labels behind each predicted label, R_ki = P(gold = i | predicted = k), are those that best
       explain the tags seen there, sum_j counts_kj * log sum_i R_ki * T_ij: a mixture with known components, climbed by
       EM. Then accuracy = sum_k share_k * R_kk, and prior = share @ R.

    Why not count every word, as the confident joint does: each wrong prediction then counts as a wrong tag, and a probe
    of one epoch under heavy noise is wrong often. Why not the model's own probabilities: it has not converged, and the
    tags of a thousand anchors are known exactly.

    The noise must depend on the gold label alone. Where it depends on the word (annotators who miss rare names), words
    that are easy for the model are also easy to tag and the estimate is a lower bound.

    Args:
        logits: out-of-fold word logits, shape (n_words, K), finite.
        tags: the given label index per word, shape (n_words,), int in [0, K).

    Raises:
        ValueError: shapes do not fit, or there is no word.

    Example:
        A model that knows 2,000 words of two labels, and tags of which one in four was flipped:

        >>> gold = np.arange(2000) % 2
        >>> tags = np.where(np.arange(2000) // 2 % 4 == 0, 1 - gold, gold)
        >>> found = estimate(np.eye(2)[gold] * 4.0, tags)
        >>> round(found.rate, 2), round(found.accuracy, 2)
        (0.25, 1.0)

    References:
        Anchors of a label: Liu and Tao 2016, arXiv 1411.7718; Patrini et al. 2017, arXiv 1609.03683, section 4.2. The
        confident joint: Northcutt, Jiang and Chuang 2021, arXiv 1911.00068.
    """
    if logits.ndim != 2 or tags.shape != (len(logits),) or not len(tags):
        raise ValueError(f"expected logits of shape (n, K) and n tags, got {logits.shape} and {tags.shape}")
    n_labels = logits.shape[1]
    log_p = log_softmax(logits)
    predicted = log_p.argmax(axis=1)
    counts = np.stack([_anchor_tags(log_p[:, i], predicted == i, tags, n_labels) for i in range(n_labels)])
    transition = _rows(counts)
    joint = np.bincount(predicted * n_labels + tags, minlength=n_labels**2).reshape(n_labels, n_labels)
    share = joint.sum(axis=1) / len(tags)
    behind = _gold_behind(joint, transition)
    return NoiseEstimate(transition, share @ behind, float(share @ np.diag(behind)), counts.sum(axis=1))


def _anchor_tags(log_p: np.ndarray, predicted: np.ndarray, tags: np.ndarray, n_labels: int) -> np.ndarray:
    """How often each tag stands on the surest words of one label, shape (K,)."""
    candidates = np.flatnonzero(predicted)
    wanted = max(int(ANCHOR_SHARE * len(candidates)), min(len(candidates), 30))
    surest = candidates[np.argsort(-log_p[candidates], kind="stable")[:wanted]]
    return np.bincount(tags[surest], minlength=n_labels)


def _rows(counts: np.ndarray) -> np.ndarray:
    """Anchor counts (K, K) as a transition matrix, each row drawn towards the average one."""
    n_labels = len(counts)
    kept = np.trace(counts) / max(counts.sum(), 1)
    average = np.full((n_labels, n_labels), (1 - kept) / max(n_labels - 1, 1))
    np.fill_diagonal(average, kept if n_labels > 1 else 1.0)
    weight = max(PSEUDO_WORDS, key=lambda words: _log_evidence(counts, words * average))
    weighted = counts + weight * average
    return weighted / weighted.sum(axis=1, keepdims=True)


def _log_evidence(counts: np.ndarray, prior: np.ndarray) -> float:
    """Log probability of the rows of counts, each multinomial with probabilities drawn from a Dirichlet of that row.

    Without the factors that do not depend on the prior; cells in which the prior is 0 hold no counts.
    """
    prior = np.maximum(prior, 1e-12)
    rows, words = prior.sum(axis=1), counts.sum(axis=1)
    per_row = LOG_GAMMA(rows) - LOG_GAMMA(rows + words)
    return float(np.sum(per_row) + np.sum(LOG_GAMMA(prior + counts) - LOG_GAMMA(prior)))


def _gold_behind(joint: np.ndarray, transition: np.ndarray) -> np.ndarray:
    """P(gold | predicted), shape (K, K), from counts of (predicted, tag) and the transition matrix."""
    n_labels = len(joint)
    seen = joint / np.maximum(joint.sum(axis=1, keepdims=True), 1)
    behind = np.full((n_labels, n_labels), 0.5 / max(n_labels - 1, 1))
    np.fill_diagonal(behind, 0.5)
    for _ in range(EM_STEPS):
        explained = np.maximum(behind @ transition, 1e-300)
        behind = behind * ((seen / explained) @ transition.T)
        behind /= np.maximum(behind.sum(axis=1, keepdims=True), 1e-300)
    return behind
