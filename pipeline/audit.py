"""Which training labels are probably wrong: each given tag against what a model thinks of the word.

A noise-robust teacher has an opinion on a word, eta_k = P(gold = k | word). The tag c that somebody gave the word is
evidence too: T_kc = P(tag = c | gold = k) says how often gold k ends up as c. Bayes' rule puts the two together,

    P(gold = k | word, tag = c)  =  eta_k * T_kc / sum_i eta_i * T_ic,

and the tag is wrong with probability 1 - P(gold = c | word, tag = c). `suspects` makes suggestions of this, and goes
on from words to entities. Nothing here reads gold; `ranking` says how good the list is where gold is known.

Words are judged one by one. Letting neighbouring tags speak for each other, through the rules of IOB2, ranks better
where noise hits each word by itself, and worse where it hits whole entities, as that of people and dictionaries does.

References:
    Dawid and Skene 1979, doi 10.2307/2346806 (the posterior of a label given its annotation and the annotator's
    confusions). Ranking by a model's probability of the given label: Wang and Mueller 2022, arXiv 2210.03920 (token
    classification, cleanlab).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.calibration import HIGHEST_TEMPERATURE, LOWEST_TEMPERATURE, log_softmax

GRID = 25  # temperatures that are tried before the best one is refined: a factor of 1.28 apart
GOLDEN = (5**0.5 - 1) / 2
REFINEMENTS = 14  # each shortens the interval to .62: at the end it is a factor of 1.0006 wide


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What is thought of the given tag of every word.

    Args:
        log_posterior: log P(gold = k | word, tag), shape (n_words, K), at most 0.
        log_odds: log P(wrong) - log P(right) of the given tag, shape (n_words,): what to rank by, since it keeps apart
            words whose probabilities both round to 1. May be infinite.
        error_probability: P(the given tag is not gold), shape (n_words,), in [0, 1].
    """

    log_posterior: np.ndarray
    log_odds: np.ndarray
    error_probability: np.ndarray


def judge(
    logits: np.ndarray, tags: np.ndarray, transition: np.ndarray | None = None, temperature: float = 1.0
) -> Verdicts:
    """How improbable each given tag is.

    P(gold = k | word, c) = eta_k * T_kc / sum_i eta_i * T_ic, eta = softmax(logits / temperature), c the given tag.
    Without T the tag is taken for no evidence at all: the posterior is eta and the tag wrong with probability
    1 - eta_c.

    Why: 1 - eta_c asks whether the model would have said something else; it calls every word doubtful that the text
    leaves open. The posterior asks whether the tag is *wrong*: where names are often missed and seldom invented, an O
    is worth doubting and a name is not.

    Under uniform noise the two rank alike. Then T_cc = 1 - n and every other T_ic = n / (K - 1), so the odds of being
    wrong are n / ((K - 1) * (1 - n)) * (1 - eta_c) / eta_c: a constant times a decreasing function of eta_c. What T
    adds there is that the numbers are probabilities. Under any other noise the constant depends on c and on what else
    the word may be, and the ranking changes too.

    Args:
        logits: word logits, shape (n_words, K), finite.
        tags: the given label index per word, shape (n_words,), int in [0, K).
        transition: T, shape (K, K), rows gold, columns tags.
        temperature: divides the logits; see `fit_channel_temperature`.

    Raises:
        ValueError: shapes do not fit, or a tag occurs that T gives to no gold label.

    Example:
        The model is 70 % sure of label 1 and the word is tagged 0. Where label 1 is often tagged 0 by mistake, the tag
        is wrong; where it never is, the tag is right however unlikely the model finds it:

        >>> logits, tag = np.log([[0.3, 0.7]]), np.array([0])
        >>> judge(logits, tag, np.array([[1.0, 0.0], [0.5, 0.5]])).error_probability.round(3).tolist()
        [0.538]
        >>> judge(logits, tag, np.array([[1.0, 0.0], [0.0, 1.0]])).error_probability.tolist()
        [0.0]
        >>> judge(logits, tag).error_probability.round(3).tolist()
        [0.7]
    """
    log_joint = log_softmax(_checked(logits, tags), temperature)
    if transition is not None:
        log_joint = log_joint + _log_channel(transition, tags, logits.shape[1])
    log_posterior = log_softmax(log_joint)
    own = tags[:, None]
    right = np.take_along_axis(log_posterior, own, axis=1)[:, 0]
    others = log_posterior.copy()
    np.put_along_axis(others, own, -np.inf, axis=1)
    log_odds = np.logaddexp.reduce(others, axis=1) - right
    return Verdicts(log_posterior, log_odds, np.exp(-np.logaddexp(0, -log_odds)))


