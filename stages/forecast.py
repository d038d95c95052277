"""What the law of confidence says of a run's teachers, going by their settings and the noise.

Before training, which q makes a teacher as sure as it is right; afterwards, what to hold against what it does. See
`pipeline.law`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline import law, run
from pipeline.config_tables import schedule
from pipeline.corpus import Corpus
from pipeline.noise import transition_matrix
from pipeline.noise_estimate import NoiseEstimate

# A teacher learns longer, and from all folds, than the probe whose accuracy is known. Of the probe's errors it made .50
# to .74 on the embedded corpus (uniform noise of .2, .4 and .6) and .61 on CoNLL++ (.6).
ERRORS_LEFT = 0.6


def calibrated_q(estimate: NoiseEstimate, smoothing: float = 0.0) -> float:
    """The q at which a teacher will be as sure as it is right, going by the noise and the accuracy of the probe."""
    accuracy = 1 - ERRORS_LEFT * (1 - estimate.accuracy)
    return law.calibrated_q(estimate.transition, estimate.prior, accuracy, smoothing)


def forecast(
    config: Mapping[str, Any], transition: np.ndarray, prior: np.ndarray, accuracy: float
) -> dict[str, float] | None:
    """Confidence and ECE of a teacher with these settings.

    The last value of q decides how sure a model is. Forward correction is an optimum of its own: its loss is smallest
    where the model says gold with certainty (Patrini et al. 2017, theorem 2), as q = 0 without noise.

    Args:
        config: the resolved settings of a `teach` stage.
        transition: T of the training tags, shape (K, K), rows gold.
        prior: share of words of each gold label, shape (K,), summing to 1.
        accuracy: in [0, 1], for the ECE.

    Returns:
        `q`, `confidence` and `ece`; None where the law says nothing: of tags mixed with their neighbours' (their
        distribution depends on the sentence), of a logit bias, and of q = 1 (nothing but certainty).

    Example:
        >>> noise, prior = law.uniform_transition(0.4, 9), np.full(9, 1 / 9)
        >>> found = forecast({"q": 0.0, "smoothing": 0.0}, noise, prior, accuracy=0.94)
        >>> round(found["confidence"], 2), round(found["ece"], 2)
        (0.6, 0.34)
    """
    q, smoothing = schedule(config["q"]).last, config["smoothing"]
    if q == 1 or (smoothing and config.get("neighbour")) or config.get("logit_bias"):
        return None
    if config.get("correction", "none") != "none":
        transition = np.eye(len(transition))
    return {
        "q": q,
        "confidence": law.confidence(transition, prior, q, smoothing),
        "ece": law.expected_calibration_error(transition, prior, accuracy, q, smoothing),
    }


def is_cross_entropy(stage: run.Stage) -> bool:
    """Whether a stage is a teacher that was trained with plain cross-entropy."""
    loss = ("q", "smoothing", "logit_bias")
    config = stage.made_from["config"]
    return stage.kind == "teach" and config["correction"] == "none" and not any(config[key] for key in loss)


def forecasts(
    stages: Sequence[run.Stage],
    accuracies: Mapping[tuple[str, str], float],
    train: Corpus,
    estimate: NoiseEstimate | None,
) -> Iterator[dict[str, Any]]:
    """What the law predicts for every teacher and split, from the noise as estimated and as gold shows it to be.

    Args:
        stages: those that were scored.
        accuracies: on words, by stage and split.
        train: the training split; its gold, where it has any, shows the noise.
        estimate: of a probe, where there is one.
    """
    noises = [("estimated", estimate.transition, estimate.prior)] if estimate else []
    if train.gold is not None:
        prior = np.bincount(train.gold, minlength=len(train.labels)) / len(train.gold)
        noises.append(("known", transition_matrix(train.gold, train.tags, len(train.labels)), prior))
    configs = {stage.name: stage.made_from["config"] for stage in stages if stage.kind == "teach"}
    for (name, split), accuracy in accuracies.items():
        for noise, transition, prior in noises if name in configs else ():
            if found := forecast(configs[name], transition, prior, accuracy):
                yield {"stage": name, "split": split, "noise": noise, **found}
