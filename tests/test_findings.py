"""The records of an audit, by hand, on three sentences."""

import json

import numpy as np
import pytest

from pipeline.audit import judge
from pipeline.corpus import Corpus, Sentence
from pipeline.findings import Findings
from pipeline.suspects import best_tags, judge_entities

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
SENTENCES = [  # words, tags, gold
    ("Ann Lee left", "B-PER O O", "B-PER I-PER O"),  # an end too early
    ("Rome", "O", "B-LOC"),  # missed
    ("the end", "B-LOC O", "O O"),  # invented
]
# What the model thinks of each word: its favourite, with what probability; the rest is spread over the others.
OPINIONS = [("B-PER", 0.96), ("I-PER", 0.9), ("O", 0.99), ("B-LOC", 0.8), ("O", 0.999), ("O", 0.98)]


def corpus(gold=True):
    rows = [(w.split(), t.split(), g.split()) for w, t, g in SENTENCES]
    return Corpus(
        LABELS, [Sentence(tuple(w), tuple(t), tuple(g) if gold else None, i) for i, (w, t, g) in enumerate(rows)]
    )


def findings(*, gold=True, threshold=0.5, others=None):
    logits = np.log([[p if name == label else (1 - p) / 4 for label in LABELS] for name, p in OPINIONS])
    return find(corpus(gold), logits, threshold, others)


def find(train, logits, threshold=0.5, others=None):
    """What `pipeline audit` does once it has the logits, on tags that are taken for no evidence."""
    verdicts = judge(logits, train.tags)
    posterior, lengths = verdicts.log_posterior, train.lengths
    suggestion = best_tags(posterior, LABELS, lengths)
    corrected = best_tags(posterior, LABELS, lengths, given=train.tags, threshold=threshold)
    claims = judge_entities(posterior, train.tags, suggestion, LABELS, lengths)
    return Findings(train, verdicts, suggestion, claims, corrected, threshold, others or {})


# --- the lists --------------------------------------------------------------------------------------------------------


def test_words():
    first, second, third = findings().words
    assert first == {
        "rank": 1,
        "sentence": 2,
        "word": 0,
        "text": "the",
        "tag": "B-LOC",
        "suggestion": "O",
        "probability": round(1 - 0.001 / 4, 6),
        "gold": "O",
    }
    assert (second["text"], second["tag"], second["suggestion"], second["probability"]) == ("Lee", "O", "I-PER", 0.975)
    assert (third["sentence"], third["word"], third["probability"]) == (1, 0, 0.95)


def test_the_threshold_is_exceeded_not_reached():
    assert [w["text"] for w in findings(threshold=0.96).words] == ["the", "Lee"]
    reached = findings().verdicts.error_probability[1]
    assert [w["text"] for w in findings(threshold=float(reached)).words] == ["the"]
    assert findings(threshold=1.0).words == findings(threshold=1.0).entities == []
    assert len(findings(threshold=0.0).words) == 6


def test_entities():
    listed = findings().entities
    assert [(e["claim"], e["text"], e["type"]) for e in listed] == [
        ("wrong", "the", "LOC"),
        ("wrong", "Ann", "PER"),
        ("missing", "Ann Lee", "PER"),
        ("missing", "Rome", "LOC"),
    ]
    assert [e["rank"] for e in listed] == [1, 2, 3, 4]
    wrong, missing = listed[1:3]
    assert wrong["probability"] == pytest.approx(1 - 0.96 * 0.1, abs=1e-6)
    assert missing["probability"] == pytest.approx(0.96 * 0.9 * (1 - 0.01 / 4), abs=1e-6)
    assert wrong["given"] == missing["given"] == [{"start": 0, "end": 1, "type": "PER"}]
    assert wrong["suggested"] == missing["suggested"] == [{"start": 0, "end": 2, "type": "PER"}]
    assert listed[3] == {
        "rank": 4,
        "claim": "missing",
        "sentence": 1,
        "start": 0,
        "end": 1,
        "type": "LOC",
        "text": "Rome",
        "probability": 0.8,
        "given": [],
        "suggested": [{"start": 0, "end": 1, "type": "LOC"}],
        "confirmed": True,
    }
    assert all(e["confirmed"] for e in listed)


# --- the counts -------------------------------------------------------------------------------------------------------


