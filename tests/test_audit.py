"""Verdicts on given tags, against Bayes' rule written out, against simulations, and by hand."""

import numpy as np
import pytest

from pipeline import audit
from pipeline.audit import fit_channel_temperature, judge
from pipeline.calibration import softmax
from pipeline.law import uniform_transition
from pipeline.ranking import auroc


def channel(n_labels, rng, kept=0.7):
    """A transition matrix with another row for every label."""
    spread = rng.dirichlet(np.full(n_labels, 0.3), size=n_labels)
    return kept * np.eye(n_labels) + (1 - kept) * spread


def simulate(n_words, n_labels, transition, rng, sharpness=1.5):
    """Logits whose softmax is the probability of gold, gold drawn from it, and tags drawn from gold."""
    logits = rng.normal(0, sharpness, (n_words, n_labels)) + 4 * np.eye(n_labels)[rng.integers(0, n_labels, n_words)]
    gold = draw(softmax(logits), rng)
    return logits, gold, draw(transition[gold], rng)


def draw(p, rng):
    return (rng.random((len(p), 1)) > np.cumsum(p, axis=1)).sum(axis=1).clip(max=p.shape[1] - 1)


def bayes(logits, tag, transition, temperature):
    """The posterior of one word, as it stands on paper."""
    eta = np.exp(logits / temperature) / np.exp(logits / temperature).sum()
    joint = [eta[k] * transition[k][tag] for k in range(len(eta))]
    return [j / sum(joint) for j in joint]


# --- limits and identities --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.6, 0.85, 0.99])
@pytest.mark.parametrize("n_labels", [2, 5, 9])
def test_under_uniform_noise_the_ranking_is_that_of_the_tags_probability(rate, n_labels):
    """Even where most tags are noise; with n at (K − 1)/K the tag says nothing at all, and beyond it speaks against."""
    rng = np.random.default_rng(n_labels)
    logits, tags = rng.normal(0, 3, (400, n_labels)), rng.integers(0, n_labels, 400)
    p = softmax(logits)[np.arange(400), tags]
    verdicts = judge(logits, tags, uniform_transition(rate, n_labels))
    constant = np.log(rate / ((n_labels - 1) * (1 - rate)))
    assert np.allclose(verdicts.log_odds, constant + np.log1p(-p) - np.log(p))
    assert (np.argsort(verdicts.log_odds) == np.argsort(-p)).all()


def test_without_a_matrix_it_is_the_models_own_opinion():
    rng = np.random.default_rng(0)
    logits, tags = rng.normal(0, 2, (50, 4)), rng.integers(0, 4, 50)
    plain = judge(logits, tags)
    assert np.allclose(plain.error_probability, 1 - softmax(logits)[np.arange(50), tags])
    nothing = judge(logits, tags, np.full((4, 4), 0.25))  # a channel that forgets gold
    assert np.allclose(nothing.log_posterior, plain.log_posterior)


def test_tags_that_are_never_wrong_are_right():
    logits, tags = np.array([[9.0, 0.0, 0.0]] * 3), np.arange(3)
    verdicts = judge(logits, tags, np.eye(3))
    assert (verdicts.error_probability == 0).all()
    assert (verdicts.log_posterior.argmax(axis=1) == tags).all()


def test_the_posterior_is_one():
    rng = np.random.default_rng(1)
    verdicts = judge(rng.normal(0, 5, (70, 7)), rng.integers(0, 7, 70), channel(7, rng), 0.4)
    assert np.allclose(np.exp(verdicts.log_posterior).sum(axis=1), 1)


# --- against references -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_bayes_rule(temperature):
    rng = np.random.default_rng(2)
    logits, tags, transition = rng.normal(0, 2, (40, 5)), rng.integers(0, 5, 40), channel(5, rng)
    verdicts = judge(logits, tags, transition, temperature)
    for i in range(40):
        posterior = bayes(logits[i], tags[i], transition, temperature)
        assert np.allclose(np.exp(verdicts.log_posterior[i]), posterior)
        assert verdicts.error_probability[i] == pytest.approx(1 - posterior[tags[i]])


def test_the_probabilities_are_probabilities():
    """Of the words said to be wrong with .3 to .4, some 35 % are; and so all the way."""
    rng = np.random.default_rng(3)
    transition = channel(5, rng)
    logits, gold, tags = simulate(60_000, 5, transition, rng)
    said = judge(logits, tags, transition).error_probability
    for low in np.arange(0, 1, 0.1):
        inside = (said >= low) & (said < low + 0.1)
        expected, deviation = said[inside].mean(), np.sqrt((said * (1 - said))[inside].sum()) / inside.sum()
        assert np.mean((tags != gold)[inside]) == pytest.approx(expected, abs=4 * deviation)


