"""Label noise: seeded corruption of tags, each kind a pure function of (tags, rng), and what it did in numbers.

The kinds differ in what a word's wrong tag depends on: on nothing (`uniform`), on being an entity
(`within_entities`), on its own label (`pair`), or on the whole entity it stands in (`span`). Throughout, `tags` and
`gold` are label indices per word, flat over a split, shape (n_words,), int64 in [0, K); `labels` are the K label names,
"O" first; noisy tags come back in the shape of `tags`, as a new array.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.errors import PipelineError

KINDS = ("none", "uniform", "within-entities", "pair", "span")

DROPPED, RETYPED, MOVED = 0, 1, 2
SPAN_SHARES = (0.5, 0.25, 0.25)


def uniform(tags: np.ndarray, n_labels: int, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Replace every word's tag, O included, with probability `rate` by a different label chosen uniformly.

    P(new = j | tag = i) = 1 − rate where j = i, rate / (K − 1) elsewhere.

    Why: the noise under which SGCE's confidence has a closed form, since the tag stays right with probability exactly
    1 − rate. Most words are O, so most of the wrong tags are invented entities.

    Args:
        tags: label index per word, shape (n_words,).
        n_labels: K, at least 2.
        rate: probability of a flip, in [0, 1].
        rng: source of randomness.

    Raises:
        PipelineError: there is no other label.
    """
    if n_labels < 2:
        raise PipelineError(f"uniform noise: expected at least 2 labels, found {n_labels}; use noise kind none")
    hit = rng.random(tags.size) < rate
    noisy = rng.integers(1, n_labels, tags.size)  # 1 … K − 1 labels further round the circle: never back to itself
    noisy += tags
    noisy %= n_labels
    np.copyto(noisy, tags, where=~hit)
    return noisy


def within_entities(tags: np.ndarray, labels: Sequence[str], rate: float, rng: np.random.Generator) -> np.ndarray:
    """Replace an entity word's tag with probability `rate` by another entity label chosen uniformly; O stays O.

    Why: an annotator who sees that something is a name but not which kind. Where entities are is never in doubt.

    Args:
        tags: label index per word, shape (n_words,).
        labels: the K label names, "O" first.
        rate: probability of a flip, in [0, 1].
        rng: source of randomness.

    Raises:
        PipelineError: there is no other entity label.
    """
    n_entity = len(labels) - 1
    if n_entity < 2:
        raise PipelineError(
            f"within-entities noise: expected at least 2 entity labels, found {', '.join(labels)}; use noise kind span"
        )
    hit = (tags > 0) & (rng.random(tags.size) < rate)
    step = rng.integers(1, n_entity, tags.size)
    return np.where(hit, (tags - 1 + step) % n_entity + 1, tags)


