"""Noise: what each kind may and may not change, and how often it does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from seqeval.scheme import IOB2, Entities

from pipeline.errors import PipelineError
from pipeline.noise import (
    KINDS,
    SPAN_SHARES,
    inject,
    pair,
    pair_matrix,
    span,
    transition_matrix,
    uniform,
    within_entities,
    word_flip_rate,
)

LABELS = ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")
ONE_TYPE = ("O", "B-X", "I-X")
K = len(LABELS)


def encode(text, labels=LABELS):
    return np.array([labels.index(name) for name in text.split()], dtype=np.int64)


def corpus(rng, n_sentences=3000):
    """Well-formed tags with runs of adjacent, one-word and long entities, and their sentence lengths."""
    tags, lengths = [], []
    for _ in range(n_sentences):
        sentence = []
        for _ in range(rng.integers(1, 6)):
            sentence += [0] * rng.integers(0, 4)
            begin = 2 * rng.integers(0, 3) + 1
            sentence += [begin] + [begin + 1] * rng.integers(0, 3)
        sentence += [0] * rng.integers(0, 3)
        tags += sentence
        lengths.append(len(sentence))
    return np.array(tags, dtype=np.int64), np.array(lengths, dtype=np.int64)


def entities(tags, lengths, labels=LABELS, strict=True):
    """(sentence, type, start, end) of each entity, by seqeval's strict reader or, leniently, by conlleval's rule."""
    names = [[labels[t] for t in part] for part in np.split(tags, np.cumsum(lengths)[:-1])]
    if strict:
        return [e.to_tuple() for sentence in Entities(names, IOB2).entities for e in sentence]
    found = []
    for s, sentence in enumerate(names):
        for i, name in enumerate(sentence):
            before = sentence[i - 1] if i else "O"
            if name != "O" and (name[0] == "B" or before[2:] != name[2:]):
                found.append([s, name[2:], i, i + 1])
            elif name != "O":
                found[-1][3] = i + 1
    return [tuple(e) for e in found]


def well_formed(tags, lengths, labels=LABELS):
    return entities(tags, lengths, labels) == entities(tags, lengths, labels, strict=False)


@pytest.fixture(scope="module")
def big():
    return corpus(np.random.default_rng(0))


def within_four_sigma(hits, n, rate):
    return abs(hits - n * rate) <= 4 * np.sqrt(n * rate * (1 - rate))


# --- limits and identities ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_rate_zero_returns_an_equal_copy(kind, big):
    tags, lengths = big
    noisy = inject(kind, tags, LABELS, lengths, 0.0, seed=1)
    np.testing.assert_array_equal(noisy, tags)
    assert noisy is not tags


def test_none_ignores_the_rate(big):
    tags, lengths = big
    np.testing.assert_array_equal(inject("none", tags, LABELS, lengths, 0.7, seed=1), tags)


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "none"])
def test_the_seed_decides_and_the_input_is_left_alone(kind, big):
    tags, lengths = big
    before = tags.copy()
    first = inject(kind, tags, LABELS, lengths, 0.3, seed=5)
    np.testing.assert_array_equal(first, inject(kind, tags, LABELS, lengths, 0.3, seed=5))
    assert (first != inject(kind, tags, LABELS, lengths, 0.3, seed=6)).any()
    np.testing.assert_array_equal(tags, before)
    assert first.dtype == np.int64
    assert first.shape == tags.shape


def test_rate_one_flips_everything_it_may(big):
    tags, lengths = big
    entity = tags > 0
    assert (inject("uniform", tags, LABELS, lengths, 1.0, seed=0) != tags).all()
    flipped = inject("within-entities", tags, LABELS, lengths, 1.0, seed=0)
    assert (flipped[entity] != tags[entity]).all()
    flipped = inject("pair", tags, LABELS, lengths, 1.0, seed=0)
    assert (flipped[entity] != tags[entity]).all()
    survivors = set(entities(inject("span", tags, LABELS, lengths, 1.0, seed=0), lengths))
    assert not survivors & set(entities(tags, lengths))


def test_within_entities_never_makes_or_loses_an_entity_word(big):
    tags, lengths = big
    noisy = inject("within-entities", tags, LABELS, lengths, 0.6, seed=2)
    np.testing.assert_array_equal(noisy > 0, tags > 0)


def test_identity_matrix_changes_nothing(big):
    tags, _ = big
    np.testing.assert_array_equal(pair(tags, np.eye(K), np.random.default_rng(0)), tags)


def test_a_matrix_stands_in_for_the_rate(big):
    tags, lengths = big
    matrix = np.eye(K)[[0, 3, 4, 5, 6, 1, 2]]
    np.testing.assert_array_equal(
        inject("pair", tags, LABELS, lengths, 0.0, seed=0, matrix=matrix.tolist()), matrix.argmax(1)[tags]
    )


def test_transition_matrix_of_unchanged_tags_is_the_identity(big):
    np.testing.assert_array_equal(transition_matrix(big[0], big[0], K), np.eye(K))
    assert word_flip_rate(big[0], big[0]) == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_span_touches_each_entity_in_one_documented_way(seed, rate):
    tags, lengths = corpus(np.random.default_rng(seed), n_sentences=20)
    noisy = span(tags, LABELS, lengths, rate, np.random.default_rng(seed))
    assert well_formed(noisy, lengths)
    gold = entities(tags, lengths)
    for sentence, kind, start, end in entities(noisy, lengths):
        origins = [g for g in gold if g[0] == sentence and g[2] < end and start < g[3]]
        assert len(origins) == 1, "an entity overlaps exactly the one it was made from"
        (_, gold_kind, gold_start, gold_end) = origins[0]
        moved = abs(start - gold_start) + abs(end - gold_end)
        assert moved + (kind != gold_kind) <= 1, "retyped or moved by one word, never both"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, K - 1), min_size=1, max_size=8), min_size=1, max_size=8), st.floats(0.01, 1))
def test_span_repairs_any_tag_sequence(sentences, rate):
    tags = np.array([t for s in sentences for t in s], dtype=np.int64)
    lengths = np.array([len(s) for s in sentences], dtype=np.int64)
    assert well_formed(span(tags, LABELS, lengths, rate, np.random.default_rng(0)), lengths)
    untouched = span(tags, LABELS, lengths, 0.0, np.random.default_rng(0))
    assert entities(untouched, lengths) == entities(tags, lengths, strict=False)


# --- parity with an independent reference ---------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.05, 0.4, 0.8])
def test_uniform_flips_at_its_rate_whatever_the_label(rate, big):
    tags, _ = big
    noisy = uniform(tags, K, rate, np.random.default_rng(3))
    for label in range(K):
        of = tags == label
        assert within_four_sigma((noisy[of] != label).sum(), of.sum(), rate)
        counts = np.bincount(noisy[of & (noisy != tags)], minlength=K)
        assert counts[label] == 0
        assert stats.chisquare(np.delete(counts, label)).pvalue > 1e-3


@pytest.mark.parametrize("rate", [0.1, 0.6])
def test_within_entities_flips_entity_words_at_its_rate_and_evenly(rate, big):
    tags, _ = big
    noisy = within_entities(tags, LABELS, rate, np.random.default_rng(4))
    for label in range(1, K):
        of = tags == label
        assert within_four_sigma((noisy[of] != label).sum(), of.sum(), rate)
        counts = np.bincount(noisy[of & (noisy != tags)], minlength=K)
        assert stats.chisquare(np.delete(counts, [0, label])).pvalue > 1e-3


def test_pair_realises_an_arbitrary_matrix(big):
    tags, _ = big
    matrix = np.random.default_rng(5).dirichlet(np.full(K, 0.5), size=K)
    matrix[2] = [0, 0.5, 0, 0, 0.5, 0, 0]
    noisy = pair(tags, matrix, np.random.default_rng(6))
    for label in range(K):
        of = tags == label
        counts = np.bincount(noisy[of], minlength=K)
        likely = matrix[label] > 0
        assert counts[~likely].sum() == 0
        assert stats.chisquare(counts[likely], matrix[label][likely] * of.sum()).pvalue > 1e-3


def test_transition_matrix_against_counting(big):
    tags, _ = big
    noisy = uniform(tags, K, 0.5, np.random.default_rng(7))
    counted = np.zeros((K, K))
    for g, t in zip(tags, noisy, strict=True):
        counted[g, t] += 1
    np.testing.assert_allclose(transition_matrix(tags, noisy, K), counted / counted.sum(1, keepdims=True), atol=1e-15)
    assert word_flip_rate(tags, noisy) == pytest.approx(1 - counted.trace() / counted.sum())


def test_span_fates_come_in_their_shares():
    """Two-word entities with room on both sides: no fallback can blur the shares."""
    n = 8000
    tags = np.tile(encode("O B-PER I-PER O"), n)
    lengths = np.full(n, 4)
    rate = 0.4
    noisy = span(tags, LABELS, lengths, rate, np.random.default_rng(8))
    rows = [tuple(row) for row in noisy.reshape(n, 4)]
    dropped = rows.count((0, 0, 0, 0))
    retyped = [row for row in rows if row in {(0, 1, 2, 0), (0, 3, 4, 0)}]
    moves = [(5, 6, 6, 0), (0, 5, 6, 6), (0, 0, 5, 0), (0, 5, 0, 0)]
    moved = [row for row in rows if row in moves]
    assert dropped + len(retyped) + len(moved) + rows.count((0, 5, 6, 0)) == n
    for count, share in zip((dropped, len(retyped), len(moved)), SPAN_SHARES, strict=True):
        assert within_four_sigma(count, n, rate * share)
    assert stats.chisquare([retyped.count(row) for row in set(retyped)]).pvalue > 1e-3
    assert stats.chisquare([moved.count(row) for row in moves]).pvalue > 1e-3


# --- hand values ----------------------------------------------------------------------------------------------------


def test_pair_matrix_sends_each_type_to_the_next():
    expected = np.zeros((K, K))
    for name, other in {"LOC": "ORG", "ORG": "PER", "PER": "LOC"}.items():
        for prefix in ("B-", "I-"):
            row = LABELS.index(prefix + name)
            expected[row, row] = 0.75
            expected[row, LABELS.index(prefix + other)] = 0.25
    expected[0, 0] = 1
    np.testing.assert_allclose(pair_matrix(LABELS, 0.25), expected)


def test_transition_matrix_by_hand():
    gold, tags = encode("O O O B-LOC I-LOC I-LOC"), encode("O O B-PER B-LOC I-LOC O")
    matrix = transition_matrix(gold, tags, K)
    np.testing.assert_allclose(matrix[0], [2 / 3, 0, 0, 0, 0, 1 / 3, 0])
    np.testing.assert_allclose(matrix[2], [0.5, 0, 0.5, 0, 0, 0, 0])
    np.testing.assert_array_equal(matrix[[1, 3, 4, 5, 6]], np.eye(K)[[1, 3, 4, 5, 6]])
    assert word_flip_rate(gold, tags) == pytest.approx(2 / 6)


def test_an_ill_formed_start_is_an_entity_of_its_own():
    tags = encode("I-PER I-PER B-PER I-LOC O I-LOC")
    lengths = np.array([1, 5])
    expected = encode("B-PER B-PER B-PER B-LOC O B-LOC")
    np.testing.assert_array_equal(span(tags, LABELS, lengths, 0.0, np.random.default_rng(0)), expected)


# --- gradients and extremes: nowhere to go --------------------------------------------------------------------------


def test_an_entity_that_fills_its_sentence_never_leaves_it():
    tags = np.tile(encode("B-PER"), 500)
    noisy = span(tags, LABELS, np.ones(500, dtype=np.int64), 1.0, np.random.default_rng(0))
    assert set(noisy.tolist()) == {0, 1, 3}  # dropped, or retyped; a move is impossible and drops it


def test_two_entities_never_grow_onto_the_same_word():
    tags = np.tile(encode("B-PER O B-LOC"), 500)
    noisy = span(tags, LABELS, np.full(500, 3), 1.0, np.random.default_rng(0))
    rows = {tuple(row) for row in noisy.reshape(500, 3)}
    assert (5, 6, 0) in rows or (5, 6, 5) in rows
    assert all(row[1] in (0, 6, 1) for row in rows)
    assert all(row[1] == 0 or (row[0], row[1]) == (5, 6) or (row[1], row[2]) == (1, 2) for row in rows)


def test_a_single_type_is_dropped_where_it_would_be_retyped():
    n = 4000
    tags = np.tile(encode("O B-X I-X O", ONE_TYPE), n)
    noisy = span(tags, ONE_TYPE, np.full(n, 4), 1.0, np.random.default_rng(0))
    dropped = (noisy.reshape(n, 4) == 0).all(axis=1).sum()
    assert within_four_sigma(dropped, n, SPAN_SHARES[0] + SPAN_SHARES[1])


def test_all_o_stays_all_o_where_only_entities_are_hit():
    tags, lengths = np.zeros(7, dtype=np.int64), np.array([3, 4])
    for kind in ("within-entities", "pair", "span"):
        assert not inject(kind, tags, LABELS, lengths, 1.0, seed=0).any()


# --- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "salt"}, r"noise kind of none, uniform, .*found 'salt'"),
        ({"rate": 1.5}, r"rate in \[0, 1\], found 1.5"),
        ({"rate": -0.1}, r"rate in \[0, 1\], found -0.1"),
        ({"rate": float("nan")}, r"found nan"),
        ({"labels": ("O",)}, r"uniform noise: expected at least 2 labels, found 1"),
        ({"kind": "within-entities", "labels": ("O", "X")}, r"at least 2 entity labels, found O, X"),
        ({"kind": "pair", "labels": ONE_TYPE}, r"at least 2 entity types, found O, B-X, I-X"),
        ({"kind": "span", "matrix": np.eye(K)}, r"no noise matrix with kind span"),
        ({"kind": "pair", "matrix": np.eye(2)}, r"7 rows of 7 numbers.*found shape \(2, 2\)"),
        ({"kind": "pair", "matrix": [[1.0], [0.5, 0.5]]}, r"7 rows of 7 numbers"),
        ({"kind": "pair", "matrix": np.eye(K) * 0.9}, r"summing to 1.*row 0 \(sum 0.9\)"),
        ({"kind": "pair", "matrix": np.eye(K) * 2 - np.eye(K)[::-1]}, r"probabilities.*row 0"),
        ({"kind": "pair", "matrix": np.full((K, K), np.nan)}, r"in row 0"),
    ],
)
def test_an_impossible_request_is_one_line(arguments, message):
    full = {"kind": "uniform", "labels": LABELS, "rate": 0.5, "matrix": None, **arguments}
    with pytest.raises(PipelineError, match=message) as caught:
        inject(tags=np.zeros(3, dtype=np.int64), lengths=np.array([3]), seed=0, **full)
    assert "\n" not in str(caught.value)
