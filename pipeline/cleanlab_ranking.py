"""The ranking of cleanlab on the same word logits, to stand beside ours; left out where cleanlab is not installed."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from pipeline.calibration import softmax


def cleanlab_scores(logits: np.ndarray, tags: np.ndarray, lengths: np.ndarray) -> np.ndarray | None:
    """How suspicious cleanlab's `token_classification.rank` finds every given tag.

    It gives each word a label quality in [0, 1], by default the probability of the given tag (self-confidence); the
    score is minus that.

    Args:
        logits: word logits, shape (n_words, K).
        tags: the given label index per word, shape (n_words,), int in [0, K).
        lengths: words per sentence, shape (n_sentences,), int, summing to n_words.

    Returns:
        Scores, shape (n_words,), higher meaning more suspicious; None without the package.
    """
    if find_spec("cleanlab") is None:
        return None
    from cleanlab.token_classification.rank import get_label_quality_scores

    ends = np.cumsum(lengths)[:-1]
    given = [sentence.tolist() for sentence in np.split(tags, ends)]
    _, qualities = get_label_quality_scores(given, np.split(softmax(logits), ends))
    return -np.concatenate([quality.to_numpy() for quality in qualities])
