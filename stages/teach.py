"""Fit a teacher on noisy tags with the smooth generalized cross-entropy.

    pipeline teach [--q auto | --q 0.7 --smoothing 0.1]

Reads `data/`; writes `teacher/`: the model as `save_pretrained` writes it, its training log, a record of what every
training word did to it, and its word logits on every split, which are all that later stages learn from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import torch
import torch.nn.functional as F

from pipeline import config_tables, devices, encoders, run, training_record
from pipeline.config_tables import Teach
from pipeline.encoding import encode, window_size
from pipeline.errors import PipelineError
from pipeline.losses import forward_corrected_cross_entropy, sgce
from pipeline.recorder import Recorder
from pipeline.schedule import Schedule, constant
from pipeline.sealing import CHECKPOINTS
from pipeline.targets import smooth_targets
from pipeline.trainer import Progress, WordLoss, Words, fit
from stages.experiment import DATA, PROBE, Experiment, load_corpora, load_estimate, write_log
from stages.made_from import of_teacher
from stages.publish import publish


def teach(experiment: Experiment, name: str, settings: Teach) -> run.Stage:
    """Make a teacher of that name, or find it up to date."""
    made_from = of_teacher(experiment, settings)
    if sealed := experiment.up_to_date(name, made_from):
        return sealed

    data = experiment.sealed(DATA, "prepare")
    seed = experiment.config.seed
    devices.quiet_libraries()
    device = devices.choose_device(experiment.config.device)
    bf16 = devices.use_bf16(settings.precision, device)
    with experiment.making(name, made_from) as (folder, made_with):
        corpora = load_corpora(data)
        labels = corpora["train"].labels

        # The model: an encoder and a new head, one score per label at each word's first piece.
        classifier = encoders.start(settings.encoder, settings.scratch, corpora["train"].words, labels, seed)
        largest = window_size(classifier.tokenizer, classifier.model.config, settings.window)
        windows = {split: encode(corpus.sentences, classifier.tokenizer, largest) for split, corpus in corpora.items()}

        # The targets: tags, smoothed over all labels and, if asked for, over the tags of adjacent words.
        splits = {
            split: Words(
                windows[split],
                {
                    "tags": torch.from_numpy(corpus.tags),
                    "targets": smooth_targets(
                        torch.from_numpy(corpus.tags),
                        len(labels),
                        smoothing=settings.smoothing,
                        neighbour=settings.neighbour,
                        lengths=torch.from_numpy(corpus.lengths),
                    ),
                },
            )
            for split, corpus in corpora.items()
            if split != "test"
        }

        # The loss per word: SGCE(q, smoothing), q as its schedule has it; or the exact correction for known noise.
        transition = _transition(experiment, settings, data)
        schedule = config_tables.schedule(made_from["config"]["q"])
        loss = _forward_corrected(transition) if transition is not None else _sgce(schedule, settings.logit_bias)

        recorder = Recorder(corpora["train"], settings.epochs)
        with experiment.reporter.progress(f"{name}: training") as meter:
            log = fit(
                classifier.model,
                splits["train"],
                splits["dev"],
                loss,
                dev_loss=loss if transition is not None else _sgce(constant(schedule.last)),
                settings=settings,
                padding=classifier.padding,
                seed=seed,
                device=device,
                bf16=bf16,
                checkpoints=folder / CHECKPOINTS,
                on_progress=meter.update,
                recorder=recorder,
            )
        write_log(folder / "log.jsonl", log)
        recorder.record.save(folder / training_record.FILE)
        made_with |= publish(
            folder, name, classifier, windows, corpora, device, settings.prediction == "bf16", experiment.reporter
        )
        made_with["precision"] = "bf16" if bf16 else "fp32"
    return experiment.sealed(name, "teach")


def _sgce(q: Schedule, logit_bias: float = 0.0) -> WordLoss:
    """SGCE whose q follows a schedule; a logit bias raises the tag's logit (Staats et al. 2023, arXiv 2306.05497)."""

    def word_loss(logits: torch.Tensor, signals: Mapping[str, torch.Tensor], progress: Progress) -> torch.Tensor:
        if logit_bias:
            logits = logits + logit_bias * F.one_hot(signals["tags"], logits.shape[-1])
        return sgce(logits, signals["targets"], q=q.at(progress.step / max(progress.steps, 1)))

    return word_loss


def _forward_corrected(transition: torch.Tensor) -> WordLoss:
    def word_loss(logits: torch.Tensor, signals: Mapping[str, torch.Tensor], _: Progress) -> torch.Tensor:
        return forward_corrected_cross_entropy(logits, signals["tags"], transition.to(logits.device))

    return word_loss


def _transition(experiment: Experiment, settings: Teach, data: run.Stage) -> torch.Tensor | None:
    """The noise that the loss corrects for: the probe's estimate, or, to compare with, what gold says it is."""
    if settings.correction == "none":
        return None
    if settings.correction == "estimated":
        return torch.from_numpy(load_estimate(experiment.sealed(PROBE, "probe")).transition)
    matrix = json.loads(data.path("report.json").read_text(encoding="utf-8"))["noise"]["matrix"]
    if matrix is None:
        raise PipelineError(
            "teach.correction = 'known': expected gold for the training words, found none; use 'estimated'"
        )
    return torch.tensor(matrix)
