"""Losses that survive wrong tags: one function with two dials, and the exact correction for known noise.

`sgce` is a family. With p = softmax(logits), K labels and c the tag of a word:

    name                    call                                   per word
    CE                      sgce(logits, tags)                     -log p_c
    CE, label smoothing     sgce(logits, tags, smoothing=s)        sum_k y_k * (-log p_k)
    GCE                     sgce(logits, tags, q=q)                (1 - p_c**q) / q
    MAE (halved: unhinged)  sgce(logits, tags, q=1)                1 - p_c
    SGCE                    sgce(logits, tags, q=q, smoothing=s)   sum_k y_k * (1 - p_k**q) / q
    SGCE, any target y      sgce(logits, y, q=q)                   the same; `targets.smooth_targets` makes such y
    forward-corrected CE    forward_corrected_cross_entropy        -log sum_i T_ic * p_i

where y_k = (1 - s) * [k = c] + s / K.

Every loss takes raw scores and returns one value per word. Which words count, and what their number is divided by, is
the trainer's business.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Below this, (1 - p**q) / q equals -log p to the last bit of a float64, while q * log p would start to underflow.
_Q_OF_CROSS_ENTROPY = 1e-20


def sgce(logits: Tensor, targets: Tensor, *, q: float = 0.0, smoothing: float = 0.0) -> Tensor:
    """Score each word against its tag, forgiving words the model strongly disagrees with the more, the larger q is.

    Smooth generalized cross-entropy:

        loss = sum_k y_k * (1 - p_k**q) / q        and, as q goes to 0,        loss = sum_k y_k * (-log p_k)

    with p = softmax(logits) over K labels and y the target distribution, (1 - s) * onehot(tag) + s / K for smoothing s.

    Its gradient is that of cross-entropy with each label's term weighted by p_k**q, so a tag the model finds absurd,
    probably a wrong one, pulls less. Two consequences to know before choosing q:

    - The law of confidence. Where the tags of like words, smoothed, are distributed as w, the loss is least at

          p_k = w_k**(1 / (1 - q)) / sum_j w_j**(1 / (1 - q))  =  softmax(log w / T)_k,    T = 1 - q:

      cross-entropy (q = 0) becomes exactly as unsure as the noise is frequent; q > 0 sharpens that by the temperature
      1 - q, and so undoes the noise's effect on confidence. Smoothing is raised to the same power and is nearly void
      at q >= 0.5. The law is for a converged model that has not memorised its tags.
    - At large q a word with small p_tag has almost no gradient: learning starts slowly, at q = 1 hardly at all.
      Raising q during training avoids this; q is a plain number here so that a schedule can.

    Computed from log p in float32 as -expm1(q * log p) / q, which is right for small q and keeps gradients finite
    where p itself underflows; half-precision logits are widened first, float64 stays float64.

    Args:
        logits: raw scores, finite, shape (n, K); or shape (n, 1), one score z per word for a yes/no tag, which is two
            labels with scores (0, z): p_1 = sigmoid(z).
        targets: tags, shape (n,), integers in [0, K); or target distributions, shape (n, K), floating, rows summing
            to 1. K is 2 for one score per word.
        q: in [0, 1]. 0 is cross-entropy, 1 is the mean absolute error, halved.
        smoothing: s in [0, 1]. Must be 0 with target distributions: they carry their own.

    Returns:
        The loss of each word, shape (n,), float32 (float64 for float64 logits), in [0, 1/q] for q > 0.

    Raises:
        ValueError: q or smoothing out of range, shapes that do not fit, smoothing with target distributions.

    Example:
        Three of four labels share what the tag leaves; p_tag is 1/2:

        >>> logits = torch.tensor([[3.0, 1.0, 1.0, 1.0]]).log()
        >>> sgce(logits, torch.tensor([0]), q=0.5)  # (1 - sqrt(1/2)) / (1/2)
        tensor([0.5858])
        >>> sgce(logits, torch.tensor([0]))  # log 2
        tensor([0.6931])

    References:
        Zhang and Sabuncu 2018, arXiv 1805.07836 (GCE). Box and Cox 1964, p. 214, whose transformation this negates.
        C. Dimachkie, "Cross-Entropy is All You Need... Or is It?", Ntropy 2023 (SGCE). Sypherd et al. 2019,
        arXiv 1906.02314 (the alpha-loss, alpha = 1 / (1 - q)).
    """
    if not 0 <= q <= 1:
        raise ValueError(f"q must lie in [0, 1], got {q}")
    if not 0 <= smoothing <= 1:
        raise ValueError(f"smoothing must lie in [0, 1], got {smoothing}")
    log_p = _log_probabilities(logits)
    label_losses = -log_p if q < _Q_OF_CROSS_ENTROPY else -torch.expm1(q * log_p) / q
    if targets.is_floating_point():
        if smoothing > 0:
            raise ValueError(f"smoothing must be 0 with target distributions, which are smoothed already: {smoothing}")
        if targets.shape != log_p.shape:
            raise ValueError(
                f"target distributions must have shape {tuple(log_p.shape)}, got shape {tuple(targets.shape)}"
            )
        return (targets.to(log_p.dtype) * label_losses).sum(dim=-1)
    _check_tags(targets, n_words=len(logits))
    tag_losses = label_losses.gather(-1, targets.long()[:, None]).squeeze(-1)
    return (1 - smoothing) * tag_losses + smoothing * label_losses.mean(dim=-1)


def forward_corrected_cross_entropy(logits: Tensor, tags: Tensor, transition: Tensor) -> Tensor:
    """Score the tag a word would get after the noise, so that the model itself stays free of it.

        loss = -log sum_i T_ic * p_i

    with p = softmax(logits), c the tag of the word, and T_ij the probability that a word of gold label i got tag j.

    When T is the true noise, the loss is least where p is the clean posterior: the exact answer that `sgce` with a
    well-chosen q approximates without knowing T. Computed as a log-sum-exp of log T + log p, so T may hold zeros and
    p may underflow. A tag that T makes impossible (a column of zeros) has infinite loss and no usable gradient.

    Args:
        logits: raw scores, finite, shape (n, K); or (n, 1) as in `sgce`, with K = 2.
        tags: label index per word, shape (n,), integers in [0, K).
        transition: T, shape (K, K), rows gold, columns tags; each row a distribution.

    Returns:
        The loss of each word, shape (n,), float32 (float64 for float64 logits).

    Raises:
        ValueError: shapes that do not fit, or rows of T that are not distributions (T given transposed, for one).

    Example:
        The model is sure of label 0, and one word in five of that label is tagged 1:

        >>> noise = torch.tensor([[0.8, 0.2], [0.0, 1.0]])
        >>> forward_corrected_cross_entropy(torch.tensor([[100.0, 0.0]]), torch.tensor([1]), noise)  # -log 0.2
        tensor([1.6094])

    References:
        Patrini et al. 2017, arXiv 1609.03683 (theorem 2).
    """
    log_p = _log_probabilities(logits)
    n_labels = log_p.shape[-1]
    _check_tags(tags, n_words=len(logits))
    if transition.shape != (n_labels, n_labels):
        raise ValueError(f"transition must have shape {(n_labels, n_labels)}, got shape {tuple(transition.shape)}")
    row_sums = transition.sum(dim=-1)
    if bool((transition < 0).any()) or not torch.allclose(row_sums, torch.ones_like(row_sums), atol=1e-4):
        raise ValueError(f"each row of transition must be a distribution, got rows summing to {row_sums.tolist()}")
    log_chance_of_tag = transition.to(log_p).log().T[tags.long()]
    return -torch.logsumexp(log_chance_of_tag + log_p, dim=-1)


def _log_probabilities(logits: Tensor) -> Tensor:
    """Log-softmax over labels in float32 or wider; one score per word becomes two labels."""
    if logits.ndim != 2 or logits.shape[-1] == 0:
        raise ValueError(f"logits must have shape (n_words, n_labels) with a label at least, got {tuple(logits.shape)}")
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if logits.shape[-1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=-1)
    return F.log_softmax(logits, dim=-1)


def _check_tags(tags: Tensor, *, n_words: int) -> None:
    """Shape and type only: reading the values would make a GPU wait, and torch refuses bad indices itself."""
    if tags.shape != (n_words,) or tags.is_floating_point():
        raise ValueError(f"tags must be integers of shape ({n_words},), got {tags.dtype} of shape {tuple(tags.shape)}")
