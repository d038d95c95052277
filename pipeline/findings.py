"""What an audit found, as records ready for JSON: the lists, the counts, and how good the lists are by gold.

Gold appears in two places only: beside a record, for who reads it, and in the scores. It decides neither what is listed
nor in which order.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pipeline import ranking
from pipeline.audit import Verdicts
from pipeline.corpus import Corpus
from pipeline.entities import Spans, entity_spans, entity_types, match_counts, matches, precision_recall_f1
from pipeline.suspects import Claims

RECALL = 0.9
STEPS = 100  # recalls at which the curve is written down


@dataclass(frozen=True)
class Findings:
    """The verdict on every training word and entity.

    Args:
        corpus: the words, their tags, and gold where it is known.
        verdicts: on the tag of every word.
        suggestion: the suggested label index per word, shape (n_words,).
        claims: about entities.
        corrected: the label index per word that `--apply` would write, shape (n_words,).
        threshold: what is wrong with a higher probability is listed.
        others: the scores of the words by other rankings of the same model, by name; higher is more suspicious.
    """

    corpus: Corpus
    verdicts: Verdicts
    suggestion: np.ndarray
    claims: Claims
    corrected: np.ndarray
    threshold: float
    others: Mapping[str, np.ndarray]

    @cached_property
    def words(self) -> list[dict[str, Any]]:
        """The listed words, the most suspicious first.

        Each has its rank from 1, the index of its sentence and its own within that (both from 0), its text, tag,
        suggestion, the probability that the tag is wrong, and gold where it is known.
        """
        corpus, verdicts = self.corpus, self.verdicts
        sentence = np.repeat(np.arange(len(corpus.lengths)), corpus.lengths)
        order = np.argsort(-verdicts.log_odds, kind="stable")
        records: list[dict[str, Any]] = []
        for i in order[verdicts.error_probability[order] > self.threshold].tolist():
            s = int(sentence[i])
            word = i - int(self._first[s])
            record = {
                "rank": len(records) + 1,
                "sentence": s,
                "word": word,
                "text": corpus.sentences[s].words[word],
                "tag": corpus.labels[corpus.tags[i]],
                "suggestion": corpus.labels[self.suggestion[i]],
                "probability": round(float(verdicts.error_probability[i]), 6),
            }
            records.append(record if corpus.gold is None else record | {"gold": corpus.labels[corpus.gold[i]]})
        return records

    @cached_property
    def entities(self) -> list[dict[str, Any]]:
        """The listed claims about entities, the most probable first.

        Each has its rank; the claim, "wrong" or "missing"; sentence, start, end (exclusive), type and text of the
        entity; the probability of the claim; the entities that share a word with it, as given and as suggested; and,
        where gold is known, whether it confirms the claim.
        """
        corpus, claims = self.corpus, self.claims
        types = entity_types(corpus.labels)
        given, suggested = (
            entity_spans(tags, corpus.labels, corpus.lengths) for tags in (corpus.tags, self.suggestion)
        )
        confirmed = None if corpus.gold is None else self._guilty(corpus.gold)["entities"]
        records: list[dict[str, Any]] = []
        for i in range(int(np.sum(claims.probability > self.threshold))):
            spans = claims.spans
            start, end, s = int(spans.start[i]), int(spans.end[i]), int(spans.sentence[i])
            at = int(self._first[s])
            record = {
                "rank": i + 1,
                "claim": "wrong" if claims.given[i] else "missing",
                "sentence": s,
                "start": start - at,
                "end": end - at,
                "type": types[spans.kind[i]],
                "text": " ".join(corpus.sentences[s].words[start - at : end - at]),
                "probability": round(float(claims.probability[i]), 6),
                "given": list(_overlapping(given, start, end, at, types)),
                "suggested": list(_overlapping(suggested, start, end, at, types)),
            }
            records.append(record if confirmed is None else record | {"confirmed": bool(confirmed[i])})
        return records

    def summary(self) -> dict[str, Any]:
        """The counts, and where gold is known, the scores."""
        error = self.verdicts.error_probability
        changed = self.corrected != self.corpus.tags
        summary = {
            "words": len(self.corpus.tags),
            "entities": int(self.claims.given.sum()),
            "expected_wrong_words": float(error.sum()),
            "expected_wrong_entities": float(self.claims.probability[self.claims.given].sum()),
            "listed_words": len(self.words),
            "listed_entities": len(self.entities),
            "corrected_words": int(changed.sum()),
            "corrected_unlisted": int(np.sum(changed & (error <= self.threshold))),
            "by_tag": list(self._by_tag()),
        }
        return summary if self.corpus.gold is None else summary | {"gold": self._against_gold(self.corpus.gold)}

    def curve(self) -> dict[str, Any] | None:
        """Precision at each of a hundred recalls, for words and entities and every ranking; None without gold."""
        if self.corpus.gold is None:
            return None
        guilty = self._guilty(self.corpus.gold)
        recall = np.arange(1, STEPS + 1) / STEPS
        curves = {
            unit: {
                name: [_number(p) for p in ranking.precision_at_recall(scores, guilty[unit], recall)]
                for name, scores in rankings.items()
            }
            for unit, rankings in self._rankings.items()
        }
        return {"recall": recall.tolist(), **curves}

    @cached_property
    def _first(self) -> np.ndarray:
        """Flat index of the first word of every sentence."""
        return np.cumsum(self.corpus.lengths) - self.corpus.lengths

    @cached_property
    def _rankings(self) -> dict[str, dict[str, np.ndarray]]:
        """Unit → name → scores."""
        return {
            "words": {"pipeline": self.verdicts.log_odds, **self.others},
            "entities": {"pipeline": self.claims.probability},
        }

    def _guilty(self, gold: np.ndarray) -> dict[str, np.ndarray]:
        """Unit → by gold, which words are tagged wrongly, and which claims about entities are true."""
        in_gold = matches(self.claims.spans, entity_spans(gold, self.corpus.labels, self.corpus.lengths))
        return {"words": self.corpus.tags != gold, "entities": in_gold != self.claims.given}

    def _by_tag(self) -> Iterator[dict[str, Any]]:
        """For every label: how many words carry it, how many wrongly, and what is suggested instead."""
        corpus, error = self.corpus, self.verdicts.error_probability
        pairs = Counter((word["tag"], word["suggestion"]) for word in self.words)
        expected = np.bincount(corpus.tags, error, minlength=len(corpus.labels))
        given = np.bincount(corpus.tags, minlength=len(corpus.labels))
        for i, label in enumerate(corpus.labels):
            suggestions = {to: n for (tag, to), n in pairs.most_common() if tag == label}
            yield {
                "tag": label,
                "words": int(given[i]),
                "expected_wrong": float(expected[i]),
                "listed": sum(suggestions.values()),
                "suggestions": suggestions,
            }

    def _against_gold(self, gold: np.ndarray) -> dict[str, Any]:
        """How good the list is; None where a number does not exist."""
        tags, guilty = self.corpus.tags, self._guilty(gold)
        wrong = guilty["words"]
        listed = self.verdicts.error_probability > self.threshold
        hits = int(np.sum(listed & wrong))
        return {
            "wrong_words": int(wrong.sum()),
            "precision": hits / int(listed.sum()) if listed.any() else None,
            "recall": hits / int(wrong.sum()) if wrong.any() else None,
            "right_before": float(np.mean(tags == gold)),
            "right_after": float(np.mean(self.corrected == gold)),
            "f1_before": self._f1(tags, gold),
            "f1_after": self._f1(self.corrected, gold),
            "ranking": {
                unit: {name: _scores(scores, guilty[unit]) for name, scores in rankings.items()}
                for unit, rankings in self._rankings.items()
            },
        }

    def _f1(self, tags: np.ndarray, gold: np.ndarray) -> float:
        """Entity F1 of some tags against gold."""
        labels, lengths = self.corpus.labels, self.corpus.lengths
        found, wanted = (entity_spans(names, labels, lengths) for names in (tags, gold))
        counts = match_counts(found, wanted, len(lengths), len(entity_types(labels)))
        return float(precision_recall_f1(counts.sum(axis=(0, 1)))[2])


def _scores(scores: np.ndarray, guilty: np.ndarray) -> dict[str, float | None]:
    return {
        "auroc": _number(ranking.auroc(scores, guilty)),
        "average_precision": _number(ranking.average_precision(scores, guilty)),
        "precision_at_recall_90": _number(float(ranking.precision_at_recall(scores, guilty, RECALL))),
    }


def _overlapping(spans: Spans, start: int, end: int, at: int, types: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The entities that share a word with [start, end), as words of their sentence, which begins at `at`."""
    for i in range(int(np.searchsorted(spans.end, start, "right")), int(np.searchsorted(spans.start, end))):
        yield {"start": int(spans.start[i]) - at, "end": int(spans.end[i]) - at, "type": types[spans.kind[i]]}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
