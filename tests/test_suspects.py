"""Claims about entities, against every label sequence that gold could be."""

import doctest
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import suspects
from pipeline.calibration import log_softmax
from pipeline.entities import entity_spans
from pipeline.suspects import best_tags, judge_entities
from pipeline.tag_schemes import ill_formed

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


def claims_of(log_posterior, tags, suggestion, lengths, labels=LABELS):
    """Claims as a mapping from (given, type, start, end) to their probability."""
    claims = judge_entities(log_posterior, np.array(tags), np.array(suggestion), labels, np.array(lengths))
    spans = claims.spans
    keys = zip(claims.given, spans.kind, spans.start, spans.end, strict=True)
    assert (np.diff(claims.probability) <= 0).all()
    return dict(zip([tuple(map(int, key)) for key in keys], claims.probability.tolist(), strict=True))


def entities(tags, lengths, labels=LABELS, strict=False):
    spans = entity_spans(np.array(tags), labels, np.array(lengths), strict=strict)
    return set(zip(spans.kind.tolist(), spans.start.tolist(), spans.end.tolist(), strict=True))


# --- entities ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("lengths", [[4], [2, 2], [1, 3]])
def test_against_every_label_sequence(seed, lengths):
    """P(an entity) is the weight of all label sequences, words independent, that have it by the letter of IOB2."""
    rng = np.random.default_rng(seed)
    log_posterior = log_softmax(rng.normal(0, 2, (4, 5)))
    tags, suggestion = rng.integers(0, 5, 4), rng.integers(0, 5, 4)
    weight = {}
    for sequence in product(range(5), repeat=4):
        p = np.exp(log_posterior[range(4), sequence].sum())
        for entity in entities(sequence, lengths, strict=True):
            weight[entity] = weight.get(entity, 0.0) + p
    expected = {(1, *entity): 1 - weight[entity] for entity in entities(tags, lengths)}
    expected |= {(0, *entity): weight[entity] for entity in entities(suggestion, lengths) - entities(tags, lengths)}
    assert claims_of(log_posterior, tags, suggestion, lengths) == pytest.approx(expected)


def test_an_entity_with_a_wrong_end_makes_two_claims():
    """The tags end a person one word early: nothing is wrong with its one tag, and yet it is wrong."""
    log_posterior = np.log([[0.01, 0.01, 0.01, 0.96, 0.01], [0.02, 0.01, 0.01, 0.06, 0.90]])
    claims = claims_of(log_posterior, [3, 0], [3, 4], [2])
    assert claims == pytest.approx({(1, 1, 0, 1): 1 - 0.96 * 0.1, (0, 1, 0, 2): 0.96 * 0.9})


def test_the_next_sentence_does_not_continue_an_entity():
    log_posterior = np.log([[0.04, 0.02, 0.02, 0.9, 0.02], [0.02, 0.02, 0.02, 0.02, 0.92]])
    assert claims_of(log_posterior, [3, 0], [3, 0], [1, 1]) == pytest.approx({(1, 1, 0, 1): 0.1})


def test_agreement_leaves_the_doubt_in_what_is_given():
    log_posterior = np.log(np.full((3, 5), 0.2))
    assert set(claims_of(log_posterior, [1, 2, 0], [1, 2, 0], [3])) == {(1, 0, 0, 2)}


def test_certainty():
    with np.errstate(divide="ignore"):
        log_posterior = np.log(np.eye(5)[[3, 4, 0]])
    assert claims_of(log_posterior, [3, 4, 0], [3, 4, 0], [3]) == {(1, 1, 0, 2): 0.0}
    assert claims_of(log_posterior, [1, 2, 2], [3, 4, 0], [3]) == {(1, 0, 0, 3): 1.0, (0, 1, 0, 2): 1.0}
    assert claims_of(log_posterior, [3, 0, 0], [3, 0, 0], [3]) == {(1, 1, 0, 1): 1.0}  # gold goes on, for sure