def test_where_noise_depends_on_the_label_the_matrix_ranks_better():
    rng = np.random.default_rng(4)
    transition = np.array([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 1.0, 0], [0, 0, 0.4, 0.6]])  # omissions alone
    logits, gold, tags = simulate(20_000, 4, transition, rng)
    ours, plain = (auroc(judge(logits, tags, t).log_odds, tags != gold) for t in (transition, None))
    assert ours > plain + 0.015


# --- temperature ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.2, 0.7, 1.0, 3.0])
def test_the_temperature_is_found_without_gold(factor):
    """Logits that are `factor` times too sharp for the probability of gold, and tags of which 30 % are noise."""
    rng = np.random.default_rng(5)
    transition = channel(5, rng)
    logits, _, tags = simulate(40_000, 5, transition, rng)
    assert fit_channel_temperature(logits * factor, tags, transition) == pytest.approx(factor, rel=0.06)


@pytest.mark.parametrize("seed", range(5))
def test_no_other_temperature_makes_the_tags_more_probable(seed):
    rng = np.random.default_rng(seed)
    transition = channel(4, rng, kept=0.5)
    logits, _, tags = simulate(300, 4, transition, rng)

    def surprise(temperature):
        return -np.log((softmax(logits, temperature) @ transition)[np.arange(300), tags]).mean()

    found = surprise(fit_channel_temperature(logits, tags, transition))
    assert found <= min(surprise(t) for t in np.geomspace(0.05, 20, 2000)) + 1e-7


def test_the_temperature_stays_in_its_range():
    right, wrong = np.array([[1.0, 0.0]] * 9), np.array([[0.0, 1.0]] * 9)
    tags = np.zeros(9, dtype=int)
    assert fit_channel_temperature(right, tags, np.eye(2)) == pytest.approx(0.05, rel=0.01)
    assert fit_channel_temperature(wrong, tags, np.eye(2)) == pytest.approx(20, rel=0.01)


# --- extremes ---------------------------------------------------------------------------------------------------------


def test_words_that_are_certain_still_rank():
    """All are wrong with probability 1 in float64, and yet in order."""
    logits = np.array([[0.0, 40.0], [0.0, 400.0], [0.0, 4000.0]])
    verdicts = judge(logits, np.zeros(3, dtype=int), uniform_transition(0.1, 2))
    assert (verdicts.error_probability == 1).all()
    assert (np.diff(verdicts.log_odds) > 300).all()
    assert np.isfinite(verdicts.log_odds).all()


def test_a_tag_that_is_never_right_is_wrong():
    verdicts = judge(np.zeros((1, 2)), np.array([1]), np.array([[0.5, 0.5], [1.0, 0.0]]))
    assert verdicts.error_probability.tolist() == [1.0]
    assert verdicts.log_odds.tolist() == [np.inf]
    assert np.exp(verdicts.log_posterior).tolist() == [[1.0, 0.0]]


def test_no_words_and_one_label():
    assert judge(np.zeros((0, 3)), np.zeros(0, dtype=int)).error_probability.shape == (0,)
    assert judge(np.zeros((2, 1)), np.zeros(2, dtype=int), np.eye(1)).error_probability.tolist() == [0, 0]


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logits", "tags", "transition", "message"),
    [
        (np.zeros(3), np.zeros(3, dtype=int), np.eye(3), r"logits of shape \(n, K\)"),
        (np.zeros((3, 2)), np.zeros(2, dtype=int), np.eye(2), "n tags"),
        (np.zeros((3, 2)), np.zeros(3, dtype=int), np.eye(3), r"shape \(2, 2\), got \(3, 3\)"),
        (np.zeros((1, 2)), np.ones(1, dtype=int), np.array([[1.0, 0], [1, 0]]), "tag 1 occurs"),
    ],
)
def test_what_does_not_fit_is_refused(logits, tags, transition, message):
    for function in (judge, fit_channel_temperature):
        with pytest.raises(ValueError, match=message):
            function(logits, tags, transition)


def test_a_temperature_of_nothing():
    with pytest.raises(ValueError, match="at least one word"):
        fit_channel_temperature(np.zeros((0, 2)), np.zeros(0, dtype=int), np.eye(2))


def test_examples():
    import doctest

    result = doctest.testmod(audit)
    assert result.attempted > 5
    assert result.failed == 0
