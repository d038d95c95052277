"""The shape of representations: how large the last hidden layer is, how tight its classes, and a picture of three.

A word's hidden state h, of d numbers, is what the classification head reads; the head's weight row w_k is the template
of label k, and the logit of k is h . w_k + b_k. Label smoothing is said to pull the states of a class into a tight
cluster and to make them smaller. `scatter` measures both, `plane` and `project` show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scatter:
    """How large a set of vectors is, and how its variance divides into within and between classes.

    Args:
        norm: mean length of the vectors.
        spread: root mean square distance from their mean, sqrt(within + between).
        within: tr(S_W), the mean squared distance of a vector from the mean of its class.
        between: tr(S_B), the mean squared distance of a vector's class mean from the mean of all.
    """

    norm: float
    spread: float
    within: float
    between: float

    @property
    def ratio(self) -> float | None:
        """tr(S_W) / tr(S_B): 0 where every class is a point, large where classes overlap; the same at any scale."""
        return self.within / self.between if self.between > 0 else None

    @property
    def fisher(self) -> float | None:
        """tr(S_B) / tr(S_T), the share of the variance that lies between classes, in [0, 1]."""
        return self.between / (self.within + self.between) if self.spread > 0 else None

    def as_record(self) -> dict[str, float | None]:
        """Every number by its name, for JSON."""
        numbers = {"norm": self.norm, "spread": self.spread, "within": self.within, "between": self.between}
        return {**numbers, "ratio": self.ratio, "fisher": self.fisher}


def scatter(hidden: np.ndarray, classes: np.ndarray, *, balanced: bool = False) -> Scatter:
    """Divide the variance of hidden states into what lies within and what lies between classes.

        S_T = sum_i a_i (h_i - m)(h_i - m)^T             m    the mean of all,  sum_i a_i h_i
        S_W = sum_i a_i (h_i - m_i)(h_i - m_i)^T         m_i  the mean of the class of i
        S_B = sum_i a_i (m_i - m)(m_i - m)^T             S_T = S_W + S_B

    with the weights a_i = 1/n for n words, or, balanced, 1/(C * n_c) for a word of a class of n_c among C classes.
    Only the traces are computed.

    Why the ratio: a model may shrink its states and grow its templates by the same factor without any change to its
    logits, so that lengths alone say little; tr(S_W)/tr(S_B) is free of it. Why balanced: 83 % of the words of newswire
    are O, and would otherwise be most of S_W.

    Args:
        hidden: states, shape (n, d), n at least 1.
        classes: class of each state, shape (n,), integers.
        balanced: let every class count alike, whatever its number of words.

    Returns:
        Norm, spread and the two traces.

    Raises:
        ValueError: no states, or not one class for each.

    Example:
        Two classes, each of two points 2 apart, whose means are 6 apart:

        >>> points = np.array([[-4.0, 0.0], [-2.0, 0.0], [2.0, 0.0], [4.0, 0.0]])
        >>> found = scatter(points, np.array([0, 0, 1, 1]))
        >>> found.within, found.between, round(found.ratio, 3)
        (1.0, 9.0, 0.111)

    References:
        Fisher 1936, "The use of multiple measurements in taxonomic problems". Papyan, Han and Donoho 2020, arXiv
        2008.08186, whose NC1 is tr(S_W S_B^+)/C; the ratio of traces is the plainer form that needs no inverse.
    """
    if hidden.ndim != 2 or not len(hidden) or classes.shape != hidden.shape[:1]:
        raise ValueError(f"expected states (n, d) and a class for each, got {hidden.shape} and {classes.shape}")
    found, rows, counts = np.unique(classes, return_inverse=True, return_counts=True)
    shares = np.full(len(found), 1 / len(found)) if balanced else counts / len(classes)
    # Sums are taken class by class in float64: float32 would lose the small differences of large states.
    lengths, means, radii = np.empty(len(found)), np.empty((len(found), hidden.shape[1])), np.empty(len(found))
    for c in range(len(found)):
        states = hidden[rows == c].astype(np.float64)
        means[c] = states.mean(axis=0)
        lengths[c] = np.linalg.norm(states, axis=1).mean()
        radii[c] = np.square(states - means[c]).sum(axis=1).mean()
    within, between = float(shares @ radii), float(shares @ np.square(means - shares @ means).sum(axis=1))
    return Scatter(float(shares @ lengths), float(np.sqrt(within + between)), within, between)


def three_classes(labels: Sequence[str], classes: np.ndarray) -> tuple[int, int, int]:
    """The three classes of the picture: the commonest beginnings of entities; others, O last, where there are fewer.

    Beginnings because every entity has exactly one, and inside words are near copies of them.

    Args:
        labels: the label names, K of them.
        classes: label index per word, shape (n,).

    Raises:
        ValueError: fewer than three labels occur.

    >>> three_classes(("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER"), np.array([0, 0, 0, 3, 3, 3, 5, 5, 1, 2, 2]))
    (3, 5, 1)
    """
    counts = np.bincount(classes, minlength=len(labels))
    there = [k for k in range(len(labels)) if counts[k]]
    if len(there) < 3:
        raise ValueError(f"a projection needs three classes, found {', '.join(labels[k] for k in there) or 'none'}")
    first, second, third, *_ = sorted(there, key=lambda k: (labels[k] == "O", labels[k][:2] != "B-", -counts[k], k))
    return first, second, third


def plane(templates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The plane through the templates of three classes.

        origin = (t_1 + t_2 + t_3)/3
        u_1    = (t_2 - t_1)/|t_2 - t_1|
        u_2    = r/|r|,    r = (t_3 - t_1) - ((t_3 - t_1) . u_1) u_1

    What decides between the three classes is where a state lies along this plane: the difference of two of their logits
    is its product with the difference of two templates, which lies in the plane. All that is lost in the picture is
    what does not tell these classes apart. The same vector added to every template changes no probability, and turns
    neither axis.

    Args:
        templates: weight rows of the three classes, shape (3, d), d at least 2, not on one line.

    Returns:
        The origin, shape (d,), and the orthonormal axes u_1 and u_2, shape (2, d); float64.

    Raises:
        ValueError: other shapes, or templates on one line.

    Example:
        >>> plane(np.array([[0.0, 0.0, 1.0], [3.0, 0.0, 1.0], [1.0, 5.0, 1.0]]))[1]
        array([[1., 0., 0.],
               [0., 1., 0.]])

    References:
        Müller, Kornblith and Hinton 2019, arXiv 1906.02629, section 2.
    """
    if templates.ndim != 2 or len(templates) != 3:
        raise ValueError(f"expected the templates of three classes, shape (3, d), got {templates.shape}")
    t = templates.astype(np.float64)
    first, second = t[1] - t[0], t[2] - t[0]
    along = np.linalg.norm(first)
    if along > 0:
        second = second - (second @ first) / along**2 * first
    across = np.linalg.norm(second)
    if along == 0 or across < 1e-9 * max(along, np.linalg.norm(t[2] - t[0])):
        raise ValueError("the templates of the three classes lie on one line: there is no one plane through them")
    return t.mean(axis=0), np.stack([first / along, second / across])


def project(hidden: np.ndarray, origin: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Coordinates of states in a plane: ((h - origin) . u_1, (h - origin) . u_2).

    Args:
        hidden: states, shape (n, d).
        origin: shape (d,).
        axes: orthonormal rows, shape (2, d).

    Returns:
        Shape (n, 2), float32.

    >>> project(np.array([[2.0, 3.0, 7.0]]), np.array([1.0, 1.0, 1.0]), np.eye(2, 3))
    array([[1., 2.]], dtype=float32)
    """
    return ((hidden - origin) @ axes.T).astype(np.float32)