@pytest.mark.parametrize("labels", [LABELS, ("O",)])
def test_no_entity_no_claim(labels):
    n_labels = len(labels)
    assert claims_of(np.zeros((2, n_labels)), [0, 0], [0, 0], [2], labels) == {}
    assert claims_of(np.zeros((0, n_labels)), np.zeros(0, int), np.zeros(0, int), np.zeros(0, int), labels) == {}


# --- tags -------------------------------------------------------------------------------------------------------------


def is_valid(tags, lengths):
    names = iter([LABELS[tag] for tag in tags])
    return all(ill_formed([next(names) for _ in range(length)]) == [] for length in lengths)


def most_probable(scores, lengths):
    """The best sum over all valid label sequences, sentence by sentence, by trying them all."""
    best, first = 0.0, 0
    for length in lengths:
        sequences = [s for s in product(range(5), repeat=length) if is_valid(s, [length])]
        best += max(scores[range(first, first + length), s].sum() for s in sequences)
        first += length
    return best


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.8, 0.99])
def test_no_valid_tags_are_more_probable(seed, threshold):
    rng = np.random.default_rng(seed)
    lengths = rng.permutation([1, 4, 2, 3])
    log_posterior, given = log_softmax(rng.normal(0, 2.5, (10, 5))), rng.integers(0, 5, 10)
    tags = best_tags(log_posterior, LABELS, lengths, given=given, threshold=threshold)
    kept = np.log(threshold / (1 - threshold)) if threshold > 0.5 else 0.0
    scores = log_posterior + kept * np.eye(5)[given]
    assert is_valid(tags, lengths)
    assert scores[range(10), tags].sum() == pytest.approx(most_probable(scores, lengths))


@given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=6), min_size=1, max_size=4), st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_valid_tags_that_the_words_prefer_stay(rows, seed):
    """Where the most probable label of each word makes valid tags, these are the best tags."""
    lengths = np.array([len(row) for row in rows])
    favourite = np.concatenate([np.array(row) for row in rows])
    noise = np.random.default_rng(seed).random((len(favourite), 5))
    found = best_tags(log_softmax(noise + 2 * np.eye(5)[favourite]), LABELS, lengths)
    assert is_valid(found, lengths)
    if is_valid(favourite, lengths):
        assert (found == favourite).all()


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.95])
def test_where_two_labels_are_in_question_the_threshold_decides(threshold):
    for wrong in (threshold - 0.01, threshold + 0.01):
        log_posterior = np.log([[1 - wrong, wrong, 1e-9, 1e-9, 1e-9]])
        tags = best_tags(log_posterior, LABELS, np.array([1]), given=np.array([0]), threshold=threshold)
        assert tags.tolist() == [int(wrong > threshold)]


def test_a_threshold_of_one_changes_only_what_is_invalid():
    with np.errstate(divide="ignore"):
        log_posterior = np.log(np.eye(5)[[0, 0, 3, 4]])
    given = np.array([1, 2, 0, 2])
    tags = best_tags(log_posterior, LABELS, np.array([2, 2]), given=given, threshold=1.0)
    assert tags.tolist()[:3] == [1, 2, 0]
    assert is_valid(tags, [2, 2])


def test_impossible_words_have_tags_all_the_same():
    with np.errstate(divide="ignore"):
        log_posterior = np.log(np.eye(5)[[2, 4, 2]])  # I-LOC, I-PER, I-LOC: no valid way
    tags = best_tags(log_posterior, LABELS, np.array([3]))
    assert is_valid(tags, [3])


def test_no_words_and_no_types():
    assert best_tags(np.zeros((0, 5)), LABELS, np.zeros(0, dtype=int)).shape == (0,)
    assert best_tags(np.zeros((3, 1)), ("O",), np.array([2, 1])).tolist() == [0, 0, 0]


def test_examples():
    result = doctest.testmod(suspects)
    assert (result.attempted, result.failed) == (6, 0)
