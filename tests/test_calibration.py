import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

from pipeline.calibration import (
    bin_index,
    bin_sums,
    brier,
    ece,
    equal_mass_edges,
    equal_width_edges,
    fit_temperature,
    log_softmax,
    mce,
    nll,
    softmax,
)


def random_words(rng, n=2000, n_labels=5, scale=2.0):
    logits = rng.normal(scale=scale, size=(n, n_labels))
    return logits, rng.integers(0, n_labels, n)


def draw_from(p, rng):
    """One label per row, drawn with the row's probabilities."""
    return (p.cumsum(axis=1) < rng.random((len(p), 1))).sum(axis=1).clip(max=p.shape[1] - 1)


def one_split(confidence, correct, edges):
    return bin_sums(confidence, correct, edges, np.zeros(len(confidence), dtype=np.int64), 1)[0]


def calibration_by_loop(confidence, correct, n_bins, floor=1):
    """ECE and MCE from their definition, one bin at a time."""
    expected, worst = 0.0, None
    for b in range(n_bins):
        lo, hi = b / n_bins, (b + 1) / n_bins
        rows = [i for i, c in enumerate(confidence) if lo < c <= hi or (b == 0 and c == 0)]
        if not rows:
            continue
        gap = abs(sum(correct[i] for i in rows) / len(rows) - sum(confidence[i] for i in rows) / len(rows))
        expected += len(rows) / len(confidence) * gap
        if len(rows) >= floor:
            worst = gap if worst is None else max(worst, gap)
    return expected, math.nan if worst is None else worst


# --- limits and identities --------------------------------------------------------------------------------------------


def test_temperature_one_is_the_softmax_and_rows_sum_to_one():
    logits, _ = random_words(np.random.default_rng(0))
    p = softmax(logits)
    np.testing.assert_allclose(p, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)


def test_high_temperature_is_uniform_and_low_temperature_certain():
    logits, _ = random_words(np.random.default_rng(1), n=50)
    np.testing.assert_allclose(softmax(logits, 1e9), 1 / 5, atol=1e-8)
    np.testing.assert_allclose(softmax(logits, 1e-6), np.eye(5)[logits.argmax(axis=1)], atol=1e-12)


@given(st.floats(0.05, 20))
def test_temperature_never_changes_the_prediction(temperature):
    logits, _ = random_words(np.random.default_rng(2), n=100)
    assert (softmax(logits, temperature).argmax(axis=1) == logits.argmax(axis=1)).all()


def test_a_common_offset_of_a_word_changes_nothing():
    logits, gold = random_words(np.random.default_rng(3), n=200)
    shifted = logits + np.random.default_rng(4).normal(scale=1e3, size=(200, 1))
    np.testing.assert_allclose(softmax(shifted), softmax(logits), atol=1e-10)
    assert fit_temperature(shifted, gold) == pytest.approx(fit_temperature(logits, gold), rel=1e-9)


def test_scaling_logits_scales_the_temperature():
    rng = np.random.default_rng(5)
    logits, _ = random_words(rng)
    gold = draw_from(softmax(logits), rng)
    assert fit_temperature(3 * logits, gold) == pytest.approx(3 * fit_temperature(logits, gold), rel=1e-9)


def test_fitting_what_is_fitted_gives_one():
    rng = np.random.default_rng(6)
    logits, _ = random_words(rng)
    gold = draw_from(softmax(logits, 2.5), rng)
    assert fit_temperature(logits / fit_temperature(logits, gold), gold) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_fitting_recovers_the_temperature_that_drew_the_labels(temperature):
    rng = np.random.default_rng(7)
    logits, _ = random_words(rng, n=40_000, scale=3 * temperature)
    assert fit_temperature(logits, draw_from(softmax(logits, temperature), rng)) == pytest.approx(temperature, rel=0.02)