def test_summary():
    found = findings()
    summary = json.loads(json.dumps(found.summary()))
    error = [0.04, 0.975, 0.01, 0.95, 1 - 0.001 / 4, 0.02]
    assert summary["words"] == 6
    assert summary["entities"] == 2
    assert (summary["listed_words"], summary["listed_entities"]) == (3, 4)
    assert (summary["corrected_words"], summary["corrected_unlisted"]) == (3, 0)
    assert summary["expected_wrong_words"] == pytest.approx(sum(error))
    by_tag = {row.pop("tag"): row for row in summary["by_tag"]}
    assert list(by_tag) == list(LABELS)
    assert by_tag["O"]["suggestions"] == {"I-PER": 1, "B-LOC": 1}
    assert (by_tag["O"]["words"], by_tag["O"]["listed"]) == (4, 2)
    assert by_tag["O"]["expected_wrong"] == pytest.approx(0.975 + 0.01 + 0.95 + 0.02)
    assert by_tag["I-PER"] == {"words": 0, "expected_wrong": 0.0, "listed": 0, "suggestions": {}}


def test_against_gold():
    gold = findings(others={"reversed": -findings().verdicts.log_odds}).summary()["gold"]
    assert (gold["wrong_words"], gold["precision"], gold["recall"]) == (3, 1, 1)
    assert (gold["right_before"], gold["right_after"]) == (0.5, 1.0)
    assert (gold["f1_before"], gold["f1_after"]) == (0.0, 1.0)
    perfect = {"auroc": 1.0, "average_precision": 1.0, "precision_at_recall_90": 1.0}
    assert gold["ranking"]["words"]["pipeline"] == perfect
    assert gold["ranking"]["words"]["reversed"]["auroc"] == 0.0
    assert gold["ranking"]["entities"]["pipeline"] == {**perfect, "auroc": None}  # every claim is true


def test_a_word_below_the_threshold_is_changed_where_its_sentence_demands_it():
    """Lee is I-PER for sure, so Ann, given as O and a little more probably O than B-PER, begins the name."""
    train = Corpus(LABELS, [Sentence(("Ann", "Lee"), ("O", "O"), ("B-PER", "I-PER"))])
    found = find(train, np.log([[0.55, 0.01, 0.01, 0.42, 0.01], [0.01, 0.01, 0.01, 0.01, 0.96]]))
    assert [(w["text"], w["suggestion"]) for w in found.words] == [("Lee", "I-PER")]
    summary = found.summary()
    assert (summary["corrected_words"], summary["corrected_unlisted"]) == (2, 1)
    assert (summary["gold"]["right_after"], summary["gold"]["f1_after"]) == (1.0, 1.0)


def test_a_doubtful_tag_may_still_be_the_best():
    train = Corpus(LABELS, [Sentence(("Ann",), ("B-PER",))])
    found = find(train, np.log([[0.2, 0.2, 0.01, 0.4, 0.19]]))
    assert [(w["tag"], w["suggestion"], w["probability"]) for w in found.words] == [("B-PER", "B-PER", 0.6)]
    assert found.summary()["corrected_words"] == 0


def test_curve():
    curve = findings(others={"reversed": -findings().verdicts.log_odds}).curve()
    assert curve["recall"][0] == 0.01
    assert curve["recall"][-1] == 1.0
    assert curve["words"]["pipeline"] == [1.0] * 100
    assert curve["words"]["reversed"][-1] == 0.5
    assert curve["entities"]["pipeline"][-1] == 1.0


# --- gold -------------------------------------------------------------------------------------------------------------


def test_gold_is_read_beside_the_lists_and_never_for_them():
    known, unknown = findings(), findings(gold=False)
    for side, extra in (("words", "gold"), ("entities", "confirmed")):
        assert [{k: v for k, v in r.items() if k != extra} for r in getattr(known, side)] == getattr(unknown, side)
    assert {k: v for k, v in known.summary().items() if k != "gold"} == unknown.summary()
    assert unknown.curve() is None


def test_gold_without_a_single_error_has_no_ranking():
    train = Corpus(LABELS, [Sentence(("Ann",), ("B-PER",), ("B-PER",))])
    found = find(train, np.log([[0.01, 0.01, 0.01, 0.96, 0.01]]))
    gold = found.summary()["gold"]
    assert (gold["precision"], gold["recall"]) == (None, None)
    assert set(gold["ranking"]["words"]["pipeline"].values()) == {None}
    assert set(found.curve()["words"]["pipeline"]) == {None}
