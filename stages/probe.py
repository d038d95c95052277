"""Estimate the noise of the training tags, without clean labels, from short teachers that have not seen them.

    pipeline probe

Reads `data/`; writes `probe/`: the word logits of every training word by a model that was trained on the other folds,
and `estimate.json`: transition matrix, flip rate, and the q at which a teacher would be as sure as it is right.
`teach --q auto`, `teach --correction estimated`, `audit --stage probe` and `eval` read it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline import devices, encoders, run
from pipeline.config_tables import Teach
from pipeline.corpus import Corpus
from pipeline.encoding import encode, window_size
from pipeline.errors import PipelineError
from pipeline.files import write_json
from pipeline.losses import sgce
from pipeline.noise_estimate import NoiseEstimate, estimate
from pipeline.prediction import predict_word_logits
from pipeline.sealing import CHECKPOINTS
from pipeline.trainer import Progress, Words, fit
from pipeline.word_logits import WordLogits
from stages.experiment import DATA, PROBE, Experiment, load_corpora
from stages.forecast import calibrated_q
from stages.made_from import of_probe


def probe(experiment: Experiment) -> run.Stage:
    """Make the probe, or find it up to date."""
    made_from = of_probe(experiment)
    if sealed := experiment.up_to_date(PROBE, made_from):
        return sealed

    settings = experiment.config.teach.model_copy(update={"epochs": experiment.config.probe.epochs, "keep": "last"})
    devices.quiet_libraries()
    with experiment.making(PROBE, made_from) as (folder, made_with):
        corpus = load_corpora(experiment.sealed(DATA, "prepare"))["train"]
        if len(corpus.sentences) < experiment.config.probe.folds:
            raise PipelineError(
                f"probe.folds: expected at most one per training sentence, found {experiment.config.probe.folds} for "
                f"{len(corpus.sentences)}; lower it, or teach with a q other than auto and no estimated correction"
            )
        fold_of = folds(corpus, experiment.config.probe.folds, experiment.config.seed)
        fold_of_word = np.repeat(fold_of, corpus.lengths)
        logits = np.empty((len(corpus.tags), len(corpus.labels)), dtype=np.float32)
        for fold in range(experiment.config.probe.folds):
            seen, held_out = (_part(corpus, np.flatnonzero(mask)) for mask in (fold_of != fold, fold_of == fold))
            # A fold that is done stays done if a later one is interrupted.
            done = folder / CHECKPOINTS / f"{fold}.safetensors"
            if not done.is_file():
                checkpoints = folder / CHECKPOINTS / str(fold)
                found = _fit_and_predict(experiment, settings, seen, held_out, fold, checkpoints)
                WordLogits(held_out.labels, held_out.words_sha256, found).save(done)
                shutil.rmtree(checkpoints)
            logits[fold_of_word == fold] = WordLogits.load(done).check(held_out, str(done)).logits
        WordLogits(corpus.labels, corpus.words_sha256, logits).save(folder / "logits" / "train.safetensors")
        record = _record(estimate(logits, corpus.tags), corpus)
        write_json(folder / "estimate.json", record)
        made_with["device"] = devices.choose_device(experiment.config.device)
    _print(experiment, record)
    return experiment.sealed(PROBE, "probe")


def folds(corpus: Corpus, n_folds: int, seed: int) -> np.ndarray:
    """Which fold each sentence is in: whole documents, dealt out at random; sentences where documents are too few.

    Returns:
        Shape (n_sentences,), int in [0, n_folds).
    """
    documents = np.array([sentence.document for sentence in corpus.sentences])
    names, unit = np.unique(documents, return_inverse=True)
    if len(names) < 10 * n_folds:
        names, unit = documents, np.arange(len(documents))
    dealt = np.random.default_rng(seed).permutation(len(names)) % n_folds
    return np.asarray(dealt[unit])


def _part(corpus: Corpus, sentences: np.ndarray) -> Corpus:
    return Corpus(corpus.labels, [corpus.sentences[i] for i in sentences])


def _fit_and_predict(
    experiment: Experiment, settings: Teach, seen: Corpus, held_out: Corpus, fold: int, checkpoints: Path
) -> np.ndarray:
    """Word logits of the held-out sentences by a cross-entropy teacher of the others."""
    seed = experiment.config.seed
    device = devices.choose_device(experiment.config.device)
    classifier = encoders.start(settings.encoder, settings.scratch, seen.words, seen.labels, seed)
    largest = window_size(classifier.tokenizer, classifier.model.config, settings.window)
    parts = {
        name: Words(encode(part.sentences, classifier.tokenizer, largest), {"tags": torch.from_numpy(part.tags)})
        for name, part in (("seen", seen), ("few", _part(held_out, np.arange(min(32, len(held_out.sentences))))))
    }

    def word_loss(logits: torch.Tensor, signals: Mapping[str, torch.Tensor], _: Progress) -> torch.Tensor:
        return sgce(logits, signals["tags"])

    name = f"probe, fold {fold + 1} of {experiment.config.probe.folds}"
    with experiment.reporter.progress(f"{name}: training") as meter:
        fit(
            classifier.model,
            parts["seen"],
            parts["few"],
            word_loss,
            settings=settings,
            padding=classifier.padding,
            seed=seed,
            device=device,
            bf16=devices.use_bf16(settings.precision, device),
            checkpoints=checkpoints,
            on_progress=meter.update,
        )
    torch.nn.Module.to(classifier.model, device)
    with experiment.reporter.progress(f"{name}: word logits") as meter:
        windows = encode(held_out.sentences, classifier.tokenizer, largest)
        bf16 = settings.prediction == "bf16"
        return predict_word_logits(classifier.model, windows, classifier.padding, meter.update, bf16=bf16)


def _record(found: NoiseEstimate, corpus: Corpus) -> dict[str, Any]:
    return {
        "labels": corpus.labels,
        "rate": found.rate,
        "accuracy": found.accuracy,
        "calibrated_q": calibrated_q(found),
        "prior": found.prior.tolist(),
        "transition": found.transition.tolist(),
        "anchors": found.anchors.tolist(),
    }


def _print(experiment: Experiment, record: dict[str, Any]) -> None:
    experiment.reporter.say(
        f"noise: about {record['rate']:.1%} of the training tags are wrong · the probe itself is right on about "
        f"{record['accuracy']:.1%} of the words · calibrated q = {record['calibrated_q']:.2f}"
    )
