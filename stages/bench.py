"""Measure how fast this machine runs a run's own work, beside what people use instead.

    pipeline bench [--against trainer]

Reads `data/`; writes nothing. Models start as the config says and are trained for one epoch on the first sentences of
the training split, again and again; everything is done once before the clock runs. With `--against trainer`, each peer
takes turns with what it is compared to, so that a machine that slows down slows both.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from pipeline import devices, encoders, models
from pipeline.benchmark import COLUMNS, Work, cells, gemm_peak, record, seconds_to_fit, timed
from pipeline.bootstrap import resample_weights
from pipeline.config_tables import Training
from pipeline.corpus import Corpus
from pipeline.divergences import divergence
from pipeline.encoding import Windows, encode, window_size
from pipeline.losses import sgce
from pipeline.metrics import score
from pipeline.models import Classifier
from pipeline.prediction import predict_word_logits
from pipeline.sampler import LengthBucketSampler
from pipeline.trainer import Progress, WordLoss, Words
from stages.experiment import DATA, Experiment, load_corpora


@dataclass(frozen=True)
class Bench:
    """What every piece of work reads: the corpus, its windows, the models before training, and the machine."""

    experiment: Experiment
    corpus: Corpus
    windows: Windows
    teacher: Classifier
    student: Classifier
    device: str
    seed: int

    @property
    def pieces(self) -> int:
        """Real pieces, special ones included."""
        return len(self.windows.pieces)

    @property
    def n_words(self) -> int:
        """Words of the corpus."""
        return len(self.corpus.tags)


def bench(experiment: Experiment, *, sentences: int, repeats: int, against: bool) -> list[dict[str, Any]]:
    """Time teaching, distilling, predicting and evaluating.

    Args:
        experiment: its data is sealed.
        sentences: how many of the training split to work on.
        repeats: counted repetitions of each work, at least 2.
        against: whether to time the peers too.

    Returns:
        A record per work: seconds of each repetition, words per second and its interval, and the rest of the table.
    """
    setting = _setting(experiment, sentences)
    works = list(_works(setting))
    if against:
        works += _peers(setting, works)
    with experiment.reporter.progress("bench") as meter:
        for turn in range(repeats + 1):
            for number, work in enumerate(works):
                meter.update(turn * len(works) + number, (repeats + 1) * len(works), work.name)
                seconds = work.run()
                if turn:  # the first turn warms up
                    work.seconds.append(seconds)
    peaks = {bf16: gemm_peak(setting.device, bf16) for bf16 in {work.bf16 for work in works if work.flops}}
    records = [record(work, works, peaks) for work in works]
    experiment.reporter.result(
        f"{setting.n_words:,} words, {setting.device}, {torch.get_num_threads()} threads, {repeats} repetitions",
        COLUMNS,
        [cells(row) for row in records],
    )
    return records


def _setting(experiment: Experiment, sentences: int) -> Bench:
    config = experiment.config
    devices.quiet_libraries()
    train = load_corpora(experiment.sealed(DATA, "prepare"))["train"]
    teacher = encoders.start(config.teach.encoder, config.teach.scratch, train.words, train.labels, config.seed)
    layers = models.choose_layers(models.n_layers(teacher.model), config.distill.layers)
    student = Classifier(models.keep_layers(teacher.model, layers), teacher.tokenizer)
    corpus = Corpus(train.labels, train.sentences[:sentences])
    largest = window_size(teacher.tokenizer, teacher.model.config, config.teach.window)
    windows = encode(corpus.sentences, teacher.tokenizer, largest)
    return Bench(experiment, corpus, windows, teacher, student, devices.choose_device(config.device), config.seed)


def _works(setting: Bench) -> Sequence[Work]:
    """Every kind of work that a run consists of."""
    config = setting.experiment.config
    logits = predict_word_logits(setting.teacher.model, setting.windows, setting.teacher.padding)
    signals = {"tags": torch.from_numpy(setting.corpus.tags), "teacher": torch.from_numpy(logits)}
    works = [_training(setting, "teach", setting.teacher, _on_tags, signals, config.teach)]
    for kl in ("forward", "alternating"):
        loss = partial(_on_teacher, kl)
        works.append(_training(setting, f"distill, {kl} KL", setting.student, loss, signals, config.distill))
    works.append(_prediction(setting, "predict, teacher", setting.teacher, config.teach))
    works.append(_prediction(setting, "predict, student", setting.student, config.distill))
    weights = resample_weights(len(setting.corpus.lengths), config.eval.resamples)
    reference = setting.corpus.tags
    evaluate = partial(score, logits, reference, setting.corpus.labels, setting.corpus.lengths, weights=weights)
    works.append(Work("evaluate a stage", partial(timed, evaluate), setting.n_words))
    return works


def _training(
    setting: Bench,
    name: str,
    start: Classifier,
    loss: WordLoss,
    signals: Mapping[str, torch.Tensor],
    settings: Training,
) -> Work:
    """One epoch from the start, until its last step: evaluation on dev and the checkpoint are left out."""
    bf16 = devices.use_bf16(settings.precision, setting.device)
    first = encode(setting.corpus.sentences[:1], start.tokenizer, int(setting.windows.lengths.max()))

    settings = settings.model_copy(update={"epochs": 1})

    def run() -> float:
        copied = Classifier(copy.deepcopy(start.model), start.tokenizer)
        words = Words(setting.windows, signals)
        return seconds_to_fit(copied, words, first, loss, settings, seed=setting.seed, device=setting.device)

    lengths = setting.windows.lengths
    order = list(LengthBucketSampler(lengths, batch=settings.batch_size, seed=setting.seed))
    batches = [lengths[order[i : i + settings.batch_size]] for i in range(0, len(order), settings.batch_size)]
    padded = sum(len(batch) * int(batch.max()) for batch in batches)
    flops = 3 * _forward_flops(start, setting.pieces)
    return Work(name, run, setting.n_words, flops, bf16, 1 - setting.pieces / padded)


def _prediction(setting: Bench, name: str, classifier: Classifier, settings: Training) -> Work:
    model = copy.deepcopy(classifier.model)
    torch.nn.Module.to(model, setting.device)
    bf16 = settings.prediction == "bf16"
    predict = partial(predict_word_logits, model, setting.windows, classifier.padding, bf16=bf16)
    return Work(name, partial(timed, predict), setting.n_words, _forward_flops(classifier, setting.pieces), bf16)


def _peers(setting: Bench, works: Sequence[Work]) -> list[Work]:
    """The stock Trainer, online distillation and the library's tagger, on the same models and sentences."""
    from pipeline import peers

    config = setting.experiment.config
    tags = setting.corpus.tags.tolist()
    train = partial(peers.fit, windows=setting.windows, tags=tags, seed=setting.seed, device=setting.device)

    def trained(work: Work, start: Classifier, settings: Training, teacher: Any = None) -> Work:
        def run() -> float:
            copied = Classifier(copy.deepcopy(start.model), start.tokenizer)
            done = train(copied, settings=settings, teacher=teacher)
            peer.padding = done.padding
            return done.seconds

        peer = Work("", run, work.words, work.flops)
        return peer

    teach, distill = works[0], works[1]
    stock = trained(teach, setting.teacher, config.teach)
    online = trained(distill, setting.student, config.distill, copy.deepcopy(setting.teacher.model))
    student = Classifier(copy.deepcopy(setting.student.model).eval(), setting.student.tokenizer)
    names, bf16 = setting.corpus.labels, config.distill.prediction == "bf16"
    ours = predict_word_logits(student.model, setting.windows, student.padding, bf16=bf16).argmax(axis=1)

    def tag() -> None:
        found = peers.tag(student, setting.corpus.sentences, setting.device)
        tagger.same_tags = sum(names[k] == name for k, name in zip(ours, found, strict=True)) / len(found)

    predict = works[4]
    tagger = Work("", partial(timed, tag), predict.words, predict.flops)
    for peer, name, work in (
        (stock, "stock Trainer", teach),
        (online, "online distillation", distill),
        (tagger, "transformers.pipeline", predict),
    ):
        peer.name, peer.beside = name, work.name
    return [stock, online, tagger]


def _on_tags(logits: torch.Tensor, signals: Mapping[str, torch.Tensor], progress: Progress) -> torch.Tensor:  # noqa: ARG001
    return sgce(logits, signals["tags"], q=0.5)


def _on_teacher(kl: str, logits: torch.Tensor, signals: Mapping[str, torch.Tensor], progress: Progress) -> torch.Tensor:
    return divergence(kl, signals["teacher"], logits, step=progress.step)


def _forward_flops(classifier: Classifier, pieces: int) -> float:
    """Two per weight of a linear layer and piece; attention's own products, a few per cent more, are left out."""
    linear = (part for part in classifier.model.modules() if isinstance(part, torch.nn.Linear))
    return 2.0 * pieces * sum(part.weight.numel() for part in linear)
