"""The noise is found again from out-of-fold logits of a fallible model, without gold."""

import numpy as np
import pytest

from pipeline import noise
from pipeline.noise_estimate import estimate

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
PRIOR = np.array([0.8, 0.06, 0.02, 0.07, 0.05])


def words(accuracy, n=40_000, seed=0):
    """Gold labels and the logits of a model that is right so often; when wrong, it is less sure."""
    rng = np.random.default_rng(seed)
    gold = rng.choice(5, size=n, p=PRIOR)
    predicted = np.where(rng.random(n) < accuracy, gold, rng.integers(0, 5, n))
    strength = np.where(predicted == gold, rng.uniform(1, 5, n), rng.uniform(0, 3, n))
    return gold, np.eye(5)[predicted] * strength[:, None] + rng.normal(0, 0.1, (n, 5)), predicted


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.4, 0.6])
def test_uniform_noise_is_found(rate):
    gold, logits, predicted = words(accuracy=0.93)
    tags = noise.uniform(gold, 5, rate, np.random.default_rng(1))
    found = estimate(logits, tags)
    assert found.rate == pytest.approx(np.mean(tags != gold), abs=0.02)
    assert found.accuracy == pytest.approx(np.mean(predicted == gold), abs=0.02)
    assert found.prior == pytest.approx(PRIOR, abs=0.03)


def test_each_label_keeps_its_own_noise():
    gold, logits, _ = words(accuracy=0.98)
    matrix = noise.pair_matrix(LABELS, 0.35)
    tags = noise.pair(gold, matrix, np.random.default_rng(1))
    assert np.abs(estimate(logits, tags).transition - matrix).max() < 0.06


def test_a_label_that_is_never_predicted_gets_the_average_row():
    gold, logits, _ = words(accuracy=1.0)
    kept = gold != 2
    tags = noise.uniform(gold, 5, 0.3, np.random.default_rng(1))
    found = estimate(logits[kept], tags[kept])
    assert found.anchors[2] == 0
    assert found.transition[2, 2] == pytest.approx(0.7, abs=0.03)
    assert np.allclose(found.transition.sum(axis=1), 1)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="n tags"):
        estimate(np.zeros((3, 2)), np.zeros(2, dtype=np.int64))
    with pytest.raises(ValueError, match="n tags"):
        estimate(np.zeros((0, 2)), np.zeros(0, dtype=np.int64))
