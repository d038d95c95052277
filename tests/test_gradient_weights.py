import doctest
import math

import numpy as np
import pytest
import torch

from pipeline import gradient_weights
from pipeline.gradient_weights import EDGES, QUANTILES, gce_weights, summarise
from pipeline.losses import sgce


def pull(logits, tags, **settings):
    """Half the absolute gradient of each word's loss, and what its tag's logit gets of it, by autograd."""
    logits = logits.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(sgce(logits, tags, **settings).sum(), logits)
    return gradient.abs().sum(-1).numpy() / 2, gradient.gather(1, tags[:, None]).squeeze(1).numpy()


def words(n=200, k=5, scale=3.0):
    generator = torch.Generator().manual_seed(0)
    logits = scale * torch.randn(n, k, generator=generator, dtype=torch.float64)
    return logits, torch.randint(k, (n,), generator=generator)


# --- limits and identities


def test_the_docstrings_are_right():
    assert doctest.testmod(gradient_weights).failed == 0
    assert doctest.testmod(gradient_weights).attempted == 4


def test_cross_entropy_weighs_by_doubt_and_mae_by_doubt_and_belief():
    p = np.linspace(0, 1, 101)
    np.testing.assert_allclose(gce_weights(p, 0.0), 1 - p)
    np.testing.assert_allclose(gce_weights(p, 1.0), p * (1 - p))


@pytest.mark.parametrize("q", [0.1, 0.5, 0.8, 1.0])
def test_the_largest_weight_is_where_the_docstring_says(q):
    p = np.linspace(0, 1, 100_001)
    assert p[gce_weights(p, q).argmax()] == pytest.approx(q / (1 + q), abs=1e-4)


# --- parity with an independent reference: automatic differentiation


@pytest.mark.parametrize("q", [0.0, 0.3, 0.6, 1.0])
def test_the_weight_is_the_gradient_of_the_tags_logit_and_half_of_all(q):
    logits, tags = words()
    whole, own = pull(logits, tags, q=q)
    p = torch.softmax(logits, -1).gather(1, tags[:, None]).squeeze(1).numpy()
    np.testing.assert_allclose(gce_weights(p, q), -own, rtol=1e-9)
    np.testing.assert_allclose(gce_weights(p, q), whole, rtol=1e-9)


@pytest.mark.parametrize("smoothing", [0.1, 0.6, 1.0])
@pytest.mark.parametrize("q", [0.0, 0.6, 1.0])
def test_every_weight_lies_in_the_unit_interval(q, smoothing):
    whole, _ = pull(*words(scale=20.0), q=q, smoothing=smoothing)
    assert whole.min() >= 0
    assert whole.max() <= 1 + 1e-12


# --- the scale of a loss


def steps(scale, optimiser, *, clip=math.inf, n=30, **settings):
    """The weights of a small linear classifier after some steps on a loss times a number."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(64, 6, generator=generator, dtype=torch.float64)
    tags = torch.randint(4, (64,), generator=generator)
    weights = torch.randn(4, 6, generator=generator, dtype=torch.float64).requires_grad_()
    stepper = optimiser([weights], lr=0.05, **settings)
    for _ in range(n):
        stepper.zero_grad()
        (scale * sgce(inputs @ weights.T, tags, q=0.6).mean()).backward()
        torch.nn.utils.clip_grad_norm_([weights], clip)
        stepper.step()
    return weights.detach()


def gap(optimiser, **settings):
    """How far a ninth of the loss leads from the whole of it, in the largest weight."""
    return float((steps(1.0, optimiser, **settings) - steps(1 / 9, optimiser, **settings)).abs().max())


def test_scale_changes_no_share():
    logits, tags = words()
    whole, _ = pull(logits, tags, q=0.6)
    p = torch.softmax(logits, -1).gather(1, tags[:, None]).squeeze(1).numpy()
    flipped = np.arange(len(p)) % 3 == 0
    once, scaled = summarise(p, whole, flipped), summarise(p, whole / 9, flipped)
    assert once["weight_share"] == pytest.approx(scaled["weight_share"])
    assert once["clean"]["weight"] == pytest.approx(9 * scaled["clean"]["weight"])


def test_adam_does_not_notice_the_scale():
    assert gap(torch.optim.Adam, eps=1e-12) < 1e-8
    assert gap(torch.optim.AdamW, eps=1e-12, weight_decay=0.1) < 1e-8


def test_what_does_notice_it():
    assert gap(torch.optim.SGD) > 1e-3
    assert gap(torch.optim.Adam, eps=1e-2) > 1e-3
    assert gap(torch.optim.Adam, eps=1e-12, weight_decay=0.1) > 1e-3  # added to the gradient
    first = steps(1.0, torch.optim.SGD, n=1) - steps(1.0, torch.optim.SGD, n=0)
    norm = float(first.norm()) / 0.05
    assert gap(torch.optim.AdamW, eps=1e-12, clip=0.6 * norm) > 1e-4  # cuts early steps of the larger loss alone


# --- hand values


def test_a_summary_by_hand():
    p = np.array([0.5, 0.75, 0.0, np.nan, 0.25], dtype=np.float16)
    weights = np.array([0.3, 0.1, 0.05, np.nan, 0.15], dtype=np.float16)
    found = summarise(p, weights, np.array([False, False, True, True, True]))
    assert found["words_share"] == 2 / 4
    assert found["weight_share"] == pytest.approx(0.2 / 0.6, rel=1e-3)
    assert found["cross_entropy_share"] == pytest.approx(1.75 / 2.5)
    assert found["clean"]["n"] == found["flipped"]["n"] == 2
    assert found["clean"]["weight"] == pytest.approx(0.2, rel=1e-3)
    assert found["clean"]["tag_probability"] == 0.625
    assert found["flipped"]["quantiles"][QUANTILES.index(0.5)] == pytest.approx(0.1, rel=1e-3)


def test_the_histogram_counts_every_word_where_its_weight_is():
    weights = np.array([0.0, 1e-6, 2e-4, 0.5, 1.0])
    found = summarise(1 - weights, weights, np.zeros(5, dtype=bool))
    counts = np.array(found["clean"]["histogram"])
    assert counts.sum() == 5
    assert counts[0] == 2
    for weight in (2e-4, 0.5):
        (bin_,) = np.flatnonzero((weight >= EDGES[:-1]) & (weight < EDGES[1:]))
        assert counts[bin_] == 1
    assert counts[-1] == 1
    assert found["edges"] == EDGES.tolist()
    assert (EDGES[0], EDGES[-1]) == (1e-4, 1.0)


# --- extremes


def test_words_of_one_kind_alone():
    found = summarise(np.array([0.5]), np.array([0.5]), np.array([False]))
    assert (found["words_share"], found["weight_share"], found["flipped"]) == (0.0, 0.0, None)
    found = summarise(np.array([0.5]), np.array([0.5]), np.array([True]))
    assert (found["words_share"], found["weight_share"], found["clean"]) == (1.0, 1.0, None)


def test_no_weight_at_all_has_no_shares():
    found = summarise(np.ones(2), np.zeros(2), np.array([False, True]))
    assert (found["words_share"], found["weight_share"], found["cross_entropy_share"]) == (0.5, None, None)


def test_an_epoch_that_was_not_recorded():
    assert summarise(np.full(3, np.nan), np.full(3, np.nan), np.zeros(3, dtype=bool)) is None
