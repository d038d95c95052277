"""Train whole teachers, ours and the stock Trainer's, and compare what they learn and how long it takes them.

    pipeline bench --against trainer --seeds 3

Reads `data/`; writes nothing. Both start from the same weights and see the same tags, batch size, epochs and learning
rates, under plain cross-entropy: what differs is the order of the windows and the kind of arithmetic. Seconds are those
of training alone.
"""

from __future__ import annotations

import copy
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from pipeline import devices, encoders, peers
from pipeline.bootstrap import resample_weights
from pipeline.corpus import Corpus
from pipeline.encoding import Windows, encode, window_size
from pipeline.losses import sgce
from pipeline.metrics import score
from pipeline.models import Classifier
from pipeline.prediction import predict_word_logits
from pipeline.trainer import Words, fit
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
            words = (word for sentence in train.sentences for word in sentence.words)
            start = encoders.start(settings.encoder, settings.scratch, words, train.labels, seed)
            largest = window_size(start.tokenizer, start.model.config, settings.window)
            windows, few, of_test = (
                encode(sentences, start.tokenizer, largest)
                for sentences in (train.sentences, train.sentences[:1], test.sentences)
            )
            stock = Classifier(copy.deepcopy(start.model), start.tokenizer)
            meter.update(2 * seed, 2 * seeds, f"seed {seed}, ours")
            seconds = _fit(start, Words(windows, {"tags": torch.from_numpy(train.tags)}), few, settings, seed, device)
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


def _fit(start: Classifier, train: Words, few: Windows, settings: Any, seed: int, device: str) -> float:
    """Train by our trainer, without looking at dev, and return the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        fit(
            start.model,
            train,
            Words(few, train.signals),
            lambda logits, signals, _: sgce(logits, signals["tags"], q=0.0),
            dev_loss=lambda logits, *_: torch.zeros(len(logits)),
            settings=settings.model_copy(update={"keep": "last"}),
            padding=start.padding,
            seed=seed,
            device=device,
            bf16=devices.use_bf16(settings.precision, device),
            checkpoints=Path(folder) / "checkpoints",
            on_progress=lambda *_: None,
        )
        return time.perf_counter() - began


def _scores(classifier: Classifier, windows: Windows, test: Corpus) -> dict[str, float]:
    logits = predict_word_logits(classifier.model, windows, classifier.padding)
    reference = test.tags if test.gold is None else test.gold
    found = score(logits, reference, test.labels, test.lengths, weights=resample_weights(len(test.lengths), 1))
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
