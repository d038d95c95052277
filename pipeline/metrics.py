"""From word logits and gold to every number of a stage: F1, calibration, and how sure we are of both.

Three units can be right or wrong, and each asks another question of the same logits:

- *word*: every word. Confidence is the largest probability, correct means that label is gold.
- *entity-word*: the words whose gold or predicted label is not O. Most words are easy O and flatter the line above.
- *span*: the predicted entities (default mode). Confidence is the product of the confidences of their words, correct
  means a gold entity has the same start, end and type.

Everything is a function of sums over sentences, so one matrix product with the resampling weights gives every metric in
every resample (see `pipeline.bootstrap`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.bootstrap import interval, ratio, resampled_sums
from pipeline.calibration import BLOCK, bin_sums, brier, ece, equal_mass_edges, equal_width_edges, log_softmax, mce, nll
from pipeline.entities import Spans, entity_spans, entity_types, match_counts, matches, precision_recall_f1

FLOOR = 30
CLIP = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The metrics of one stage on one split, for one unit and one temperature.

    Metrics, in [0, 1] except nll (at least 0) and the brier of words (up to 2):

    - f1, precision, recall: entities, micro-averaged, default mode; f1_strict: F1 in strict mode. They belong to the
      split and are the same for every unit.
    - ece, mce: over equal-width bins; mce30 leaves out bins of fewer than 30; ace: ECE over equal-mass bins.
    - nll, brier: means over units. Words: −log p_gold and sum_k (p_k − [k = gold])². Spans: −log c if correct, else
      −log(1 − c), c clipped to [1e-12, 1 − 1e-12], and (c − [correct])².
    - accuracy: share of correct units (for spans that is precision); confidence: their mean confidence.

    Args:
        unit: "word", "entity-word" or "span".
        values: metric → value over the split, and "n", the number of units. NaN where there is nothing to measure.
        samples: metric → its value in every resample, shape (R,); without "n".
        bins: [n, sum of confidence, number correct] per equal-width bin, shape (n_bins, 3).
    """

    unit: str
    values: dict[str, float]
    samples: dict[str, np.ndarray]
    bins: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class _Units:
    """The units of one kind, every array of shape (n,)."""

    confidence: np.ndarray
    correct: np.ndarray
    nll: np.ndarray
    brier: np.ndarray
    sentence: np.ndarray

    def only(self, kept: np.ndarray) -> _Units:
        return _Units(*(getattr(self, name)[kept] for name in self.__slots__))


def score(
    logits: np.ndarray,
    gold: np.ndarray,
    labels: Sequence[str],
    lengths: np.ndarray,
    *,
    weights: np.ndarray,
    temperature: float = 1.0,
    n_bins: int = 10,
) -> list[Scores]:
    """Score the word logits of one stage on one split.

    The edges of the equal-mass bins come from the whole split and stay as they are in every resample; so does the set
    of entity words.

    Args:
        logits: word logits, shape (n_words, K), finite.
        gold: gold label index per word, shape (n_words,), int in [0, K).
        labels: the K label names, IOB2.
        lengths: words per sentence, shape (n_sentences,), int, summing to n_words.
        weights: occurrences of each sentence in each resample, shape (R, n_sentences).
        temperature: T > 0 that divides the logits; changes confidences, never predictions.
        n_bins: number of bins.

    Returns:
        Three Scores: word, entity-word, span.

    Raises:
        ValueError: shapes do not fit each other, or a logit is not finite.
    """
    _check(logits, gold, labels)
    if weights.ndim != 2 or weights.shape[1] != len(lengths):
        raise ValueError(f"weights must have shape (R, {len(lengths)}), one column per sentence, got {weights.shape}")
    predicted = logits.argmax(axis=1)
    n_sentences, n_types = len(lengths), len(entity_types(labels))
    spans, strict = (entity_spans(predicted, labels, lengths, strict=s) for s in (False, True))
    gold_spans, gold_strict = (entity_spans(gold, labels, lengths, strict=s) for s in (False, True))
    counts = [match_counts(*pair, n_sentences, n_types) for pair in ((spans, gold_spans), (strict, gold_strict))]
    entity_sums = np.stack([c.sum(axis=1) for c in counts], axis=1)
    words = _words(logits, temperature, gold, predicted, np.repeat(np.arange(n_sentences), lengths))
    is_entity = np.array([name != "O" for name in labels])
    kept = is_entity[gold] | is_entity[predicted]
    every_unit = {
        "word": words,
        "entity-word": words.only(kept),
        "span": _spans(words.confidence, spans, matches(spans, gold_spans)),
    }
    return [_scores(unit, units, entity_sums, weights, n_bins) for unit, units in every_unit.items()]


