import numpy as np
import pytest

from pipeline.bootstrap import interval, ratio, resample_weights

# --- limits and identities --------------------------------------------------------------------------------------------


def test_every_resample_has_as_many_sentences_as_the_split():
    weights = resample_weights(37, 50)
    assert weights.shape == (50, 37)
    assert weights.dtype == np.uint16
    assert (weights.sum(axis=1) == 37).all()
    assert (weights >= 0).all()
    assert (weights == weights.round()).all()


def test_one_sentence_is_always_itself():
    assert (resample_weights(1, 5) == 1).all()


def test_the_seed_is_the_only_randomness():
    assert (resample_weights(20, 30, seed=7) == resample_weights(20, 30, seed=7)).all()
    assert (resample_weights(20, 30, seed=7) != resample_weights(20, 30, seed=8)).any()


def test_fewer_resamples_are_the_first_of_more():
    assert (resample_weights(20, 10) == resample_weights(20, 30)[:10]).all()


def test_interval_of_a_constant_is_that_constant():
    assert interval(np.full(10, 0.25)) == (0.25, 0.25)


def test_a_higher_level_is_wider():
    samples = np.random.default_rng(0).normal(size=1000)
    (low, high), (lower, higher) = interval(samples, 0.5), interval(samples, 0.99)
    assert lower < low < high < higher


# --- parity with an independent reference -----------------------------------------------------------------------------


def test_weights_are_multinomial():
    weights = resample_weights(10, 20_000).astype(np.float64)
    np.testing.assert_allclose(weights.mean(axis=0), 1.0, atol=0.03)
    np.testing.assert_allclose(weights.var(axis=0), 0.9, atol=0.04)  # n·p·(1 − p), n = 10, p = 1/10
    covariance = np.cov(weights.T)[~np.eye(10, dtype=bool)]
    np.testing.assert_allclose(covariance, -0.1, atol=0.03)  # −n·p²


def test_matrix_product_equals_copying_the_sentences():
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, 9, 25)
    values = [rng.normal(size=n) for n in lengths]
    weights = resample_weights(25, 40)
    sums = np.array([[len(v), v.sum()] for v in values])
    resampled = weights.astype(np.float64) @ sums
    for r in range(40):
        copies = np.concatenate([values[s] for s in range(25) for _ in range(int(weights[r, s]))])
        np.testing.assert_allclose(resampled[r], [copies.size, copies.sum()], atol=1e-9)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_interval_against_sorting(level):
    samples = np.random.default_rng(2).normal(size=501)
    ordered = np.sort(samples)

    def quantile(q):
        place = q * (len(ordered) - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (place - below) * (ordered[above] - ordered[below])

    np.testing.assert_allclose(interval(samples, level), [quantile((1 - level) / 2), quantile((1 + level) / 2)])


def test_interval_of_a_mean_covers_it_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    weights = resample_weights(80, 300).astype(np.float64)
    covered = 0
    for _ in range(400):
        draw = rng.normal(size=80)
        low, high = interval(weights @ draw / 80)
        covered += low <= 0 <= high
    assert 0.90 < covered / 400 < 0.98


def test_width_is_that_of_the_normal_approximation():
    values = np.random.default_rng(4).normal(size=400)
    low, high = interval(resample_weights(400, 4000).astype(np.float64) @ values / 400)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.06)


# --- hand values ------------------------------------------------------------------------------------------------------


def test_interval_of_a_hundred_and_one_steps():
    assert interval(np.arange(101.0), level=0.9) == pytest.approx((5, 95))


def test_ratio():
    quotient = ratio(np.array([[1, 2], [0, 5]]), np.array([[2, 0], [4, 2]]))
    np.testing.assert_array_equal(quotient, [[0.5, np.nan], [0, 2.5]])
    assert ratio(np.array([3.0]), np.array([0.0]), empty=0.0).tolist() == [0]


# --- gradients and extremes -------------------------------------------------------------------------------------------


def test_resamples_without_a_value_are_left_out():
    samples = np.arange(101.0)
    with_gaps = np.concatenate([samples, np.full(50, np.nan)])
    assert interval(with_gaps) == interval(samples)


@pytest.mark.parametrize("samples", [np.array([]), np.full(4, np.nan)])
def test_no_value_at_all(samples):
    assert np.isnan(interval(samples)).all()


def test_ratio_of_scalars_and_of_nothing():
    assert ratio(np.float64(1), np.float64(4)) == 0.25
    assert np.isnan(ratio(np.float64(0), np.float64(0)))
    assert ratio(np.zeros(0), np.zeros(0)).shape == (0,)


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(0, 5), (5, 0), (-1, 5)])
def test_nothing_to_resample(sizes):
    with pytest.raises(ValueError, match="at least 1 sentence and 1 resample"):
        resample_weights(*sizes)


@pytest.mark.parametrize("level", [0, 1, 95, float("nan")])
def test_a_level_that_is_no_share(level):
    with pytest.raises(ValueError, match=r"level must be in \(0, 1\)"):
        interval(np.arange(3.0), level)
