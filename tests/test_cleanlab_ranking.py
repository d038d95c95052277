"""The ranking that stands beside ours."""

import numpy as np
import pytest

from pipeline import cleanlab_ranking
from pipeline.calibration import softmax
from pipeline.cleanlab_ranking import cleanlab_scores


def test_its_scores_are_in_the_order_of_the_words():
    """cleanlab's default is the probability of the given tag, whatever the sentence."""
    pytest.importorskip("cleanlab")
    rng = np.random.default_rng(0)
    logits, tags = rng.normal(0, 3, (12, 5)), rng.integers(0, 5, 12)
    scores = cleanlab_scores(logits, tags, np.array([1, 7, 4]))
    assert np.allclose(scores, -softmax(logits)[np.arange(12), tags])


def test_without_the_package_there_is_none(monkeypatch):
    monkeypatch.setattr(cleanlab_ranking, "find_spec", lambda name: None)
    assert cleanlab_scores(np.zeros((1, 2)), np.zeros(1, dtype=int), np.ones(1, dtype=int)) is None