def test_a_calibrated_predictor_has_a_small_error_and_a_fitted_temperature_mends_another():
    rng = np.random.default_rng(8)
    logits, _ = random_words(rng, n=46_000)
    p = softmax(logits)
    gold = draw_from(p, rng)
    bins = {}
    for name, q in (("true", p), ("sharp", softmax(3 * logits)), ("fitted", None)):
        q = softmax(3 * logits, fit_temperature(3 * logits, gold)) if q is None else q
        bins[name] = one_split(q.max(axis=1), q.argmax(axis=1) == gold, equal_width_edges())
    assert ece(bins["true"]) < 0.01
    assert mce(bins["true"], floor=30) < 0.1
    assert ece(bins["sharp"]) > 0.1
    assert ece(bins["fitted"]) < 0.01


def test_mce_is_never_below_ece_and_a_floor_never_raises_it():
    rng = np.random.default_rng(9)
    for _ in range(50):
        c = rng.random(40)
        bins = one_split(c, rng.random(40) < 0.5, equal_width_edges())
        assert ece(bins) <= mce(bins) + 1e-12
        assert mce(bins, floor=4) <= mce(bins)


def test_one_bin_is_the_gap_between_confidence_and_accuracy():
    rng = np.random.default_rng(10)
    c, correct = rng.random(100), rng.random(100) < 0.3
    bins = one_split(c, correct, equal_width_edges(1))
    assert ece(bins) == pytest.approx(abs(c.mean() - correct.mean()))
    assert mce(bins) == pytest.approx(ece(bins))


def test_bins_of_sentences_add_up_to_the_bins_of_the_split():
    rng = np.random.default_rng(11)
    c, correct, sentence = rng.random(300), rng.random(300) < 0.5, np.sort(rng.integers(0, 20, 300))
    per_sentence = bin_sums(c, correct, equal_width_edges(), sentence, 22)
    assert per_sentence.shape == (22, 10, 3)
    assert per_sentence.dtype == np.float64
    assert per_sentence[20:].sum() == 0
    np.testing.assert_allclose(per_sentence.sum(axis=0), one_split(c, correct, equal_width_edges()))


def test_errors_are_vectorised_over_leading_axes():
    rng = np.random.default_rng(12)
    bins = np.stack([one_split(rng.random(60), rng.random(60) < 0.5, equal_width_edges()) for _ in range(6)])
    for measure in (ece, mce, lambda b: mce(b, floor=6)):
        np.testing.assert_array_equal(measure(bins.reshape(2, 3, 10, 3)).ravel(), [measure(b) for b in bins])


# --- parity with an independent reference -----------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.2, 1.0, 7.0])
def test_log_softmax_against_torch(temperature):
    logits, _ = random_words(np.random.default_rng(13))
    reference = torch.log_softmax(torch.from_numpy(logits) / temperature, dim=1).numpy()
    np.testing.assert_allclose(log_softmax(logits, temperature), reference, atol=1e-12)


def test_word_losses_against_torch():
    logits, gold = random_words(np.random.default_rng(14))
    z, t = torch.from_numpy(logits), torch.from_numpy(gold)
    np.testing.assert_allclose(
        nll(log_softmax(logits), gold), torch.nn.functional.cross_entropy(z, t, reduction="none").numpy(), atol=1e-12
    )
    onehot = torch.nn.functional.one_hot(t, 5)
    np.testing.assert_allclose(
        brier(softmax(logits), gold), (z.softmax(1) - onehot).square().sum(1).numpy(), atol=1e-12
    )


@pytest.mark.parametrize("n_bins", [1, 7, 10, 15])
@pytest.mark.parametrize("n_labels", [2, 9])
def test_ece_and_mce_against_torchmetrics(n_bins, n_labels):
    logits, gold = random_words(np.random.default_rng(n_bins), n_labels=n_labels)
    p = softmax(logits)
    assert p.max() < 1  # at exactly 1 torchmetrics opens an eleventh bin
    bins = one_split(p.max(axis=1), p.argmax(axis=1) == gold, equal_width_edges(n_bins))
    for measure, norm in ((ece, "l1"), (mce, "max")):
        reference = multiclass_calibration_error(torch.from_numpy(p), torch.from_numpy(gold), n_labels, n_bins, norm)
        assert measure(bins) == pytest.approx(reference.item(), abs=1e-6)  # torchmetrics sums in float32


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=60), st.integers(1, 8))
def test_ece_and_mce_against_the_definition_on_the_edges(rows, floor):
    c, correct = np.array([k / 40 for k, _ in rows]), np.array([right for _, right in rows])
    bins = one_split(c, correct, equal_width_edges(8))  # eighths and fortieths: many confidences lie on an edge
    np.testing.assert_allclose((ece(bins), mce(bins, floor)), calibration_by_loop(c, correct, 8, floor), atol=1e-12)


