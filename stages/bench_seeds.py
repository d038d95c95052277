"""Train whole teachers, ours and the stock Trainer's, and compare what they learn and how long it takes them.

    pipeline bench --against trainer --seeds 3

Reads `data/`; writes nothing. Both start from the same weights and see the same tags, batch size, epochs and learning
rates, under plain cross-entropy: what differs is the order of the windows and the kind of arithmetic. Seconds are those
until the last step.
"""

from __future__ import annotations

import copy
import statistics
from collections.abc import Mapping
from typing import Any

import torch

from pipeline import devices, encoders, peers
from pipeline.benchmark import seconds_to_fit
from pipeline.bootstrap import resample_weights
from pipeline.corpus import Corpus
from pipeline.encoding import Windows, encode, window_size
from pipeline.losses import sgce
from pipeline.metrics import score
from pipeline.models import Classifier
from pipeline.prediction import predict_word_logits
from pipeline.trainer import Progress, Words
from stages.experiment import DATA, Experiment, load_corpora

COLUMNS = ("seed", "F1", "stock F1", "ECE", "stock ECE", "seconds", "stock seconds", "ratio")


def bench_seeds(experiment: Experiment, seeds: int) -> list[dict[str, Any]]:
    """Train a teacher with each of the seeds 0 to `seeds` − 1, by our trainer and by the stock one, in turns.

    Returns:
        A record per seed: F1 and ECE on the test split, and seconds, of both.
    """
    settings = experiment.config.teach
    devices.quiet_libraries()
    device = devices.choose_device(experiment.config.device)
    corpora = load_corpora(experiment.sealed(DATA, "prepare"))
    train, test = corpora["train"], corpora["test"]
    records: list[dict[str, Any]] = []
    with experiment.reporter.progress("bench") as meter:
        for seed in range(seeds):
            start = encoders.start(settings.encoder, settings.scratch, train.words, train.labels, seed)
            largest = window_size(start.tokenizer, start.model.config, settings.window)
            windows, few, of_test = (
                encode(sentences, start.tokenizer, largest)
                for sentences in (train.sentences, train.sentences[:1], test.sentences)
            )
            stock = Classifier(copy.deepcopy(start.model), start.tokenizer)
            meter.update(2 * seed, 2 * seeds, f"seed {seed}, ours")
            words = Words(windows, {"tags": torch.from_numpy(train.tags)})
            seconds = seconds_to_fit(start, words, few, _cross_entropy, settings, seed=seed, device=device)
            meter.update(2 * seed + 1, 2 * seeds, f"seed {seed}, stock Trainer")
            peer = peers.fit(
                stock, windows, train.tags.tolist(), settings, seed=seed, device=device, epochs=settings.epochs
            )
            record = {"seed": seed, **_scores(start, of_test, test), "seconds": seconds}
            record |= {f"stock_{name}": value for name, value in _scores(stock, of_test, test).items()}
            records.append(record | {"stock_seconds": peer.seconds})
    title = f"{settings.epochs} epochs of {len(train.tags):,} words, {device}, scored on the test split"
    experiment.reporter.result(title, COLUMNS, _table(records))
    return records


def _cross_entropy(logits: torch.Tensor, signals: Mapping[str, torch.Tensor], _: Progress) -> torch.Tensor:
    return sgce(logits, signals["tags"], q=0.0)


def _scores(classifier: Classifier, windows: Windows, test: Corpus) -> dict[str, float]:
    logits = predict_word_logits(classifier.model, windows, classifier.padding)
    found = score(logits, test.reference, test.labels, test.lengths, weights=resample_weights(len(test.lengths), 1))
    return {name: found[0].values[name] for name in ("f1", "ece")}


def _table(records: list[dict[str, Any]]) -> list[list[str]]:
    """A row per seed, and their means."""
    mean = {key: statistics.mean(record[key] for record in records) for key in records[0]}
    return [
        [
            name,
            *(f"{100 * row[key]:.1f}" for key in ("f1", "stock_f1")),
            *(f"{row[key]:.3f}" for key in ("ece", "stock_ece")),
            *(f"{row[key]:.0f}" for key in ("seconds", "stock_seconds")),
            f"{row['stock_seconds'] / row['seconds']:.2f}",
        ]
        for name, row in [*((str(record["seed"]), record) for record in records), ("mean", mean)]
    ]
