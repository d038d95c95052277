"""Fit a small student on a teacher's word logits.

    pipeline distill --kl reverse
    pipeline distill --control

Reads `data/` and the teacher's word logits (the teacher itself does not run); writes `student-<kl>/` or `control/`: the
same files as a teacher's. The control is the same student without a teacher: it starts where the teacher started and
learns from the noisy tags alone, with the teacher's loss, so the difference between the two is what distillation gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch

from pipeline import config_tables, devices, encoder_files, encoders, models, run
from pipeline.config_tables import Distill, Scratch
from pipeline.corpus import Corpus
from pipeline.divergences import divergence
from pipeline.encoding import encode, window_size
from pipeline.errors import PipelineError
from pipeline.losses import sgce
from pipeline.schedule import Schedule, constant
from pipeline.sealing import CHECKPOINTS
from pipeline.targets import smooth_targets
from pipeline.trainer import Progress, WordLoss, Words, fit
from pipeline.word_logits import WordLogits
from stages import manifests
from stages.experiment import DATA, Experiment, load_corpora, write_log
from stages.made_from import of_student
from stages.publish import publish


def distill(experiment: Experiment, name: str, settings: Distill) -> run.Stage:
    """Make a student of that name, or find it up to date."""
    made_from = of_student(experiment, settings)
    if sealed := experiment.up_to_date(name, made_from):
        return sealed

    data = experiment.sealed(DATA, "prepare")
    teacher = experiment.sealed(settings.teacher, "teach", "distill")
    seed = experiment.config.seed
    devices.quiet_libraries()
    device = devices.choose_device(experiment.config.device)
    bf16 = devices.use_bf16(settings.precision, device)
    with experiment.making(name, made_from) as (folder, made_with):
        corpora = load_corpora(data)
        labels = corpora["train"].labels

        # The student: some of the teacher's layers, or another encoder with its own tokenizer.
        student = _build_student(experiment, settings, teacher, corpora["train"])
        largest = window_size(student.tokenizer, student.model.config, settings.window)
        windows = {split: encode(corpus.sentences, student.tokenizer, largest) for split, corpus in corpora.items()}

        # The signals: the teacher's word logits, and tags smoothed as the teacher saw them unless told otherwise.
        inherited = teacher.made_from["config"]
        q = config_tables.schedule(inherited["q"] or 0.0 if settings.q is None else settings.q)
        smoothing = (inherited["smoothing"] or 0.0) if settings.smoothing is None else settings.smoothing
        splits = {
            split: Words(
                windows[split],
                {
                    "teacher": _teacher_logits(teacher, split, corpora[split]),
                    "targets": smooth_targets(torch.from_numpy(corpora[split].tags), len(labels), smoothing=smoothing),
                },
            )
            for split in ("train", "dev")
        }

        with experiment.reporter.progress(f"{name}: training") as meter:
            log = fit(
                student.model,
                splits["train"],
                splits["dev"],
                _objective(settings, q=q),
                dev_loss=_objective(settings, q=constant(q.last), both_turns=True),
                settings=settings,
                padding=student.padding,
                seed=seed,
                device=device,
                bf16=bf16,
                checkpoints=folder / CHECKPOINTS,
                on_progress=meter.update,
            )
        write_log(folder / "log.jsonl", log)
        made_with |= publish(
            folder, name, student, windows, corpora, device, settings.prediction == "bf16", experiment.reporter
        )
        made_with["precision"] = "bf16" if bf16 else "fp32"
    return experiment.sealed(name, "distill")


def _objective(settings: Distill, *, q: Schedule, both_turns: bool = False) -> WordLoss:
    """(1 - alpha) * divergence(teacher, student) + alpha * SGCE(q) on the tags, per word.

    Args:
        settings: kl, temperature, alpha and the rest; a control has alpha = 1.
        q: of the SGCE part, as training goes on.
        both_turns: for alternating KL, the mean of its two turns instead of the one whose turn it is, so that the
            losses of different epochs on dev can be compared.
    """
    alpha = 1.0 if settings.control else settings.alpha
    kl = "jeffreys" if both_turns and settings.kl == "alternating" else settings.kl
    difference = partial(divergence, kl, temperature=settings.temperature, period=settings.period, beta=settings.beta)

    def word_loss(logits: torch.Tensor, signals: Mapping[str, torch.Tensor], progress: Progress) -> torch.Tensor:
        loss = torch.zeros(len(logits), device=logits.device)
        if alpha < 1:
            turn = progress.epoch if settings.alternate == "epoch" else progress.step
            loss = loss + (1 - alpha) * difference(signals["teacher"], logits, step=turn)
        if alpha > 0:
            loss = loss + alpha * sgce(logits, signals["targets"], q=q.at(progress.step / max(progress.steps, 1)))
        return loss

    return word_loss


def _build_student(experiment: Experiment, settings: Distill, teacher: run.Stage, train: Corpus) -> models.Classifier:
    seed = experiment.config.seed
    if settings.encoder:
        return encoders.start(settings.encoder, settings.scratch, train.words, train.labels, seed)
    if settings.control:
        encoder, scratch = _teachers_start(experiment, teacher)
        whole = encoders.start(encoder, scratch, train.words, train.labels, seed)
    else:
        whole = models.load(manifests.model_folder(teacher))
    layers = models.choose_layers(models.n_layers(whole.model), settings.layers)
    return models.Classifier(models.keep_layers(whole.model, layers), whole.tokenizer)


def _teachers_start(experiment: Experiment, teacher: run.Stage) -> tuple[str, Scratch]:
    """The encoder that a sealed teacher started from, and its settings if it was built from scratch."""
    if teacher.kind != "teach":
        raise PipelineError(f"{teacher.folder}: a control needs a teacher made by `pipeline teach`; name it as teacher")
    made = teacher.made_from["config"]
    if made["encoder"] == encoder_files.SCRATCH:
        return encoder_files.SCRATCH, Scratch.model_validate(made["scratch"])
    encoder = experiment.config.teach_stage(teacher.name).encoder
    if encoder_files.encoder_identity(encoder) != teacher.made_from["inputs"]["encoder"]:
        raise PipelineError(
            f"{teacher.folder}: started from the encoder {made['encoder']}, but teach.encoder is {Path(encoder).name}; "
            "pass the same one with --set teach.encoder=…"
        )
    return encoder, Scratch.model_validate(made["scratch"])


def _teacher_logits(teacher: run.Stage, split: str, corpus: Corpus) -> torch.Tensor:
    logits = WordLogits.load(teacher.path(f"logits/{split}.safetensors")).check(corpus, f"{teacher.folder}/{split}")
    return torch.from_numpy(logits.logits)
