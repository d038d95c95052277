"""Figures of merit of a ranking, against scikit-learn, against counting pairs, and by hand."""

import doctest

import numpy as np
import pytest

from pipeline import ranking
from pipeline.ranking import auroc, average_precision, precision_at_recall, precision_recall


def cases():
    rng = np.random.default_rng(0)
    for n, levels in ((2, 2), (7, 3), (50, 4), (501, 10**6), (400, 12)):
        wrong = rng.random(n) < 0.3
        wrong[:2] = True, False
        yield (rng.integers(0, levels, n) + wrong * levels * 0.2).round(1), wrong


CASES = list(cases())


# --- limits -----------------------------------------------------------------------------------------------------------


def test_perfect_reversed_and_ignorant():
    wrong = np.array([True] * 3 + [False] * 5)
    perfect, ignorant = np.arange(8.0)[::-1], np.zeros(8)
    assert (auroc(perfect, wrong), auroc(-perfect, wrong), auroc(ignorant, wrong)) == (1, 0, 0.5)
    assert (average_precision(perfect, wrong), average_precision(ignorant, wrong)) == (1, 3 / 8)
    assert precision_at_recall(perfect, wrong, 1.0) == 1
    assert precision_at_recall(ignorant, wrong, 0.01) == 3 / 8


@pytest.mark.parametrize(("scores", "wrong"), CASES)
def test_only_the_order_counts(scores, wrong):
    squeezed = np.arctan(scores / 100)
    for figure in (auroc, average_precision):
        assert figure(scores, wrong) == pytest.approx(figure(squeezed, wrong))
    assert auroc(scores, wrong) == pytest.approx(1 - auroc(-scores, wrong))


# --- against references -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scores", "wrong"), CASES)
def test_auroc_counts_pairs(scores, wrong):
    difference = scores[wrong][:, None] - scores[~wrong][None, :]
    assert auroc(scores, wrong) == pytest.approx(np.mean((difference > 0) + 0.5 * (difference == 0)))


@pytest.mark.parametrize(("scores", "wrong"), CASES)
def test_against_scikit_learn(scores, wrong):
    metrics = pytest.importorskip("sklearn.metrics")
    assert auroc(scores, wrong) == pytest.approx(metrics.roc_auc_score(wrong, scores))
    assert average_precision(scores, wrong) == pytest.approx(metrics.average_precision_score(wrong, scores))
    precision, recall, _ = metrics.precision_recall_curve(wrong, scores)  # from the end of the list to its beginning
    ours = precision_recall(scores, wrong)
    assert np.allclose(ours[0], precision[-2::-1])
    assert np.allclose(ours[1], recall[-2::-1])


@pytest.mark.parametrize(("scores", "wrong"), CASES)
@pytest.mark.parametrize("recall", [0.01, 0.5, 0.9, 1.0])
def test_precision_at_recall_reads_down_the_list(scores, wrong, recall):
    for score in sorted(set(scores), reverse=True):
        read = scores >= score
        if wrong[read].sum() >= recall * wrong.sum():
            break
    assert precision_at_recall(scores, wrong, recall) == pytest.approx(wrong[read].mean())


# --- hand values and extremes -----------------------------------------------------------------------------------------


def test_by_hand():
    scores, wrong = np.array([5.0, 4, 3, 2, 1]), np.array([True, False, True, False, True])
    precision, recall = precision_recall(scores, wrong)
    assert np.allclose(precision, [1, 1 / 2, 2 / 3, 1 / 2, 3 / 5])
    assert np.allclose(recall, [1 / 3, 1 / 3, 2 / 3, 2 / 3, 1])
    assert auroc(scores, wrong) == pytest.approx(3 / 6)
    assert average_precision(scores, wrong) == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
    found = precision_at_recall(scores, wrong, np.array([0.3, 0.6, 0.7]))
    assert np.allclose(found, [1, 2 / 3, 3 / 5])


def test_nine_of_ten_is_a_recall_of_nine_tenths():
    wrong = np.ones(10, dtype=bool)
    for n in range(1, 11):
        scores = np.append(-np.arange(10.0), -np.arange(n) - 0.5)  # a right one after each of the first n
        both = np.append(wrong, np.zeros(n, dtype=bool))
        assert precision_at_recall(scores, both, n / 10) == n / (2 * n - 1)


def test_infinite_scores_are_scores():
    scores, wrong = np.array([np.inf, np.inf, 0, -np.inf]), np.array([True, False, True, False])
    assert auroc(scores, wrong) == (0.5 + 1 + 0 + 1) / 4
    assert precision_recall(scores, wrong)[0].tolist() == [1 / 2, 2 / 3, 1 / 2]


def test_nothing_wrong_or_nothing_right():
    scores = np.arange(3.0)
    nothing, everything = np.zeros(3, dtype=bool), np.ones(3, dtype=bool)
    assert np.isnan([auroc(scores, nothing), auroc(scores, everything), average_precision(scores, nothing)]).all()
    assert np.isnan(precision_at_recall(scores, nothing, np.array([0.1, 1.0]))).all()
    assert average_precision(scores, everything) == 1


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", [auroc, average_precision, precision_recall])
def test_what_does_not_fit_is_refused(figure):
    with pytest.raises(ValueError, match="one score and one truth value per word"):
        figure(np.zeros(3), np.zeros(2, dtype=bool))
    with pytest.raises(ValueError, match="one truth value"):
        figure(np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="NaN"):
        figure(np.array([1.0, np.nan]), np.array([True, False]))


@pytest.mark.parametrize("recall", [0.0, 1.1, -0.5])
def test_recall_is_a_share(recall):
    with pytest.raises(ValueError, match=r"recall must be in \(0, 1\]"):
        precision_at_recall(np.arange(2.0), np.array([True, False]), recall)


def test_examples():
    result = doctest.testmod(ranking)
    assert (result.attempted, result.failed) == (4, 0)