@pytest.mark.parametrize("n_bins", [1, 3, 10])
@pytest.mark.parametrize("n", [1, 2, 10, 30, 97, 1000])
def test_equal_mass_bins_against_sorting(n, n_bins):
    c = np.random.default_rng(n).random(n)
    index = bin_index(c, equal_mass_edges(c, n_bins))
    last = [math.ceil(Fraction((b + 1) * n, n_bins)) for b in range(n_bins)]  # rank of the largest in each bin, from 1
    expected = [next(b for b in range(n_bins) if rank <= last[b]) for rank in range(1, n + 1)]
    assert index[np.argsort(c)].tolist() == expected
    assert max(np.bincount(index)) <= math.ceil(n / n_bins)


@pytest.mark.parametrize("seed", range(4))
def test_temperature_against_a_fine_grid_and_scipy(seed):
    rng = np.random.default_rng(seed)
    logits, _ = random_words(rng, n=500)
    gold = draw_from(softmax(logits, [0.4, 1.0, 2.0, 6.0][seed]), rng)

    def loss(log_t):
        scaled = logits / math.exp(log_t)
        return (logsumexp(scaled, axis=1) - scaled[np.arange(500), gold]).mean()

    temperature = fit_temperature(logits, gold)
    grid = np.linspace(math.log(0.05), math.log(20), 501)
    best = grid[np.argmin([loss(t) for t in grid])]
    assert math.log(temperature) == pytest.approx(best, abs=grid[1] - grid[0])
    brent = minimize_scalar(loss, bounds=(math.log(0.05), math.log(20)), method="bounded", options={"xatol": 1e-9})
    assert temperature == pytest.approx(math.exp(brent.x), rel=1e-5)
    assert loss(math.log(temperature)) <= brent.fun + 1e-12


# --- hand values ------------------------------------------------------------------------------------------------------


def test_confidence_one_is_in_the_last_bin():
    c, correct = np.array([0.95, 1.0]), np.array([True, False])
    assert ece(one_split(c, correct, equal_width_edges(10))) == pytest.approx(0.475)
    # what a bin of its own makes of the same two words
    assert binary_calibration_error(torch.tensor(c), torch.tensor([1, 0]), n_bins=10).item() == pytest.approx(0.525)


def test_bins_are_open_below_and_closed_above():
    c = np.array([0.0, 0.25, 0.25000001, 0.5, 0.75, 1.0])
    assert bin_index(c, equal_width_edges(4)).tolist() == [0, 0, 1, 1, 2, 3]


def test_tenths_fall_into_the_bin_they_close():
    assert bin_index(np.arange(11) / 10, equal_width_edges(10)).tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_ece_and_mce_of_two_bins():
    bins = np.array([[4, 1.0, 2], [0, 0, 0], [6, 5.4, 3]])  # gaps .25 and .4
    assert ece(bins) == pytest.approx(0.4 * 0.25 + 0.6 * 0.4)
    assert mce(bins) == pytest.approx(0.4)
    assert mce(bins, floor=5) == pytest.approx(0.4)
    assert mce(bins[:2], floor=4) == pytest.approx(0.25)


def test_equal_mass_edges_of_ten():
    c = np.array([0.91, 0.2, 0.5, 0.3, 0.6, 0.4, 0.7, 0.8, 0.9, 0.95])
    assert equal_mass_edges(c, 5).tolist() == [0, 0.3, 0.5, 0.7, 0.9, 1]


def test_losses_of_one_word():
    p = np.array([[0.7, 0.2, 0.1]])
    assert nll(np.log(p), np.array([1])) == pytest.approx([-math.log(0.2)])
    assert brier(p, np.array([1])) == pytest.approx([0.49 + 0.64 + 0.01])


# --- gradients and extremes -------------------------------------------------------------------------------------------


