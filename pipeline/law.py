"""The law of confidence: how sure a model will be, and how wrong about that, before it is trained.

A model that is trained with SGCE(q, s) on tags with a known kind of noise, converges and memorises nothing, gives a
word of gold label i the probabilities

    p_ik = w_ik**(1 / (1 - q)) / sum_j w_ij**(1 / (1 - q)),        w_ik = (1 - s) * T_ik + s / K,

with K labels, T_ij the probability that a word of gold label i carries tag j, and w its tags' distribution as the loss
sees them, noisy and smoothed. Derivation: minimise sum_k w_k * (1 - p_k**q) / q over the simplex. The Lagrangian's
derivative, -w_k * p_k**(q - 1) + mu = 0, gives p_k proportional to w_k**(1 / (1 - q)): softmax(log w / (1 - q)).
So q acts as a temperature of 1 - q on what cross-entropy would have said. The objective is convex in p, so that is its
minimum.

So confidence is a function of (T, q, s) alone. Whether it is *right* also depends on how often the model is: q is
chosen well where confidence equals accuracy. `noise_estimate` supplies T and the accuracy without clean labels.

Limits: a word whose gold label the text leaves open has a mixture of rows for its w; a model of few steps is less sure
than the law says where q is large, one of many steps memorises and is surer.

References:
    The optimum of GCE as a tempered posterior: Sypherd et al. 2019, arXiv 1906.02314 (the alpha-loss,
    alpha = 1 / (1 - q)). GCE: Zhang and Sabuncu 2018, arXiv 1805.07836.
"""

from __future__ import annotations

import numpy as np

HIGHEST_Q = 0.99  # above it the exponent 1 / (1 - q) passes 100 and a model of any finite training is nowhere near


def uniform_transition(rate: float, n_labels: int) -> np.ndarray:
    """The transition matrix of uniform noise.

    T_ij = 1 - n where j = i, and n / (K - 1) elsewhere.

    Args:
        rate: n in [0, 1], the probability that a word's tag is replaced by another label.
        n_labels: K, at least 2.

    Returns:
        T, shape (K, K), rows gold, columns tags.

    Raises:
        ValueError: an argument is out of range.
    """
    if not 0 <= rate <= 1 or n_labels < 2:
        raise ValueError(f"rate must be in [0, 1] and n_labels at least 2, got {rate} and {n_labels}")
    matrix = np.full((n_labels, n_labels), rate / (n_labels - 1))
    np.fill_diagonal(matrix, 1 - rate)
    return matrix


def optimum(transition: np.ndarray, q: float = 0.0, smoothing: float = 0.0) -> np.ndarray:
    """The probabilities that SGCE(q, s) drives a model to, for a word of each gold label.

    p_ik proportional to w_ik**(1 / (1 - q)), w = (1 - s) * T + s / K; see the module.

    Args:
        transition: T, shape (K, K), rows gold, columns tags, each row a distribution.
        q: in [0, 1). At 1 the optimum is the most frequent tag, with certainty.
        smoothing: s in [0, 1].

    Returns:
        p, shape (K, K), rows summing to 1.

    Raises:
        ValueError: an argument is out of range, or rows of T are no distributions.

    Example:
        Half the tags right, the rest spread over two labels; q = 1/2 squares the odds of 2 to 1:

        >>> optimum(uniform_transition(0.5, 3), q=0.5)[0].round(3).tolist()
        [0.667, 0.167, 0.167]
    """
    _check(transition, smoothing)
    if not 0 <= q < 1:
        raise ValueError(f"q must be in [0, 1), got {q}")
    seen = (1 - smoothing) * transition + smoothing / len(transition)
    with np.errstate(divide="ignore"):
        scores = np.log(seen) / (1 - q)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def confidence(transition: np.ndarray, prior: np.ndarray, q: float = 0.0, smoothing: float = 0.0) -> float:
    """The mean confidence that SGCE(q, s) drives a model to.

    c = sum_i pi_i * max_k p_ik, with p the `optimum` and pi_i the share of words whose gold label is i.

    Args:
        transition: T, shape (K, K).
        prior: pi, shape (K,), summing to 1.
        q: in [0, 1).
        smoothing: s in [0, 1].

    Returns:
        c in [1/K, 1]; never decreasing in q.

    Raises:
        ValueError: as in `optimum`.

    Example:
        Six tags in ten replaced, nine labels; cross-entropy says 40 %, q = .6 says 89 %:

        >>> noise, prior = uniform_transition(0.6, 9), np.full(9, 1 / 9)
        >>> [round(confidence(noise, prior, q), 3) for q in (0.0, 0.6, 0.8)]
        [0.4, 0.891, 0.998]
    """
    return float(prior @ optimum(transition, q, smoothing).max(axis=1))