def per_type(
    logits: np.ndarray, gold: np.ndarray, labels: Sequence[str], lengths: np.ndarray
) -> list[dict[str, str | int | float]]:
    """Precision, recall and F1 of every entity type, default mode.

    Args:
        logits: word logits, shape (n_words, K), finite.
        gold: gold label index per word, shape (n_words,), int in [0, K).
        labels: the K label names, IOB2.
        lengths: words per sentence, shape (n_sentences,), int, summing to n_words.

    Returns:
        One row per type, sorted by name: type, precision, recall, f1, support (gold entities), predicted (entities).

    Raises:
        ValueError: shapes do not fit each other, or a logit is not finite.
    """
    _check(logits, gold, labels)
    types = entity_types(labels)
    predicted = entity_spans(logits.argmax(axis=1), labels, lengths)
    counts = match_counts(predicted, entity_spans(gold, labels, lengths), len(lengths), len(types)).sum(axis=0)
    columns = (types, *(column.tolist() for column in (*precision_recall_f1(counts), counts[:, 2], counts[:, 1])))
    names = ("type", "precision", "recall", "f1", "support", "predicted")
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def confusion(logits: np.ndarray, gold: np.ndarray, n_labels: int) -> np.ndarray:
    """Count words by gold label (rows) and predicted label (columns).

    Args:
        logits: word logits, shape (n_words, K).
        gold: gold label index per word, shape (n_words,), int in [0, K).
        n_labels: K.

    Returns:
        Counts, shape (K, K), int64, summing to n_words.

    Example:
        >>> confusion(np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]]), np.array([0, 1, 1]), 2).tolist()
        [[1, 0], [1, 1]]
    """
    cell = gold * n_labels + logits.argmax(axis=1)
    return np.bincount(cell, minlength=n_labels**2).reshape(n_labels, n_labels)


def as_record(scores: Scores) -> dict[str, str | int | float | None]:
    """One flat record of a unit: each metric with its 95 % interval, ready for JSON.

    Args:
        scores: what `score` returned for the unit.

    Returns:
        unit, n, and <metric>, <metric>_low, <metric>_high for each metric; None where a value does not exist.
    """
    return {"unit": scores.unit, "n": int(scores.values["n"]), **_with_intervals(scores.values, scores.samples)}


def difference(a: Scores, b: Scores) -> dict[str, str | float | None]:
    """How much higher stage a is than stage b, with paired intervals.

    Both must have been scored on the same split with the same weights: each resample then subtracts two values over the
    same sentences. An interval that leaves out 0 is a difference the choice of sentences does not explain.

    Args:
        a: the scores of one stage.
        b: the scores of the other, same unit and number of resamples.

    Returns:
        unit, and <metric>, <metric>_low, <metric>_high of a − b for each metric; None where a value does not exist.

    Raises:
        ValueError: the units or the numbers of resamples differ.
    """
    sizes = (len(a.samples["f1"]), len(b.samples["f1"]))
    if a.unit != b.unit or sizes[0] != sizes[1]:
        raise ValueError(f"a and b must share unit and resamples, got {a.unit}, {sizes[0]} and {b.unit}, {sizes[1]}")
    values = {name: a.values[name] - b.values[name] for name in a.samples}
    samples = {name: a.samples[name] - b.samples[name] for name in a.samples}
    return {"unit": a.unit, **_with_intervals(values, samples)}


