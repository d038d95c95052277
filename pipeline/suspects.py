"""What the verdicts on words say about sentences: better tags, and which entities are probably wrong or missing.

The words' posteriors of `audit.judge` in; valid tags out, and claims about entities in the order in which a person
should check them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.entities import Spans, entity_spans, entity_types, matches

IMPOSSIBLE = -1e4  # stands for log 0, so that a sentence of impossible words still has a best path


@dataclass(frozen=True, eq=False)
class Claims:
    """Claims about entities: that a given one is wrong, or that one is missing; the most probable claim first.

    Args:
        spans: start, end, type and sentence of the entity that each claim is about, shape (n_claims,) each. Sorted by
            probability, not by place.
        given: whether the given tags have this entity (and it is claimed to be wrong), shape (n_claims,), bool.
        probability: of the claim, shape (n_claims,), in [0, 1], never increasing.
    """

    spans: Spans
    given: np.ndarray
    probability: np.ndarray


def judge_entities(
    log_posterior: np.ndarray, tags: np.ndarray, suggestion: np.ndarray, labels: Sequence[str], lengths: np.ndarray
) -> Claims:
    """Which given entities are probably wrong, and which are probably missing.

    With P_w(k) the posterior of word w, and words taken to be independent, gold has an entity of type X on the words
    a ... b - 1 with probability

        P(X, a, b) = P_a(B-X) * prod_{a < w < b} P_w(I-X) * (1 - P_b(I-X)),

    the last factor only where word b is in the same sentence. A given entity is wrong with probability 1 - P; an entity
    that the suggestions have and the given tags do not is missing with probability P. An entity with one wrong end or a
    wrong type makes two claims: this one is wrong, that one is missing.

    Why the one formula for both: it is symmetrical, so one list ranks them. Why the last factor: an entity that should
    go on has only right tags and is wrong all the same. Independence understates long entities, whose words mostly are
    right or wrong together.

    Args:
        log_posterior: log P(gold = k | word, tag), shape (n_words, K).
        tags: the given label index per word, shape (n_words,), int in [0, K).
        suggestion: the suggested label index per word, shape (n_words,), int in [0, K).
        labels: the K label names, IOB2.
        lengths: words per sentence, shape (n_sentences,), int, summing to n_words.

    Returns:
        Every claim, the most probable first. In tags and suggestions, an I- that continues nothing begins an entity.

    Example:
        One word given as O that is a person with probability .9:

        >>> posterior = np.log([[0.08, 0.9, 0.02]])
        >>> claims = judge_entities(posterior, np.array([0]), np.array([1]), ("O", "B-PER", "I-PER"), np.array([1]))
        >>> claims.given.tolist(), claims.probability.round(3).tolist()
        ([False], [0.9])
    """
    given, proposed = (entity_spans(t, labels, lengths) for t in (tags, suggestion))
    new = ~matches(proposed, given)
    missing = Spans(proposed.start[new], proposed.end[new], proposed.kind[new], proposed.sentence[new])
    here = np.concatenate([np.ones(len(given.start), bool), np.zeros(len(missing.start), bool)])
    both = _joined(given, missing)
    log_p = _log_entity_probability(log_posterior, both, labels, lengths)
    probability = np.where(here, -np.expm1(log_p), np.exp(log_p))
    order = np.argsort(-probability, kind="stable")
    spans = Spans(both.start[order], both.end[order], both.kind[order], both.sentence[order])
    return Claims(spans, here[order], probability[order])


def best_tags(
    log_posterior: np.ndarray,
    labels: Sequence[str],
    lengths: np.ndarray,
    *,
    given: np.ndarray | None = None,
    threshold: float = 0.5,
) -> np.ndarray:
    """The most probable tags of every sentence that are valid IOB2.

    Of all k_1 ... k_n without an I-X that follows neither B-X nor I-X, those with the largest

        sum_w log P_w(k_w) + r * [k_w = c_w],     r = max(0, log(threshold / (1 - threshold))),

    c the given tags: the Viterbi path of a chain whose transitions are allowed or forbidden.

    Why not the most probable label of each word: O before I-PER, say, where B-PER I-PER is nearly as probable. Why r:
    who wants to correct only what is wrong with a high probability must have given tags kept elsewhere. Where two
    labels are in question, log P(k) > log P(c) + r says just that c is wrong with a probability above the threshold.

    Args:
        log_posterior: log P(gold = k | word, tag), shape (n_words, K).
        labels: the K label names, IOB2; B-X and I-X for every type X.
        lengths: words per sentence, shape (n_sentences,), int, summing to n_words.
        given: the given label index per word, shape (n_words,), int in [0, K); not needed for a threshold up to 0.5.
        threshold: in [0, 1].

    Returns:
        Label index per word, shape (n_words,), int64.

    Example:
        >>> labels, log_posterior = ("O", "B-PER", "I-PER"), np.log([[0.5, 0.4, 0.1], [0.2, 0.1, 0.7]])
        >>> best_tags(log_posterior, labels, np.array([2])).tolist()
        [1, 2]
        >>> best_tags(log_posterior, labels, np.array([2]), given=np.array([0, 0]), threshold=0.9).tolist()
        [0, 0]

    References:
        Viterbi 1967, doi 10.1109/TIT.1967.1054010.
    """
    scores = np.maximum(log_posterior, IMPOSSIBLE)
    if given is not None and threshold > 0.5:
        scores[np.arange(len(given)), given] += (
            np.log(threshold / (1 - threshold)) if threshold < 1 else -2 * IMPOSSIBLE
        )
    begin, inside = _begin_inside(labels)
    first = np.cumsum(lengths) - lengths
    best = scores[first]  # of all ways to reach a label at the word where each sentence is
    best[:, inside] = -np.inf
    came_from = np.zeros(scores.shape, dtype=np.int64)
    # Word by word, in all sentences at once. Any label may come before O and B-X; only B-X and I-X before I-X.
    for position in range(1, int(lengths.max(initial=0))):
        going = np.flatnonzero(lengths > position)
        before = best[going]
        source = np.repeat(before.argmax(axis=1)[:, None], len(labels), axis=1)
        source[:, inside] = np.where(before[:, begin] >= before[:, inside], begin, inside)
        rows = first[going] + position
        came_from[rows] = source
        best[going] = np.take_along_axis(before, source, axis=1) + scores[rows]
    tags = np.zeros(len(scores), dtype=np.int64)
    label = best.argmax(axis=1)
    for position in range(int(lengths.max(initial=0)) - 1, -1, -1):
        there = np.flatnonzero(lengths > position)
        rows = first[there] + position
        tags[rows] = label[there]
        label[there] = came_from[rows, label[there]]
    return tags


def _log_entity_probability(
    log_posterior: np.ndarray, spans: Spans, labels: Sequence[str], lengths: np.ndarray
) -> np.ndarray:
    """The log of P(X, a, b) of `judge_entities`, shape (n_spans,)."""
    begin, inside = _begin_inside(labels)
    result = log_posterior[spans.start, begin[spans.kind]] if len(begin) else np.zeros(0)
    for kind in range(len(begin)):
        chosen = spans.kind == kind
        # Sums over [start + 1, end) as differences of running sums would lose digits beside one word of 1e-300.
        terms = np.append(log_posterior[:, inside[kind]], 0.0)
        bounds = np.stack([spans.start[chosen] + 1, spans.end[chosen]], axis=1).ravel()
        sums = np.add.reduceat(terms, bounds)[::2] if bounds.size else np.zeros(0)
        result[chosen] += np.where(spans.end[chosen] - spans.start[chosen] > 1, sums, 0.0)
    ends = np.cumsum(lengths)[spans.sentence]
    follows = spans.end < ends
    after = log_posterior[spans.end[follows], inside[spans.kind[follows]]]
    with np.errstate(divide="ignore"):
        result[follows] += np.log(-np.expm1(np.minimum(after, 0.0)))
    return result


def _begin_inside(labels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The indices of B-X and of I-X for every type X, in the order of `entity_types`."""
    types = entity_types(labels)
    return (
        np.array([labels.index(f"B-{kind}") for kind in types], dtype=np.int64),
        np.array([labels.index(f"I-{kind}") for kind in types], dtype=np.int64),
    )


def _joined(a: Spans, b: Spans) -> Spans:
    return Spans(*(np.concatenate([getattr(a, f), getattr(b, f)]) for f in ("start", "end", "kind", "sentence")))
