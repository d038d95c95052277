"""Entities: from one label per word to typed spans, and how many predicted spans are gold spans.

Two readings of a label sequence are in use, and on models trained with noisy tags they differ by many points of F1:

- *default* (conlleval, and seqeval without arguments): an entity starts at B-X, and also at an I-X that has no X
  directly before it. Published CoNLL-2003 numbers mean this one.
- *strict* (seqeval with mode="strict", scheme=IOB2): an entity starts at B-X only; an I-X without its B-X is nothing.

The strict entities are exactly those default entities whose first word is tagged B-X.

References:
    Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 shared task", 2003, arXiv cs/0306050.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.bootstrap import ratio


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """The entities of one split in their order in the text; no two share a word.

    Args:
        start: flat index of the first word, shape (n_spans,), strictly increasing.
        end: flat index one past the last word, shape (n_spans,).
        kind: index into `entity_types(labels)`, shape (n_spans,).
        sentence: index of the sentence, shape (n_spans,).
    """

    start: np.ndarray
    end: np.ndarray
    kind: np.ndarray
    sentence: np.ndarray


def entity_types(labels: Sequence[str]) -> tuple[str, ...]:
    """The distinct entity types of a label set, sorted.

    Args:
        labels: IOB2 label names ("O", "B-X", "I-X") in any order.

    Returns:
        The type names; empty where "O" is the only label.

    Raises:
        ValueError: a label is no IOB2 name.

    Example:
        >>> entity_types(("O", "B-PER", "I-PER", "B-LOC", "I-LOC"))
        ('LOC', 'PER')
    """
    for name in labels:
        if name != "O" and (name[:2] not in ("B-", "I-") or len(name) == 2):
            raise ValueError(f'labels must be "O", "B-<type>" or "I-<type>", got {name!r}')
    return tuple(sorted({name[2:] for name in labels if name != "O"}))


def entity_spans(tags: np.ndarray, labels: Sequence[str], lengths: np.ndarray, *, strict: bool = False) -> Spans:
    """Find the entities in a label sequence.

    A word carries on the entity of the word before it if both are in one sentence, have the same type, and the word is
    tagged I-X. Every other word not tagged O starts an entity; in strict mode only if it is tagged B-X.

    Args:
        tags: label index per word, shape (n_words,), int in [0, K).
        labels: the K label names, IOB2, in any order.
        lengths: words per sentence, shape (n_sentences,), int, summing to n_words.
        strict: take only entities that start with B-X.

    Returns:
        The entities, in order.

    Raises:
        ValueError: a tag is outside [0, K), the lengths do not sum to n_words, or a label is no IOB2 name.

    Example:
        >>> labels = ("O", "B-PER", "I-PER")
        >>> spans = entity_spans(np.array([2, 2, 0, 1, 1]), labels, np.array([3, 2]))
        >>> list(zip(spans.start.tolist(), spans.end.tolist()))
        [(0, 2), (3, 4), (4, 5)]
        >>> entity_spans(np.array([2, 2, 0, 1, 1]), labels, np.array([3, 2]), strict=True).start.tolist()
        [3, 4]
    """
    types = entity_types(labels)
    tags = np.asarray(tags)
    if tags.ndim != 1 or tags.size != np.sum(lengths):
        raise ValueError(f"tags must be one per word, ({np.sum(lengths)},) by the lengths, got shape {tags.shape}")
    if tags.size and not (tags.min() >= 0 and tags.max() < len(labels)):
        raise ValueError(f"tags must be in [0, {len(labels)}), got {tags.min()} to {tags.max()}")
    sentence = np.repeat(np.arange(len(lengths)), lengths)
    kind = np.array([-1 if name == "O" else types.index(name[2:]) for name in labels], dtype=np.int64)[tags]
    begins = np.array([name.startswith("B-") for name in labels], dtype=bool)[tags]
    # carries_on[i]: word i belongs to the entity of word i − 1. One longer than the words: nothing carries on the last.
    carries_on = np.zeros(tags.size + 1, dtype=bool)
    carries_on[1:-1] = ~begins[1:] & (kind[1:] == kind[:-1]) & (sentence[1:] == sentence[:-1])
    start = np.flatnonzero((kind >= 0) & ~carries_on[:-1])
    end = np.flatnonzero((kind >= 0) & ~carries_on[1:]) + 1
    if strict:
        start, end = start[begins[start]], end[begins[start]]
    return Spans(start, end, kind[start], sentence[start])


def matches(predicted: Spans, gold: Spans) -> np.ndarray:
    """Which predicted entities are gold entities: same start, same end, same type.

    Args:
        predicted: the entities of the predicted labels.
        gold: the entities of the gold labels over the same words and label set.

    Returns:
        One truth value per predicted entity, shape (n_predicted,), bool.
    """
    if not gold.start.size:
        return np.zeros(predicted.start.size, dtype=bool)
    # Starts are sorted and distinct, so at most one gold entity can be the match: the one with the same start.
    at = np.searchsorted(gold.start, predicted.start).clip(max=gold.start.size - 1)
    return (gold.start[at] == predicted.start) & (gold.end[at] == predicted.end) & (gold.kind[at] == predicted.kind)


def match_counts(predicted: Spans, gold: Spans, n_sentences: int, n_types: int) -> np.ndarray:
    """Count true positives, predicted and gold entities per sentence and type.

    These counts add up: summed over sentences, with or without resampling weights, they give every entity metric.

    Args:
        predicted: the entities of the predicted labels.
        gold: the entities of the gold labels over the same words and label set.
        n_sentences: sentences in the split.
        n_types: entity types in the label set.

    Returns:
        Counts [true positives, predicted, gold], shape (n_sentences, n_types, 3), int64.
    """

    def count(spans: Spans, keep: slice | np.ndarray) -> np.ndarray:
        cell = (spans.sentence * n_types + spans.kind)[keep]
        return np.bincount(cell, minlength=n_sentences * n_types).reshape(n_sentences, n_types)

    every = slice(None)
    hits = count(predicted, matches(predicted, gold))
    return np.stack([hits, count(predicted, every), count(gold, every)], axis=-1).astype(np.int64)


def precision_recall_f1(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 from counts.

    precision = tp / predicted, recall = tp / gold, F1 = 2·tp / (predicted + gold), each 0 where its denominator is 0
    (what seqeval does). Sum the counts over types first for micro averages.

    Args:
        counts: [true positives, predicted, gold] in the last axis, shape (..., 3), non-negative, weighted or not.

    Returns:
        Three float64 arrays of shape (...), in [0, 1].

    Example:
        >>> [x.item() for x in precision_recall_f1(np.array([3, 4, 8]))]
        [0.75, 0.375, 0.5]
    """
    hits, predicted, gold = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    return (
        ratio(hits, predicted, empty=0.0),
        ratio(hits, gold, empty=0.0),
        ratio(2 * hits, predicted + gold, empty=0.0),
    )