def _check(logits: np.ndarray, gold: np.ndarray, labels: Sequence[str]) -> None:
    if logits.shape != (len(gold), len(labels)):
        raise ValueError(f"logits must have shape (n_words, K) = ({len(gold)}, {len(labels)}), got {logits.shape}")
    # One sum instead of a mask as large as the logits: it is finite if they all are, unless they are enormous.
    if not np.isfinite(logits.sum(dtype=np.float64)) and not np.isfinite(logits).all():
        raise ValueError(f"logits must be finite, got {logits[~np.isfinite(logits)][0]}")


def _words(
    logits: np.ndarray, temperature: float, gold: np.ndarray, predicted: np.ndarray, sentence: np.ndarray
) -> _Units:
    confidence, surprise, squared = (np.empty(len(gold)) for _ in range(3))
    for start in range(0, len(gold), BLOCK):
        block = slice(start, start + BLOCK)
        log_p = log_softmax(logits[block], temperature)
        p = np.exp(log_p)
        confidence[block], surprise[block], squared[block] = (
            p.max(axis=1),
            nll(log_p, gold[block]),
            brier(p, gold[block]),
        )
    return _Units(confidence, predicted == gold, surprise, squared, sentence)


def _spans(word_confidence: np.ndarray, spans: Spans, correct: np.ndarray) -> _Units:
    # reduceat over start, end, start, end … multiplies within spans and, at odd places, between them; the appended 1
    # lets a span end with the last word.
    bounds = np.stack([spans.start, spans.end], axis=1).ravel()
    confidence = np.multiply.reduceat(np.append(word_confidence, 1.0), bounds)[::2]
    clipped = confidence.clip(CLIP, 1 - CLIP)
    surprise = -np.log(np.where(correct, clipped, 1 - clipped))
    return _Units(confidence, correct, surprise, (confidence - correct) ** 2, spans.sentence)


def _scores(unit: str, units: _Units, entity_sums: np.ndarray, weights: np.ndarray, n_bins: int) -> Scores:
    n_sentences = len(entity_sums)
    loss_sums = [np.bincount(units.sentence, w, minlength=n_sentences) for w in (units.nll, units.brier)]
    bins = [
        bin_sums(units.confidence, units.correct, edges, units.sentence, n_sentences)
        for edges in (equal_width_edges(n_bins), equal_mass_edges(units.confidence, n_bins))
    ]
    parts = (entity_sums, *bins, np.stack(loss_sums, axis=1))
    sums = np.concatenate([part.reshape(n_sentences, -1) for part in parts], axis=1)
    values = {name: float(value) for name, value in _metrics(sums.sum(axis=0), n_bins).items()}
    values["n"] = float(len(units.confidence))
    return Scores(unit, values, _metrics(resampled_sums(weights, sums), n_bins), bins[0].sum(axis=0))


def _metrics(sums: np.ndarray, n_bins: int) -> dict[str, np.ndarray]:
    """Every metric from the summed columns of `_scores`, shape (..., D) → (...)."""
    entity, width, mass, losses = np.split(sums, np.cumsum([6, 3 * n_bins, 3 * n_bins]), axis=-1)
    entity, width, mass = (part.reshape(*part.shape[:-1], -1, 3) for part in (entity, width, mass))
    precision, recall, f1 = precision_recall_f1(entity)
    n, confidence, correct = np.moveaxis(width.sum(axis=-2), -1, 0)
    return {
        "f1": f1[..., 0],
        "f1_strict": f1[..., 1],
        "precision": precision[..., 0],
        "recall": recall[..., 0],
        "ece": ece(width),
        "mce": mce(width),
        "mce30": mce(width, FLOOR),
        "ace": ece(mass),
        "nll": ratio(losses[..., 0], n),
        "brier": ratio(losses[..., 1], n),
        "accuracy": ratio(correct, n),
        "confidence": ratio(confidence, n),
    }


def _with_intervals(values: dict[str, float], samples: dict[str, np.ndarray]) -> dict[str, float | None]:
    record: dict[str, float | None] = {}
    for name, resampled in samples.items():
        low, high = interval(resampled)
        for key, value in ((name, values[name]), (f"{name}_low", low), (f"{name}_high", high)):
            record[key] = None if math.isnan(value) else value
    return record