def expected_calibration_error(
    transition: np.ndarray, prior: np.ndarray, accuracy: float, q: float = 0.0, smoothing: float = 0.0
) -> float:
    """The ECE that SGCE(q, s) drives a model to.

    ECE = sum_i pi_i * |c_i - a|, with c_i = max_k p_ik the confidence on words of gold label i and a the accuracy,
    taken to be the same for all of them. Under uniform noise every c_i is the same number and the sum is |c - a|.

    Args:
        transition: T, shape (K, K).
        prior: pi, shape (K,), summing to 1.
        accuracy: a in [0, 1], the share of words whose label the model gets right.
        q: in [0, 1).
        smoothing: s in [0, 1].

    Returns:
        ECE in [0, 1].

    Raises:
        ValueError: as in `optimum`.

    Example:
        >>> round(expected_calibration_error(uniform_transition(0.6, 9), np.full(9, 1 / 9), accuracy=0.975, q=0.6), 3)
        0.084
    """
    return float(prior @ np.abs(optimum(transition, q, smoothing).max(axis=1) - accuracy))


def calibrated_q(transition: np.ndarray, prior: np.ndarray, accuracy: float, smoothing: float = 0.0) -> float:
    """The q at which confidence equals accuracy: where a model is as sure as it is right.

    Solves c(q) = a by bisection; `confidence` never decreases in q. 1 - q is also the temperature to divide the word
    logits of a cross-entropy model by, to the same end.

    Args:
        transition: T, shape (K, K).
        prior: pi, shape (K,), summing to 1.
        accuracy: a in [0, 1].
        smoothing: s in [0, 1].

    Returns:
        q in [0, 0.99]: 0 where cross-entropy is already as sure as a, or surer; 0.99 where no q below is sure enough.

    Raises:
        ValueError: as in `optimum`.

    Example:
        >>> prior = np.full(9, 1 / 9)
        >>> [round(calibrated_q(uniform_transition(n, 9), prior, 0.97), 2) for n in (0.0, 0.2, 0.4, 0.6, 0.8)]
        [0.0, 0.38, 0.55, 0.7, 0.88]
    """
    low, high = 0.0, HIGHEST_Q
    if confidence(transition, prior, low, smoothing) >= accuracy:
        return low
    if confidence(transition, prior, high, smoothing) <= accuracy:
        return high
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if confidence(transition, prior, middle, smoothing) < accuracy else (low, middle)
    return (low + high) / 2


def _check(transition: np.ndarray, smoothing: float) -> None:
    if transition.ndim != 2 or transition.shape[0] != transition.shape[1]:
        raise ValueError(f"transition must be square, got shape {transition.shape}")
    if (transition < 0).any() or not np.allclose(transition.sum(axis=1), 1, atol=1e-4):
        raise ValueError(f"each row of transition must be a distribution, got {transition.tolist()}")
    if not 0 <= smoothing <= 1:
        raise ValueError(f"smoothing must be in [0, 1], got {smoothing}")
