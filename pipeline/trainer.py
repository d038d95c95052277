"""Fitting a token classifier with a loss over words: the Hugging Face Trainer, told what a word is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from transformers import PreTrainedModel, Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from pipeline.checkpoints import Checkpoints, newest
from pipeline.cpu_kernels import CpuKernels
from pipeline.devices import check_compiler
from pipeline.embedding_rows import only_rows_read
from pipeline.encoding import Window, Windows, pad
from pipeline.interruption import deferred
from pipeline.loss_watch import LogCallback, LossWatch, diverged
from pipeline.prediction import OnProgress, predict_word_logits
from pipeline.recorder import Recorder
from pipeline.sampler import LengthBucketSampler


@dataclass(frozen=True)
class Progress:
    """Where training is: optimiser steps done and in all, and epochs begun; what a schedule is a function of."""

    step: int
    steps: int
    epoch: int


@dataclass(frozen=True)
class Words:
    """A split for training: its windows, and per word whatever the loss reads.

    Args:
        windows: from `encoding.encode`.
        signals: named tensors of shape (n_words, ...), row i for word i, such as the target distribution.
    """

    windows: Windows
    signals: Mapping[str, torch.Tensor]


# (logits (n, K) float32, the signals' rows for the same words, progress) -> one loss per word, shape (n,)
WordLoss = Callable[[torch.Tensor, Mapping[str, torch.Tensor], Progress], torch.Tensor]


class WordTrainer(Trainer):
    """A Trainer whose loss is a mean over words, in which every word of an epoch weighs the same.

    Each process returns its sum over words divided by the words that an optimiser step has on average, times the number
    of processes, because data parallelism averages gradients: the same loss and gradient however a step is divided. The
    stock scaling is wrong there for BERT-family token classifiers (transformers#47688).

    Divided by the words of its own step, as is usual, a word of a short sentence would weigh more than one of a long
    sentence, since windows of like length share a step: up to twenty times as much on CoNLL-2003, and F1 suffers.
    """

    loss_is_scaled_for_ga = True

    def __init__(
        self,
        *,
        word_loss: WordLoss,
        dev_loss: WordLoss,
        padding: int,
        dev: Words,
        bf16: bool,
        recorder: Recorder | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._word_loss = word_loss
        self._dev_loss = dev_loss
        self._padding = padding
        self._dev = dev
        self._bf16 = bf16
        self._recorder = recorder
        windows = cast(Windows, self.train_dataset)
        self._words_per_step = self._windows_per_step() * windows.n_words / len(windows)
        self._watch = LossWatch()

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The sum of the word losses over the words of an average step, as a scalar."""
        # Not TrainingArguments.bf16: that leaves the model computing in bf16 for good, in prediction too.
        with torch.autocast(self.args.device.type, torch.bfloat16, enabled=self._bf16), CpuKernels():
            outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        logits = outputs.logits.flatten(0, 1)[inputs["positions"]].float()
        total = self._word_loss(logits, inputs["signals"], self._progress()).sum()
        if self._recorder is not None:
            self._recorder.add(inputs["rows"], logits, total)
        loss = total / self._words_per_step * self.accelerator.num_processes
        self._watch.note(loss, self.state.global_step + 1, self._get_learning_rate())
        return (loss, outputs) if return_outputs else loss

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """The mean word loss on dev, under the name by which the best checkpoint is chosen."""
        model = cast(PreTrainedModel, self.model)
        with torch.compiler.set_stance("force_eager"):  # compiling a second graph would take longer than it saves
            logits = torch.from_numpy(predict_word_logits(model, self._dev.windows, self._padding))
        loss = self._dev_loss(logits, self._dev.signals, self._progress()).mean().item()
        metrics = {"eval_loss": loss}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        """Only weights that are numbers take the place of an earlier checkpoint's."""
        self._watch.check()
        if not all(bool(torch.isfinite(weight).all()) for weight in model.parameters()):
            raise diverged("a weight is no number", self.state.global_step, self._get_learning_rate())
        super()._save_checkpoint(model, trial)

    def _progress(self) -> Progress:
        return Progress(self.state.global_step, self.state.max_steps, math.floor(self.state.epoch or 0.0))

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthBucketSampler:
        windows = cast(Windows, train_dataset or self.train_dataset)
        return LengthBucketSampler(windows.lengths, batch=self._windows_per_step(), seed=self.args.seed)

    def _windows_per_step(self) -> int:
        return self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size


def collate(windows: Sequence[Window], padding: int, signals: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """A padded batch and its words' signals."""
    batch: dict[str, Any] = pad(windows, padding)
    batch["signals"] = {name: signal[batch["rows"]] for name, signal in signals.items()}
    return batch


def fit(
    model: PreTrainedModel,
    train: Words,
    dev: Words,
    word_loss: WordLoss,
    *,
    dev_loss: WordLoss | None = None,
    settings: Any,
    padding: int,
    seed: int,
    device: str,
    bf16: bool,
    checkpoints: Path,
    on_progress: OnProgress,
    recorder: Recorder | None = None,
) -> list[dict[str, float]]:
    """Fit a model to words, resuming from the newest checkpoint that is whole where there is one.

    The checkpoints stay, so that a process that dies before the model is saved has nothing to train again.

    Args:
        model: a token classifier with float32 weights; trained in place.
        train: the training split.
        dev: the split whose loss is logged at each epoch, and by which `keep = "best"` chooses.
        word_loss: one value per word; reads logits, signals and progress.
        dev_loss: what to log on dev, where it has to differ from `word_loss` to be comparable between epochs.
        settings: the fields of `config.Training`.
        padding: the padding piece's id.
        seed: order of the windows, dropout.
        device: cpu or cuda.
        bf16: compute in bf16 under autocast (weights and loss stay float32).
        checkpoints: folder for checkpoints; the caller removes it when it no longer needs them.
        on_progress: called with optimiser steps done, steps in all, and the loss and speed as text.
        recorder: notes the probability of every tag and the gradient of every word's loss, if they are wanted.

    Returns:
        The training log: records of step, epoch, and either loss (mean over the steps since the record before: about
        one hundredth of all, or fewer at the end of an epoch) and learning_rate, or dev_loss.

    Raises:
        PipelineError: the loss is not a number; or there is no compiler, and `settings.compile` asks for one.
        Interrupted: a signal came meanwhile; a checkpoint of the step after it was written.
    """
    arguments = training_arguments(
        settings, seed=seed, device=device, checkpoints=checkpoints, n_windows=len(train.windows)
    )
    with only_rows_read(model, [train.windows, dev.windows], padding), deferred() as request:
        trainer = WordTrainer(
            model=model,
            args=arguments,
            train_dataset=train.windows,
            eval_dataset=dev.windows,
            data_collator=lambda windows: collate(windows, padding, train.signals),
            word_loss=word_loss,
            dev_loss=dev_loss or word_loss,
            padding=padding,
            dev=dev,
            bf16=bf16,
            recorder=recorder,
            callbacks=[
                LogCallback(on_progress, train.windows.n_words),
                *([recorder] if recorder is not None else []),
            ],
        )
        trainer.add_callback(Checkpoints(trainer, settings.checkpoint_minutes, request))  # after the recorder's part
        trainer.remove_callback(PrinterCallback)
        with _compiled(model) if settings.compile else nullcontext():
            trainer.train(resume_from_checkpoint=newest(checkpoints))
    return [record for entry in trainer.state.log_history if (record := _log_record(entry))]


@contextmanager
def _compiled(model: PreTrainedModel) -> Iterator[None]:
    """Within the context, calls of the model go through torch.compile, one graph for batches of any size."""
    check_compiler()
    model.compile(dynamic=True)
    try:
        yield
    finally:
        model._compiled_call_impl = None


def _log_record(entry: Mapping[str, float]) -> dict[str, float]:
    where = {"step": entry["step"], "epoch": round(entry["epoch"], 4)}
    if "loss" in entry:
        return {**where, "loss": entry["loss"], "learning_rate": entry["learning_rate"]}
    return {**where, "dev_loss": entry["eval_loss"]} if "eval_loss" in entry else {}


def training_arguments(
    settings: Any, *, seed: int, device: str, checkpoints: Path, n_windows: int
) -> TrainingArguments:
    """The Trainer's settings; see `fit`."""
    steps = settings.epochs * math.ceil(n_windows / (settings.batch_size * settings.gradient_accumulation))
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        seed=seed,
        use_cpu=device == "cpu",
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=math.ceil(settings.warmup * steps),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.clip,
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=settings.keep == "best",
        metric_for_best_model="eval_loss" if settings.keep == "best" else None,
        greater_is_better=False,
        logging_strategy="steps",
        logging_steps=max(1, steps // 100),
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to=[],
        remove_unused_columns=False,
        dataloader_pin_memory=device == "cuda",
        accelerator_config={"non_blocking": device == "cuda"},  # else each batch waits for the step before it
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # flat word rows cannot be scattered by DataParallel; torchrun can
    return arguments