def pair(tags: np.ndarray, matrix: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Redraw each word's tag from its own label's row of a transition matrix.

    P(new = j | tag = i) = matrix[i, j].

    Why: class-conditional noise, the kind that forward correction undoes exactly.

    Args:
        tags: label index per word, shape (n_words,).
        matrix: probabilities, shape (K, K), each row summing to 1.
        rng: source of randomness.
    """
    cumulative = np.cumsum(matrix, axis=1)
    cumulative /= cumulative[:, -1:]  # the last entry becomes exactly 1, so that every draw below 1 finds a label
    return (rng.random(tags.size)[:, None] >= cumulative[tags]).sum(axis=1)


def pair_matrix(labels: Sequence[str], rate: float) -> np.ndarray:
    """The "pair flip" matrix: each entity type is mistaken for the next one with probability `rate`; O stays O.

    matrix[B-X, B-Y] = matrix[I-X, I-Y] = rate and the rest of the row on the diagonal, Y the type after X in
    alphabetical order, the last one followed by the first.

    Args:
        labels: the K label names, "O" first.
        rate: probability of a flip, in [0, 1].

    Returns:
        Probabilities, shape (K, K), each row summing to 1.

    Raises:
        PipelineError: there is only one entity type.

    Example:
        >>> pair_matrix(["O", "B-LOC", "I-LOC", "B-PER", "I-PER"], 0.25)[1]
        array([0.  , 0.75, 0.  , 0.25, 0.  ])
    """
    types = _types(labels)
    if len(types) < 2:
        raise PipelineError(
            f"pair noise: expected at least 2 entity types, found {', '.join(labels)}; give a matrix or use kind span"
        )
    following = dict(zip(types, types[1:] + types[:1], strict=True))
    matrix = np.eye(len(labels))
    for i, name in enumerate(labels):
        if name != "O":
            matrix[i, i] -= rate
            matrix[i, labels.index(name[:2] + following[name[2:]])] += rate
    return matrix


def span(
    tags: np.ndarray, labels: Sequence[str], lengths: np.ndarray, rate: float, rng: np.random.Generator
) -> np.ndarray:
    """Hit every entity with probability `rate`: half of the hits drop it, a quarter retype it, a quarter move it.

    - dropped: all its words become O.
    - retyped: it gets another type, chosen uniformly. With a single type it is dropped instead.
    - moved: one of its two ends goes one word outwards or inwards, chosen uniformly among the moves that keep it
      inside its sentence, off every other entity and at least one word long. Where there is none it is dropped.

    Why: what distant supervision does. Names that the dictionary misses dominate, then wrong types, then wrong ends.
    The tags stay well-formed, so a tagger cannot spot the noise by its grammar.

    Args:
        tags: label index per word, shape (n_words,). An I- that continues nothing starts an entity, as in conlleval.
        labels: the K label names, "O" first.
        lengths: words per sentence, shape (n_sentences,), summing to n_words.
        rate: probability of a hit per entity, in [0, 1].
        rng: source of randomness.

    Returns:
        The noisy tags, shape (n_words,), well-formed IOB2 even where `tags` was not.
    """
    types = _types(labels)
    entities = _entities(tags, labels, lengths)
    hits = rng.random(len(entities)) < rate
    fates = rng.choice(len(SPAN_SHARES), size=len(entities), p=SPAN_SHARES)
    free = tags == 0
    sentence_of = np.repeat(np.arange(len(lengths)), lengths)
    noisy = np.zeros_like(tags)
    for (kind, start, end), hit, fate in zip(entities, hits, fates, strict=True):
        if hit and fate == RETYPED and len(types) > 1:
            kind = rng.choice([other for other in types if other != kind])
        elif hit and fate == MOVED:
            start, end = _moved(start, end, free, sentence_of, rng)
            free[start:end] = False  # or the next entity could grow over this one
        elif hit:
            end = start
        if start < end:
            noisy[start:end] = labels.index(f"I-{kind}")
            noisy[start] = labels.index(f"B-{kind}")
    return noisy


def transition_matrix(gold: np.ndarray, tags: np.ndarray, n_labels: int) -> np.ndarray:
    """How often each gold label carries each tag: row i, column j is P(tag = j | gold = i).

    Args:
        gold: corrected label index per word, shape (n_words,).
        tags: label index per word, shape (n_words,).
        n_labels: K.

    Returns:
        Frequencies, shape (K, K), each row summing to 1. The row of a label that gold does not have is the
        identity's: nothing is known to flip it.

    Example:
        >>> transition_matrix(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2]), 3)
        array([[1. , 0. , 0. ],
               [0. , 0.5, 0.5],
               [0. , 0. , 1. ]])
    """
    counts = np.bincount(gold * n_labels + tags, minlength=n_labels**2).reshape(n_labels, n_labels)
    seen = counts.sum(axis=1, keepdims=True)
    return np.where(seen > 0, counts / np.maximum(seen, 1), np.eye(n_labels))


def word_flip_rate(gold: np.ndarray, tags: np.ndarray) -> float:
    """The share of words whose tag is not gold, in [0, 1].

    Args:
        gold: corrected label index per word, shape (n_words,), at least one word.
        tags: label index per word, shape (n_words,).

    Example:
        >>> word_flip_rate(np.array([0, 0, 1, 2]), np.array([0, 0, 1, 1]))
        0.25
    """
    return float(np.mean(gold != tags))


def inject(
    kind: str,
    tags: np.ndarray,
    labels: Sequence[str],
    lengths: np.ndarray,
    rate: float,
    seed: int,
    matrix: Sequence[Sequence[float]] | np.ndarray | None = None,
) -> np.ndarray:
    """Corrupt the tags of a split; the same arguments always give the same tags.

    Args:
        kind: one of `KINDS`.
        tags: label index per word, shape (n_words,).
        labels: the K label names, "O" first.
        lengths: words per sentence, shape (n_sentences,), summing to n_words.
        rate: probability in [0, 1], per word or (span) per entity. 0 returns the tags unchanged.
        seed: seed of the noise.
        matrix: for pair alone: transition probabilities, shape (K, K). They stand in for `pair_matrix` and for
            `rate`, which is then not read.

    Raises:
        PipelineError: the kind is unknown, the rate or the matrix is not a probability, or the labels leave nothing
            to flip to.
    """
    if kind not in KINDS:
        raise PipelineError(f"expected a noise kind of {', '.join(KINDS)}, found {kind!r}; choose one of them")
    if not 0 <= rate <= 1:
        raise PipelineError(f"expected a noise rate in [0, 1], found {rate}; choose one in that range")
    if matrix is not None and kind != "pair":
        raise PipelineError(f"expected no noise matrix with kind {kind}, found one; remove it or use kind pair")
    rng = np.random.default_rng(seed)
    if matrix is not None:
        return pair(tags, _checked(matrix, len(labels)), rng)
    if kind == "none" or rate == 0:
        return tags.copy()
    if kind == "uniform":
        return uniform(tags, len(labels), rate, rng)
    if kind == "within-entities":
        return within_entities(tags, labels, rate, rng)
    if kind == "pair":
        return pair(tags, pair_matrix(labels, rate), rng)
    return span(tags, labels, lengths, rate, rng)


def _checked(matrix: Sequence[Sequence[float]] | np.ndarray, n_labels: int) -> np.ndarray:
    """The matrix as an array, once it is one of transition probabilities."""
    try:
        array = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.shape != (n_labels, n_labels):
        raise PipelineError(
            f"noise matrix: expected {n_labels} rows of {n_labels} numbers, one per label, found shape {array.shape}; "
            "give a full row for every label"
        )
    wrong = np.flatnonzero(~((array >= 0).all(axis=1) & (np.abs(array.sum(axis=1) - 1) < 1e-6)))
    if wrong.size:
        row = array[wrong[0]]
        raise PipelineError(
            f"noise matrix: expected probabilities summing to 1 in every row, found {row.tolist()} in row {wrong[0]} "
            f"(sum {row.sum():.6g}); correct that row"
        )
    return array


def _types(labels: Sequence[str]) -> list[str]:
    return sorted({name[2:] for name in labels if name != "O"})


def _entities(tags: np.ndarray, labels: Sequence[str], lengths: np.ndarray) -> list[tuple[str, int, int]]:
    """Each entity as (type, start, end), word indices into the split with the end exclusive, from left to right."""
    entities: list[tuple[str, int, int]] = []
    starts = set(np.cumsum(lengths).tolist())  # where the next sentence begins
    for i in np.flatnonzero(tags).tolist():
        prefix, kind = labels[tags[i]].split("-", 1)
        if prefix == "I" and entities and entities[-1][0] == kind and entities[-1][2] == i and i not in starts:
            entities[-1] = (kind, entities[-1][1], i + 1)
        else:
            entities.append((kind, i, i + 1))
    return entities


def _moved(
    start: int, end: int, free: np.ndarray, sentence_of: np.ndarray, rng: np.random.Generator
) -> tuple[int, int]:
    """The entity with one end one word further out or in; an empty one where there is no such move."""
    moves = []
    if start > 0 and free[start - 1] and sentence_of[start - 1] == sentence_of[start]:
        moves.append((start - 1, end))
    if end < free.size and free[end] and sentence_of[end] == sentence_of[start]:
        moves.append((start, end + 1))
    if end - start > 1:
        moves += [(start + 1, end), (start, end - 1)]
    return moves[rng.integers(len(moves))] if moves else (start, start)
