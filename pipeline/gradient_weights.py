"""How hard each word pulls at a model while it is trained, and how much of the pull comes from wrong tags.

A word pulls at the model through its logits z alone: the gradient of its loss with respect to any parameter is that
with respect to z, carried backwards. For GCE(q), loss = (1 - p_c^q)/q with p = softmax(z) and c the tag,

    d loss / d z_k  =  -p_c^(q-1) * d p_c / d z_k  =  p_c^q * (p_k - [k = c]),

since d p_c / d z_k = p_c * ([k = c] - p_k). The tag's logit is pushed up by p_c^q * (1 - p_c), and the others are
pushed down by as much in all, because adding a constant to every logit changes no probability. This one number is the
word's **gradient weight**:

    weight  =  1/2 * sum_k |d loss / d z_k|  =  p_c^q * (1 - p_c)        for GCE(q), cross-entropy being q = 0.

Cross-entropy gives most weight to the words whose tag the model finds absurd, p_c near 0; under noise those are the
wrong ones. With q > 0 such a word weighs nothing, and the weight is largest at p_c = q/(1 + q); words that the model
has learned weigh nothing under either. The left-hand sum is defined for every loss: with smoothing, a ramp of q or a
corrected loss it is still the mass that the loss asks to be moved, in [0, 1], and it is what training records.

What a loss's scale does. Dividing the loss by K, as the article's listing does by averaging over classes too, divides
every weight by K: the distribution over words, and so every share below, stays as it is. Nor do the updates of Adam
change, whose step is a ratio of the gradient's running mean to its running root mean square, and AdamW's weight decay,
which is not part of the gradient. What notices the scale is Adam's epsilon, once gradients are as small as that, weight
decay that is added to the gradient, plain gradient descent, and clipping: a bound of 1 on the norm of the gradient cuts
fewer steps of a loss that is K times smaller.

References:
    Zhang and Sabuncu 2018, arXiv 1805.07836, section 3.2 (the weighting by p_c^q). C. Dimachkie, "Cross-Entropy is All
    You Need... Or is It?", Ntropy 2023, which asks what the scale does to the gradients.
"""

from __future__ import annotations

from typing import Any

import numpy as np

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
EDGES = np.logspace(-4, 0, 33)  # of the histograms, eight bins a decade; the first takes what is smaller still, too


def gce_weights(tag_probabilities: np.ndarray, q: float) -> np.ndarray:
    """The gradient weight of words under GCE(q): p^q * (1 - p).

    Args:
        tag_probabilities: p, the probability of each word's tag, any shape, in [0, 1].
        q: in [0, 1]; 0 is cross-entropy.

    Returns:
        The same shape, in [0, 1].

    Example:
        A tag found absurd, one found doubtful, and one that is learned:

        >>> p = np.array([0.01, 0.5, 0.99])
        >>> gce_weights(p, 0.0).round(3), gce_weights(p, 0.8).round(3)
        (array([0.99, 0.5 , 0.01]), array([0.025, 0.287, 0.01 ]))
    """
    return tag_probabilities**q * (1 - tag_probabilities)


def summarise(tag_probabilities: np.ndarray, weights: np.ndarray, flipped: np.ndarray) -> dict[str, Any] | None:
    """Where the gradient of one epoch went: the share of it on wrong tags, and how the weights are distributed.

        share of the words   =  |F| / n
        share of the weight  =  sum over F of weight / sum over all of weight

    with F the flipped words. If both shares are equal, the loss does not tell wrong tags from right ones. Beside it
    stands the share that cross-entropy would have put there with the same model, from the weights 1 - p: the
    difference between those two is the loss's own doing, what remains is what the model has learned.

    Args:
        tag_probabilities: p of each word's tag, shape (n_words,), in [0, 1]; NaN where unknown.
        weights: gradient weight of each word, likewise.
        flipped: whether the tag is wrong, shape (n_words,), boolean.

    Returns:
        `words_share`, `weight_share` and `cross_entropy_share`, null where nothing weighs anything; and for `clean`
        and for `flipped` words their number `n`, mean `weight`, mean `tag_probability`, `quantiles` of the weight (at
        `QUANTILES`) and `histogram` (counts between `edges`), null where there is no such word. None where no word was
        recorded.

    Example:
        Two clean words and a flipped one, under cross-entropy:

        >>> found = summarise(np.array([0.9, 0.8, 0.1]), np.array([0.1, 0.2, 0.9]), np.array([False, False, True]))
        >>> round(found["words_share"], 3), round(found["weight_share"], 3), found["clean"]["n"]
        (0.333, 0.75, 2)
    """
    seen = np.isfinite(tag_probabilities) & np.isfinite(weights)
    if not seen.any():
        return None
    p, w, wrong = tag_probabilities[seen].astype(np.float64), weights[seen].astype(np.float64), flipped[seen]
    return {
        "words_share": float(wrong.mean()),
        "weight_share": _share(w, wrong),
        "cross_entropy_share": _share(gce_weights(p, 0.0), wrong),
        "clean": _distribution(p[~wrong], w[~wrong]),
        "flipped": _distribution(p[wrong], w[wrong]),
        "edges": EDGES.tolist(),
    }


def _share(weights: np.ndarray, of: np.ndarray) -> float | None:
    total = weights.sum()
    return float(weights[of].sum() / total) if total > 0 else None


def _distribution(p: np.ndarray, weights: np.ndarray) -> dict[str, Any] | None:
    if not len(weights):
        return None
    counts, _ = np.histogram(np.clip(weights, EDGES[0], EDGES[-1]), bins=EDGES)
    return {
        "n": len(weights),
        "weight": float(weights.mean()),
        "tag_probability": float(p.mean()),
        "quantiles": np.quantile(weights, QUANTILES).tolist(),
        "histogram": counts.tolist(),
    }
