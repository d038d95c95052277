"""What the law says of a stage's settings."""

import doctest

import numpy as np
import pytest

from pipeline import law
from stages import forecast as module
from stages.forecast import forecast

NOISE, PRIOR = law.uniform_transition(0.6, 9), np.full(9, 1 / 9)


def test_examples():
    assert doctest.testmod(module).failed == 0


def test_the_last_q_and_the_smoothing_decide():
    ramp = {"from": 0.0, "to": 0.6, "start": 0.1, "end": 0.3, "peak": 1.0, "fall": 0.7}
    found = forecast({"q": ramp, "smoothing": 0.1}, NOISE, PRIOR, accuracy=0.97)
    assert found == forecast({"q": 0.6, "smoothing": 0.1}, NOISE, PRIOR, accuracy=0.97)
    assert found["q"] == 0.6
    assert found["confidence"] == pytest.approx(law.confidence(NOISE, PRIOR, 0.6, 0.1))
    assert found["ece"] == pytest.approx(0.97 - found["confidence"])


def test_a_corrected_teacher_is_certain():
    found = forecast({"q": 0.0, "smoothing": 0.0, "correction": "known"}, NOISE, PRIOR, accuracy=0.97)
    assert found["confidence"] == pytest.approx(1)
    assert found["ece"] == pytest.approx(0.03)


@pytest.mark.parametrize(
    "config",
    [
        {"q": 1.0, "smoothing": 0.0},
        {"q": 0.5, "smoothing": 0.1, "neighbour": 0.5},
        {"q": 0.5, "smoothing": 0.0, "logit_bias": 2.0},
    ],
)
def test_the_law_keeps_silent_where_it_does_not_hold(config):
    assert forecast(config, NOISE, PRIOR, accuracy=0.97) is None


def test_neighbours_without_smoothing_are_none():
    assert forecast({"q": 0.5, "smoothing": 0.0, "neighbour": 0.5}, NOISE, PRIOR, accuracy=0.97)