def test_ties_stay_in_one_bin_and_leave_others_empty():
    c = np.array([0.5] * 7 + [0.9, 1.0, 1.0])
    edges = equal_mass_edges(c, 5)
    assert edges.tolist() == [0, 0.5, 0.5, 0.5, 0.9, 1]
    assert one_split(c, c > 0, edges)[:, 0].tolist() == [7, 0, 0, 1, 2]


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_one_confidence_for_all(value):
    c = np.full(20, value)
    bins = one_split(c, np.arange(20) < 5, equal_mass_edges(c, 10))
    assert (bins[:, 0] > 0).sum() == 1
    assert ece(bins) == pytest.approx(abs(value - 0.25))


def test_nothing_predicted():
    none = np.array([])
    assert equal_mass_edges(none, 10).tolist() == equal_width_edges(10).tolist()
    bins = one_split(none, none.astype(bool), equal_width_edges())
    assert bins.tolist() == np.zeros((10, 3)).tolist()
    assert np.isnan([ece(bins), mce(bins), mce(bins, floor=30)]).all()


def test_mce_without_a_bin_above_the_floor_does_not_exist():
    bins = np.array([[29, 20.0, 10], [1, 0.9, 1]])
    assert np.isnan(mce(bins, floor=30))
    assert mce(bins, floor=29) == pytest.approx(10 / 29)
    np.testing.assert_array_equal(np.isnan(mce(np.stack([bins, 2 * bins]), floor=30)), [True, False])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_stay_finite(dtype):
    logits = np.array([[1e30, -1e30, 0], [3e4, -3e4, 3e4]], dtype=dtype)
    log_p = log_softmax(logits)
    assert log_p.dtype == np.float64
    assert np.isfinite(log_p).all()
    np.testing.assert_allclose(softmax(logits), [[1, 0, 0], [0.5, 0, 0.5]])
    assert np.isfinite(nll(log_p, np.array([1, 1]))).all()


def test_probabilities_never_exceed_one():
    logits, _ = random_words(np.random.default_rng(15), n=20_000, scale=20)
    p = softmax(logits, 0.37)
    assert p.max() <= 1
    assert bin_index(p.max(axis=1), equal_width_edges()).max() == 9


def test_temperature_at_the_ends_of_its_range():
    logits = np.array([[1.0, 0.0]] * 3)
    assert fit_temperature(logits, np.array([0, 0, 0])) == pytest.approx(0.05, rel=1e-9)  # always right
    assert fit_temperature(logits, np.array([1, 1, 1])) == pytest.approx(20, rel=1e-9)  # always wrong
    assert fit_temperature(1e4 * logits, np.array([1, 1, 1])) == pytest.approx(20, rel=1e-9)


@pytest.mark.parametrize("logits", [np.zeros((3, 4)), np.full((3, 9), 7.0), np.ones((3, 1))])
def test_temperature_that_makes_no_difference_is_one(logits):
    assert fit_temperature(logits, np.zeros(3, dtype=np.int64)) == 1


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0, -1.0, math.nan, math.inf])
def test_a_temperature_that_is_none(temperature):
    for function in (softmax, log_softmax):
        with pytest.raises(ValueError, match="temperature must be a positive number"):
            function(np.zeros((1, 2)), temperature)


@pytest.mark.parametrize("confidence", [-0.1, 1.1, math.nan])
def test_a_confidence_outside_its_range(confidence):
    with pytest.raises(ValueError, match=r"confidence must be in \[0, 1\]"):
        bin_index(np.array([0.5, confidence]), equal_width_edges())


def test_fitting_without_words():
    with pytest.raises(ValueError, match="at least 1 word"):
        fit_temperature(np.zeros((0, 3)), np.array([], dtype=np.int64))


def test_no_bins():
    with pytest.raises(ValueError, match="n_bins must be at least 1"):
        equal_width_edges(0)
    with pytest.raises(ValueError, match="n_bins must be at least 1"):
        equal_mass_edges(np.array([0.5]), 0)


def test_a_floor_of_nothing():
    with pytest.raises(ValueError, match="floor must be at least 1"):
        mce(np.zeros((10, 3)), floor=0)
