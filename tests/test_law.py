"""The law of confidence against published hand values and against minimising the loss itself."""

import numpy as np
import pytest
import torch

from pipeline import law
from pipeline.losses import sgce
from pipeline.targets import smooth_targets

EVEN = np.full(9, 1 / 9)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (0.2, [0.800, 0.905, 0.976, 0.992, 0.999]),
        (0.4, [0.600, 0.736, 0.887, 0.947, 0.984]),
        (0.6, [0.400, 0.503, 0.671, 0.780, 0.891]),
        (0.8, [0.200, 0.229, 0.284, 0.333, 0.414]),
    ],
)
def test_confidence_under_uniform_noise(rate, expected):
    noise = law.uniform_transition(rate, 9)
    found = [law.confidence(noise, EVEN, q) for q in (0.0, 0.2, 0.4, 0.5, 0.6)]
    assert found == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize("q", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_optimum_is_where_the_loss_is_least(q, smoothing):
    """Gradient descent on the expected loss of one word of each label arrives where the formula says."""
    rng = np.random.default_rng(0)
    transition = rng.dirichlet(np.ones(4), size=4)
    logits = torch.zeros(4, 4, dtype=torch.float64, requires_grad=True)
    every_tag = smooth_targets(torch.arange(4), 4, smoothing=smoothing).double()
    targets = torch.from_numpy(transition) @ every_tag
    optimizer = torch.optim.LBFGS([logits], max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = sgce(logits, targets, q=q).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert np.allclose(logits.softmax(-1).detach().numpy(), law.optimum(transition, q, smoothing), atol=2e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("rate", [0.2, 0.4, 0.6, 0.8])
def test_at_the_calibrated_q_confidence_is_accuracy(rate, smoothing):
    noise = law.uniform_transition(rate, 9)
    q = law.calibrated_q(noise, EVEN, 0.95, smoothing)
    assert law.confidence(noise, EVEN, q, smoothing) == pytest.approx(0.95, abs=1e-9)
    assert law.expected_calibration_error(noise, EVEN, 0.95, q, smoothing) == pytest.approx(0, abs=1e-9)


def test_without_noise_cross_entropy_is_calibrated_already():
    assert law.calibrated_q(np.eye(9), EVEN, 0.97) == 0.0


def test_where_no_q_is_sure_enough_the_highest_is_given():
    assert law.calibrated_q(np.full((9, 9), 1 / 9), EVEN, 0.97) == law.HIGHEST_Q


def test_the_articles_ece_is_predicted():
    noise = law.uniform_transition(0.6, 9)
    found = [law.expected_calibration_error(noise, EVEN, 0.975, q) for q in (0.0, 0.6, 0.8)]
    assert found == pytest.approx([0.575, 0.084, 0.023], abs=6e-4)


def test_labels_differ_in_confidence_under_class_conditional_noise():
    transition = np.array([[0.9, 0.1], [0.4, 0.6]])
    assert law.confidence(transition, np.array([0.75, 0.25])) == pytest.approx(0.75 * 0.9 + 0.25 * 0.6)
    ece = law.expected_calibration_error(transition, np.array([0.75, 0.25]), 0.8)
    assert ece == pytest.approx(0.75 * 0.1 + 0.25 * 0.2)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="distribution"):
        law.optimum(np.array([[0.5, 0.1], [0.5, 0.9]]))
    with pytest.raises(ValueError, match="q must"):
        law.optimum(np.eye(2), q=1.0)
    with pytest.raises(ValueError, match="smoothing"):
        law.optimum(np.eye(2), smoothing=1.5)
    with pytest.raises(ValueError, match="square"):
        law.optimum(np.ones((2, 3)) / 3)
    with pytest.raises(ValueError, match="rate"):
        law.uniform_transition(1.2, 9)