def fit_channel_temperature(logits: np.ndarray, tags: np.ndarray, transition: np.ndarray) -> float:
    """The temperature under which the given tags, wrong ones included, are most probable.

    Maximises over t the mean of log sum_k softmax(z / t)_k * T_kc, with z the logits and c the tag of a word: the model
    says what the word is, the noise turns that into a tag.

    Why: `judge` needs eta to be the probability of *gold*, and no model gives it. Cross-entropy on noisy tags learns
    the tags' distribution, which is as flat as the noise makes it; SGCE sharpens that by a factor that depends on q.
    Fitting to the given tags through T needs no clean label. On out-of-fold logits of the embedded corpus with 20, 60
    and 80 % uniform noise, T estimated, it finds .55, .29 and .12 where gold would give .52, .28 and .17.

    The objective has no convexity to rely on: a grid over [0.05, 20] finds the valley, golden-section search its floor.

    Args:
        logits: word logits, shape (n_words, K), n_words >= 1, finite.
        tags: the given label index per word, shape (n_words,), int in [0, K).
        transition: T, shape (K, K), rows gold, columns tags.

    Returns:
        The temperature, in [0.05, 20].

    Raises:
        ValueError: shapes do not fit, there is no word, or a tag occurs that T gives to no gold label.

    Example:
        Half of the tags are noise. Cross-entropy learned exactly that, and is half as sure as it could be:

        >>> noise = np.array([[0.75, 0.25], [0.25, 0.75]])
        >>> logits, tags = np.log([[0.75, 0.25]] * 4), np.array([0, 0, 0, 1])
        >>> fit_channel_temperature(logits, tags, noise) < 0.1
        True
        >>> round(fit_channel_temperature(logits, tags, np.eye(2)), 2)
        1.0
    """
    _checked(logits, tags)
    if not len(tags):
        raise ValueError("a temperature needs at least one word")
    log_channel = _log_channel(transition, tags, logits.shape[1])

    def surprise(log_temperature: float) -> float:
        joint = log_softmax(logits, float(np.exp(log_temperature))) + log_channel
        highest = joint.max(axis=1)
        return -float(np.mean(highest + np.log(np.exp(joint - highest[:, None]).sum(axis=1))))

    grid = np.linspace(np.log(LOWEST_TEMPERATURE), np.log(HIGHEST_TEMPERATURE), GRID)
    best = int(np.argmin([surprise(t) for t in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)]
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = surprise(left), surprise(right)
    for _ in range(REFINEMENTS):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = surprise(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = surprise(right)
    return float(np.clip(np.exp((low + high) / 2), LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE))


def _checked(logits: np.ndarray, tags: np.ndarray) -> np.ndarray:
    if logits.ndim != 2 or tags.shape != (len(logits),):
        raise ValueError(f"expected logits of shape (n, K) and n tags, got {logits.shape} and {tags.shape}")
    return logits


def _log_channel(transition: np.ndarray, tags: np.ndarray, n_labels: int) -> np.ndarray:
    """The log of T_kc for every word's tag c, shape (n_words, K)."""
    if transition.shape != (n_labels, n_labels):
        raise ValueError(f"transition must have shape ({n_labels}, {n_labels}), got {transition.shape}")
    impossible = np.unique(tags[transition.sum(axis=0)[tags] <= 0])
    if impossible.size:
        raise ValueError(f"tag {impossible[0]} occurs, but transition gives it to no gold label")
    with np.errstate(divide="ignore"):
        return np.log(transition).T[tags]
